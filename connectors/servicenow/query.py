"""ServiceNow's encoded queries: what a scope may say, and the terms that Portico adds to it."""

import re
from collections.abc import Iterable

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
_TERM = re.compile(
    rf"([a-z_][a-z0-9_.]*)(?:{'|'.join(map(re.escape, [*_OPERATORS, '=', '>', '<']))})", re.DOTALL
)
_FIX = "Write scope as the list's Copy query gives it, without ORDERBY; make each part of an NQ one read."


def checked_scope(scope: str) -> tuple[str, ...]:
    """The fields that an encoded query names.

    ServiceNow silently drops a term that it does not understand, which widens the read to the whole table. So
    a scope whose terms cannot be told is refused here (`ContractBroken`), and the fields named are asked for
    with every row: a row without them gives the dropped term away. `^NQ` and `^ORDERBY` are refused because
    the paging terms bind to the last alternative only.
    """
    names: list[str] = []
    for term in scope.replace("^^", "").split("^"):
        if not term or term == "EQ":
            continue
        found = _TERM.match(term.removeprefix("OR"))
        if found is None:
            raise ContractBroken(f"The scope {scope!r} holds {term!r}, which is no condition.", fix=_FIX)
        names.append(found[1])
    return tuple(dict.fromkeys(names))


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
