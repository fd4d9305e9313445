"""JMESPath expressions: plain paths and alternatives of them become direct look-ups, the rest is interpreted.

JMESPath has no way to run code, import, or reach anything but the record.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from mapping.bad_value import BadValueError

Getter = Callable[[Any], Any]
MAX_LENGTH = 4000


class Expression:
    """A compiled expression: `get(record)`, its `text`, and the dotted `paths` that it reads."""

    __slots__ = ("get", "paths", "text")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise BadValueError(f"an expression of more than {MAX_LENGTH} characters")
        try:
            parsed = jmespath.compile(text)
        except (JMESPathError, RecursionError) as error:
            raise BadValueError(f"not a JMESPath expression: {str(error).splitlines()[0]}") from None
        self.text = text
        self.paths = _paths(parsed.parsed)
        self.get: Getter = _direct(parsed.parsed) or _interpreted(parsed.search)


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """The compiled expression; raises `BadValueError` if it is none."""
    return Expression(text)


def column(name: str) -> Getter:
    """A look-up of one key as it is, whatever characters it has."""
    return _path((name,))


def _interpreted(search: Getter) -> Getter:
    def get(record: Any) -> Any:
        try:
            return search(record)
        except (JMESPathError, TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise BadValueError(f"the expression cannot read this record: {lines[0]}") from None

    return get


def _direct(node: Any) -> Getter | None:
    if node["type"] == "literal":
        return _constant(node["value"])
    names = _names(node)
    if names:
        return _path(names)
    parts = [_direct(child) for child in node["children"]] if node["type"] in _JOINED else []
    if len(parts) == 2 and parts[0] and parts[1]:  # noqa: PLR2004
        return _JOINED[node["type"]](parts[0], parts[1])
    if node["type"] == "comparator" and node["value"] == "eq":
        return _same(*node["children"])
    if node["type"] == "function_expression" and node["value"] == "contains":
        return _one_of(*node["children"])
    return None


def _same(left: Any, right: Any) -> Getter | None:
    """A path against a text: `==` of any other values has rules of its own."""
    get = _path(names) if (names := _names(left)) else None
    if get is None or right["type"] != "literal" or not isinstance(right["value"], str):
        return None
    text = right["value"]
    return lambda record: get(record) == text


def _one_of(listed: Any, sought: Any) -> Getter | None:
    """A path's value among texts."""
    get = _path(names) if (names := _names(sought)) else None
    texts = listed["value"] if listed["type"] == "literal" else None
    if get is None or not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        return None
    return lambda record: get(record) in texts


def _names(node: Any) -> tuple[str, ...]:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression":
        parts = [_names(child) for child in node["children"]]
        return sum(parts, ()) if all(parts) else ()
    return ()


def _path(names: tuple[str, ...]) -> Getter:
    if len(names) == 1:
        (name,) = names

        def get_one(record: Any) -> Any:
            try:
                return record.get(name)
            except AttributeError:
                return None

        return get_one

    *way, last = names

    def get_deep(record: Any) -> Any:
        try:
            for name in way:
                record = record.get(name)
                if record is None:
                    return None
            return record.get(last)
        except AttributeError:
            return None

    return get_deep


def _constant(value: Any) -> Getter:
    return lambda _record: value


def _either(first: Getter, second: Getter) -> Getter:
    def get(record: Any) -> Any:
        found = first(record)
        return second(record) if _says_nothing(found) else found

    return get


def _both(first: Getter, second: Getter) -> Getter:
    def get(record: Any) -> Any:
        found = first(record)
        return found if _says_nothing(found) else second(record)

    return get


def _says_nothing(found: Any) -> bool:
    return found is None or found is False or found in ("", [], {})


_JOINED = {"or_expression": _either, "and_expression": _both}


def _paths(tree: Any) -> tuple[str, ...]:
    found: set[tuple[str, ...]] = set()
    found.update(_visit(tree, ((),), found))
    return tuple(sorted(".".join(path) for path in found if path))


def _visit(
    node: Any, bases: tuple[tuple[str, ...], ...], found: set[tuple[str, ...]]
) -> tuple[tuple[str, ...], ...]:
    """The paths that a node's result comes from; paths only looked at on the way are added to `found`."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return tuple((*base, node["value"]) for base in bases)
    if kind in {"current", "identity", "index", "slice"}:
        return bases
    if kind in {"literal", "expref"}:
        return ()
    if kind in {"subexpression", "index_expression", "pipe", "projection", "value_projection", "flatten"}:
        for child in children:
            bases = _visit(child, bases, found)
        return bases
    if kind == "filter_projection":
        source, result, condition = children
        bases = _visit(source, bases, found)
        found.update(_visit(condition, bases, found))
        return _visit(result, bases, found)
    results = tuple(_each(children, bases, found))
    if kind in {"or_expression", "and_expression", "key_val_pair"}:
        return results
    found.update(results)
    return ()


def _each(
    children: Any, bases: tuple[tuple[str, ...], ...], found: set[tuple[str, ...]]
) -> Iterator[tuple[str, ...]]:
    for child in children:
        yield from _visit(child, bases, found)
