"""Writing to a Salesforce organisation: in collections, or as a job where there are many; a verdict per record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.base import Outcome, Patch, Shown, Target
from connectors.errors import Conflict, ConnectorError, Invalid, NotFound, OutcomeUnknown, Retry, SkipRecord
from connectors.salesforce_org import Org, Record, refusal
from connectors.salesforce_records import Fields, Records, sound

AT_ONCE = 100
COLLECTION = "composite/sobjects"
Groups = dict[tuple[str, str], list[tuple[Patch, Record]]]
"""Records to send by method and path."""


class Push:
    """The write side of one organisation; from `bulk_from` records of one object on it is a job."""

    def __init__(self, org: Org, records: Records, bulk_from: int) -> None:
        self._org = org
        self._records = records
        self._bulk_from = bulk_from

    def all(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """One outcome per patch, as it is known."""
        kinds = list(dict.fromkeys(patch.target.kind for patch in patches))
        self._end_earlier_jobs(kinds)
        for kind in kinds:
            mine = [patch for patch in patches if patch.target.kind == kind]
            some = [mine[at : at + AT_ONCE] for at in range(0, len(mine), AT_ONCE)]
            if len(mine) > self._bulk_from:
                yield from self._push_in_bulk(kind, some)
                continue
            for each in some:
                outcomes, groups = self._prepared(kind, each)
                yield from outcomes
                for (method, path), group in groups.items():
                    yield from self._write(kind, method, path, group)

    def _end_earlier_jobs(self, kinds: Sequence[str]) -> None:
        """A run that was killed leaves its job behind.

        One that is at work would write its older figures over the new ones, so its end is waited for before records are
        looked at; one that was never closed does nothing, and is taken away where it is known to be this account's.
        """
        jobs = self._org.bulk.unfinished(kinds) if kinds else ()
        if jobs:
            me = self._org.user_id()
            for job in jobs:
                self._org.bulk.end(job, ours=bool(me) and str(job.get("createdById"))[:15] == me[:15])

    def _push_in_bulk(self, name: str, parts: Sequence[Sequence[Patch]]) -> Iterator[Outcome]:
        """Looks at all records first, then writes each group as one job; new ones without an external id go one by one."""
        whole: Groups = {}
        for part in parts:
            outcomes, groups = self._prepared(name, part)
            yield from outcomes
            for place, group in groups.items():
                whole.setdefault(place, []).extend(group)
        for (method, path), group in whole.items():
            some = [group[at : at + AT_ONCE] for at in range(0, len(group), AT_ONCE)]
            if method == "PATCH" and len(group) > min(AT_ONCE, self._bulk_from):
                yield from self._write_in_bulk(name, path.removeprefix(f"{COLLECTION}/{name}/"), some)
            else:
                for each in some:
                    yield from self._write(name, method, path, each)

    def _write_in_bulk(
        self, name: str, key: str, parts: Sequence[Sequence[tuple[Patch, Record]]]
    ) -> Iterator[Outcome]:
        by_id = key == COLLECTION
        records = [
            {
                ("Id" if field == "id" else field): value
                for field, value in record.items()
                if field != "attributes"
            }
            for part in parts
            for _, record in part
        ]
        verdicts: list[Mapping[str, str]] = []
        unknown = OutcomeUnknown("the job's answer holds no verdict on this record")
        try:
            for some in self._org.bulk.write(name, None if by_id else key, records):
                verdicts += some
        except OutcomeUnknown as error:
            unknown = error
        answers = iter([*verdicts, *({} for _ in records[len(verdicts) :])])
        for part in parts:
            written = []
            for (patch, _), verdict in zip(part, answers, strict=False):
                if "id" in verdict:
                    written.append((patch, Target(name, id=verdict["id"], fields=tuple(patch.values))))
                elif "error" in verdict:
                    code, _, said = verdict["error"].partition(":")
                    yield Outcome(patch, error=refusal(code, said[:300]))
                else:
                    yield Outcome(patch, error=unknown)
            yield from self._read_back(name, written)

    def _prepared(self, name: str, patches: Sequence[Patch]) -> tuple[list[Outcome], Groups]:
        """What need not or cannot be written, and the records to send by method and path."""
        fields = self._records.fields(name)
        views = self._records.views(
            name, [replace(patch.target, fields=tuple(patch.values)) for patch in patches]
        )
        outcomes, groups = [], Groups()
        for patch, view in zip(patches, views, strict=True):
            try:
                record = _record_to_write(name, fields, patch, view)
            except SkipRecord as error:
                outcomes.append(Outcome(patch, error=error))
                continue
            if record is None:
                outcomes.append(Outcome(patch, replace(sound(view), target=patch.target)))
            else:
                groups.setdefault(_address(name, fields, patch, sound(view)), []).append((patch, record))
        return outcomes, groups

    def _write(
        self, name: str, method: str, path: str, group: Sequence[tuple[Patch, Record]]
    ) -> Iterator[Outcome]:
        try:
            results = self._org.collection(path, [record for _, record in group], method)
        except OutcomeUnknown as error:
            yield from (Outcome(patch, error=error) for patch, _ in group)
            return
        written: list[tuple[Patch, Target]] = []
        for number, (patch, _) in enumerate(group):
            result = results[number] if number < len(results) else None
            refused = _verdict(result)
            if refused is not None or result is None:
                yield Outcome(patch, error=refused)
            else:
                written.append((patch, Target(name, id=str(result["id"]), fields=tuple(patch.values))))
        yield from self._read_back(name, written)

    def _read_back(self, name: str, written: Sequence[tuple[Patch, Target]]) -> Iterator[Outcome]:
        try:
            views = self._records.views(name, [target for _, target in written])
        except Retry as error:
            unknown = OutcomeUnknown(f"written, but not read back: {error.text}", fix=error.fix)
            yield from (Outcome(patch, error=unknown) for patch, _ in written)
            return
        for (patch, _), view in zip(written, views, strict=True):
            if isinstance(view, Shown):
                yield Outcome(patch, replace(view, target=patch.target))
            else:
                yield Outcome(patch, error=view)


def _record_to_write(name: str, fields: Fields, patch: Patch, view: Shown | SkipRecord) -> Record | None:
    """The record to send, None where everything is there already.

    Raises SkipRecord where it cannot be sent.
    """
    if isinstance(view, SkipRecord):
        raise view
    target = patch.target
    for field in patch.values:
        if field not in fields:
            raise Invalid(
                f"{name} has no field {field!r}", fix="create it, or grant read on it (field-level security)"
            )
        if not fields[field].updateable:
            raise Invalid(
                f"{name}.{field} is read-only", fix="grant the integration user edit (field-level security)"
            )
    values = {field: fields[field].fitted(value) for field, value in patch.values.items()}
    if view.exists and dict(view.values) == values:
        return None
    if not view.exists and not target.key:
        raise NotFound(f"{name} {target.id}: not there, or not visible to this account")
    moved = [each for each in values if each in patch.before and patch.before[each] != view.values.get(each)]
    if moved or (patch.version is not None and patch.version != view.version):
        raise Conflict(f"{name} {view.id}: changed since it was looked at")
    key = {each: fields[each].fitted(fields[each].parsed(value)) for each, value in target.key}
    return {"attributes": {"type": name}, **({"id": view.id} if view.exists else key), **values}


def _address(name: str, fields: Fields, patch: Patch, view: Shown) -> tuple[str, str]:
    """Method and path of the collection: by id, by external id (safe against a twin), or a new record."""
    if view.exists:
        return "PATCH", COLLECTION
    if len(patch.target.key) == 1 and fields[patch.target.key[0][0]].external_id:
        return "PATCH", f"{COLLECTION}/{name}/{patch.target.key[0][0]}"
    return "POST", COLLECTION


def _verdict(result: Record | None) -> ConnectorError | None:
    if result is None:
        return OutcomeUnknown("the answer holds no verdict on this record")
    if result.get("success") is True:
        return None
    errors = result.get("errors") or [{}]
    return refusal(str(errors[0].get("statusCode", "")), str(errors[0].get("message", ""))[:300])
