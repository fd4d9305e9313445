"""Strict JSON: quick where it can be, and never another value, nor another error, than the patient way."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.answers import CutShort, strict_json

PIECES = st.sampled_from(
    [
        *'{}[],:"\\ udeE+-.0123456789',
        "null",
        "true",
        "NaN",
        r"\ud83d",
        r"\ude00",
        "é",
        '"a"',
        "1e5",
        "-0",
        "0.10",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def outcome(read: Callable[[bytes], Any], body: bytes) -> str | None:
    try:
        return repr(read(body))
    except ValueError:
        return None


def plainly(body: bytes) -> Any:
    def refuse(_word: str) -> Any:
        raise ValueError

    return json.loads(body.decode(), parse_float=Decimal, parse_constant=refuse)


@settings(max_examples=2000, deadline=None)
@given(TEXTS)
def test_any_text_is_read_as_pythons_own_reader_reads_it(text: str) -> None:
    assert outcome(strict_json, text.encode()) == outcome(plainly, text.encode())


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"a": 1.10}', {"a": Decimal("1.10")}),
        (
            b"[0.1, 1E2, 123456789012345678901234567890]",
            [Decimal("0.1"), Decimal("1E+2"), 123456789012345678901234567890],
        ),
        (rb'"\ud800 alone"', "\ud800 alone"),
    ],
)
def test_what_is_written_is_what_is_read(body: bytes, read: Any) -> None:
    assert repr(strict_json(body)) == repr(read)


@pytest.mark.parametrize("body", [b'{"a": [1', b'{"a": "x', b"["])
def test_an_answer_that_ends_too_early_is_told_apart(body: bytes) -> None:
    with pytest.raises(CutShort):
        strict_json(body)


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf{}", b"NaN", b'"\xff"', b"1e99999999999999999999", b"[" * 100_000, b"{} {}"]
)
def test_anything_else_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        strict_json(body)
    assert not isinstance(caught.value, CutShort)
