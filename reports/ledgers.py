"""The ledgers in the page: what was read, computed and written, and what nobody may smooth; short, for the workbook holds all."""

from collections.abc import Iterator, Mapping
from typing import Any

from reports.wording import exact_money, number

ALWAYS = ("revised_budget", "actual")
"""The amounts that are always shown; another one only where it does not tie out."""
MOST = 12
"""Notes shown at once."""


def shown(ledger: Mapping[str, Any]) -> dict[str, Any]:
    """`totals` (rows of read and computed amounts), `notes` (what finance has to know) and `figures` (computed and written)."""
    return {
        "totals": list(_totals(ledger)),
        "notes": [*_restated(ledger), *_findings(ledger)],
        "figures": ledger["figures"],
    }


def _totals(ledger: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for total in ledger["totals"]:
        place = {"connection": total["connection"], "fiscal_year": total["fiscal_year"]}
        for name, amounts in total["amounts"].items():
            known = amounts["read"] is not None
            if known and (name in ALWAYS or number(amounts["difference"])):
                yield {**place, "amount": name, **amounts}
        if total.get("available_as_reported") is not None:
            yield {
                **place,
                "amount": "available",
                "read": total["available_as_reported"],
                "computed": total["available"],
                "difference": total["available_difference"],
            }


def _restated(ledger: Mapping[str, Any]) -> Iterator[str]:
    for each in ledger["restated"]:
        where = f"{each['connection']} {each['fiscal_year']}, period {each['period']}"
        moved = f"{exact_money(each['before'])} to {exact_money(each['actual'])}"
        yield f"{where}: restated since the last report from {moved} ({exact_money(each['change'])})"


def _findings(ledger: Mapping[str, Any]) -> Iterator[str]:
    for each in ledger["findings"]:
        items = f": {', '.join(each['items'][:5])}" if each["items"] else ""
        more = f" and {len(each['items']) - 5} more" if len(each["items"]) > 5 else ""  # noqa: PLR2004 - as above
        yield f"{each['connection']} {each['fiscal_year'] or ''}: {each['text']}{items}{more}"
