import threading
from collections.abc import Iterator

import pytest

from connectors.ahead import Guesses, in_order


def test_what_comes_first_is_handed_over_first() -> None:
    gates = [threading.Event() for _ in range(6)]

    def fetch(number: int) -> int:
        assert gates[number].wait(5)
        return number * number

    for gate in gates[3:] + gates[:3]:
        gate.set()
    assert list(in_order(range(6), fetch, 3, "test")) == [(n, n * n) for n in range(6)]


def test_no_more_is_fetched_than_workers_ahead_of_what_is_taken() -> None:
    begun: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(20):
            begun.append(number)
            yield number

    taken = in_order(tasks(), lambda number: number, 4, "test")
    for expected in range(10):
        assert next(taken) == (expected, expected)
        assert len(begun) == expected + 4
    taken.close()
    assert len(begun) == 13


def test_an_error_comes_where_its_result_would_have_come() -> None:
    def fetch(number: int) -> int:
        if number == 2:
            raise ValueError("broken")
        return number

    found = in_order(range(9), fetch, 3, "test")
    assert [next(found), next(found)] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_a_guess_that_was_right_is_not_asked_again_and_a_wrong_one_is_dropped() -> None:
    asked: list[int] = []

    def fetch(number: int) -> int:
        asked.append(number)
        return -number

    with Guesses(fetch, 1, "test") as pages:
        assert pages.get(1, [2, 3]) == -1
        assert pages.get(2, [3]) == -2
        assert pages.get(3, []) == -3
        assert asked == [1, 2, 3]
        assert pages.get(5, [9]) == -5
        assert pages.get(7, []) == -7
        assert pages.get(9, []) == -9
    assert asked.count(5) == asked.count(7) == 1
