"""The report as Markdown, for mails and wikis.

The headline, what needs attention, the portfolio, money, gates, forecasts, actions, tickets, governance, sources.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from portfolio.compliance import RULES
from reports import rollup
from reports.ahead import chapters
from reports.data import Document
from reports.finishing import forecasts
from reports.html import SOON, lead
from reports.wording import (
    COLOUR_SIGNS,
    age,
    colour_word,
    day,
    exact_money,
    instant,
    line,
    money,
    month,
    not_kept,
    percent,
    plural,
    printable,
    signed_days,
    words,
)

MOST_EXCEPTIONS = 25
MOST_IN_A_MONTH = 12


def write(document: Document, path: Path) -> None:
    """Writes the text to the file."""
    path.write_text(text(document), encoding="utf-8", newline="\n", errors="backslashreplace")


def text(document: Document) -> str:
    """The report as Markdown text.

    What a source wrote is escaped: it makes no heading, link, image or HTML.
    """
    snapshot, portfolio = document["snapshot"], document["portfolio"]
    parts = [
        f"# {_plain(portfolio.get('name') or 'Portfolio')}: portfolio report",
        f"As of {day(snapshot['as_of'])}, snapshot `{snapshot['id']}`.",
        *_freshness(document),
        f"**{lead(document)}**",
        _table(
            ("Status", "Projects"),
            [(_status(name), portfolio["counts"]["overall"][name]) for name in rollup.COLOURS],
        ),
        *_exceptions(document),
        *_projects(document),
        *_changes(document),
        *_money(document),
        *_ledger(document),
        *_gates(document),
        *_calendar(document),
        *_forecasts(document),
        *_waiting(document),
        *_actions(document),
        *_tickets(document),
        *_governance(document),
        *_ahead(document),
        *_sources(document),
        f"Snapshot `{snapshot['id']}`, taken {instant(snapshot['taken_at'])}; {document['schema']}.",
    ]
    return "\n\n".join(parts) + "\n"


def _ledger(document: Document) -> list[str]:
    found = document["ledger"]
    lines = [
        f"- {_plain(each['connection'])} {each['fiscal_year'] or ''}: {_plain(each['text'])}"
        for each in found["findings"]
    ]
    lines += [
        f"- {_plain(each['connection'])} {each['fiscal_year']}: period {each['period']} restated since the last report by "
        f"{exact_money(each['change'])}"
        for each in found["restated"]
    ]
    for each in found["totals"]:
        where = f"{_plain(each['connection'])} {each['fiscal_year'] or ''}"
        for name, amount in each["amounts"].items():
            if amount["difference"] is not None and float(amount["difference"]):
                lines.append(
                    f"- {where}: {words(name)} read and computed differ by {exact_money(amount['difference'])}"
                )
    return ["## Ledgers", "\n".join(lines)] if lines else []


def _freshness(document: Document) -> list[str]:
    late = [each for each in document["sources"] if each.get("stale") or not each.get("complete")]
    if not late:
        return []
    names = ", ".join(
        f"{_plain(each['connection'])} (read {age(each.get('age_seconds'))} ago)" for each in late
    )
    return [f"> **Not fresh:** {names}. Figures that rest on a stale source are unknown, not green."]


def _exceptions(document: Document) -> list[str]:
    found = document["exceptions"]
    if not found:
        return []
    rows = [
        (
            words(each.get("severity")),
            each.get("project") or "Portfolio",
            each.get("text"),
            each.get("because"),
            day(each.get("since")),
        )
        for each in found[:MOST_EXCEPTIONS]
    ]
    more = [f"And {len(found) - MOST_EXCEPTIONS} more."] if len(found) > MOST_EXCEPTIONS else []
    return ["## Needs attention", _table(("Severity", "Project", "What", "Why", "Since"), rows), *more]


def _projects(document: Document) -> list[str]:
    rows = [
        (
            each["key"],
            each["name"],
            department,
            *(_status(rollup.colour(each, name)) for name in rollup.DIMENSIONS),
            colour_word(each["status"]["overall"].get("declared")),
            _gate(each["gate"]),
            signed_days(each["schedule"].get("variance_days")),
            money(each["cost"].get("variance")),
            percent(each["schedule"].get("percent_complete")),
        )
        for department, members in rollup.by_department(document["projects"]).items()
        for each in members
    ]
    dimensions = map(words, rollup.DIMENSIONS)
    header = ("Key", "Project", "Department", *dimensions, "Declared", "Gate", "Finish", "Budget", "Done")
    return [f"## Portfolio: {plural(len(rows), 'project')}", _table(header, rows)]


def _changes(document: Document) -> list[str]:
    rows = [
        (each["key"], " ".join(change["text"] for change in each["changes"]))
        for each in document["projects"]
        if each["changes"]
    ]
    since = document["snapshot"].get("changes_since")
    return [f"## Changed since {day(since)}", _table(("Project", "What"), rows)] if rows else []


def _gate(gate: dict[str, Any]) -> str:
    return f"{gate['current']} {words(gate.get('status')).lower()}" if gate.get("current") else line(None)


def _money(document: Document) -> list[str]:
    totals = document["portfolio"]["totals"]
    if totals.get("revised_budget") is None:
        return []
    rows = [
        (words(key), money(totals[key]), f"{known['known']} of {known['of']}")
        for key, known in totals["coverage"].items()
        if key != "variance_share"
    ]
    return [
        "## Money",
        _table((f"{document['portfolio'].get('currency') or ''}", "Sum", "Projects known"), rows),
    ]


def _gates(document: Document) -> list[str]:
    until = (date.fromisoformat(document["snapshot"]["as_of"]) + SOON).isoformat()
    rows = [
        (
            day(gate.get("due_on")),
            project["key"],
            f"{gate['gate']} {gate.get('name') or ''}".strip(),
            words(gate.get("status")),
        )
        for project, gate in rollup.gates_due(document["projects"], until)
    ]
    return ["## Gates due", _table(("Due", "Project", "Gate", "Status"), rows)] if rows else []


def _calendar(document: Document) -> list[str]:
    rows = [
        (
            month(name),
            len(coming),
            ", ".join(f"{project['key']} {gate['gate']}" for project, gate in coming[:MOST_IN_A_MONTH])
            + (f" and {len(coming) - MOST_IN_A_MONTH} more" if len(coming) > MOST_IN_A_MONTH else ""),
        )
        for name, coming in rollup.gate_calendar(
            document["projects"], date.fromisoformat(document["snapshot"]["as_of"])
        )
    ]
    header = ("Month", "Gates to decide", "Project and gate")
    return ["## Gate calendar", _table(header, rows)] if rows else []


def _forecasts(document: Document) -> list[str]:
    rows = [
        (
            each["key"],
            each["forecast"].get("remaining"),
            *(
                day(each["forecast"].get(name))
                for name in ("finish_declared", "finish_50", "finish_85", "finish_spi_t")
            ),
        )
        for each in forecasts(document["projects"])
    ]
    header = ("Project", "Open items", "Declared finish", "By pace, 50%", "By pace, 85%", "By SPI(t)")
    return ["## When projects will finish", _table(header, rows)] if rows else []


def _waiting(document: Document) -> list[str]:
    rows = [
        (
            road["project"],
            day(road.get("finish")),
            other["project"],
            day(other.get("finish")),
            other.get("late_days"),
        )
        for road in document["roadmap"]
        for other in road.get("depends_on") or ()
    ]
    header = ("Project", "Means to end", "Waits for", "Which ends", "Days too late")
    return ["## Dependencies", _table(header, rows)] if rows else []


def _actions(document: Document) -> list[str]:
    rows = [
        (
            day(each.get("due_on")),
            each.get("project"),
            each.get("title"),
            each.get("owner"),
            words(each.get("state")),
            each.get("outcome"),
            f"{words(each['effect'])}: {each.get('effect_because')}" if each.get("effect") else None,
        )
        for each in document.get("actions") or ()
    ]
    header = ("Due", "Project", "Action", "Owner", "State", "Outcome", "Effect")
    return ["## Actions and obligations", _table(header, rows)] if rows else []


def _tickets(document: Document) -> list[str]:
    found = document["tickets"]
    if document["view"]["audience"] != "internal" or not found.get("open"):
        return []
    desk = found.get("desk") or {}
    told = [f"{plural(found['open'], 'open ticket')}, {found['breached']} past due time."]
    if found.get("by_level"):
        called = ", ".join(f"{_plain(level)} {many}" for level, many in found["by_level"].items())
        told.append(f"To be called: {called}.")
    if desk.get("open"):
        told.append(
            f"Of no project: {plural(desk['open'], 'open ticket')}, {desk['breached']} past due time."
        )
    weeks = [
        (day(each["week_ending"]), each["opened"], each["resolved"], each["backlog"])
        for each in found.get("flow") or ()
    ]
    flow = [_table(("Week to", "Opened", "Resolved", "Backlog"), weeks)] if weeks else []
    return ["## Tickets", " ".join(told), *flow]


def _governance(document: Document) -> list[str]:
    found = document["compliance"]
    if document["view"]["audience"] != "internal" or not found.get("managers"):
        return []
    rows = [
        (each["manager"], each["projects"], percent(each["score"]), not_kept(each, RULES))
        for each in found["managers"]
    ]
    papers = ", ".join(f"{many} {words(name).lower()}" for name, many in found["documents"].items())
    rules = ", ".join(f"{words(rule).lower()} {found[rule]['met']} of {found[rule]['of']}" for rule in RULES)
    return [
        f"## Governance: {percent(found['score'])}",
        f"Rules kept: {rules}. Deliverables: {papers}.",
        _table(("Manager", "Projects", "Score", "Not kept everywhere"), rows),
    ]


def _ahead(document: Document) -> list[str]:
    parts = []
    for each in chapters(document):
        parts += [f"## {_plain(each.title)}"]
        parts += ["\n".join(f"- {_plain(text)}" for text in each.lines)] if each.lines else []
        parts += [_table(each.head, each.rows)] if each.rows else []
    return parts


def _sources(document: Document) -> list[str]:
    rows = [
        (
            each["connection"],
            each["tool"],
            "stale" if each.get("stale") else "fresh" if each.get("complete") else "incomplete",
            instant(each.get("read_at")),
            each.get("records"),
            each.get("error") or "",
        )
        for each in document["sources"]
    ]
    return ["## Sources", _table(("Connection", "Tool", "State", "Last read", "Records", "Remark"), rows)]


def _status(name: str) -> str:
    return f"{COLOUR_SIGNS[name]} {colour_word(name)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#!~&"})


def _plain(value: Any) -> str:
    """One line that Markdown shows as it is."""
    shown = "" if value == "" else printable(line(value)).translate(_SPECIAL)
    return shown.replace("://", "\\://").replace("www.", "www\\.")
