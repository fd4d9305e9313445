"""What the fields of a simulated Jira take, and how they keep it: texts, numbers, days, choices, people, documents."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]
_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"


@dataclass(frozen=True)
class FieldType:
    """A field: its schema as Jira shows it, and the texts of its options."""

    id: str
    name: str
    schema: Mapping[str, Any]
    options: tuple[str, ...] = ()
    editable: bool = True


def custom(number: int, name: str, type_: str, kind: str, options: tuple[str, ...] = ()) -> FieldType:
    """A custom field of one of Jira's own types (`textfield`, `float`, `select` …)."""
    schema = {"type": type_, "custom": kind if ":" in kind else f"{_TYPES}:{kind}", "customId": number}
    if type_ == "array":
        schema["items"] = "option" if options else "user" if kind == "multiuserpicker" else "string"
    return FieldType(f"customfield_{number}", name, schema, options)


def system(id_: str, name: str, type_: str, *, editable: bool = True) -> FieldType:
    """A field that every Jira has."""
    return FieldType(id_, name, {"type": type_, "system": id_}, editable=editable)


def option(field: FieldType, text: str) -> Json:
    """An option of a choice field as Jira shows it."""
    number = 10_000 + int(re.sub(r"\D", "", field.id) or 0) % 1000 * 10 + field.options.index(text)
    return {"value": text, "id": str(number)}


@dataclass(frozen=True)
class Values:
    """The values of one site. `users` are the people it knows, `printed` how it prints an instant."""

    cloud: bool
    users: Mapping[str, str]
    printed: Callable[[datetime], str]

    def refused(self, known: FieldType, value: Any) -> str | None:
        """Why a field cannot hold a value, in Jira's words; None if it can."""
        if value is None:
            return None
        type_ = known.schema["type"]
        if type_ == "number":
            return (
                None
                if isinstance(value, int | float) and not isinstance(value, bool)
                else "Operation value must be a number"
            )
        if type_ == "array":
            if not isinstance(value, list):
                return "data was not an array"
            items = str(known.schema["items"])
            return next((said for each in value if (said := self._odd(known, items, each))), None)
        if type_ in ("option", "user"):
            return self._odd(known, type_, value)
        if type_ == "date":
            return None if _parses(value, "%Y-%m-%d") else "Error parsing date string: " + str(value)
        if type_ == "datetime":
            return None if _parses(value, "%Y-%m-%dT%H:%M:%S.%f%z") else "Error parsing time: " + str(value)
        if str(known.schema.get("custom", "")).endswith(":textarea") and self.cloud:
            adf = isinstance(value, dict) and value.get("type") == "doc"
            return (
                None
                if adf
                else "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
            )
        if type_ == "string":
            if not isinstance(value, str):
                return "Operation value must be a string"
            short = len(value) <= 255 or str(known.schema.get("custom", "")).endswith(":textarea")
            return (
                None
                if short
                else "The entered text is too long. It exceeds the allowed limit of 255 characters."
            )
        return None

    def _odd(self, known: FieldType, type_: str, value: Any) -> str | None:
        """Why a choice or a person cannot be set."""
        held = value if isinstance(value, dict) else {}
        if type_ == "option":
            good = held.get("value") in known.options or _by_id(known, held.get("id"))
            return None if good else "Specify a valid 'id' or 'name' for " + known.name
        if type_ == "user":
            who = held.get("accountId" if self.cloud else "name")
            return None if who in self.users else f"User '{who}' does not exist."
        return None

    def person(self, who: str) -> Json:
        """A person as this product shows one."""
        shown = {"displayName": self.users[who], "active": True}
        if self.cloud:
            return {"accountId": who, "accountType": "atlassian", **shown}
        return {"key": f"JIRAUSER-{who}", "name": who, **shown}

    def stored(self, known: FieldType, value: Any) -> Any:
        """What a field shows of a value that was set."""
        type_ = known.schema["type"]
        if value in (None, "", []):
            return None
        if type_ == "array":
            return [self._held(known, str(known.schema["items"]), each) for each in value]
        if type_ == "number":
            return float(value)
        if type_ == "datetime":
            return self.printed(datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z"))
        return self._held(known, type_, value)

    def _held(self, known: FieldType, type_: str, value: Any) -> Any:
        if type_ == "option":
            return option(known, str(value.get("value") or _by_id(known, value.get("id"))))
        if type_ == "user":
            return self.person(str(value["accountId" if self.cloud else "name"]))
        return value


def _by_id(known: FieldType, id_: object) -> str | None:
    return next((each for each in known.options if option(known, each)["id"] == id_), None)


def _parses(value: object, form: str) -> bool:
    try:
        datetime.strptime(str(value), form)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return isinstance(value, str)
