"""Tries a mapping on real records and counts what it makes of them: the mapping's part of `portico check`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mapping.bad_value import BadValueError
from mapping.codecs import Context
from mapping.loading import KindMapping, column_names
from mapping.rules import Rule
from mapping.translate import shown, zoned


@dataclass(slots=True)
class Probed:
    """What one field's rule made of the records; `rejected` counts (value, reason)."""

    name: str
    expression: str | None
    filled: int = 0
    empty: int = 0
    rejected: Counter[tuple[str | None, str]] = field(default_factory=Counter)


def probe(mapping: KindMapping, bodies: Iterable[Mapping[str, Any]], context: Context) -> tuple[Probed, ...]:
    """One account per mapped field over all records, in the order of the mapping."""
    context = zoned(mapping, context)
    accounts = {name: Probed(name, rule.expression) for name, rule in mapping.every_rule.items()}
    for body in bodies:
        columns = column_names(tuple(body)) if mapping.columns else {}
        for name, rule in mapping.every_rule.items():
            _count(accounts[name], rule, body, columns, context)
    return tuple(accounts.values())


def _count(
    account: Probed, rule: Rule, body: Mapping[str, Any], columns: Mapping[str, str], context: Context
) -> None:
    value = None
    try:
        value = rule.look_up(body, columns)
        if rule.read(value, context) is None:
            account.empty += 1
        else:
            account.filled += 1
    except BadValueError as error:
        account.rejected[shown(value), str(error)] += 1
