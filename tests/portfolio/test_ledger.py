"""What finance is told of its ledgers: totals that tie out, restatements, reorganizations, carry-forward, credits."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.fiscal import FiscalCalendar
from portfolio import ledger
from portfolio.budget import COLUMNS, LedgerTerms, carry_forward_pending, newest, total
from portfolio.facts import Money, Source

D = Decimal
CALENDAR = FiscalCalendar(7, 1, "end")
TODAY = date(2026, 11, 21)
NO_TERMS = LedgerTerms()


MONEY = {*COLUMNS, "available_as_reported"}


def line(connection: str = "books", **values: Any) -> Money:
    base: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "budget_code": "1402",
        "fund": "010",
        "cost_center": "CC1",
        "account": "5000",
        "fiscal_year": 2027,
        "period": "002",
        "currency": "USD",
        "source": Source(connection, "row"),
    }
    for name, value in values.items():
        base[name] = D(str(value)) if name in MONEY and value is not None else value
    return Money(**base)


def state(*lines: Money, terms: LedgerTerms = NO_TERMS, today: date = TODAY) -> dict[str, Any]:
    return ledger.state(lines, terms, CALENDAR, today)


def found(shown: dict[str, Any], kind: str) -> list[tuple[Any, ...]]:
    return [
        (each["fiscal_year"], each["items"], each["text"])
        for each in shown["findings"]
        if each["kind"] == kind
    ]


def test_a_chargeback_is_counted_once_and_shown() -> None:
    terms = LedgerTerms(chargebacks={"books": [("account", "69*"), ("fund", "0520")]})
    spent, billed = line(actual=100), line(actual=40, account="6910")
    internal = line(actual=7, fund="0520")
    elsewhere = line("other", actual=5, account="6910")
    assert newest([spent, billed, internal, elsewhere], terms) == [spent, elsewhere]
    (books, _other) = state(spent, billed, internal, elsewhere, terms=terms)["totals"]
    assert books["amounts"]["actual"] == {
        "read": "147",
        "chargebacks": "47",
        "superseded": None,
        "computed": "100",
        "difference": "0",
    }


def test_cumulative_amounts_that_were_superseded_are_no_difference() -> None:
    terms = LedgerTerms(amounts={"books": "year_to_date"})
    (only,) = state(line(actual=30, period="001"), line(actual=45), terms=terms)["totals"]
    assert only["amounts"]["actual"]["read"] == "75"
    assert only["amounts"]["actual"]["superseded"] == "30"
    assert (only["amounts"]["actual"]["computed"], only["amounts"]["actual"]["difference"]) == ("45", "0")
    assert (only["rows"], only["rows_counted"]) == (2, 1)


def test_an_unknown_part_is_unknown_in_the_total_and_not_a_difference_of_zero() -> None:
    (only,) = state(line(actual=30), line(actual=None, account="6000"))["totals"]
    assert only["amounts"]["actual"]["read"] == "30"
    assert (only["amounts"]["actual"]["computed"], only["amounts"]["actual"]["difference"]) == (None, None)


def test_a_closed_period_that_changed_is_restated_and_an_open_one_is_not() -> None:
    before = state(line(actual=100, period="001"), line(actual=5, period="005"), today=date(2026, 11, 1))
    now = state(
        line(actual=100, period="001"),
        line(actual="-12.34", period="001", account="6000"),
        line(actual=50, period="005"),
        line(actual=3, period="004"),
    )
    assert ledger.restated(before, now) == [
        {
            "connection": "books",
            "fiscal_year": 2027,
            "period": "001",
            "actual": "87.66",
            "before": "100",
            "change": "-12.34",
        }
    ]
    assert ledger.restated({}, now) == []
    assert ledger.restated(now, now) == []


def test_reorganized_cost_centres_are_opened_and_closed() -> None:
    shown = state(
        line(cost_center="OLD", fiscal_year=2026, revised_budget=100),
        line(cost_center="BOTH", fiscal_year=2026, revised_budget=100),
        line(cost_center="BOTH", revised_budget=100),
        line(cost_center="NEW", revised_budget=100),
        line("capital", cost_center="PROJ", fiscal_year=2026, revised_budget=1),
        line("capital", cost_center="NEXT", revised_budget=1),
        terms=LedgerTerms(project_basis=frozenset({"capital"})),
    )
    assert found(shown, "opened") == [(2027, ["NEW"], "1 cost centres are new in 2027")]
    assert found(shown, "closed") == [(2027, ["OLD"], "1 cost centres have no line any more in 2027")]
    assert not found(state(line(revised_budget=1)), "opened")


def test_what_the_ledger_says_is_available_stands_beside_ours_and_a_difference_is_told() -> None:
    base: dict[str, Any] = {"revised_budget": 100, "pre_encumbered": 0, "encumbered": 10}
    same = line(**base, actual=20, available_as_reported="70")
    other = line(**base, actual=30, account="6000", available_as_reported="60.01")
    shown = state(same, other)
    (total,) = shown["totals"]
    assert (total["available"], total["available_as_reported"]) == ("130", "130.01")
    assert total["available_difference"] == "0.01"
    assert found(shown, "available_differs") == [
        (
            2027,
            ["1402 010 CC1 6000: reported 60.01, computed 60"],
            "1 accounts: the ledger's own available amount and ours differ by 0.01 in all",
        )
    ]
    assert not found(state(same), "available_differs")


def test_the_ledgers_available_amount_is_a_balance_and_unknown_where_an_account_tells_none() -> None:
    opened = year_line(period="001", revised_budget=100, actual=10, available_as_reported=90)
    later = year_line(revised_budget=0, actual=5, available_as_reported=85)
    silent = year_line(revised_budget=7, account="6000")
    (total,) = state(opened, later)["totals"]
    assert (total["available_as_reported"], total["available_difference"]) == ("85", "0")
    (total,) = state(opened, later, silent)["totals"]
    assert (total["available"], total["available_as_reported"]) == ("92", None)
    assert total["available_difference"] is None
    assert not found(state(opened, later, silent), "available_differs")


def year_line(**values: Any) -> Money:
    return line(**({"pre_encumbered": 0, "encumbered": 0, "actual": 0} | values))


def test_carry_forward_that_waits_for_the_vote_is_pending_and_no_more() -> None:
    own = [year_line(revised_budget=100, actual=90), year_line(revised_budget=0, encumbered=40, period="000")]
    sums = total(own, calendar=CALENDAR, today=TODAY)
    assert sums.available == -30
    assert carry_forward_pending(own, sums) == 40
    assert found(state(*own), "carry_forward_pending") == [
        (2027, ["1402"], "carry-forward pending: 40 of last year's encumbrances")
    ]
    worse = [*own, year_line(revised_budget=0, actual=11)]
    assert carry_forward_pending(worse, total(worse, calendar=CALENDAR, today=TODAY)) is None
    voted = [*own, year_line(revised_budget=40)]
    assert carry_forward_pending(voted, total(voted, calendar=CALENDAR, today=TODAY)) is None
    assert not found(state(*own, today=date(2027, 8, 1)), "carry_forward_pending")


def test_reversals_are_legal_and_a_negative_account_is_told() -> None:
    shown = state(line(actual=100), line(actual="-30.50"), line(actual=-5, account="6000", cost_center="CC2"))
    assert found(shown, "reversals") == [(2027, [], "2 negative lines (reversals, credits), -35.50 in all")]
    assert found(shown, "negative_actual") == [
        (2027, ["1402 010 CC2 6000"], "1 accounts have a negative actual amount in all")
    ]


def test_a_line_of_nothing_is_no_reversal_and_an_account_of_nothing_is_not_negative() -> None:
    shown = state(
        line(actual=0),
        line(actual="0.01"),
        line(actual="-0.01"),
        line(actual="-0.01", account="6000"),
        line(actual="0.01", account="7000"),
        line(actual=None, account="8000"),
    )
    assert found(shown, "reversals") == [(2027, [], "2 negative lines (reversals, credits), -0.02 in all")]
    assert found(shown, "negative_actual") == [
        (2027, ["1402 010 CC1 6000"], "1 accounts have a negative actual amount in all")
    ]
    (level,) = found(state(line(actual=5), line(actual=-5)), "reversals")
    assert level == (2027, [], "1 negative lines (reversals, credits), -5 in all")
    assert not found(state(line(actual=5), line(actual=-5)), "negative_actual")


def test_ledgers_are_told_by_name_and_year_those_without_a_year_first() -> None:
    shown = state(
        line("plan", fiscal_year=2026),
        line(fiscal_year=2027),
        line("plan", fiscal_year=None),
        line(fiscal_year=2026),
    )
    assert [(each["connection"], each["fiscal_year"]) for each in shown["totals"]] == [
        ("books", 2026),
        ("books", 2027),
        ("plan", None),
        ("plan", 2026),
    ]


def test_each_ledger_is_compared_with_itself() -> None:
    shown = state(
        line("books", cost_center="A", fiscal_year=2026),
        line("books", cost_center="B"),
        line("plan", cost_center="B", fiscal_year=2026),
        line("plan", cost_center="A"),
    )
    opened = [(each["connection"], each["items"]) for each in shown["findings"] if each["kind"] == "opened"]
    assert opened == [("books", ["B"]), ("plan", ["A"])]


def test_fifty_of_many_are_listed_and_all_are_counted() -> None:
    for many, listed in ((50, 50), (51, 50)):
        centers = [line(cost_center=f"C{number}") for number in range(many)]
        ((_, items, text),) = found(state(line(fiscal_year=2026, cost_center=None), *centers), "opened")
        assert (len(items), text) == (listed, f"{many} cost centres are new in 2027")


def test_a_ledger_that_says_nothing_is_left_is_heard_and_accounts_are_told_in_order() -> None:
    spent = year_line(revised_budget=100, actual=100, available_as_reported=0)
    (total,) = state(spent)["totals"]
    assert (total["available_as_reported"], total["available_difference"]) == ("0", "0")
    apart = [year_line(revised_budget=10, account=name, available_as_reported=0) for name in ("7", "6")]
    ((_, items, text),) = found(state(spent, *apart), "available_differs")
    assert items == ["1402 010 CC1 6: reported 0, computed 10", "1402 010 CC1 7: reported 0, computed 10"]
    assert text == "2 accounts: the ledger's own available amount and ours differ by -20 in all"


cents = st.integers(-(10**17), 10**17 - 1).map(lambda number: D(number).scaleb(-2))
entry = st.builds(
    line,
    connection=st.sampled_from(["books", "plan"]),
    budget_code=st.sampled_from(["1402", "1403"]),
    fund=st.sampled_from(["010", "0520"]),
    account=st.sampled_from(["5000", "6910"]),
    fiscal_year=st.sampled_from([2026, 2027]),
    period=st.sampled_from(["000", "001", "012", "016", None]),
    **dict.fromkeys(COLUMNS, cents),
)


@given(st.lists(entry, max_size=30))
def test_what_is_computed_is_what_is_summed_by_other_means_to_the_minor_unit(lines: list[Money]) -> None:
    terms = LedgerTerms(chargebacks={"books": [("account", "69*")]})
    shown = state(*lines, terms=terms)
    units: dict[tuple[str, int | None, str], int] = {}
    for each in lines:
        assert each.source is not None
        if each.source.connection == "books" and each.account == "6910":
            continue
        for column in COLUMNS:
            amount = getattr(each, column)
            key = (each.source.connection, each.fiscal_year, column)
            units[key] = units.get(key, 0) + int(amount * 100)
    for group in shown["totals"]:
        for column in COLUMNS:
            key = (group["connection"], group["fiscal_year"], column)
            computed = group["amounts"][column]["computed"]
            assert (None if computed is None else int(D(computed) * 100)) == units.get(key)
            assert group["amounts"][column]["difference"] in (None, "0", "0.00")
        available = group["available"]
        if available is not None:
            place = (group["connection"], group["fiscal_year"])
            assert int(D(available) * 100) == units[*place, "revised_budget"] - sum(
                units[*place, name] for name in ("pre_encumbered", "encumbered", "actual")
            )
