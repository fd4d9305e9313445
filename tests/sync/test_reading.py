"""Pages on their way to the store: in order, large ones joined while they wait, each with what it must keep."""

import queue
import tracemalloc
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest

from connectors.base import BadRow, Page, SourceRecord, Stream
from sync.reading import LARGE, Arrived, Ended, Event, Order, Reading, Start, Tool, arriving, read

READINGS = [Reading(Stream("issue", scope), cast("Any", None)) for scope in ("one", "two")]
TOOL = Tool("jira", "jira", cast("Any", None), (), Decimal(1), "")
BIG = LARGE.start


def page(first: int, count: int, *, of: int = 0, last: bool = False, bad: bool = False) -> Arrived:
    records = [SourceRecord(str(number), {}) for number in range(first, first + count)]
    rejects = [BadRow("bad", None, None, "why")] if bad else []
    told = Page(records=records, cursor={"to": first + count}, last=last, complete=True, rejects=rejects)
    held = frozenset({"everything"}) if last else None
    return Arrived(TOOL, READINGS[of], told, held, full=last)


def taken(events: Sequence[Event]) -> list[Event]:
    waiting: queue.Queue[Event] = queue.Queue()
    for event in events:
        waiting.put(event)
    found = []
    for event in arriving(waiting):
        found.append(event)
        if isinstance(event, Ended):
            break
    return found


def test_large_pages_that_wait_come_as_one_with_what_the_last_one_says() -> None:
    first, second, third = page(0, BIG), page(BIG, BIG), page(2 * BIG, BIG, last=True)
    joined, ended = taken([first, second, third, Ended(TOOL, None)])

    assert isinstance(joined, Arrived)
    assert [record.id for record in joined.page.records] == [str(number) for number in range(3 * BIG)]
    assert (joined.page.cursor, joined.page.last) == (third.page.cursor, True)
    assert (joined.held, joined.full) == (third.held, third.full)
    assert isinstance(ended, Ended)


@pytest.mark.parametrize(
    "second",
    [page(BIG, BIG - 1), page(BIG, BIG, bad=True), page(BIG, BIG, of=1), page(BIG, LARGE.stop)],
    ids=["small", "rejects", "another reading", "very large"],
)
def test_any_other_page_stays_by_itself(second: Arrived) -> None:
    events: list[Event] = [page(0, BIG), second, page(1000, BIG), Ended(TOOL, None)]
    assert taken(events) == events


def test_a_read_that_ended_is_not_joined_to_the_next_of_its_scope() -> None:
    events: list[Event] = [page(0, BIG, last=True), page(0, BIG), Ended(TOOL, None)]
    assert taken(events) == events


def test_a_joined_page_grows_to_a_bound() -> None:
    pages = [page(BIG * number, BIG) for number in range(100)]
    found = taken([*pages, Ended(TOOL, None)])[:-1]
    sizes = [len(event.page.records) for event in found if isinstance(event, Arrived)]

    assert sum(sizes) == 100 * BIG
    assert max(sizes) == LARGE.stop


class Long:
    """A tool of many records, told a page at a time."""

    def __init__(self, count: int, *, replaces: bool) -> None:
        self.count, self.replaces = count, replaces

    def pull(self, _stream: Stream, _cursor: object) -> Iterator[Page]:
        for start in range(0, self.count, BIG):
            records = [SourceRecord(f"record {number}", {}) for number in range(start, start + BIG)]
            last = start + BIG >= self.count
            yield Page(records, {}, last=last, replaces=self.replaces)


class Forgetful(queue.Queue[Event]):
    """Keeps nothing but what the last page of a read says that the read held."""

    held: frozenset[str] | None = None

    def _put(self, item: Event) -> None:
        if isinstance(item, Arrived):
            self.held = item.held

    def _qsize(self) -> int:
        return 0


def peak(connector: Long) -> int:
    tool = Tool("jira", "jira", cast("Any", connector), (READINGS[0],), Decimal(1), "")
    order = Order(tool, [Start(None, None, first=True)], None, approve=False)
    tracemalloc.start()
    read(order, Forgetful(), lambda: False)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_a_read_that_nothing_is_compared_with_remembers_no_ids() -> None:
    assert peak(Long(10_000, replaces=False)) < 2 * peak(Long(100, replaces=False))


def test_a_read_that_is_the_whole_truth_tells_all_it_held() -> None:
    events = Forgetful()
    tool = Tool("jira", "jira", cast("Any", Long(1000, replaces=True)), (READINGS[0],), Decimal(1), "")
    read(Order(tool, [Start(None, None, first=True)], None, approve=False), events, lambda: False)
    assert events.held == frozenset(f"record {number}" for number in range(1000))
