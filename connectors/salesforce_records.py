"""Records of a Salesforce object as they are now: found by id or by key, many in one query."""

import re
from collections.abc import Iterable, Mapping, Sequence

from connectors.base import Shown, Target
from connectors.errors import ContractBroken, Invalid, NotFound, SkipRecord
from connectors.instants import instant
from connectors.keys import natural_id
from connectors.salesforce_fields import SalesforceField, fields_of
from connectors.salesforce_org import Org, Record
from connectors.salesforce_soql import STAMP, Query

Fields = Mapping[str, SalesforceField]
_DELETED = "IsDeleted"


class Records:
    """What one organisation shows of its records."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def fields(self, name: str) -> Fields:
        """The fields of an object."""
        return fields_of(self._org.describe(name))

    def views(self, name: str, targets: Sequence[Target]) -> list[Shown | SkipRecord]:
        """What these targets of one object show, in order, or why one cannot be looked for."""
        fields = self.fields(name)
        wanted = ["Id", STAMP, *(each for target in targets for each in (*target.fields, *dict(target.key)))]
        conditions, views = {}, {}
        for number, target in enumerate(targets):
            try:
                conditions[number] = _condition(fields, target)
            except SkipRecord as error:
                views[number] = error
        rows: Sequence[Record] = []
        if conditions:
            query = Query(name, (), " OR ".join(dict.fromkeys(conditions.values())))
            if all(target.id is not None and not target.fields for target in targets):
                rows = self._org.with_deleted(query.soql(known([*wanted, _DELETED], fields)))
            else:
                rows = self._org.records(query.soql(known(wanted, fields)))
        return [
            views.get(number) or _view(fields, target, [row for row in rows if _is(fields, target, row)])
            for number, target in enumerate(targets)
        ]


def known(names: Iterable[str], fields: Fields) -> list[str]:
    """The names that the object has, without repeats."""
    return [name for name in dict.fromkeys(names) if name in fields]


def _condition(fields: Fields, target: Target) -> str:
    if target.id is not None:
        if not re.fullmatch(r"[A-Za-z0-9]{15}|[A-Za-z0-9]{18}", target.id):
            raise NotFound(f"{target.kind}: {target.id!r} is no Salesforce id")
        return f"Id = '{target.id}'"
    unknown = [name for name, _ in target.key if name not in fields]
    if unknown or not target.key:
        raise Invalid(
            f"{target.kind} has no key field {', '.join(unknown) or '(none named)'}", fix="correct `key`"
        )
    equal = [f"{name} = {fields[name].literal(value) if value else 'null'}" for name, value in target.key]
    return "(" + " AND ".join(equal) + ")"


def _is(fields: Fields, target: Target, row: Record) -> bool:
    if target.id is not None:
        return str(row["Id"])[:15] == target.id[:15]
    return all(fields[name].same(row.get(name), value) for name, value in target.key)


def _view(fields: Fields, target: Target, rows: Sequence[Record]) -> Shown | SkipRecord:
    if not rows:
        return Shown(target, exists=False)
    if len(rows) > 1:
        return Invalid(
            f"{target.kind}: {len(rows)} records have the key {natural_id(dict(target.key).values())}"
        )
    (row,) = rows
    if row.get(_DELETED):
        return Shown(target, exists=False, id=str(row["Id"]), updated_at=instant(row[STAMP]))
    values = {name: fields[name].plain(row.get(name)) if name in fields else None for name in target.fields}
    return Shown(target, exists=True, id=str(row["Id"]), values=values, version=str(row[STAMP]))


def sound(view: Shown | SkipRecord) -> Shown:
    """The view of a target that could be looked for. Raises ContractBroken for any other."""
    if isinstance(view, SkipRecord):
        raise ContractBroken(view.text, fix=view.fix or "check the fields and the key of `write`")
    return view
