"""Jira's fields: their types, and each value's way between Jira's wire shape and a plain value.

Wire shapes: text `"x"`, number `5`, date `"2026-01-31"`, date-time with an offset without colon, a choice
`{"value": "Green"}`, several choices a list of them, a person `{"accountId": …}` on Cloud and `{"name": …}` on Data
Center, rich text a document (ADF) on Cloud and wiki text on Data Center; null clears. A choice's text is not translated,
unlike the names of statuses and types. As a plain value several choices are their texts in order, with commas; a person
is the account id or the user name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import Holds, Plain
from connectors.errors import Invalid

OPTIONS, PEOPLE = "array of option", "array of user"
WRITABLE: Mapping[str, Holds] = {
    "text": "text",
    "rich text": "text",
    "number": "number",
    "date": "day",
    "datetime": "instant",
    "option": "text",
    OPTIONS: "text",
    "user": "person",
    PEOPLE: "person",
}
"""The types that are written, and what each holds."""
SEVERAL = frozenset({OPTIONS, PEOPLE})
_TYPES = {"string": "text", "number": "number", "date": "date", "datetime": "datetime", "option": "option"}
_BLOCKS = frozenset(
    {"paragraph", "heading", "codeBlock", "blockquote", "listItem", "tableRow", "rule", "panel"}
)


@dataclass(frozen=True, slots=True)
class FieldType:
    """A field of the site. `type` is one of `WRITABLE`, or Jira's own word for another."""

    id: str
    name: str
    type: str
    custom: str = ""
    """Jira's own key of a custom field's type, such as `com.pyxis.greenhopper.jira:gh-sprint`."""


def field_type(shown: Mapping[str, Any]) -> FieldType:
    """The field as `GET /field` shows it. A textarea and the system's long texts are rich text."""
    id_ = str(shown.get("id") or "")
    schema = shown.get("schema") or {}
    type_ = str(schema.get("type") or ("any" if schema else "string"))
    kind = str(schema.get("custom") or "")
    custom = kind.rpartition(":")[2]
    if custom == "textarea" or schema.get("system") in ("description", "environment"):
        found = "rich text"
    elif type_ == "option-with-child" or custom == "cascadingselect":
        found = "option-with-child"
    else:
        found = _TYPES.get(type_, f"{type_} of {schema['items']}" if "items" in schema else type_)
    return FieldType(id_, str(shown.get("name") or id_), found, kind)


def decode(value: Any, type_: str) -> Plain:
    """The plain value of a wire value: an option or person as its text, a list with commas, empty as None."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool | Decimal):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Mapping):
        if value.get("type") == "doc":
            return text_of_document(value) or None
        if type_ in ("user", PEOPLE):
            return value.get("accountId") or value.get("name")
        named = next((value[key] for key in ("value", "name", "displayName", "key") if value.get(key)), None)
        return None if named is None else str(named)
    if isinstance(value, list):
        texts = [str(each) for each in (decode(one, type_) for one in value) if each is not None]
        return ", ".join(sorted(texts) if type_ in SEVERAL else texts) or None
    text = str(value)
    if type_ == "datetime":
        at = instant(text)
        return text if at is None else plain_instant(at)
    return text


def encode(value: Plain, field: FieldType, *, cloud: bool) -> Any:
    """The wire value of a plain value, as each product has it. Raises Invalid if it does not fit."""
    if value is None:
        return None
    try:
        if field.type == "text":
            return _text(value)
        if field.type == "rich text":
            return document_of_text(_text(value)) if cloud else _text(value)
        if field.type == "number":
            return _number(value)
        if field.type == "option":
            return {"value": _text(value)}
        if field.type == OPTIONS:
            return [{"value": each} for each in parts(_text(value))]
        if field.type == "user":
            return _person(_text(value), cloud=cloud)
        if field.type == PEOPLE:
            return [_person(each, cloud=cloud) for each in parts(_text(value))]
        if field.type == "date":
            return _day(_text(value))
        if field.type == "datetime":
            return _wire_instant(_text(value))
    except (ValueError, InvalidOperation):
        text = f"{field.name} ({field.id}) is a {field.type} field and cannot hold {value!r}."
        raise Invalid(text, fix="Write this figure to a field of another type.") from None
    text = f"{field.name} ({field.id}) has the type {field.type}, which Portico does not write."
    raise Invalid(text, fix="Use a text, number, date, date-time, choice or user field.")


def parts(text: str) -> list[str]:
    """The members of a list as a plain value has them."""
    return [each for each in (part.strip() for part in text.split(",")) if each]


def _person(name: str, *, cloud: bool) -> dict[str, str]:
    return {"accountId" if cloud else "name": name}


def instant(text: object) -> datetime | None:
    """An instant as Jira prints it (`2024-01-05T10:11:12.000+0000`), in UTC; None if it is none."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return None if at.tzinfo is None else at.astimezone(UTC)


def plain_instant(at: datetime) -> str:
    """An instant as a plain value."""
    part = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=part).replace("+00:00", "Z")


def document_of_text(text: str) -> dict[str, Any]:
    """A document (ADF version 1) with one paragraph per line."""
    lines = ([{"type": "text", "text": line}] if line else [] for line in text.split("\n"))
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": line} for line in lines],
    }


def text_of_document(document: Mapping[str, Any]) -> str:
    """The text of a document; unknown nodes give the text that they hold."""
    return "".join(_pieces(document)).rstrip("\n")


def _pieces(node: Any) -> Iterator[str]:
    if not isinstance(node, Mapping):
        return
    kind = node.get("type")
    if kind == "text":
        yield str(node.get("text") or "")
    elif kind == "hardBreak":
        yield "\n"
    elif kind in ("mention", "emoji", "status", "date"):
        attributes = node.get("attrs") or {}
        yield str(attributes.get("text") or attributes.get("shortName") or attributes.get("timestamp") or "")
    for child in node.get("content") or ():
        yield from _pieces(child)
    if kind in _BLOCKS:
        yield "\n"


def _text(value: Plain) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _number(value: Plain) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError("no number")
    return number


def _day(text: str) -> str:
    return datetime.strptime(text, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 - a day has no zone


def _wire_instant(text: str) -> str:
    at = instant(text)
    if at is None:
        raise ValueError("no instant")
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}+0000"
