"""Budget lines as facts: whole for the ledgers, by share for the projects."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, true

from portfolio import facts
from portfolio.store.links import Project
from portfolio.store.live import Keys, source_of, stands
from portfolio.store.tables import entity_tables

CENT = Decimal("0.01")


def ledger(db: Connection, currency: str) -> list[facts.Money]:
    """Every live budget line in the portfolio's currency, whole, whichever project it belongs to."""
    line = entity_tables["budget_line"]
    rows = db.execute(
        select(line)
        .where(stands(line))
        .order_by(
            line.c.budget_code, line.c.fiscal_year, line.c.period, line.c.connection, line.c.external_id
        )
    )
    return [_split(row, Decimal(1)) for row in rows if (row.currency or currency) == currency]


def of_projects(
    db: Connection, projects: Mapping[str, Project], currency: str, keys: Keys
) -> dict[str, list[facts.Money]]:
    """Per project its part of the live budget lines in the portfolio's currency: of its codes, or linked to it."""
    line = entity_tables["budget_line"]
    shares: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for project in projects.values():
        for code, share in project.budget_codes.items():
            shares[code].append((project.key, share))
    found: dict[str, list[facts.Money]] = defaultdict(list)
    ordered = (
        line.c.fiscal_year,
        line.c.period,
        line.c.fund,
        line.c.cost_center,
        line.c.connection,
        line.c.external_id,
    )
    mine: ColumnElement[bool] = true()
    if keys is not None:
        codes = sorted({code for key in keys for code in projects[key].budget_codes})
        mine = or_(line.c.project_key.in_(keys), line.c.budget_code.in_(codes))
    for row in db.execute(select(line).where(stands(line), mine).order_by(*ordered)):
        if (row.currency or currency) != currency:
            continue
        parts = shares.get(row.budget_code) or ([(row.project_key, Decimal(1))] if row.project_key else [])
        for key, share in parts:
            found[key].append(_split(row, share))
    return found


def _split(row: Any, share: Decimal) -> facts.Money:
    def part(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else (amount * share).quantize(CENT, ROUND_HALF_UP)

    return facts.Money(
        budget_code=row.budget_code or "",
        fund=row.fund,
        cost_center=row.cost_center,
        account=row.account,
        fiscal_year=row.fiscal_year,
        period=row.period,
        currency=row.currency,
        original_budget=part(row.original_budget),
        revised_budget=part(row.revised_budget),
        pre_encumbered=part(row.pre_encumbered),
        encumbered=part(row.encumbered),
        actual=part(row.actual),
        forecast=part(row.forecast),
        share=share,
        source=source_of(row),
        available_as_reported=part(row.available_as_reported),
    )
