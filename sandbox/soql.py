"""The part of SOQL that the simulated organisation understands."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

_CLAUSES = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<object>\w+)"
    r"(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+ORDER\s+BY\s+(?P<order>.+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_TEXT = r"'(?:[^'\\]|\\.)*'"
_TOKEN = re.compile(
    rf"\s*(?:(?P<mark>[(),])|(?P<text>{_TEXT})|(?P<operator>!=|<>|<=|>=|=|<|>)"
    r"|(?P<instant>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Malformed(ValueError):
    """A query that is not understood; `code` as Salesforce names it."""

    def __init__(self, text: str, code: str = "MALFORMED_QUERY") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """A query taken apart: `fields` is empty for COUNT()."""

    sobject: str
    fields: tuple[str, ...]
    test: Test
    order: tuple[str, ...]
    limit: int | None


def parse(text: str, names_of: Callable[[str], frozenset[str]]) -> Query:
    """The query. `names_of` tells an object's visible fields, or raises Malformed. Raises Malformed."""
    masked = re.sub(_TEXT, lambda found: "'" + "x" * (len(found[0]) - 2) + "'", text)
    match = _CLAUSES.fullmatch(masked)
    if match is None:
        raise Malformed(f"unexpected token: {text[:40]}")
    names = names_of(match["object"])
    counting = match["fields"].strip().upper() == "COUNT()"
    fields = () if counting else tuple(each.strip() for each in match["fields"].split(","))
    order = tuple(each.split()[0] for each in match["order"].split(",")) if match["order"] else ()
    for name in (*fields, *order):
        _known(name, names, match["object"])
    where = text[match.start("where") : match.end("where")] if match["where"] else None
    test = _Parser(_tokens(where), names, match["object"]).whole() if where else lambda _row: True
    return Query(match["object"], fields, test, order, int(match["limit"]) if match["limit"] else None)


def _known(name: str, names: frozenset[str], sobject: str) -> None:
    if name not in names:
        raise Malformed(f"No such column '{name}' on entity '{sobject}'", "INVALID_FIELD")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Malformed(f"unexpected token at {text[at : at + 20]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], names: frozenset[str], sobject: str) -> None:
        self._tokens = tokens
        self._names = names
        self._sobject = sobject
        self._at = 0

    def whole(self) -> Test:
        test = self._expression()
        if self._at < len(self._tokens):
            raise Malformed(f"unexpected token: {self._tokens[self._at][1]}")
        return test

    def _word(self) -> str:
        return self._tokens[self._at][1].upper() if self._at < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise Malformed("unexpected end of the query")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expression(self) -> Test:
        tests, word = [self._one()], self._word()
        while self._word() in ("AND", "OR"):
            if self._word() != word:
                raise Malformed("AND and OR are mixed without brackets")
            self._take()
            tests.append(self._one())
        join = any if word == "OR" else all
        return lambda row: join(test(row) for test in tests)

    def _one(self) -> Test:
        if self._word() == "NOT":
            self._take()
            inner = self._one()
            return lambda row: not inner(row)
        if self._word() == "(":
            self._take()
            test = self._expression()
            if self._take()[1] != ")":
                raise Malformed("a bracket is not closed")
            return test
        name = self._take()[1]
        _known(name, self._names, self._sobject)
        operator = self._take()[1].upper()
        if operator == "IN":
            values = self._values()
            return lambda row: any(_compare("=", row[name], value) for value in values)
        value = _value(*self._take())
        return lambda row: _compare(operator, row[name], value)

    def _values(self) -> list[Any]:
        if self._take()[1] != "(":
            raise Malformed("IN needs a list")
        values = [_value(*self._take())]
        while self._take()[1] == ",":
            values.append(_value(*self._take()))
        return values


def _compare(operator: str, left: Any, right: Any) -> bool:
    """Text is compared regardless of case; nothing but `=` and `!=` holds for an empty field."""
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.casefold(), right.casefold()
    if operator in ("=", "!=", "<>"):
        return bool(left == right) == (operator == "=")
    if left is None or right is None:
        return False
    return bool({"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator])


def _value(kind: str, text: str) -> Any:
    match kind:
        case "text":
            return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])
        case "instant":
            return datetime.fromisoformat(text).astimezone(UTC)
        case "day":
            return date.fromisoformat(text)
        case "number":
            return Decimal(text)
    words = {"TRUE": True, "FALSE": False, "NULL": None}
    if text.upper() not in words:
        raise Malformed(f"unexpected token: {text}")
    return words[text.upper()]
