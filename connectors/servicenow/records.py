"""Single records: what they show now, and the one PATCH (or import row) that changes their fields.

The Table API answers 200 to a write whose fields it passed over (no right, read-only, a choice that it does
not know). So the returned record is compared with what was sent. There is no If-Match: `sys_mod_count`, read
just before, stands in for it.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from requests import codes

from connectors.base import Outcome, Patch, Plain, Shown, Target
from connectors.errors import Conflict, ContractBroken, Invalid, NotFound, OutcomeUnknown, SkipRecord
from connectors.http import Http
from connectors.servicenow.columns import Columns
from connectors.servicenow.imports import send_row
from connectors.servicenow.limits import HINT, never_written
from connectors.servicenow.query import any_of, is_plain, joined
from connectors.servicenow.recipe import access_rule, add_choice
from connectors.servicenow.table import STORED_VALUES, Reader, Row, instant_of, refusal_of, text_of

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_STAMPS = ("sys_id", "number", "sys_mod_count", "sys_updated_on")
_BATCH = 100
_LOG = logging.getLogger("portico.servicenow")


def record_link(base_url: str, table: str, id_: str) -> str:
    """The address that opens a record in the user interface."""
    return f"{base_url}/nav_to.do?uri={quote(f'{table}.do?sys_id={id_}', safe='')}"


class Records:
    """Reads and writes single records of one instance."""

    def __init__(
        self, http: Http, reader: Reader, columns: Columns, staging: str | None, *, notes: bool
    ) -> None:
        self._http = http
        self._staging = staging
        self._notes = notes
        self._reader = reader
        self._columns = columns

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """What each target shows now; targets of one table are asked for together."""
        groups: dict[tuple[str, str], list[Target]] = {}
        for target in targets:
            groups.setdefault((target.kind, _name_of(target)), []).append(target)
        for (table, name), group in groups.items():
            step = _BATCH if name else 1
            for start in range(0, len(group), step):
                yield from self._look(table, name, group[start : start + step])

    def _look(self, table: str, name: str, targets: Sequence[Target]) -> Iterator[Shown]:
        if not all(is_plain(value) for target in targets for _, value in _terms(target, name)):
            yield from (Shown(target, exists=False) for target in targets)
            return
        fields = (*_STAMPS, *(field for target in targets for field in target.fields))
        if name:
            query = any_of(name, dict.fromkeys(target.id or "" for target in targets))
        else:
            query = joined(*(f"{field}={value}" for field, value in targets[0].key))
            fields = (*fields, *(field for field, _ in targets[0].key))
        rows = self._reader.some(table, joined(query, "ORDERBYsys_id"), fields, 2 * len(targets)).rows
        asked = [dict(_terms(target, name)) for target in targets]
        for row in rows:
            if not any(_answers(row, terms) for terms in asked):
                raise ContractBroken(
                    f"{table} gave {text_of(row.get('sys_id'))}, which {query!r} does not ask for.",
                    fix=f"Check that {table} has the field that names the record, and that it may be read.",
                )
        for target, terms in zip(targets, asked, strict=True):
            found = [row for row in rows if _answers(row, terms)]
            yield self._shown(target, found[0]) if len(found) == 1 else Shown(target, exists=False)

    def write(self, patch: Patch) -> Outcome:
        """What became of one patch; only `Retry` (but no unknown outcome) and `StopConnection` are raised."""
        try:
            return self._written(patch)
        except (SkipRecord, OutcomeUnknown) as error:
            return Outcome(patch, error=error)

    def _written(self, patch: Patch) -> Outcome:
        target = Target(patch.target.kind, patch.target.id, patch.target.key, tuple(patch.values))
        if never := never_written(patch.values):
            raise Invalid(f"{_named(target)}: {', '.join(never)} is not Portico's to write.", fix=HINT)
        (now,) = self.look([target])
        if not now.exists or now.id is None:
            raise NotFound(
                f"{_named(patch.target)} is not there.",
                fix="Check the link's record, and the account's read rights.",
            )
        columns = {name: self._columns.column(target.kind, name) for name in patch.values}
        changed = {
            name: value
            for name, value in patch.values.items()
            if name not in now.values
            or not columns[name].shows(value, columns[name].encode(now.values[name]))
        }
        if not changed:
            return Outcome(patch, shown=_for(patch.target, now))
        if patch.version is not None and patch.version != now.version:
            raise Conflict(
                f"{_named(target)} changed since it was read (update {patch.version}, now {now.version}).",
                fix="Nothing to do: the next run plans again.",
            )
        body = {name: columns[name].encode(value) for name, value in changed.items()}
        if self._notes and "work_notes" in self._columns.of(target.kind):
            body["work_notes"] = _note(now, body)
        after = self._sent(now.id, target, body)
        if after.version and now.version and int(after.version) > int(now.version) + 1:
            _LOG.warning(
                "%s: others wrote too (update %s to %s).", _named(target), now.version, after.version
            )
        refused = [
            name
            for name, value in changed.items()
            if after.values.get(name) == now.values.get(name)
            and not columns[name].shows(value, columns[name].encode(after.values.get(name)))
        ]
        error = self._passed_over(target, refused, changed) if refused else None
        return Outcome(patch, shown=_for(patch.target, after), error=error)

    def _sent(self, id_: str, target: Target, body: Mapping[str, str]) -> Shown:
        """The record as it is after the one write."""
        if self._staging is None:
            return self._shown(target, self._patched(id_, target, body))
        send_row(self._http, self._staging, id_, body)
        (after,) = self.look([target])
        if not after.exists:
            raise OutcomeUnknown(
                f"{_named(target)} is out of sight after its import.",
                fix="Nothing to do: the next run looks again.",
            )
        return after

    def _patched(self, id_: str, target: Target, body: Mapping[str, str]) -> Row:
        answer = self._http.request(
            "PATCH",
            f"/api/now/table/{target.kind}/{id_}",
            params={"sysparm_fields": ",".join((*_STAMPS, *target.fields)), **STORED_VALUES},
            json=dict(body),
            ok=(200, 400, 403, 404),
        )
        document: Any = answer.json if isinstance(answer.json, dict) else {}
        row = document.get("result")
        if answer.status == codes.ok:
            if "error" in document or not isinstance(row, dict) or text_of(row.get("sys_id")) != id_:
                raise OutcomeUnknown(
                    f"{_named(target)}: the write was not answered with the record ({refusal_of(document)}).",
                    fix="Nothing to do: the next run reads the record and compares.",
                )
            return row
        said = f"{_named(target)} was not written ({answer.status}: {refusal_of(document)})."
        if answer.status == codes.forbidden:
            fix = f"{access_rule(target.kind, 'write')} Or lift the data policy that is named."
            raise Invalid(said, fix=fix)
        if answer.status == codes.not_found:
            raise NotFound(said, fix="The record is gone, or the account may not see it.")
        raise Invalid(said, fix=f"Check that {target.kind} has the columns {', '.join(body)}.")

    def _passed_over(self, target: Target, names: Sequence[str], values: Mapping[str, Plain]) -> Invalid:
        """Why the instance answered 200 and changed nothing, as well as the dictionary tells."""
        return Invalid(
            f"{_named(target)}: ServiceNow answered 200 and left {', '.join(names)} as it was.",
            fix=" ".join(self._fix(target.kind, name, values[name]) for name in names),
        )

    def _fix(self, table: str, name: str, value: Plain) -> str:
        if self._staging is not None:
            return f"Map {name} in the transform map of {self._staging}, and look at its scripts."
        known = self._columns.of(table)
        column = self._columns.column(table, name)
        if known and name not in known:
            return f"System Definition > Dictionary > New: create the column {name} on {table}."
        if column.options and value is None:
            return f"A choice cannot be emptied: give {name} a choice for unknown, and map it in values."
        if column.options and column.encode(value) not in column.options:
            return f"It has {', '.join(column.options)}. {add_choice(table, name, column.encode(value))}"
        if column.read_only:
            return f"System Definition > Dictionary > {table}.{name}: clear Read only."
        return f"{access_rule(table, 'write', name)} Or stop the business rule that sets it."

    def _shown(self, target: Target, row: Row) -> Shown:
        id_ = text_of(row["sys_id"])
        shown = [name for name in target.fields if name in row]
        return Shown(
            target,
            exists=True,
            id=id_,
            values={name: self._columns.column(target.kind, name).decode(row[name]) for name in shown},
            version=text_of(row.get("sys_mod_count")) or None,
            updated_at=instant_of(text_of(row.get("sys_updated_on"))),
            url=record_link(self._http.base_url, target.kind, id_),
        )


def _note(now: Shown, body: Mapping[str, str]) -> str:
    """What a work note says: the columns written, with what they showed before."""
    told = [
        f"{name}: {body[name] or 'empty'} (was {now.values.get(name) or 'empty'})" for name in sorted(body)
    ]
    return "Portico wrote " + "; ".join(told)


def _name_of(target: Target) -> str:
    """The field that a target's id stands in; empty for a natural key."""
    if not target.id:
        return ""
    return "sys_id" if _SYS_ID.fullmatch(target.id) else "number"


def _terms(target: Target, name: str) -> Sequence[tuple[str, str]]:
    return ((name, target.id or ""),) if name else target.key


def _answers(row: Row, terms: Mapping[str, str]) -> bool:
    return all(text_of(row.get(field)).lower() == value.lower() for field, value in terms.items())


def _for(target: Target, shown: Shown) -> Shown:
    return Shown(target, shown.exists, shown.id, shown.values, shown.version, shown.updated_at, shown.url)


def _named(target: Target) -> str:
    return f"{target.kind} {target.id or ', '.join(f'{field}={value}' for field, value in target.key)}"
