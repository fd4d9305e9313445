"""A scope of an OData service as requests: entity set, filter, what changed, and the walk by key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from connectors.base import Stream
from connectors.errors import ContractBroken
from connectors.instants import instant, instant_text
from connectors.odata_metadata import EntitySet, Property

OVERLAP = timedelta(minutes=5)
_OURS = frozenset({"$orderby", "$top", "$skip", "$count", "$inlinecount", "$skiptoken", "$format"})
_AS_IS = "'(),:/$"
_NEXT_OPTION = re.compile(r"&(?=[$@\w-]+=)")


@dataclass(frozen=True, slots=True)
class Scope:
    """A declared scope, taken apart: the entity set's name, its filter, its other options."""

    entity_set: str
    condition: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def parse(scope: str) -> Scope:
    """Takes `EntitySet?$filter=…&cross-company=true` apart.

    Raises ContractBroken for options that are not a scope's.
    """
    name, _, query = scope.strip().partition("?")
    options: dict[str, str] = {}
    for part in _NEXT_OPTION.split(query) if query else []:
        option, _, value = part.partition("=")
        options[option] = unquote(value)
    clash = sorted(_OURS & options.keys())
    if clash or not re.fullmatch(r"[\w.]+", name):
        fix = "write EntitySet?$filter=…; order and paging are Portico's"
        raise ContractBroken(
            f"{scope[:80]!r} is no scope of an OData service ({', '.join(clash) or name})", fix=fix
        )
    condition = options.pop("$filter", None)
    return Scope(name, condition, options)


def query_string(options: Mapping[str, str]) -> str:
    """The options as a query string, spaces as %20 (a `+` is a plus sign to some services)."""
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe=_AS_IS)}" for name, value in options.items())


def all_of(*conditions: str | None) -> str | None:
    """The conditions joined with `and`, each in brackets where there are several."""
    real = [each for each in conditions if each]
    return " and ".join(f"({each})" for each in real) if len(real) > 1 else next(iter(real), None)


def order_of(entity_set: EntitySet, stream: Stream) -> list[Property]:
    """The properties to walk by: the change field, then the key.

    Raises ContractBroken for an unknown change field.
    """
    names = entity_set.key
    if stream.cursor_field is not None and not stream.full:
        names = (stream.cursor_field, *(name for name in names if name != stream.cursor_field))
    missing = [name for name in names if name not in entity_set.properties]
    if missing:
        fix = f"`portico fields` lists the properties of {entity_set.name}"
        raise ContractBroken(f"{entity_set.name} has no property {missing[0]!r}", fix=fix)
    return [entity_set.properties[name] for name in names]


def beyond(order: Sequence[Property], last: Mapping[str, Any]) -> str:
    """Keyset condition: after the entity `last`."""
    cases = []
    for at, each in enumerate(order):
        equal = [f"{one.name} eq {one.literal(one.text(last[one.name]))}" for one in order[:at]]
        after = f"{each.name} gt {each.literal(each.text(last[each.name]))}"
        cases.append(" and ".join([*equal, after]))
    return " or ".join(f"({case})" for case in cases)


def changed_since(changed: Property, value: str) -> str:
    """What changed since a kept value, less the overlap where it is an instant: duplicates, no gaps."""
    if changed.type == "Edm.DateTimeOffset":
        value = instant_text(instant(value) - OVERLAP)
    elif changed.type == "Edm.DateTime" and "T" in value:
        value = (datetime.fromisoformat(value) - OVERLAP).isoformat()
    return f"{changed.name} ge {changed.literal(value)}"
