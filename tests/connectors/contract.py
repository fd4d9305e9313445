"""The contract of every connector: one suite, run against each tool through a `Harness`.

A connector's test file subclasses `ConnectorContract` and gives it a `harness` fixture:

    class TestJiraCloud(ConnectorContract):
        @pytest.fixture
        def harness(self) -> Iterator[Harness]: ...
"""

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal, Protocol

import pytest

from connectors.base import Connector, Cursor, Page, Patch, Plain, Shown, SourceRecord, Stream, Target
from connectors.errors import (
    Conflict,
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    OutcomeUnknown,
    ReadOnly,
    Retry,
    SkipRecord,
    StopConnection,
)

Fault = Literal[
    "unauthorized", "rate_limited", "server_error", "login_page", "truncated", "gone", "dropped",
    "repeated_page", "short_read", "lost_write",
]  # fmt: skip
"""What a harness can make its tool do, to every request until `heal`:

`unauthorized` 401 · `rate_limited` 429 without end · `server_error` 500 · `login_page` 200 with HTML
`truncated` JSON cut short · `gone` 410 · `dropped` the connection closed without an answer
`repeated_page` the tool hands out the same page token, or the same page, again
`short_read` the tool gives fewer records than its exact count announces
`lost_write` a write is applied and its answer lost
"""

_ERRORS: Mapping[Fault, tuple[type[ConnectorError], ...]] = {
    "unauthorized": (CredentialsRefused,),
    "rate_limited": (Retry,),
    "server_error": (Retry,),
    "login_page": (StopConnection,),
    "truncated": (Retry, ContractBroken),
    "gone": (ContractBroken,),
    "dropped": (Retry,),
}


class Harness(Protocol):
    """One tool, simulated, with the hands of its users. Ids are those of `SourceRecord.id`."""

    @property
    def secret(self) -> str:
        """The password, token or key that must never be seen."""
        ...

    @property
    def stream(self) -> Stream:
        """What the suite reads. The tool may hold other records in this scope already."""
        ...

    @property
    def values(self) -> Mapping[str, Plain]:
        """What the suite writes to `target`: two fields or more, none of them empty."""
        ...

    @property
    def faults(self) -> frozenset[Fault]:
        """What `plant` can do. A promise about a fault that the tool cannot have is kept by itself."""
        ...

    @property
    def paged(self) -> bool:
        """False where the tool gives everything at once (a file)."""
        ...

    @property
    def absent(self) -> str:
        """An id that is well-formed and that no record has."""
        ...

    @property
    def writes(self) -> int:
        """How many field writes the tool has accepted from the connector."""
        ...

    @property
    def requests(self) -> int:
        """How many requests (or opened files, or statements) have reached the tool."""
        ...

    def connect(self, *, read_only: bool = False) -> Connector:
        """A connector with pages of at most three records that waits in no time; the suite closes it."""
        ...

    def add(self, count: int) -> Sequence[str]:
        """Somebody creates records in the stream's scope; their ids."""
        ...

    def edit(self, record: str) -> None:
        """Somebody changes the text of a record, which the tool stamps as changed now."""
        ...

    def delete(self, record: str) -> None:
        """Somebody deletes a record."""
        ...

    def meddle(self, record: str) -> None:
        """Somebody changes one of the fields in `values` by hand."""
        ...

    def truth(self) -> Mapping[str, str]:
        """The text of each record in the stream's scope, by id, as the tool holds it now."""
        ...

    def text(self, record: SourceRecord) -> str:
        """The text that `edit` changes, as a pulled record shows it."""
        ...

    def target(self, record: str) -> Target:
        """The target that writes to a record, with the fields of `values`."""
        ...

    def plant(self, fault: Fault) -> None:
        """Makes the tool fail from the next request on."""
        ...

    def heal(self) -> None:
        """Makes the tool work again."""
        ...


class ConnectorContract:
    """What the engine relies on. Every test is one promise of `connectors.base`."""

    @pytest.fixture
    def connector(self, harness: Harness) -> Iterator[Connector]:
        connector = harness.connect()
        yield connector
        connector.close()

    def test_pull_gives_every_record_once_complete(self, harness: Harness, connector: Connector) -> None:
        harness.add(10)
        pages = list(connector.pull(harness.stream, None))
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert pages[-1].complete
        assert len(pages) > 1 or not harness.paged
        assert _texts(harness, pages) == harness.truth()

    def test_an_edit_between_pages_is_not_missed(self, harness: Harness, connector: Connector) -> None:
        ids = harness.add(10)
        seen: dict[str, str] = {}
        cursor: Cursor | None = None
        for page, victim in zip(connector.pull(harness.stream, None), _cycled(ids), strict=False):
            seen |= _texts(harness, [page])
            cursor = _stored(page.cursor)
            harness.edit(victim)
            harness.edit(ids[-1])
        seen |= _texts(harness, connector.pull(harness.stream, cursor))
        assert seen == harness.truth()

    def test_records_that_appear_and_vanish_while_paging_hide_no_other(
        self, harness: Harness, connector: Connector
    ) -> None:
        ids = list(harness.add(12))
        seen: dict[str, str] = {}
        cursor: Cursor | None = None
        for number, page in enumerate(connector.pull(harness.stream, None)):
            seen |= _texts(harness, [page])
            cursor = _stored(page.cursor)
            if number < 3:
                harness.delete(ids.pop(0))
                harness.add(1)
        seen |= _texts(harness, connector.pull(harness.stream, cursor))
        truth = harness.truth()
        assert {each: seen.get(each) for each in truth} == truth

    def test_pull_resumes_after_any_page(self, harness: Harness, connector: Connector) -> None:
        harness.add(10)
        for stop in range(1, 1 + len(list(connector.pull(harness.stream, None)))):
            seen: dict[str, str] = {}
            cursor: Cursor | None = None
            for page, _ in zip(connector.pull(harness.stream, None), range(stop), strict=False):
                seen |= _texts(harness, [page])
                cursor = _stored(page.cursor)
            other = harness.connect()
            seen |= _texts(harness, other.pull(harness.stream, cursor))
            other.close()
            assert seen == harness.truth(), f"stopped after page {stop}"

    def test_an_incremental_pull_brings_what_changed(self, harness: Harness, connector: Connector) -> None:
        ids = harness.add(8)
        cursor = _stored(list(connector.pull(harness.stream, None))[-1].cursor)
        harness.edit(ids[2])
        harness.edit(ids[5])
        (new,) = harness.add(1)
        pages = list(connector.pull(harness.stream, cursor))
        assert pages[-1].last
        seen = _texts(harness, pages)
        truth = harness.truth()
        assert {each: seen.get(each) for each in (ids[2], ids[5], new)} == {
            each: truth[each] for each in (ids[2], ids[5], new)
        }

    def test_a_pull_of_nothing_new_ends_well(self, harness: Harness, connector: Connector) -> None:
        harness.add(3)
        cursor = _stored(list(connector.pull(harness.stream, None))[-1].cursor)
        for _ in range(2):
            pages = list(connector.pull(harness.stream, cursor))
            assert pages[-1].last
            assert pages[-1].complete
            cursor = _stored(pages[-1].cursor)

    def test_records_are_whole(self, harness: Harness, connector: Connector) -> None:
        harness.add(2)
        for record in _records(connector.pull(harness.stream, None)):
            assert record.id
            assert record.body
            assert _holds_no_float(record.body), record.body
            for instant in (record.created_at, record.updated_at):
                assert instant is None or instant.utcoffset() is not None

    def test_a_repeated_page_raises(self, harness: Harness, connector: Connector) -> None:
        if "repeated_page" not in harness.faults:
            return
        harness.add(10)
        harness.plant("repeated_page")
        with pytest.raises(ContractBroken):
            list(islice(connector.pull(harness.stream, None), 100))

    def test_a_short_read_is_not_complete(self, harness: Harness, connector: Connector) -> None:
        if "short_read" not in harness.faults:
            return
        harness.add(10)
        harness.plant("short_read")
        try:
            pages = list(connector.pull(harness.stream, None))
        except ConnectorError:
            return
        assert not pages[-1].complete

    def test_a_failure_between_pages_raises_and_resumes(self, harness: Harness, connector: Connector) -> None:
        if "server_error" not in harness.faults or not harness.paged:
            return
        harness.add(10)
        pages = connector.pull(harness.stream, None)
        first = next(pages)
        harness.plant("server_error")
        with pytest.raises(Retry):
            list(pages)
        harness.heal()
        seen = _texts(harness, [first]) | _texts(
            harness, connector.pull(harness.stream, _stored(first.cursor))
        )
        assert seen == harness.truth()

    def test_the_census_agrees_with_the_pull(self, harness: Harness, connector: Connector) -> None:
        ids = harness.add(10)
        harness.delete(ids[3])
        pulled = {record.id for record in _records(connector.pull(harness.stream, None))}
        census = connector.census(harness.stream)
        assert census.ids is None or census.ids == pulled == set(harness.truth())
        assert census.count is None or census.count == len(pulled)

    def test_a_read_that_replaces_its_scope_says_so_with_all_it_gives(
        self, harness: Harness, connector: Connector
    ) -> None:
        harness.add(3)
        pages = list(connector.pull(replace(harness.stream, full=True), None))
        assert {page.replaces for page in pages if page.records} <= {pages[-1].replaces}

    def test_look_tells_what_is_there(self, harness: Harness, connector: Connector) -> None:
        here, gone = harness.add(2)
        harness.delete(gone)
        targets = [harness.target(each) for each in (here, gone, harness.absent)]
        shown = {each.target: each for each in connector.look(targets)}
        assert {target: each.exists for target, each in shown.items()} == dict(
            zip(targets, (True, False, False), strict=True)
        )
        assert set(shown[targets[0]].values) == set(harness.values)

    def test_look_without_fields_tells_only_presence(self, harness: Harness, connector: Connector) -> None:
        here, gone = harness.add(2)
        harness.delete(gone)
        targets = [replace(harness.target(each), fields=()) for each in (here, gone)]
        assert {each.target: each.exists for each in connector.look(targets)} == {
            targets[0]: True,
            targets[1]: False,
        }

    def test_push_writes_and_shows(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        (outcome,) = connector.push([_patch(harness, _look(connector, harness, record))])
        assert outcome.error is None
        assert outcome.shown is not None
        assert outcome.shown.exists
        assert dict(outcome.shown.values) == dict(harness.values)
        assert dict(_look(connector, harness, record).values) == dict(harness.values)

    def test_push_twice_writes_once(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        patch = _patch(harness, _look(connector, harness, record))
        assert [each.error for each in connector.push([patch])] == [None]
        written = harness.writes
        assert written > 0
        again = _patch(harness, _look(connector, harness, record))
        assert [each.error for each in connector.push([again])] == [None]
        assert harness.writes == written

    def test_push_clears_a_field(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        list(connector.push([_patch(harness, _look(connector, harness, record))]))
        shown = _look(connector, harness, record)
        field = next(iter(harness.values))
        (outcome,) = connector.push([Patch(shown.target, {field: None}, shown.values, shown.version)])
        assert outcome.error is None
        after = _look(connector, harness, record).values
        assert dict(after) == {**harness.values, field: None}

    def test_a_record_changed_since_is_a_conflict(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        patch = _patch(harness, _look(connector, harness, record))
        harness.meddle(record)
        written = harness.writes
        (outcome,) = connector.push([patch])
        assert isinstance(outcome.error, Conflict)
        assert harness.writes == written

    def test_one_bad_target_harms_no_other(self, harness: Harness, connector: Connector) -> None:
        first, gone, last = harness.add(3)
        patches = [_patch(harness, _look(connector, harness, each)) for each in (first, gone, last)]
        harness.delete(gone)
        outcomes = {each.patch.target: each for each in connector.push(patches)}
        assert len(outcomes) == 3
        assert outcomes[patches[0].target].error is None
        assert isinstance(outcomes[patches[1].target].error, SkipRecord)
        assert outcomes[patches[2].target].error is None

    def test_an_unanswered_write_is_unknown_and_not_repeated(
        self, harness: Harness, connector: Connector
    ) -> None:
        if "lost_write" not in harness.faults:
            return
        (record,) = harness.add(1)
        patch = _patch(harness, _look(connector, harness, record))
        harness.plant("lost_write")
        (outcome,) = connector.push([patch])
        assert isinstance(outcome.error, OutcomeUnknown)
        harness.heal()
        assert dict(_look(connector, harness, record).values) == dict(harness.values)
        assert harness.writes == len(harness.values)

    def test_pulled_records_show_what_was_written(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        if harness.target(record).kind != harness.stream.kind:
            return
        list(connector.push([_patch(harness, _look(connector, harness, record))]))
        stream = replace(harness.stream, owned=tuple(harness.values))
        pulled = {each.id: each for each in _records(connector.pull(stream, None))}
        assert dict(pulled[record].owned) == dict(harness.values)

    def test_read_only_refuses_before_any_request(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        patch = _patch(harness, _look(connector, harness, record))
        guarded = harness.connect(read_only=True)
        requests, writes = harness.requests, harness.writes
        with pytest.raises(ReadOnly):
            list(guarded.push([patch]))
        assert (harness.requests, harness.writes) == (requests, writes)
        guarded.close()

    def test_check_tells_who_we_are(self, harness: Harness, connector: Connector) -> None:
        identity = connector.check()
        assert identity.account
        assert identity.tenant
        assert identity.product
        assert harness.secret not in repr(identity)
        assert [each for each in identity.findings if each.severity == "error"] == []

    def test_describe_tells_what_may_be_written(self, harness: Harness, connector: Connector) -> None:
        (record,) = harness.add(1)
        fields = {each.id: each for each in connector.describe(harness.target(record).kind)}
        assert {name: fields[name].writable for name in harness.values} == dict.fromkeys(harness.values, True)

    @pytest.mark.parametrize("fault", list(_ERRORS))
    def test_every_failure_is_one_of_ours_and_tells_no_secret(
        self, harness: Harness, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        if fault not in harness.faults:
            return
        (record,) = harness.add(1)
        first = harness.connect()
        patch = _patch(harness, _look(first, harness, record))
        first.close()
        harness.plant(fault)
        with caplog.at_level(logging.DEBUG):
            for name, act in _acts(harness, patch):
                connector = harness.connect()
                error = _failure(act, connector)
                connector.close()
                assert isinstance(error, _ERRORS[fault]), f"{name} under {fault}: {error!r}"
                assert harness.secret not in f"{error} {error.fix}"
                assert harness.secret not in "".join(traceback.format_exception(error))
        assert harness.secret not in caplog.text


def _acts(harness: Harness, patch: Patch) -> list[tuple[str, Callable[[Connector], object]]]:
    return [
        ("check", lambda connector: connector.check()),
        ("describe", lambda connector: connector.describe(patch.target.kind)),
        ("pull", lambda connector: list(connector.pull(harness.stream, None))),
        ("census", lambda connector: connector.census(harness.stream)),
        ("look", lambda connector: list(connector.look([patch.target]))),
        ("push", lambda connector: _raised(connector, patch)),
    ]


def _raised(connector: Connector, patch: Patch) -> None:
    for outcome in connector.push([patch]):
        if outcome.error is not None:
            raise outcome.error


def _failure(act: Callable[[Connector], object], connector: Connector) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        act(connector)
    return caught.value


def _cycled(ids: Sequence[str]) -> Iterator[str]:
    """A record for each page: from the front (read already) and from the back (not yet read) in turn."""
    while True:
        for front, back in zip(ids, reversed(ids), strict=True):
            yield front
            yield back


def _records(pages: Iterator[Page] | Sequence[Page]) -> Iterator[SourceRecord]:
    for page in pages:
        yield from page.records


def _texts(harness: Harness, pages: Iterator[Page] | Sequence[Page]) -> dict[str, str]:
    return {record.id: harness.text(record) for record in _records(pages)}


def _stored(cursor: Cursor) -> Cursor:
    """The cursor as it comes back from the store: it must survive JSON."""
    kept: Cursor = json.loads(json.dumps(dict(cursor)))
    return kept


def _look(connector: Connector, harness: Harness, record: str) -> Shown:
    (shown,) = connector.look([harness.target(record)])
    return shown


def _patch(harness: Harness, shown: Shown) -> Patch:
    return Patch(shown.target, harness.values, shown.values, shown.version)


def _holds_no_float(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_holds_no_float, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_holds_no_float, value))
    return not isinstance(value, float)
