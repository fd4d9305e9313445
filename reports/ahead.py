"""What lies ahead as tables: ranking, overload, scenarios, the metrics of the project office."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reports.data import Document
from reports.wording import day, line, moves, percent, plural, quantity, remarks, signed_days, unit_value

Row = Mapping[str, Any]
Columns = Sequence[tuple[str, str]]
MOST = 15
"""Rows of a table that is meant for reading."""


class Sheet(NamedTuple):
    """A table for machines: its name, its column keys with their types, and its rows by column key."""

    name: str
    columns: Columns
    rows: Sequence[Row]


class Chapter(NamedTuple):
    """A part for reading: its title, lines of text, the head of its table and the rows."""

    title: str
    lines: Sequence[str]
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


def sheets(document: Document) -> list[Sheet]:
    """The tables of the workbook and the CSV folder, whole."""
    capacity, ranked, metrics = document["capacity"], document["priority"]["rows"], document["pmo"]["metrics"]
    scenarios = capacity.get("scenarios") or []
    return [
        Sheet(
            "priority",
            _RANKED,
            ranked,
        ),
        Sheet(
            "priority_parts",
            (("text", "project criterion value because"), ("share", "worth"), ("number", "weight")),
            [{**part, "project": each["project"]} for each in ranked for part in each["parts"]],
        ),
        Sheet(
            "roles",
            (
                ("text", "month role"),
                ("integer", "people"),
                ("number", "capacity_hours planned_hours hours_over"),
            ),
            capacity.get("roles") or [],
        ),
        Sheet("overloads", _OVERLOAD, [_overload(each) for each in capacity.get("overloads") or []]),
        Sheet(
            "scenarios",
            (("text", "scenario figure"), ("number", "before after")),
            [row for each in scenarios for row in _scenario(each)],
        ),
        Sheet(
            "scenario_projects",
            _SUFFERING,
            [{**one, "scenario": each["name"]} for each in scenarios for one in each["projects"]],
        ),
        Sheet("pmo", _METRIC, [row for each in metrics for row in _metric(each)]),
        Sheet(
            "pmo_months",
            (("text", "metric department month unit"), ("number", "value"), ("integer", "n of")),
            [row for each in metrics for row in _months(each)],
        ),
    ]


_RANKED: Columns = (
    ("integer", "rank"),
    ("text", "project name department"),
    ("number", "score"),
    ("share", "coverage"),
    ("integer", "rank_before moved"),
    ("number", "score_before"),
)
_OVERLOAD: Columns = (
    ("text", "person role month projects because"),
    ("number", "capacity_hours planned_hours ticket_hours hours_over"),
)
_SUFFERING: Columns = (
    ("text", "scenario project name because"),
    ("number", "hours_missing_before hours_missing_after hours_missing"),
    ("day", "finish finish_after"),
    ("integer", "later_days"),
)
_METRIC: Columns = (
    ("text", "metric department title unit definition"),
    ("number", "value"),
    ("integer", "n of"),
)


def _overload(row: Row) -> Row:
    causes = "; ".join(f"{line(each['project'])} {quantity(each['hours'])} h" for each in row["projects"])
    return {**row, "projects": causes}


def _scenario(found: Row) -> Iterator[Row]:
    for figure, before in found["before"].items():
        yield {"scenario": found["name"], "figure": figure, "before": before, "after": found["after"][figure]}


def _metric(metric: Row) -> Iterator[Row]:
    yield {**metric, "department": None}
    for each in metric["departments"]:
        yield {**metric, **each, "department": each["department"] or "none"}


def _months(metric: Row) -> Iterator[Row]:
    name = {"metric": metric["metric"], "unit": metric["unit"]}
    yield from ({**each, **name, "department": None} for each in metric["months"])
    for department in metric["departments"]:
        yield from (
            {**each, **name, "department": department["department"] or "none"}
            for each in department["months"]
        )


def chapters(document: Document) -> Iterator[Chapter]:
    """The parts for mails and wikis; what there is none of is left out."""
    yield from _priority(document["priority"])
    yield from _overloads(document["capacity"])
    for each in document["capacity"].get("scenarios") or []:
        yield _what_if(each)
    metrics = document["pmo"]["metrics"]
    if metrics:
        yield Chapter(
            f"Project office, {document['pmo']['from']} to {document['pmo']['until']}",
            (),
            ("Metric", "Value", "n", "of", "What it is"),
            [
                (
                    each["title"],
                    unit_value(each["value"], each["unit"]),
                    each["n"],
                    each["of"],
                    each["definition"],
                )
                for each in metrics
            ],
        )


def _priority(found: Row) -> Iterator[Chapter]:
    if not found["rows"]:
        return
    held = found["reviewed"]
    rows = [
        (
            each["rank"],
            each["project"],
            each["name"],
            quantity(each["score"]),
            percent(each["coverage"]),
            moves(each, held=held is not None),
        )
        for each in found["rows"][:MOST]
    ]
    said = [f"Moved since the review of {day(held['held_on'])} by {held['by']}."] if held else []
    yield Chapter(
        f"Priority: {_first(found['rows'], 'project')}",
        said,
        ("Rank", "Project", "Name", "Score", "Known", "Moved"),
        rows,
    )


def _overloads(capacity: Row) -> Iterator[Chapter]:
    found = capacity.get("overloads")
    if not found:
        return
    rows = [
        (each["person"], each["role"], each["month"], f"{quantity(each['hours_over'])} h", each["because"])
        for each in found[:MOST]
    ]
    head = ("Who", "Role", "Month", "Over", "Because")
    yield Chapter(f"Overload: {_first(found, 'person-month')}", (), head, rows)


def _what_if(found: Row) -> Chapter:
    before, after = (quantity(found[when]["hours_missing"]) for when in ("before", "after"))
    return Chapter(
        f"What if: {found['name']}",
        [
            *found["items"],
            *found["problems"],
            f"Hours missing in projects: {before} before, {after} after.",
            *remarks(found),
        ],
        ("Project", "Hours missing", "Later", "Finish", "Why"),
        [
            (
                each["project"],
                quantity(each["hours_missing"]),
                signed_days(each["later_days"]),
                day(each["finish_after"]),
                each["because"],
            )
            for each in found["projects"][:MOST]
        ],
    )


def _first(items: Sequence[Any], noun: str) -> str:
    whole = plural(len(items), noun)
    return f"the first {MOST} of {whole}" if len(items) > MOST else whole
