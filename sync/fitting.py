"""Whether a field of Jira or ServiceNow can hold a figure at all: its type, and the words that would be written as they are."""

from collections.abc import Iterator, Mapping

from config.names import UNKNOWN, words_of
from connectors.base import FieldInfo, Finding
from sync.wishes import NUMBERS

_HOLDS: Mapping[str, frozenset[str]] = {
    "number": NUMBERS,
    "date": frozenset({"gate_due", "finish_forecast"}),
    "datetime": frozenset({"computed_at"}),
    "user": frozenset(),
    "array of user": frozenset(),
}
"""The figures that a field of a type holds without `values`; every other type holds any text."""
_LIKE = {"approved_change": "amber"}
"""A word that counts as another where only that has an entry (`mapping.figures`)."""


def misfits(figure: str, values: Mapping[str, str | None], info: FieldInfo) -> Iterator[Finding]:
    """An error for a type that cannot hold the figure, a warning for each word that is none of the field's options."""
    held = _HOLDS.get(info.type)
    if held is not None and figure not in held and not values:
        text = f"{info.id} ({info.name}) is a {info.type} field, which cannot hold {figure}"
        yield Finding("error", f"write {figure}", text, "name a field of another type, or give its values")
    words = [each for each in words_of(figure) if each != UNKNOWN]
    plain = [each for each in words if each not in values and _LIKE.get(each) not in values]
    for each in plain if info.options else ():
        if each not in info.options:
            text = f"{info.id} ({info.name}) has no option {each!r}, as which {figure} would be written"
            fix = f"give {figure} a word for {each} under values, or add the option"
            yield Finding("warning", f"write {figure}", text, fix)
