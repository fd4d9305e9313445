"""The ledgers beside the projects: totals that finance can tie out, and what moved that nobody may smooth.

Every amount that was read is either counted or left out for a stated reason; what remains is shown as a difference.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from config.fiscal import FiscalCalendar
from portfolio import budget
from portfolio.budget import COLUMNS, Column, LedgerTerms
from portfolio.facts import Money

MOST = 50
"""Findings of one kind that are listed; how many there are is told in any case."""
_ACCOUNT = ("budget_code", "fund", "cost_center", "account", "fiscal_year")


def state(
    lines: Sequence[Money], terms: LedgerTerms, calendar: FiscalCalendar, today: date
) -> dict[str, Any]:
    """What a snapshot keeps of the ledgers: totals per connection and year, closed periods, and findings."""
    return {
        "totals": [
            _total(connection, year, group, terms, calendar, today)
            for (connection, year), group in _grouped(lines)
        ],
        "periods": _periods(lines, terms, calendar, today),
        "findings": [
            *_centers(lines, terms, calendar.year_of(today)),
            *_pending(lines, terms, calendar, today),
            *_available(lines, terms, calendar, today),
            *_negative(lines, terms),
        ],
    }


def restated(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Closed periods whose actual amount is another one than an earlier snapshot knew, with the difference."""
    earlier = {_period_key(each): Decimal(each["actual"]) for each in before.get("periods", [])}
    found = []
    for each in now.get("periods", []):
        was = earlier.get(_period_key(each))
        actual = Decimal(each["actual"])
        if was is not None and was != actual:
            found.append({**each, "before": _text(was), "change": _text(actual - was)})
    return found


def _grouped(lines: Iterable[Money]) -> list[tuple[tuple[str, int | None], list[Money]]]:
    groups: dict[tuple[str, int | None], list[Money]] = {}
    for line in lines:
        groups.setdefault((_connection(line), line.fiscal_year), []).append(line)
    return sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] or 0))


def _total(
    connection: str,
    year: int | None,
    lines: Sequence[Money],
    terms: LedgerTerms,
    calendar: FiscalCalendar,
    today: date,
) -> dict[str, Any]:
    counted = budget.newest(lines, terms)
    sums = budget.total(counted, calendar=calendar, today=today)
    charged = [line for line in lines if terms.is_chargeback(line)]
    standing = {id(line) for line in (*counted, *charged)}
    superseded = [line for line in lines if id(line) not in standing]
    amounts = {}
    for column in COLUMNS:
        read, computed = _sum(lines, column), getattr(sums, column)
        out = _sum(charged, column), _sum(superseded, column)
        rest = None if computed is None or read is None else read - computed - sum(each or 0 for each in out)
        amounts[column] = {
            "read": _text(read),
            "chargebacks": _text(out[0]),
            "superseded": _text(out[1]),
            "computed": _text(computed),
            "difference": _text(rest),
        }
    told = _told(counted, terms)
    reported = _total_told(counted, told)
    apart = None if reported is None or sums.available is None else reported - sums.available
    return {
        "connection": connection,
        "fiscal_year": year,
        "rows": len(lines),
        "rows_counted": len(counted),
        "available": _text(sums.available),
        "available_as_reported": _text(reported),
        "available_difference": _text(apart),
        "variance": _text(sums.variance),
        "amounts": amounts,
    }


def _periods(
    lines: Sequence[Money], terms: LedgerTerms, calendar: FiscalCalendar, today: date
) -> list[dict[str, Any]]:
    """The actual amount of each period that is over, per connection."""
    groups: dict[tuple[str, int, str], list[Decimal]] = {}
    this_period = (calendar.year_of(today), calendar.period_of(today))
    for line in lines:
        if line.fiscal_year is None or line.period is None or terms.is_chargeback(line):
            continue
        if line.actual is not None and (line.fiscal_year, line.period) < this_period:
            groups.setdefault((_connection(line), line.fiscal_year, line.period), []).append(line.actual)
    return [
        {
            "connection": connection,
            "fiscal_year": year,
            "period": period,
            "actual": _text(sum(some, Decimal(0))),
        }
        for (connection, year, period), some in sorted(groups.items())
    ]


def _centers(lines: Sequence[Money], terms: LedgerTerms, year: int) -> list[dict[str, Any]]:
    """Cost centres that a reorganization opened or closed: no variance between the years compares them."""
    found = []
    for connection in sorted({_connection(line) for line in lines}):
        own = [line for line in lines if _connection(line) == connection and not terms.is_project_basis(line)]
        before, now = (
            {line.cost_center for line in own if line.fiscal_year == each} for each in (year - 1, year)
        )
        if not before or not now:
            continue
        found += [
            _finding(kind, connection, year, centers, f"{len(centers)} cost centres {words} {year}")
            for kind, centers, words in (
                ("opened", sorted(filter(None, now - before)), "are new in"),
                ("closed", sorted(filter(None, before - now)), "have no line any more in"),
            )
            if centers
        ]
    return found


def _pending(
    lines: Sequence[Money], terms: LedgerTerms, calendar: FiscalCalendar, today: date
) -> list[dict[str, Any]]:
    year, found = calendar.year_of(today), []
    for (connection, line_year), group in _grouped(lines):
        if line_year != year:
            continue
        codes = {}
        for (code,), some in budget.by(group, "budget_code").items():
            own = budget.of_year(some, year, terms)
            sums = budget.total(own, calendar=calendar, today=today)
            if (carried := budget.carry_forward_pending(own, sums)) is not None:
                codes[str(code)] = carried
        if codes:
            text = f"carry-forward pending: {sum(codes.values(), Decimal(0))} of last year's encumbrances"
            found.append(_finding("carry_forward_pending", connection, year, sorted(codes), text))
    return found


def _negative(lines: Sequence[Money], terms: LedgerTerms) -> list[dict[str, Any]]:
    """Reversals and credits are legal; an account whose sum is negative is to be explained."""
    found = []
    for (connection, year), group in _grouped(lines):
        below = [line for line in group if line.actual is not None and line.actual < 0]
        if not below:
            continue
        text = f"{len(below)} negative lines (reversals, credits), {_sum(below, 'actual')} in all"
        found.append(_finding("reversals", connection, year, [], text))
        accounts = []
        for key, some in budget.by(budget.newest(group, terms), *_ACCOUNT).items():
            if (_sum(some, "actual") or 0) < 0:
                accounts.append(" ".join(str(part) for part in key[:4] if part))
        if accounts:
            text = f"{len(accounts)} accounts have a negative actual amount in all"
            found.append(_finding("negative_actual", connection, year, sorted(accounts), text))
    return found


def _told(counted: Sequence[Money], terms: LedgerTerms) -> dict[tuple[object, ...], Decimal]:
    """What the ledger itself says is left of each account: a balance, so the newest period that tells one counts."""
    telling = [line for line in counted if line.available_as_reported is not None]
    balances = LedgerTerms(
        amounts={_connection(line): "year_to_date" for line in telling}, chargebacks=terms.chargebacks
    )
    found: dict[tuple[object, ...], Decimal] = {}
    for line in budget.newest(telling, balances):
        account = tuple(getattr(line, name) for name in _ACCOUNT)
        found[account] = found.get(account, Decimal(0)) + (line.available_as_reported or Decimal(0))
    return found


def _total_told(counted: Sequence[Money], told: Mapping[tuple[object, ...], Decimal]) -> Decimal | None:
    """The sum of what is told; unknown where an account tells nothing."""
    whole = told.keys() >= budget.by(counted, *_ACCOUNT).keys()
    return sum(told.values(), Decimal(0)) if told and whole else None


def _available(
    lines: Sequence[Money], terms: LedgerTerms, calendar: FiscalCalendar, today: date
) -> list[dict[str, Any]]:
    """Accounts whose available amount in the ledger is another one than ours; which is right is finance's to say."""
    found = []
    for (connection, year), group in _grouped(lines):
        counted = budget.newest(group, terms)
        told, apart = _told(counted, terms), Decimal(0)
        items: list[str] = []
        for account, some in sorted(budget.by(counted, *_ACCOUNT).items(), key=lambda item: str(item[0])):
            ours = budget.total(some, calendar=calendar, today=today).available
            theirs = told.get(account)
            if ours is None or theirs is None or ours == theirs:
                continue
            apart += theirs - ours
            words = " ".join(str(part) for part in account[:4] if part)
            items.append(f"{words}: reported {_text(theirs)}, computed {_text(ours)}")
        if items:
            text = (
                f"{len(items)} accounts: the ledger's own available amount and ours differ by {apart} in all"
            )
            found.append(_finding("available_differs", connection, year, items, text))
    return found


def _finding(kind: str, connection: str, year: int | None, items: Sequence[Any], text: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "connection": connection,
        "fiscal_year": year,
        "text": text,
        "items": [str(each) for each in items[:MOST]],
    }


def _period_key(each: Mapping[str, Any]) -> tuple[str, int, str]:
    return each["connection"], each["fiscal_year"], each["period"]


def _sum(lines: Iterable[Money], column: Column) -> Decimal | None:
    known = [amount for line in lines if (amount := getattr(line, column)) is not None]
    return sum(known, Decimal(0)) if known else None


def _connection(line: Money) -> str:
    return line.source.connection if line.source else ""


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
