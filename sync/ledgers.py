"""The ledgers in a snapshot and in the report: totals read, computed and written, and what finance has to know of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio import ledger
from portfolio.facts import Money
from portfolio.judge import Policy, ledger_figures
from portfolio.store import budget_lines, writes
from sync.wishes import ledger_parts

_SUMMED = ("budget_variance", "available_budget", "eac")
"""The figures that can be added up; shares cannot."""


def own_lines(settings: Settings, name: str, lines: Sequence[Money]) -> list[Money]:
    """The budget lines whose figures a connection is to show: its own where it reads some, else all."""
    reads_lines = any(read.kind == "budget_line" for read in settings.connections[name].read)
    return [
        line
        for line in lines
        if not reads_lines or (line.source is not None and line.source.connection == name)
    ]


def kept(db: Connection, settings: Settings, policy: Policy, today: date) -> dict[str, Any]:
    """What a snapshot keeps of the ledgers; empty where there is no budget line."""
    lines = budget_lines.ledger(db, settings.portfolio.currency)
    if not lines:
        return {}
    state = ledger.state(lines, policy.ledgers, policy.calendar, today)
    return {**state, "figures": list(_figures(settings, policy, lines, today))}


def section(
    db: Connection, settings: Settings, now: Mapping[str, Any], earlier: Mapping[str, Any], *, live: bool
) -> dict[str, Any]:
    """The report's `ledger`: totals, findings, what was restated since the earlier snapshot, and what was written.

    `live`: the tools' fields are what was written last, which an older snapshot does not know.
    """
    if not now:
        return {}
    written = dict(_written(db, settings)) if live else {}
    figures = []
    for each in now["figures"]:
        count, total = written.get((each["connection"], each["fiscal_year"], each["figure"]), (None, None))
        known = None if total is None else format(Decimal(each["computed"]) - total, "f")
        told = None if total is None else format(total, "f")
        figures.append({**each, "records_written": count, "written": told, "difference": known})
    return {
        "totals": now["totals"],
        "findings": now["findings"],
        "restated": ledger.restated(earlier, now),
        "figures": figures,
    }


def _figures(
    settings: Settings, policy: Policy, lines: Sequence[Money], today: date
) -> Iterator[dict[str, Any]]:
    """Per connection that shows budget figures, fiscal year and figure: how many records carry it, and its sum."""
    for name, connection in sorted(settings.connections.items()):
        block = connection.write.budget_line
        if block is None:
            continue
        totals: dict[tuple[int | None, str], list[Decimal]] = {}
        for row in ledger_figures(own_lines(settings, name, lines), policy, today):
            for figure in block.figures:
                if figure in _SUMMED and row.get(figure) is not None:
                    totals.setdefault((row["fiscal_year"], figure), []).append(Decimal(row[figure]))
        for (year, figure), values in sorted(totals.items(), key=lambda item: (item[0][0] or 0, item[0][1])):
            yield {
                "connection": name,
                "fiscal_year": year,
                "figure": figure,
                "records": len(values),
                "computed": format(sum(values, Decimal(0)), "f"),
            }


def _written(
    db: Connection, settings: Settings
) -> Iterator[tuple[tuple[str, int | None, str], tuple[int, Decimal]]]:
    """The same of what stands in the tools, as they showed it after the last write."""
    found: dict[tuple[str, int | None, str], list[Decimal]] = {}
    shown: dict[str, tuple[str, Mapping[str, str], dict[str, str]]] = {}
    for name, connection in settings.connections.items():
        block = connection.write.budget_line
        if block is not None:
            figures = {spec.name: figure for figure, spec in block.figures.items() if figure in _SUMMED}
            kind = connection.write.to_of(block) or "budget_line"
            shown[name] = (kind, connection.write.key_of(block), figures)
    for (name, record, field), row in writes.owned(db).items():
        kind, columns, figures = shown.get(name, ("", {}, {}))
        if field not in figures or row["value"] is None:
            continue
        parts = ledger_parts(record, kind, columns)
        if parts is not None:
            year = int(parts[1]) if parts[1] else None
            found.setdefault((name, year, figures[field]), []).append(Decimal(str(row["value"])))
    yield from ((key, (len(values), sum(values, Decimal(0)))) for key, values in found.items())
