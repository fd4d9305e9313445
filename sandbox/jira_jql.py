"""The part of JQL that the simulated Jira understands, and how it reads dates.

Clauses `field = value`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)`, `not in (…)`, `is [not] EMPTY`, joined by AND,
OR and parentheses; then ORDER BY. A date is bare epoch milliseconds, or a quoted wall-clock minute in the
user's own zone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

Value = str | int | datetime | tuple[str, ...] | None
Row = Mapping[str, Value]
Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<mark>!=|>=|<=|[()=<>,])|(?P<word>[^\s()=<>!,"']+))"""
)
_DATES = {"updated", "created"}
_FIELDS = {
    "project",
    "key",
    "issuekey",
    "id",
    "issuetype",
    "status",
    "statuscategory",
    "labels",
    "parent",
    "sprint",
}
_ORDERED: Mapping[str, Callable[[datetime, datetime], bool]] = {
    ">=": lambda left, right: left >= right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    "<": lambda left, right: left < right,
}


class BadQuery(Exception):
    """The query is refused; the text is what Jira would say."""


@dataclass(frozen=True)
class Query:
    """A parsed query. `bounded` is false when nothing restricts it; `order` holds (field, descending)."""

    matches: Test
    order: tuple[tuple[str, bool], ...]
    bounded: bool


def parse(jql: str, zone: ZoneInfo, *, epoch: bool = True) -> Query:
    """Reads a query. `epoch` false: the site does not understand epoch milliseconds. Raises BadQuery."""
    where, _, order = _split(jql)
    tokens = _tokens(where)
    reader = _Reader(tokens, zone, epoch)
    matches: Test = (lambda _: True) if not tokens else reader.expression()
    if reader.position < len(tokens):
        raise BadQuery(f"Error in the JQL Query: Expecting operator but got '{tokens[reader.position]}'.")
    return Query(matches, _order(order), bool(tokens))


def _split(jql: str) -> tuple[str, str, str]:
    found = re.search(r"\border\s+by\b", jql, re.IGNORECASE)
    return (jql, "", "") if found is None else (jql[: found.start()], found.group(), jql[found.end() :])


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    fields = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, way = part.partition(" ")
        fields.append((name.lower(), way.strip().lower() == "desc"))
    return tuple(fields)


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadQuery(f"Error in the JQL Query: The character '{text[position]}' is reserved.")
        found.append(match.group().strip())
        position = match.end()
    return found


class _Reader:
    def __init__(self, tokens: Sequence[str], zone: ZoneInfo, epoch: bool) -> None:  # noqa: FBT001 - private
        self.tokens = tokens
        self.position = 0
        self.zone = zone
        self.epoch = epoch

    def expression(self) -> Test:
        test = self.conjunction()
        while self.take("or"):
            left, right = test, self.conjunction()
            test = _either(left, right)
        return test

    def conjunction(self) -> Test:
        test = self.term()
        while self.take("and"):
            left, right = test, self.term()
            test = _both(left, right)
        return test

    def term(self) -> Test:
        if self.take("("):
            test = self.expression()
            self.need(")")
            return test
        return self.clause()

    def clause(self) -> Test:
        field = self.next().strip('"').lower()
        if field not in _FIELDS | _DATES:
            raise BadQuery(f"Field '{field}' does not exist or you do not have permission to view it.")
        operator = self.next().lower()
        if operator == "is":
            negated = self.take("not")
            self.need("empty")
            return lambda row: (row.get(field) in (None, "", ())) is not negated
        if operator == "not":
            self.need("in")
            inside = _among(field, self.values())
            return lambda row: not inside(row)
        if operator == "in":
            return _among(field, self.values())
        if field in _DATES and operator in _ORDERED:
            return _dated(field, _ORDERED[operator], self.date(self.next()))
        value = _text(self.next())
        if operator == "=":
            return _among(field, [value])
        if operator == "!=":
            inside = _among(field, [value])
            return lambda row: not inside(row)
        raise BadQuery(f"The operator '{operator}' is not supported by the '{field}' field.")

    def values(self) -> list[str]:
        self.need("(")
        found = [_text(self.next())]
        while self.take(","):
            found.append(_text(self.next()))
        self.need(")")
        return found

    def date(self, token: str) -> datetime:
        if re.fullmatch(r"-?\d+", token):
            if not self.epoch:
                raise BadQuery(f"Date value '{token}' for field 'updated' is invalid.")
            return datetime.fromtimestamp(int(token) / 1000, UTC)
        for form in ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d"):
            try:
                return datetime.strptime(_text(token), form).replace(tzinfo=self.zone).astimezone(UTC)
            except ValueError:
                continue
        raise BadQuery(
            f"Date value {token} for field 'updated' is invalid. Valid formats include: 'yyyy-MM-dd HH:mm'."
        )

    def next(self) -> str:
        if self.position >= len(self.tokens):
            raise BadQuery("Error in the JQL Query: Expecting either a value or list but got nothing.")
        self.position += 1
        return self.tokens[self.position - 1]

    def take(self, word: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position].lower() == word:
            self.position += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            raise BadQuery(f"Error in the JQL Query: Expecting '{word}'.")


def _text(token: str) -> str:
    if token[:1] in "\"'":
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token


def _either(left: Test, right: Test) -> Test:
    return lambda row: left(row) or right(row)


def _both(left: Test, right: Test) -> Test:
    return lambda row: left(row) and right(row)


def _among(field: str, values: Sequence[str]) -> Test:
    wanted = {each.lower() for each in values}

    def test(row: Row) -> bool:
        found = row.get(field)
        shown = found if isinstance(found, tuple) else (found,)
        return any(str(each).lower() in wanted for each in shown if each is not None)

    return test


def _dated(field: str, compare: Callable[[datetime, datetime], bool], bound: datetime) -> Test:
    def test(row: Row) -> bool:
        found = row.get(field)
        return isinstance(found, datetime) and compare(found, bound)

    return test
