"""A scope in SOQL, taken apart and put together again with what changed and in which order."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.errors import ContractBroken
from connectors.instants import instant_text

OVERLAP = timedelta(minutes=5)
STAMP = "SystemModstamp"
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'")
_QUERY = re.compile(
    r"\s*select\s+(?P<fields>[\w.,\s]+?)\s+from\s+(?P<object>\w+)(?:\s+where\s+(?P<where>.+?))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_FORBIDDEN = re.compile(
    r"\b(order\s+by|limit|offset|group\s+by|having|for\s+(view|reference|update)|all\s+rows|using\s+scope|with)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Query:
    """A declared scope: its object, the fields it names, its condition."""

    sobject: str
    fields: tuple[str, ...]
    where: str | None

    def soql(self, fields: Iterable[str], *conditions: str | None, order: str = "") -> str:
        """The query with these fields and further conditions."""
        real = [each for each in (self.where, *conditions) if each]
        where = " AND ".join(f"({each})" for each in real)
        text = f"SELECT {', '.join(dict.fromkeys(fields))} FROM {self.sobject}"  # noqa: S608 - SOQL, declared by the admin
        text += f" WHERE {where}" if where else ""
        return text + (f" ORDER BY {order}" if order else "")


def parse(scope: str) -> Query:
    """Takes `SELECT … FROM … WHERE …`, or only an object's name, apart.

    Raises ContractBroken for anything else.
    """
    scope = scope.strip()
    if re.fullmatch(r"\w+", scope):
        return Query(scope, (), None)
    masked = _STRING.sub(lambda found: "'" + "x" * (len(found[0]) - 2) + "'", scope)
    match = _QUERY.fullmatch(masked)
    if match is None or _FORBIDDEN.search(masked) or ";" in masked:
        fix = "write SELECT fields FROM Object WHERE condition; order and paging are Portico's"
        raise ContractBroken(f"{scope[:80]!r} is no scope in SOQL", fix=fix)
    fields = tuple(each.strip() for each in match["fields"].split(","))
    where = scope[match.start("where") : match.end("where")] if match["where"] else None
    return Query(match["object"], fields, where)


def changed_since(field: str, moment: datetime) -> str:
    """What changed since an instant, less the overlap.

    Duplicates, no gaps. A field of one's own may be empty.
    """
    condition = f"{field} >= {instant_text(moment - OVERLAP)}"
    return condition if field == STAMP else f"{condition} OR {field} = null"
