"""What is not said of a fact: a count or a sum is nothing, a share of a budget line is the whole of it."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from portfolio.facts import Dated, Money, Package, Ticket, Work


def numbers(kind: Any) -> dict[str, int | Decimal]:
    return {each.name: each.default for each in fields(kind) if isinstance(each.default, int | Decimal)}


@pytest.mark.parametrize(("kind", "many"), [(Work, 8), (Package, 4), (Dated, 6), (Ticket, 1)])
def test_a_count_or_a_sum_that_is_not_given_is_nothing(kind: Any, many: int) -> None:
    assert list(numbers(kind).values()) == [0] * many


def test_a_budget_line_belongs_whole_to_its_project_unless_it_is_shared() -> None:
    assert numbers(Money) == {"share": 1}
