"""The part of `$filter` that the simulated service understands: and, or, not, comparisons, brackets."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<mark>[()])|(?P<text>'(?:[^']|'')*')"
    r"|(?P<instant>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*))"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: bool(left == right),
    "ne": lambda left, right: bool(left != right),
    "gt": lambda left, right: left is not None and right is not None and bool(left > right),
    "ge": lambda left, right: left is not None and right is not None and bool(left >= right),
    "lt": lambda left, right: left is not None and right is not None and bool(left < right),
    "le": lambda left, right: left is not None and right is not None and bool(left <= right),
}


class BadFilter(ValueError):
    """A filter that the service does not understand."""


def compiled(text: str, names: frozenset[str]) -> Test:
    """The filter as a test of a row. Raises BadFilter."""
    parser = _Parser(_tokens(text), names)
    test = parser.any_of()
    if parser.here() is not None:
        raise BadFilter(f"unexpected {parser.here()} in the filter")
    return test


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadFilter(f"syntax error at position {at} in '{text}'")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], names: frozenset[str]) -> None:
        self._tokens = tokens
        self._names = names
        self._at = 0

    def here(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def any_of(self) -> Test:
        tests = [self._all_of()]
        while self.here() == "or":
            self._take()
            tests.append(self._all_of())
        return lambda row: any(test(row) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self.here() == "and":
            self._take()
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self.here() == "not":
            self._take()
            inner = self._one()
            return lambda row: not inner(row)
        if self.here() == "(":
            self._take()
            test = self.any_of()
            if self._take()[1] != ")":
                raise BadFilter("a bracket is not closed")
            return test
        kind, name = self._take()
        if kind != "word" or name not in self._names:
            raise BadFilter(f"Could not find a property named '{name}'")
        _, operator = self._take()
        if operator not in _COMPARE:
            raise BadFilter(f"{operator} is no operator")
        compare, right = _COMPARE[operator], _value(*self._take())
        return lambda row: compare(row[name], right)

    def _take(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise BadFilter("the filter ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _value(kind: str, text: str) -> Any:
    match kind:
        case "text":
            return text[1:-1].replace("''", "'")
        case "instant":
            return datetime.fromisoformat(text)
        case "day":
            return date.fromisoformat(text)
        case "number":
            return Decimal(text)
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    raise BadFilter(f"{text} is no value")
