"""Whether a field can hold a figure at all: what it holds, and the words that would be written as they are."""

from collections.abc import Iterator, Mapping

from config.names import UNKNOWN, words_of
from connectors.base import FieldInfo, Finding, Holds
from sync.wishes import NUMBERS

_FIT: Mapping[Holds, frozenset[str]] = {
    "number": NUMBERS,
    "day": frozenset({"gate_due", "finish_forecast"}),
    "instant": frozenset({"computed_at"}),
    "person": frozenset(),
}
"""The figures that fit without `values` into what holds no text; a text holds any."""
_LIKE = {"approved_change": "amber"}
"""A word that counts as another where only that has an entry (`mapping.figures`)."""


def misfits(figure: str, values: Mapping[str, str | None], info: FieldInfo) -> Iterator[Finding]:
    """An error for a type that cannot hold the figure, a warning for each word that is none of the field's options.

    Nothing for a field whose connector cannot tell what it holds.
    """
    if info.holds is None:
        return
    if figure not in _FIT.get(info.holds, (figure,)) and not values:
        text = f"{info.id} ({info.name}) is a {info.type} field, which cannot hold {figure}"
        yield Finding("error", f"write {figure}", text, "name a field of another type, or give its values")
    words = [each for each in words_of(figure) if each != UNKNOWN]
    plain = [each for each in words if each not in values and _LIKE.get(each) not in values]
    for each in plain if info.options else ():
        if each not in info.options:
            text = f"{info.id} ({info.name}) has no option {each!r}, as which {figure} would be written"
            fix = f"give {figure} a word for {each} under values, or add the option"
            yield Finding("warning", f"write {figure}", text, fix)
