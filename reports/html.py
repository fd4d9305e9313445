"""The report as one self-contained HTML page.

No network, no script, no style but its own (a CSP says so too).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portfolio.compliance import RULES
from portfolio.overview import totals
from reports import charts, finishing, ledgers, rollup, wording
from reports.data import Document

if TYPE_CHECKING:
    from jinja2 import Environment

GROUP_ABOVE = 60
"""A portfolio with more projects is shown as one closed line per department."""

SOON = timedelta(days=60)

CONTENTS = {
    "summary": "Summary",
    "attention": "Needs attention",
    "actions": "Actions",
    "departments": "Departments",
    "projects": "Portfolio",
    "money": "Money",
    "ledgers": "Ledgers",
    "priority": "Priority",
    "roadmap": "Roadmap",
    "gates": "Gates",
    "tickets": "Tickets",
    "capacity": "Capacity",
    "overload": "Overload",
    "compliance": "Compliance",
    "pmo": "Project office",
    "sources": "Sources",
}

COMPLIANCE = {
    "report_on_time": "Report on time",
    "data_fresh": "Data fresh",
    "gates_kept": "Gates kept",
    "watermelons": "Declared better",
    "unknown": "Cannot be judged",
    "gates_overdue": "Gates overdue",
    "deliverables_missing": "Deliverables missing",
}

SCENARIO = {
    "hours_over": "Hours over",
    "overloads": "Person-months over",
    "hours_missing": "Hours missing in projects",
    "hours_unplaced": "Hours of mandates for nobody",
}

CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def write(document: Document, path: Path) -> None:
    """Writes the page to the file."""
    path.write_text(page(document), encoding="utf-8")


def page(document: Document) -> str:
    """The whole report as a page."""
    return _environment().get_template("page.html.j2").render(context(document))


def content_security_policy() -> str:
    """The pages load nothing but their own style (by hash); the portal sends this as a header too."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template of this package with everything that templates may call."""
    return _environment().get_template(template).render(values)


def context(document: Document) -> dict[str, Any]:
    """Everything that the templates show: the document, and what is derived from it for reading."""
    projects = document["projects"]
    portfolio = document["portfolio"]
    groups = rollup.by_department(projects)
    as_of = date.fromisoformat(document["snapshot"]["as_of"])
    return {
        **document,
        "policy": content_security_policy(),
        "heading": _heading(document),
        "kind": _kind(document),
        "contents": _contents(document),
        "lead": lead(document),
        "currency": CURRENCY_SIGNS.get(
            portfolio.get("currency") or "", f"{portfolio.get('currency') or ''} "
        ),
        "fiscal_years": "".join(f" FY{each}" for each in portfolio["totals"].get("fiscal_years", [])[:2]),
        "coverage": lambda key: _coverage(portfolio["totals"], key),
        "groups": groups,
        "departments": [
            {
                "department": name,
                "overall": rollup.colours_of(members),
                "totals": totals(members),
                "count": len(members),
            }
            for name, members in groups.items()
        ],
        "adherence": {name: rollup.adherence(members) for name, members in groups.items()},
        "adherence_of_all": rollup.adherence(projects),
        "ageing": rollup.ageing(projects),
        "oldest": rollup.open_tickets(projects)[:8],
        "watermelons": sum(map(rollup.is_watermelon, projects)),
        "grouped": len(projects) > GROUP_ABOVE,
        "forecasts": finishing.forecasts(projects),
        "gates_due": rollup.gates_due(projects, (as_of + SOON).isoformat()),
        "gate_calendar": rollup.gate_calendar(projects, as_of),
        "outages": rollup.outages(projects),
        "load": load(document["capacity"]),
        "ledgers": ledgers.shown(document["ledger"]),
        "most_notes": ledgers.MOST,
        "attention": attention(document["exceptions"])
        if len(document["exceptions"]) > MOST_EXCEPTIONS
        else None,
    }


def lead(document: Document) -> str:
    """The portfolio in one sentence."""
    counts = document["portfolio"]["counts"]
    found, whole = counts["overall"], counts["projects"]
    if not whole:
        return "There is no project in this portfolio yet."
    verbs = "is" if found["red"] == 1 else "are"
    bad = f"{found['red'] or 'None'} of {wording.plural(whole, 'project')} {verbs} red"
    if found["amber"] + found["approved_change"]:
        bad += f", {found['amber'] + found['approved_change']} amber or changed with approval"
    unknown = f" {found['unknown']} cannot be judged for want of data." if found["unknown"] else ""
    return f"{bad}.{unknown}"


MOST_EXCEPTIONS = 15
"""Up to so many exceptions stand in one list; more are grouped by kind."""


def attention(exceptions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Exceptions of one severity and kind together, in the document's order: `{severity, kind, rows, open, shown}`.

    The most severe are open, with so many rows `shown` at once.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in exceptions:
        groups.setdefault((str(each.get("severity")), str(each.get("kind"))), []).append(each)
    return [
        {
            "severity": severity,
            "kind": kind,
            "rows": rows,
            "open": _severity_colour(severity) == "red",
            "shown": 3 if len(rows) > 5 else 5,  # noqa: PLR2004 - no fold for two rows
        }
        for (severity, kind), rows in groups.items()
    ]


def load(capacity: Mapping[str, Any], most: int = 12) -> dict[str, Any]:
    """Planned and available hours by month: of all people, and of those whose peak is highest.

    `{"months": [...], "lines": [(name, [cell or None])], "people": n}`; a cell is `{planned, capacity, share, over}`.
    """
    cells: dict[str, dict[str, list[Any]]] = {}
    for row in capacity.get("rows") or ():
        month = str(row["month"])[:7]
        name = str(row.get("person") or row.get("role") or "Nobody named")
        for who in (ALL_PEOPLE, name):
            hours = cells.setdefault(who, {}).setdefault(month, [None, None])
            for place, key in enumerate(("planned_hours", "capacity_hours")):
                known = wording.number(row.get(key))
                if known is not None:
                    hours[place] = known + (hours[place] or 0)
    months = sorted({month for line in cells.values() for month in line})
    lines = [(who, [_cell(line.get(month)) for month in months]) for who, line in cells.items()]
    lines.sort(
        key=lambda line: (
            line[0] != ALL_PEOPLE,
            -max((cell["share"] for cell in line[1] if cell), default=0),
            line[0],
        )
    )
    return {"months": months, "lines": lines[: most + 1], "people": max(len(cells) - 1, 0)}


ALL_PEOPLE = "All people"


def _cell(hours: list[Any] | None) -> dict[str, Any] | None:
    if hours is None or None in hours or not hours[1]:
        return None
    planned, capacity = hours
    return {"planned": planned, "capacity": capacity, "share": planned / capacity, "over": planned > capacity}


def _coverage(totals: Mapping[str, Any], key: str) -> str:
    found = (totals.get("coverage") or {}).get(key)
    return f"{found['known']} of {found['of']}" if found else ""


def _heading(document: Document) -> str:
    view = document["view"]
    if view["project"] and document["projects"]:
        return str(document["projects"][0]["name"])
    return str(view["department"] or document["portfolio"].get("name") or "Portfolio")


def _kind(document: Document) -> str:
    view = document["view"]
    name = document["portfolio"].get("name") or "Portfolio"
    return f"{name}: portfolio report" if view["department"] or view["project"] else "Portfolio report"


def _contents(document: Document) -> list[tuple[str, str]]:
    hidden = {"tickets", "capacity"} if document["view"]["audience"] != "internal" else set()
    if not document["exceptions"]:
        hidden.add("attention")
    if not document["priority"]["rows"]:
        hidden.add("priority")
    if not document["pmo"]["metrics"]:
        hidden.add("pmo")
    if not document["capacity"].get("overloads") and not document["capacity"].get("scenarios"):
        hidden.add("overload")
    if not document.get("actions"):
        hidden.add("actions")
    if document["portfolio"]["totals"].get("revised_budget") is None:
        hidden.add("money")
    if not document["ledger"]["totals"]:
        hidden.add("ledgers")
    return [(name, title) for name, title in CONTENTS.items() if name not in hidden]


def _reason(project: Mapping[str, Any]) -> str:
    """Why the project has its overall colour, in one line: the reasons of the dimensions that made it."""
    status = project["status"]
    value = rollup.colour(project)
    to_blame = ("schedule", "cost") if value == "unknown" else rollup.DIMENSIONS[1:]
    blame = [
        f"{wording.DIMENSION_WORDS[name]}: {wording.line(status[name].get('because')).rstrip('.')}"
        for name in to_blame
        if value != "green" and (status.get(name) or {}).get("value") == value
    ]
    return ". ".join(blame) or wording.line((status.get("overall") or {}).get("because"))


def _story(narrative: Any) -> str:
    """What a manager told: a text, or the text with who told it and when."""
    if not isinstance(narrative, Mapping):
        return wording.line(narrative)
    told = ", ".join(
        filter(None, (narrative.get("by"), narrative.get("at") and wording.day(narrative["at"])))
    )
    return f"{wording.line(narrative.get('text'))} ({told})" if told else wording.line(narrative.get("text"))


def _turns(trend: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The points at which the overall status changed, newest last."""
    return [
        point
        for before, point in zip([None, *trend], trend, strict=False)
        if before is None or before.get("overall") != point.get("overall")
    ][-8:]


def _unmet(gate: Mapping[str, Any]) -> list[str]:
    criteria = [str(each.get("criterion")) for each in gate.get("criteria") or [] if not each.get("met")]
    conditions = [
        each["text"] if isinstance(each, Mapping) else str(each)
        for each in gate.get("conditions") or []
        if not (isinstance(each, Mapping) and each.get("met_on"))
    ]
    return criteria + conditions


def _shown_of(items: Sequence[Any], most: int, noun: str) -> str:
    whole = wording.plural(len(items), noun)
    return f"The first {most} of {whole}; the workbook holds all" if len(items) > most else whole


def _rest(items: Sequence[Any], most: int) -> str:
    return f"and {len(items) - most} more" if len(items) > most else ""


def _anchor(key: Any) -> str:
    """An HTML id for a project key; keys with odd signs get the sum of their bytes, so that no two meet."""
    text = str(key or "")
    if text.replace("-", "").replace("_", "").isalnum() and text.isascii():
        return f"p-{text}"
    return f"p-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


_SEVERITY_COLOURS = {
    "critical": "red",
    "high": "red",
    "error": "red",
    "red": "red",
    "medium": "amber",
    "warning": "amber",
    "amber": "amber",
}


def _severity_colour(severity: Any) -> str:
    return _SEVERITY_COLOURS.get(str(severity), "low")


@cache
def _style() -> str:
    return _environment().get_template("style.css").render()


@cache
def _environment() -> "Environment":
    from jinja2 import ChainableUndefined, Environment, PackageLoader  # noqa: PLC0415 - start-up stays fast

    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=ChainableUndefined,
    )
    environment.globals.update(
        {
            name: getattr(wording, name)
            for name in (
                "NONE",
                "DIMENSION_WORDS",
                "words",
                "not_kept",
                "colour_word",
                "money",
                "exact_money",
                "short_money",
                "percent",
                "signed_percent",
                "signed_days",
                "index",
                "day",
                "month",
                "instant",
                "age",
                "plural",
                "line",
                "moves",
                "quantity",
                "safe_url",
                "short_word",
                "unit_value",
            )
        },
        COLOURS=rollup.COLOURS,
        COMPLIANCE=COMPLIANCE,
        RULES=RULES,
        waiting=finishing.waiting,
        effect_sign=finishing.effect_sign,
        AGES=rollup.AGES,
        SCENARIO=SCENARIO,
        remarks=wording.remarks,
        by_department=rollup.by_department,
        colours_of=rollup.colours_of,
        is_watermelon=rollup.is_watermelon,
        stacked=charts.stacked,
        money_bars=charts.money_bars,
        timeline=charts.timeline,
        trend_columns=charts.trend_columns,
        anchor=_anchor,
        reason=_reason,
        rest=_rest,
        severity_colour=_severity_colour,
        shown_of=_shown_of,
        turns=_turns,
        story=_story,
        unmet=_unmet,
    )
    return environment
