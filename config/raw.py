"""Careful steps through a document whose shape is not proved yet."""

from collections.abc import Iterator, Mapping
from typing import Any

from config import names
from config.yaml_text import Loc

Raw = Mapping[str, Any]


def mapping_at(data: Any, *keys: str) -> Raw:
    """The mapping under `keys`, or an empty one."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def items_at(data: Any, *keys: str) -> Iterator[tuple[Loc, Raw]]:
    """The mappings in the list under `keys`, each with its place."""
    found = mapping_at(data, *keys[:-1]).get(keys[-1])
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield (*keys, index), item


def connections(document: Raw) -> Iterator[tuple[str, str, Raw]]:
    """Name, tool and text of every connection whose tool is known."""
    for name, connection in mapping_at(document, "connections").items():
        if isinstance(connection, dict) and connection.get("tool") in names.TOOLS:
            yield name, connection["tool"], connection
