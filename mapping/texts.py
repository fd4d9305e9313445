"""Texts, lists of texts and flags out of source values."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from mapping.bad_value import BadValueError

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SEPARATORS = re.compile(r"[;,|\n]")
_FLAGS = {
    "true": True,
    "yes": True,
    "y": True,
    "1": True,
    "false": False,
    "no": False,
    "n": False,
    "0": False,
}
MAX_DEPTH = 50
_BLOCKS = frozenset({"paragraph", "heading", "listItem", "blockquote", "codeBlock", "tableRow", "rule"})


def unwrapped(value: Any) -> Any:
    """The value in a wrapper that only names it: a choice `{value}`, a reference `{display_value, value}`."""
    if isinstance(value, str | list | int) or not isinstance(value, Mapping):
        return value
    shown = value.get("display_value")
    return shown if shown not in (None, "") else value.get("value", value)


def text(value: Any) -> str:
    """A text, without what no database can store. A list or an unknown object is refused."""
    if not isinstance(value, str):
        value = unwrapped(value)
    if isinstance(value, str):
        if value.isprintable():
            return value.strip()
        return _UNSTORABLE.sub("\ufffd", value).strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping) and value.get("type") == "doc":
        return _UNSTORABLE.sub("\ufffd", "".join(_document(value, 0))).strip()
    if isinstance(value, Mapping):
        raise BadValueError("an object: name the part to use, such as .name")
    if isinstance(value, list | tuple):
        raise BadValueError("a list: join it or name the element to use")
    return str(value)


def _document(node: Any, depth: int) -> Iterator[str]:
    """The plain text of an Atlassian document: its texts and mentions, a line per block."""
    if not isinstance(node, Mapping) or depth > MAX_DEPTH:
        return
    kind = node.get("type")
    if kind == "hardBreak":
        yield "\n"
    attributes = node.get("attrs")
    for holder in (node, attributes if isinstance(attributes, Mapping) else {}):
        if isinstance(holder.get("text"), str):
            yield holder["text"]
    content = node.get("content")
    for child in content if isinstance(content, list) else ():
        yield from _document(child, depth + 1)
    if kind in _BLOCKS:
        yield "\n"


def many(value: Any) -> tuple[str, ...]:
    """Texts in their order, each once: from a list, or from one text parted by `;` `,` `|` or new lines."""
    value = unwrapped(value)
    parts = value if isinstance(value, list | tuple) else _SEPARATORS.split(text(value))
    found = [text(part) for part in parts if part is not None]
    return tuple(dict.fromkeys([each for each in found if each]))


def flag(value: Any) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(text(value).casefold())
    if found is None:
        raise BadValueError("neither true nor false")
    return found
