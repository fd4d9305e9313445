"""The names under which records are remembered, and what is read from them again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.names import BUDGET_FIGURES, PROJECT_FIGURES
from connectors.base import Target
from connectors.servicenow.recipe import create_column
from sync.wishes import NUMBERS, ledger_parts, ledger_target, reference

PLAIN = {"budget_code": "code", "fiscal_year": "year", "period": "period"}
HOSTILE = st.one_of(
    st.text(st.sampled_from("aÄ字1 /%=,()\n"), max_size=12),
    st.lists(st.sampled_from(["code=", ", year=", "2027", ", period=", "budget_line(", ")", "/"])).map(
        "".join
    ),
    st.text(max_size=12),
)
YEARS = st.integers(-9999, 9999).map(str) | st.just("")
PERIODS = st.sampled_from(["", "000", "016", "Q1/2 (late), FY=27"])


@pytest.mark.parametrize("columns", [{}, PLAIN, {"budget_code": "(a=b", "period": "p, q"}, {"key": "Key__c"}])
@given(code=HOSTILE, year=YEARS, period=PERIODS)
def test_a_ledger_record_gives_its_parts_back(
    columns: dict[str, str], code: str, year: str, period: str
) -> None:
    record = reference(ledger_target("budget_line", columns, (code, year, period)))
    assert ledger_parts(record, "budget_line", columns) == (code, year, period)


@pytest.mark.parametrize(
    ("record", "columns", "parts"),
    [
        ("budget_line(code=1402, year=2027, period=001)", PLAIN, ("1402", "2027", "001")),
        ("budget_line(code=, year=, period=)", PLAIN, ("", "", "")),
        ("budget_line(Key__c=10,20 (a%2Fb)/2027/%)", {"key": "Key__c"}, ("10,20 (a/b)", "2027", "")),
    ],
)
def test_a_name_that_is_in_the_store_is_understood(
    record: str, columns: dict[str, str], parts: tuple[str, ...]
) -> None:
    assert ledger_parts(record, "budget_line", columns) == parts
    assert reference(ledger_target("budget_line", columns, parts)) == record


@pytest.mark.parametrize(
    "target",
    [
        Target("budget_line", "1402/2027/001"),
        Target("budget_lines", key=(("Key__c", "1402/2027/001"),)),
        Target("budget_line", key=(("Other__c", "1402/2027/001"),)),
        Target("budget_line", key=(("Key__c", "P-1"),)),
        Target("budget_line", key=(("Key__c", "P/one/two"),)),
    ],
)
def test_a_record_of_another_key_has_no_parts(target: Target) -> None:
    assert ledger_parts(reference(target), "budget_line", {"key": "Key__c"}) is None
    assert ledger_parts(reference(target), "budget_line", PLAIN) is None


def test_the_columns_that_an_administrator_is_told_to_make_hold_numbers_where_a_figure_is_one() -> None:
    every = {*PROJECT_FIGURES, *BUDGET_FIGURES}
    made = {each: create_column("t", "c", each, ()) for each in every}
    assert {
        each for each, text in made.items() if "Type Decimal" in text or "Type Integer" in text
    } == NUMBERS
