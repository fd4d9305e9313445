"""ServiceNow's encoded queries: what a scope may say, and the terms that Portico adds to it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from connectors.errors import ContractBroken

_WORDS = [
    "EMPTYSTRING",
    "ISNOTEMPTY",
    "ISEMPTY",
    "ANYTHING",
    "STARTSWITH",
    "ENDSWITH",
    "CONTAINS",
    "LIKE",
    "INSTANCEOF",
    "BETWEEN",
    "IN",
    "NSAMEAS",
    "SAMEAS",
    "GT_OR_EQUALS_FIELD",
    "LT_OR_EQUALS_FIELD",
    "GT_FIELD",
    "LT_FIELD",
    "DYNAMIC",
    "NOTON",
    "ON",
    "MORETHAN",
    "LESSTHAN",
    "RELATIVEGT",
    "RELATIVEGE",
    "RELATIVELT",
    "RELATIVELE",
    "RELATIVEEE",
    "DATEPART",
    "VALCHANGES",
    "CHANGESFROM",
    "CHANGESTO",
]
_OPERATORS = [
    "NOT IN",
    "NOT LIKE",
    "DOES NOT CONTAIN",
    *sorted(_WORDS, key=len, reverse=True),
    "!=",
    ">=",
    "<=",
]
_ESCAPED = "\x00"
_TERM = re.compile(
    rf"([a-z_][a-z0-9_.]*)({'|'.join(map(re.escape, [*_OPERATORS, '=', '>', '<']))})(.*)", re.DOTALL
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FLAGS = {"1": "true", "0": "false"}
_FIX = "Write scope as the list's Copy query gives it, without ORDERBY; make each part of an NQ one read."


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a column (dot-walked or not) with a value."""

    name: str
    operator: str
    value: str

    def denies(self, shown: str) -> bool:
        """Whether a row that shows this value surely is not what was asked for; in doubt it is."""
        if self.value.lower().startswith("javascript:"):
            return False
        asked = "" if self.value == "NULL" else self.value
        match self.operator:
            case "=":
                return not _same(shown, asked)
            case "!=":
                return _same(shown, asked)
            case "IN":
                return not any(_same(shown, each) for each in asked.split(","))
            case "NOT IN":
                return any(_same(shown, each) for each in asked.split(","))
            case "ISEMPTY":
                return bool(shown)
            case "ISNOTEMPTY":
                return not shown
            case "STARTSWITH":
                return not shown.casefold().startswith(asked.casefold())
        return False


@dataclass(frozen=True, slots=True)
class Scope:
    """An encoded query whose terms are understood: an AND of groups, each an OR of conditions."""

    text: str
    groups: tuple[tuple[Condition, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it names."""
        return tuple(dict.fromkeys(each.name for group in self.groups for each in group))

    def denied_by(self, row: Mapping[str, str]) -> str | None:
        """A column by which the row surely is outside, or None. What the row does not show denies nothing."""
        for group in self.groups:
            if all(each.name in row and each.denies(row[each.name]) for each in group):
                return group[0].name
        return None


def checked_scope(scope: str) -> Scope:
    """The terms of an encoded query.

    ServiceNow silently drops a term that it does not understand, which widens the read to the whole table. So
    a scope whose terms cannot be told is refused here (`ContractBroken`), and the columns named are asked for
    with every row: a row without them, or with other values, gives the dropped term away. `^NQ` and `^ORDERBY`
    are refused because the paging terms bind to the last alternative only.
    """
    groups: list[tuple[Condition, ...]] = []
    for term in scope.replace("^^", _ESCAPED).split("^"):
        if not term or term == "EQ":
            continue
        found = _TERM.fullmatch(term.removeprefix("OR"))
        if found is None:
            raise ContractBroken(f"The scope {scope!r} holds {term!r}, which is no condition.", fix=_FIX)
        condition = Condition(found[1], found[2], found[3].replace(_ESCAPED, "^"))
        if term.startswith("OR") and groups:
            groups[-1] = (*groups[-1], condition)
        else:
            groups.append((condition,))
    return Scope(scope, tuple(groups))


def _same(shown: str, asked: str) -> bool:
    if _NUMBER.fullmatch(shown) and _NUMBER.fullmatch(asked):
        return Decimal(shown) == Decimal(asked)
    if shown in ("true", "false"):
        asked = _FLAGS.get(asked, asked)
    return shown.casefold() == asked.casefold()


def joined(*terms: str) -> str:
    """The terms as one encoded query; empty ones fall away."""
    return "^".join(term.removesuffix("^EQ") for term in terms if term)


def is_plain(value: str) -> bool:
    """Whether a value may stand in a query: one with `^` or a script in it would say something else."""
    return (
        bool(value) and "^" not in value and "," not in value and not value.lower().startswith("javascript:")
    )


def any_of(field: str, values: Iterable[str]) -> str:
    """The term for rows whose field is one of the values."""
    return f"{field}IN{','.join(values)}"
