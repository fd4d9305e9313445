"""One field's rule: look the value up, translate its word, decode it, hold it against the accepted words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.connections import MapRule
from mapping.bad_value import BadValueError
from mapping.codecs import CODECS, Codec, Context
from mapping.expressions import Getter, compile_expression
from mapping.texts import unwrapped
from portfolio.model import Field

_BY_TYPE = {
    "text": "text",
    "day": "date",
    "instant": "datetime",
    "money": "amount",
    "share": "share",
    "number": "number",
    "integer": "integer",
    "flag": "flag",
    "texts": "texts",
    "document": "document",
}
_BY_NAME = {"fiscal_year": "fiscal_year", "period": "period", "month": "month"}
_ALLOWED = {
    "text": tuple(CODECS),
    "day": ("date",),
    "instant": ("datetime",),
    "money": ("amount",),
    "share": ("share", "percent"),
    "number": ("number", "amount", "integer", "hours"),
    "integer": ("integer", "fiscal_year"),
    "flag": ("flag",),
    "texts": ("texts",),
    "document": ("document",),
}

_HOLDERS = (dict, list, tuple)
_OF_TIME = frozenset({"date", "datetime", "fiscal_year", "month"})
"""Codecs for which `false` says nothing: the answer of an expression such as `released && releaseDate`."""


class MappingError(ValueError):
    """A mapping that cannot be used; `field` is the field at fault, `accepted` what would do."""

    def __init__(self, text: str, *, field: str = "", accepted: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.field = field
        self.accepted = accepted


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule: `get` looks the value up, else the column of folded name `column`, else `default`."""

    name: str
    get: Getter | None
    column: str | None
    expression: str | None
    paths: tuple[str, ...]
    words: Mapping[str, Any] | None
    passes_unknown: bool
    default: Any
    codec: Codec
    form: str | None
    choices: Mapping[str, str]
    as_text: bool

    def look_up(self, body: Mapping[str, Any], columns: Mapping[str, str]) -> Any:
        """The source value in a record, whose folded column names are `columns`. Raises `BadValueError`."""
        if self.get is not None:
            return self.get(body)
        column = None if self.column is None else columns.get(self.column)
        return None if column is None else body.get(column)

    def read(self, value: Any, context: Context) -> Any:
        """The typed value of a source value; None if the source says nothing. Raises `BadValueError`.

        Of a time that comes as stored and as displayed, the stored one counts: the other is in a reader's zone.
        """
        if self.codec.name in _OF_TIME and isinstance(value, Mapping) and "display_value" in value:
            value = value.get("value")
        if is_empty(value) or (value is False and self.codec.name in _OF_TIME):
            if self.default is None:
                return None
            value = self.default
        elif self.words is not None:
            value = self._word(value)
            if value is None:
                return None
        found = self.codec.decode(value, context, self.form)
        if self.as_text:
            found = CODECS["text"].decode(self.codec.encode(found, context, None), context, None)
        if self.choices:
            return self._choice(found)
        return None if found == "" else found

    def _word(self, value: Any) -> Any:
        words = self.words or {}
        if isinstance(value, str) and value in words:
            return words[value]
        for form in _forms(value):
            if form in words:
                return words[form]
        if self.passes_unknown:
            return value
        raise BadValueError(f"no rule for this value; there are rules for: {', '.join(words)}")

    def _choice(self, value: Any) -> str | None:
        if not value:
            return None
        found = self.choices.get(value) or self.choices.get(_folded(value))
        if found is None:
            raise BadValueError(f"not one of: {', '.join(dict.fromkeys(self.choices.values()))}")
        return found


def is_empty(value: Any) -> bool:
    """True where the source says nothing: null, blank text, an empty list or object."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return not value and isinstance(value, _HOLDERS)


def _forms(value: Any) -> tuple[str, ...]:
    """The texts under which a rule for this value may stand: stored value and label, also in lower case."""
    if isinstance(value, Mapping):
        parts = [value.get("value"), value.get("display_value"), value.get("name")]
    else:
        parts = [unwrapped(value)]
    texts = [
        str(part).lower() if isinstance(part, bool) else str(part).strip()
        for part in parts
        if part is not None
    ]
    return (*texts, *(text.casefold() for text in texts))


def _folded(word: Any) -> str:
    return "".join(str(word).casefold().replace("-", " ").replace("_", " ").split())


def folded(name: str) -> str:
    """A column's name without case, spaces, underscores and other marks; a Salesforce `__c` goes too."""
    text = name.strip().casefold().removesuffix("__c")
    return "".join(letter for letter in text if letter.isalnum())


def compile_rule(field: Field, rule: MapRule, column: str | None = None) -> Rule:
    """A field's rule, ready to run. `column` is the folded column to read if the rule names no source."""
    codec = CODECS[rule.convert or _BY_NAME.get(field.name) or _BY_TYPE[field.type]]
    if codec.name not in _ALLOWED[field.type]:
        raise MappingError(
            f"convert: {codec.name} for {field.name}",
            field=field.name,
            accepted=", ".join(_ALLOWED[field.type]),
        )
    if rule.form is not None and codec.name not in _OF_TIME:
        raise MappingError(f"format: for {codec.name}", field=field.name, accepted="format: with dates only")
    get: Getter | None = None
    paths: tuple[str, ...] = ()
    if rule.source is not None:
        try:
            expression = compile_expression(rule.source)
        except BadValueError as error:
            raise MappingError(str(error), field=field.name, accepted="a JMESPath expression") from None
        get, paths = expression.get, expression.paths
    choices = {_folded(word): word for word in field.choices}
    for word in (*(rule.values or {}).values(), rule.default):
        if choices and word is not None and _folded(word) not in choices:
            raise MappingError(f"the word '{word}'", field=field.name, accepted=", ".join(field.choices))
    words = None if rule.values is None else dict(rule.values)
    if words is not None:
        words |= {
            key.casefold(): value for key, value in reversed(words.items()) if key.casefold() not in words
        }
    return Rule(
        name=field.name,
        get=get,
        column=column,
        expression=rule.source,
        paths=paths,
        words=words,
        passes_unknown=rule.on_unknown == "pass",
        default=rule.default,
        codec=codec,
        form=rule.form,
        choices=choices | {word: word for word in field.choices},
        as_text=field.type == "text" and codec.name not in {"text", "period", "month"},
    )
