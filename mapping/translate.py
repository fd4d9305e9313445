"""Source records to rows of the normalized entities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from config.settings import Portfolio
from mapping.bad_value import BadValueError
from mapping.codecs import Context
from mapping.loading import KindMapping, column_names
from mapping.rules import is_empty
from mapping.texts import text
from portfolio.model import GATE_DECISIONS, Row

SHOWN = 200
ESSENTIAL = {"project": "key"}
"""The field without which a record is nothing: a project that cannot be named."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A source value that could not be used: the field it was for, the value as text, and the reason."""

    field: str
    value: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Translated:
    """What became of one record.

    `row` has every own key of the entity, typed as `portfolio.model` says; it is None if the record was
    rejected as a whole. A field whose value was rejected is None in the row. `container` are the names under
    which links find the record, `link_values` the values of the link rules as (equals, value).
    """

    entity: str
    row: Row | None
    container: tuple[str, ...]
    link_values: tuple[tuple[str, str], ...]
    rejects: tuple[Reject, ...]


def context_of(portfolio: Portfolio) -> Context:
    """What the portfolio's settings say about time and money."""
    return Context(portfolio.zone, portfolio.currency, portfolio.calendar, portfolio.zone)


def zoned(mapping: KindMapping, context: Context) -> Context:
    """The context with the zone that the tool's times have where they carry none."""
    return replace(context, naive=ZoneInfo(mapping.times)) if mapping.times else context


class Translator:
    """Translates the records of one kind. Made once per kind and run; safe to share between threads."""

    def __init__(self, mapping: KindMapping, context: Context) -> None:
        self.mapping = mapping
        self._context = zoned(mapping, context)
        self._empty: Row = {field.name: None for field in mapping.entity.fields}
        self._has_currency = "currency" in self._empty

    def translate(self, body: Mapping[str, Any]) -> Translated:
        """The row, the names and the rejects of a record. Never raises for what stands in the record."""
        row = self._empty.copy()
        rejects: list[Reject] = []
        columns = column_names(tuple(body)) if self.mapping.columns else {}
        for name, rule in self.mapping.rules.items():
            value = None
            try:
                value = rule.look_up(body, columns)
                row[name] = rule.read(value, self._context)
            except BadValueError as error:
                rejects.append(Reject(name, shown(value), str(error)))
        if self.mapping.gates:
            row[GATE_DECISIONS] = list(self._decisions(body, rejects)) or None
        if (
            self._has_currency
            and row["currency"] is None
            and not any(each.field == "currency" for each in rejects)
        ):
            row["currency"] = self._context.currency
        essential = ESSENTIAL.get(self.mapping.entity.name)
        whole = essential is None or row[essential] is not None
        if not whole and not any(each.field == essential for each in rejects):
            rejects.append(Reject(str(essential), None, f"a {self.mapping.entity.name} without {essential}"))
        return Translated(
            entity=self.mapping.entity.name,
            row=row if whole else None,
            container=tuple(dict.fromkeys(self._container(body, row))),
            link_values=tuple(self._link_values(body)),
            rejects=tuple(rejects),
        )

    def _decisions(self, body: Mapping[str, Any], rejects: list[Reject]) -> Iterator[Row]:
        """The decisions that the record's fields hold; one with an unreadable part, or without its day, is rejected."""
        for gate, rules in self.mapping.gates.items():
            told: Row = {"gate": gate}
            bad = []
            for name, rule in rules.items():
                place, value = f"{GATE_DECISIONS}.{gate}.{name}", None
                try:
                    value = rule.look_up(body, {})
                    told[name] = rule.read(value, self._context)
                except BadValueError as error:
                    bad.append(Reject(place, shown(value), str(error)))
            if told.get("decision") and not bad and told["decided_on"] is None:
                bad.append(Reject(f"{GATE_DECISIONS}.{gate}.decided_on", None, "a decision without its day"))
            rejects += bad
            if told.get("decision") and not bad:
                yield {name: _plain(value) for name, value in told.items()}

    def _container(self, body: Mapping[str, Any], row: Row) -> Iterator[str]:
        for get in self.mapping.container_getters:
            if found := _name(get, body):
                yield found
        if self.mapping.columns and row.get("budget_code"):
            yield row["budget_code"]

    def _link_values(self, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for equals, get in self.mapping.link_getters:
            if found := _name(get, body):
                yield equals, found


def _plain(value: Any) -> Any:
    """A value as a document keeps it."""
    return value.isoformat() if isinstance(value, date) else value


def _name(get: Any, body: Mapping[str, Any]) -> str | None:
    """A name that links may use; what cannot be read as one links nothing."""
    try:
        value = get(body)
        return None if is_empty(value) else text(value) or None
    except BadValueError:
        return None


def shown(value: Any) -> str | None:
    """A source value for people, cut to a readable length."""
    if value is None:
        return None
    written = str(value)
    return written if len(written) <= SHOWN else written[:SHOWN] + "…"
