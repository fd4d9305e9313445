"""ServiceNow's encoded query language as the Table API reads it: what it does not understand, it drops.

`^` joins conditions, `^OR` belongs to the condition just before it, `^NQ` starts a whole query that is OR-ed
to the one before, `^ORDERBY` and `^ORDERBYDESC` sort. A condition on an unknown field or with an unknown
operator is silently left out and the rest runs: a typo in a filter widens it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

Value = Callable[[str], str]

_OPERATORS = (
    "ISNOTEMPTY",
    "ISEMPTY",
    "NOT IN",
    "NOT LIKE",
    "DOES NOT CONTAIN",
    "STARTSWITH",
    "ENDSWITH",
    "LIKE",
    "CONTAINS",
    "IN",
    "!=",
    ">=",
    "<=",
    "=",
    ">",
    "<",
)
_CONDITION = re.compile(rf"([a-z_][a-z0-9_.]*)({'|'.join(map(re.escape, _OPERATORS))})(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ESCAPED = "\x00"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field (dot-walked or not) with a value."""

    field: str
    operator: str
    value: str

    def holds(self, shown: str) -> bool:
        """Whether the stored value `shown` satisfies it."""
        asked = self.value
        match self.operator:
            case "ISEMPTY":
                return not shown
            case "ISNOTEMPTY":
                return bool(shown)
            case "IN":
                return shown in asked.split(",")
            case "NOT IN":
                return shown not in asked.split(",")
            case "LIKE" | "CONTAINS":
                return asked.lower() in shown.lower()
            case "NOT LIKE" | "DOES NOT CONTAIN":
                return asked.lower() not in shown.lower()
            case "STARTSWITH":
                return shown.lower().startswith(asked.lower())
            case "ENDSWITH":
                return shown.lower().endswith(asked.lower())
            case "=":
                return shown == asked
            case "!=":
                return shown != asked
        return _ordered(self.operator, shown, asked)


@dataclass(slots=True)
class Query:
    """OR of alternatives, each an AND of groups, each an OR of conditions; then the order, field by field."""

    alternatives: list[list[list[Condition]]] = field(default_factory=lambda: [[]])
    order: list[tuple[str, bool]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """The terms that were not understood."""

    def matches(self, value: Value) -> bool:
        """Whether a row, seen through `value(field)`, is in the result."""
        return any(
            all(any(each.holds(value(each.field)) for each in group) for group in groups)
            for groups in self.alternatives
        )


def parse(text: str, known: Callable[[str], bool], script: Callable[[str], str | None]) -> Query:
    """Reads an encoded query. `known` tells the table's fields, `script` evaluates `javascript:` values."""
    query = Query()
    for term in text.replace("^^", _ESCAPED).split("^"):
        _add(query, term.replace(_ESCAPED, "^"), known, script)
    return query


def _add(query: Query, term: str, known: Callable[[str], bool], script: Callable[[str], str | None]) -> None:
    if not term or term == "EQ":
        return
    if term.startswith("ORDERBY"):
        descending = term.startswith("ORDERBYDESC")
        name = term.removeprefix("ORDERBYDESC" if descending else "ORDERBY")
        if known(name):
            query.order.append((name, descending))
        else:
            query.dropped.append(term)
        return
    groups = query.alternatives[-1]
    attached = False
    if term.startswith("NQ"):
        term = term.removeprefix("NQ")
        groups = []
        query.alternatives.append(groups)
    elif term.startswith("OR"):
        term = term.removeprefix("OR")
        attached = bool(groups)
    condition = _condition(term, known, script)
    if condition is None:
        query.dropped.append(term)
    elif attached:
        groups[-1].append(condition)
    else:
        groups.append([condition])


def _condition(
    term: str, known: Callable[[str], bool], script: Callable[[str], str | None]
) -> Condition | None:
    found = _CONDITION.fullmatch(term)
    if found is None or not known(found[1]):
        return None
    value = found[3]
    if value.startswith("javascript:"):
        result = script(value.removeprefix("javascript:").strip().rstrip(";"))
        if result is None:
            return None
        value = result
    return Condition(found[1], found[2], value)


def _ordered(operator: str, shown: str, asked: str) -> bool:
    if not shown:
        return False
    left: Decimal | str = shown
    right: Decimal | str = asked
    if _NUMBER.fullmatch(shown) and _NUMBER.fullmatch(asked):
        left, right = Decimal(shown), Decimal(asked)
    if operator == ">":
        return left > right  # type: ignore[operator] # both are of one type
    if operator == ">=":
        return left >= right  # type: ignore[operator]
    if operator == "<":
        return left < right  # type: ignore[operator]
    return left <= right  # type: ignore[operator]


def as_number(text: str) -> Decimal | None:
    """The number that a decimal column would store, or None if the text is none."""
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
