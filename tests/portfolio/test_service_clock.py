"""The service desk's time: calendars with holidays and time zones, holds, targets, the escalation chain."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.judging import Level, ServiceTerms
from config.settings import Portfolio
from portfolio.business_time import Calendar
from portfolio.desk import flow
from portfolio.facts import Facts, Source, Ticket
from portfolio.judge import Policy, judge
from portfolio.service_clock import clock, holds, running

D = Decimal

NEW_YORK = ZoneInfo("America/New_York")
OFFICE = Calendar(NEW_YORK, {day: (time(8), time(17)) for day in range(5)}, frozenset({date(2026, 11, 26)}))
HOUR = timedelta(hours=1)


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        ("2026-11-23 09:00", "2026-11-23 11:30", 2.5),  # a Monday
        ("2026-11-23 06:00", "2026-11-23 20:00", 9),
        ("2026-11-23 16:00", "2026-11-24 09:00", 2),
        ("2026-11-20 16:00", "2026-11-23 09:00", 2),  # over a weekend
        ("2026-11-25 16:00", "2026-11-27 09:00", 2),  # over Thanksgiving
        ("2026-11-26 09:00", "2026-11-26 12:00", 0),
        ("2026-11-21 09:00", "2026-11-22 12:00", 0),
        ("2026-11-23 11:00", "2026-11-23 09:00", 0),
        ("2026-10-30 16:00", "2026-11-02 09:00", 2),  # the clocks change on 1 November
    ],
)
def test_only_the_hours_of_the_calendar_count(begin: str, end: str, hours: float) -> None:
    assert OFFICE.between(at(begin), at(end)) == hours * HOUR


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-11-23 09:00", 8, "2026-11-23 17:00"),
        ("2026-11-23 09:00", 9, "2026-11-24 09:00"),
        ("2026-11-21 09:00", 1, "2026-11-23 09:00"),
        ("2026-11-25 16:30", 1, "2026-11-27 08:30"),
        ("2026-11-23 18:00", 0, "2026-11-23 18:00"),
    ],
)
def test_a_length_of_time_ends_in_the_hours_of_the_calendar(begin: str, hours: float, end: str) -> None:
    assert OFFICE.after(at(begin), hours * HOUR) == at(end)


def test_an_hour_that_the_clock_change_adds_counts_where_the_desk_works_at_night() -> None:
    always = Calendar(NEW_YORK, {day: (time(0), time(23, 59)) for day in range(7)})
    assert always.between(at("2026-11-01 00:00"), at("2026-11-01 06:00")) == 7 * HOUR
    assert always.between(at("2026-03-08 00:00"), at("2026-03-08 06:00")) == 5 * HOUR


def test_without_hours_the_clock_never_stops() -> None:
    begin = at("2026-11-21 09:00")
    assert Calendar(NEW_YORK).between(begin, begin + 40 * HOUR) == 40 * HOUR
    assert Calendar(NEW_YORK).after(begin, 40 * HOUR) == begin + 40 * HOUR


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
LENGTHS = st.timedeltas(timedelta(0), timedelta(days=12))


@given(st.tuples(INSTANTS, INSTANTS, INSTANTS).map(sorted))
def test_time_adds_up_and_never_exceeds_the_wall_clock(three: list[datetime]) -> None:
    first, middle, last = three
    assert OFFICE.between(first, middle) + OFFICE.between(middle, last) == OFFICE.between(first, last)
    assert timedelta(0) <= OFFICE.between(first, last) <= last - first


@given(INSTANTS, LENGTHS)
def test_what_ends_after_a_length_has_used_that_length_and_no_earlier_instant_has(
    begin: datetime, length: timedelta
) -> None:
    end = OFFICE.after(begin, length)
    assert OFFICE.between(begin, end) == length
    if length:
        assert OFFICE.between(begin, end - timedelta(microseconds=1)) < length


TERMS = ServiceTerms.model_validate(
    {
        "calendars": {"office": {"holidays": ["2026-11-26"], "timezone": "America/New_York"}},
        "targets": [
            {"type": "incident", "priority": ["1 - Critical"], "resolve": "4h"},
            {"type": "incident", "resolve": "18h", "calendar": "office"},
        ],
        "escalation": [{"at": 1, "to": "Service manager"}, {"at": 0.75, "to": "Team lead"}],
    }
)
NOW = at("2026-11-24 12:00")  # a Tuesday


def ticket(opened: str | None = "2026-11-23 09:00", **values: Any) -> Ticket:
    base = Ticket(
        number="INC1",
        type="incident",
        title="Slow",
        priority="3 - Moderate",
        state_category="in_progress",
        opened_at=at(opened) if opened else None,
        due_at=None,
        resolved_at=None,
        breached=None,
        escalation=None,
        source=Source("snow", "INC1"),
    )
    return replace(base, **values)


def shown(given: Ticket, now: datetime = NOW, terms: ServiceTerms = TERMS) -> tuple[Any, ...]:
    found = clock(given, now, terms, NEW_YORK)
    return found.share, found.due_at, found.breached, found.escalate_to


def test_a_target_in_office_hours_gives_due_instant_share_and_escalation() -> None:
    assert shown(ticket()) == (D("0.6666666666666666"), at("2026-11-25 09:00"), False, None)
    assert shown(ticket(), at("2026-11-24 13:30")) == (D("0.75"), at("2026-11-25 09:00"), False, "Team lead")
    assert shown(ticket(), at("2026-11-25 09:00"))[2:] == (False, "Service manager")
    assert shown(ticket(), at("2026-11-25 09:01"))[2:] == (True, "Service manager")


MINUTES = st.integers(-3000, 9000)


@given(opened=MINUTES, due=st.none() | MINUTES, held=st.none() | MINUTES, later=st.integers(0, 20_000))
def test_until_it_moves_a_clock_says_the_same(
    opened: int, due: int | None, held: int | None, later: int
) -> None:
    def instant(minutes: int) -> datetime:
        return NOW + timedelta(minutes=minutes)

    given_ = ticket(
        opened_at=instant(opened),
        due_at=None if due is None else instant(due),
        on_hold=() if held is None else ((instant(held), instant(held + 90)),),
    )
    found = clock(given_, NOW, TERMS, NEW_YORK)
    then = clock(given_, instant(later), TERMS, NEW_YORK)

    if found.moves_at is None or instant(later) < found.moves_at - timedelta(seconds=1):
        assert (then.breached, then.escalate_to) == (found.breached, found.escalate_to)
    elif held is None and due is None and instant(later) >= found.moves_at:
        assert (then.breached, then.escalate_to) != (found.breached, found.escalate_to)


def test_what_is_settled_or_on_hold_moves_no_more() -> None:
    assert clock(ticket(), NOW, TERMS, NEW_YORK).moves_at == at("2026-11-24 13:30:01")
    assert clock(ticket(state_category="cancelled"), NOW, TERMS, NEW_YORK).moves_at is None
    held = ticket(state_category="on_hold", on_hold=((at("2026-11-23 10:00"), None),))
    assert clock(held, NOW, TERMS, NEW_YORK).moves_at is None


@pytest.mark.parametrize(
    ("now", "levels", "moves"),
    [
        ("2026-11-24 11:59", ("0.75", "1.5"), "2026-11-24 12:00:01"),  # three of four hours
        ("2026-11-24 12:00", ("0.75", "1.5"), "2026-11-24 12:00:01"),
        ("2026-11-24 12:00:01", ("0.75", "1.5"), "2026-11-24 13:00:01"),
        ("2026-11-24 13:00:01", ("0.75", "1.5"), "2026-11-24 15:00:01"),
        ("2026-11-24 15:00:01", ("0.75", "1.5"), None),
        ("2026-11-24 12:00:01", (), "2026-11-24 13:00:01"),
        ("2026-11-24 13:00:01", (), None),
    ],
)
def test_a_clock_moves_a_second_after_each_level_and_after_its_end(
    now: str, levels: tuple[str, ...], moves: str | None
) -> None:
    terms = TERMS.model_copy(update={"escalation": tuple(Level(at=D(each), to="Lead") for each in levels)})
    by_tool = ticket("2026-11-24 09:00", due_at=at("2026-11-24 13:00"))
    by_target = ticket("2026-11-24 09:00", priority="1 - Critical")
    wanted = at(moves) if moves else None
    assert [clock(each, at(now), terms, NEW_YORK).moves_at for each in (by_tool, by_target)] == [wanted] * 2


def test_a_due_instant_before_the_opening_allows_no_time_and_has_no_share() -> None:
    odd = clock(ticket("2026-11-24 09:00", due_at=at("2026-11-24 08:00")), NOW, TERMS, NEW_YORK)
    assert (odd.allowed, odd.share, odd.breached) == (timedelta(0), None, True)
    ended = ticket(
        "2026-11-24 09:00",
        due_at=at("2026-11-24 10:00"),
        state_category="resolved",
        resolved_at=at("2026-11-24 08:00"),
    )
    assert clock(ended, NOW, TERMS, NEW_YORK).elapsed == timedelta(0), "resolved before it was opened"


@pytest.mark.parametrize(
    ("holds_", "spans"),
    [
        ((), [(0, None)]),
        (((1, 2),), [(0, 1), (2, None)]),
        (((3, 4), (1, 2)), [(0, 1), (2, 3), (4, None)]),
        (((1, 5), (2, 3)), [(0, 1), (5, None)]),
        (((1, 3), (2, 5)), [(0, 1), (5, None)]),
        (((1, 2), (3, None)), [(0, 1), (2, 3)]),
    ],
)
def test_a_clock_runs_between_the_holds_in_whatever_order_they_come(
    holds_: tuple[tuple[int, int | None], ...], spans: list[tuple[int, int | None]]
) -> None:
    def instants(hours: tuple[int, int | None]) -> tuple[datetime, datetime | None]:
        return NOW + hours[0] * HOUR, None if hours[1] is None else NOW + hours[1] * HOUR

    assert list(running(NOW, [instants(each) for each in holds_])) == [instants(each) for each in spans]


def test_the_first_target_that_fits_counts() -> None:
    critical = ticket("2026-11-24 02:00", priority="1 - critical")
    assert shown(critical) == (D("2.5"), at("2026-11-24 06:00"), True, "Service manager")
    assert shown(ticket(type="change")) == (None, None, None, None)


def test_time_on_hold_does_not_count_and_while_it_lasts_there_is_no_due_instant() -> None:
    held = ticket(on_hold=((at("2026-11-23 10:00"), at("2026-11-23 16:00")),))
    share, due, *_ = shown(held)
    assert (share, due) == (D("0.3333333333333333"), at("2026-11-25 15:00"))
    still = ticket(on_hold=((at("2026-11-23 18:00"), None),), state_category="on_hold")
    assert shown(still, at("2027-01-01 12:00"))[:3] == (D("0.4444444444444444"), None, False)
    assert clock(still, NOW, TERMS, NEW_YORK).because == (
        "The target is 18 h in the hours of office; 8 h are used up. It is on hold, so its clock stands still."
    )
    never_paused = TERMS.model_copy(update={"pause_on_hold": False})
    assert shown(still, NOW, never_paused)[1] == at("2026-11-25 09:00")


def test_what_is_used_up_before_a_hold_stays_due_then() -> None:
    late = ticket("2026-11-19 08:00", on_hold=((at("2026-11-23 18:00"), None),))
    assert shown(late)[1:3] == (at("2026-11-20 17:00"), True)


def test_time_that_is_used_up_exactly_when_a_hold_begins_is_due_then() -> None:
    hold = (at("2026-11-24 17:00"), at("2026-11-27 09:00"))
    assert shown(ticket("2026-11-23 08:00", on_hold=(hold,)))[1] == at("2026-11-24 17:00")


def test_the_tools_own_due_instant_goes_before_a_target() -> None:
    own = ticket(due_at=at("2026-11-24 15:00"))
    share, due, breached, level = shown(own)
    assert (share, due, breached, level) == (D("0.9"), at("2026-11-24 15:00"), False, "Team lead")
    told = clock(own, NOW, TERMS, NEW_YORK).because
    assert told == "The tool says that it is due at 2026-11-24 20:00 UTC."
    assert shown(replace(own, opened_at=None, due_at=at("2026-11-24 11:00")))[2] is True


def test_a_resolved_ticket_stops_its_clock_and_calls_nobody() -> None:
    done = ticket(state_category="resolved", resolved_at=at("2026-11-30 12:00"))
    share, _, breached, level = shown(done, at("2027-06-01 12:00"))
    assert (share, breached, level) == (D("2.1666666666666665"), True, None)


def test_a_calendar_may_be_open_on_one_day_and_on_none_it_is_refused() -> None:
    saturdays = ServiceTerms.model_validate({"calendars": {"market": {"days": ["sat"]}}})
    assert saturdays.calendars["market"].days == ("sat",)
    with pytest.raises(ValidationError, match="at least 1 item"):
        ServiceTerms.model_validate({"calendars": {"market": {"days": []}}})


def test_a_target_names_a_calendar_that_there_is_and_hours_run_forward() -> None:
    with pytest.raises(ValidationError, match="no calendar 'night'; calendars: none"):
        ServiceTerms.model_validate({"targets": [{"resolve": "4h", "calendar": "night"}]})
    for end in ("08:00", "17:00"):
        with pytest.raises(ValidationError, match="must be later than begin"):
            ServiceTerms.model_validate({"calendars": {"office": {"begin": "17:00", "end": end}}})


HOLDS = st.lists(st.tuples(INSTANTS, INSTANTS).map(sorted), max_size=4)


@given(HOLDS, INSTANTS)
def test_holding_a_ticket_never_uses_up_more_of_its_time(spans: list[list[datetime]], now: datetime) -> None:
    opened = datetime(2026, 1, 2, tzinfo=UTC)
    free = clock(ticket(None, opened_at=opened), now, TERMS, NEW_YORK)
    held = clock(
        ticket(None, opened_at=opened, on_hold=tuple((a, b) for a, b in spans)), now, TERMS, NEW_YORK
    )
    assert free.elapsed is not None
    assert held.elapsed is not None
    assert timedelta(0) <= held.elapsed <= free.elapsed
    assert held.due_at is not None
    assert free.due_at is not None
    assert held.due_at >= free.due_at
    assert held.breached == (held.due_at < now and held.elapsed > timedelta(hours=18))


T = [NOW + n * HOUR for n in range(6)]


@pytest.mark.parametrize(
    ("first", "changes", "spans", "reopened"),
    [
        ("new", (), (), 0),
        ("on_hold", (), ((T[0], None),), 0),
        ("new", ((T[1], "on_hold"), (T[2], "in_progress")), ((T[1], T[2]),), 0),
        ("on_hold", ((T[1], "in_progress"), (T[2], "on_hold")), ((T[0], T[1]), (T[2], None)), 0),
        ("resolved", ((T[1], "in_progress"), (T[2], "closed"), (T[3], "new")), (), 2),
        ("cancelled", ((T[1], "new"),), (), 0),
        ("resolved", ((T[1], "closed"),), (), 0),
    ],
)
def test_holds_and_reopenings_are_read_from_what_changed(
    first: str, changes: Any, spans: Any, reopened: int
) -> None:
    assert holds(T[0], first, changes) == (spans, reopened)


def test_the_flow_counts_by_week_and_the_backlog_is_what_is_left() -> None:
    def row(opened: str, resolved: str | None, state: str = "closed") -> dict[str, Any]:
        return {"opened_at": opened, "resolved_at": resolved, "state_category": state}

    tickets = [
        row("2026-11-24T01:00:00Z", None, "new"),
        row("2026-11-18T01:00:00Z", "2026-11-24T02:00:00Z"),
        row("2026-11-17T23:00:00Z", "2026-11-18T02:00:00Z"),
        row("2026-11-10T23:00:00Z", "2026-11-30T02:00:00Z", "resolved"),
        row("2026-11-04T23:00:00Z", "2026-11-10T02:00:00Z"),
        row("2026-11-10T23:00:00Z", None),
        row("2026-11-04T23:00:00Z", None) | {"closed_at": "2026-11-17T02:00:00Z"},
    ]
    weeks = flow([{"tickets": tickets}], date(2026, 11, 24))
    assert len(weeks) == 12
    assert weeks[-3:] == [
        {"week_ending": "2026-11-10", "opened": 3, "resolved": 1, "backlog": 2},
        {"week_ending": "2026-11-17", "opened": 1, "resolved": 1, "backlog": 2},
        {"week_ending": "2026-11-24", "opened": 2, "resolved": 2, "backlog": 2},
    ]


def test_the_document_and_the_exceptions_show_the_chain() -> None:
    policy = Policy.of(
        Portfolio(timezone="America/New_York", service=TERMS.model_copy(update={"pause_on_hold": True}))
    )
    tickets = (ticket(), ticket("2026-11-16 09:00", reopened=2), ticket("2026-11-16 09:00"))
    result = judge(Facts("K", "N", state="active", tickets=tickets), now=NOW, policy=policy)
    assert [each["escalate_to"] for each in result.document["tickets"]] == [None, *["Service manager"] * 2]
    assert result.document["tickets"][0]["clock_share"] == 0.666667
    counts = result.document["ticket_counts"]
    assert (counts["by_level"], counts["breached"], counts["reopened"]) == ({"Service manager": 2}, 2, 1)
    texts = [each["text"] for each in result.exceptions if each["kind"] == "escalation"]
    assert texts == ["2 tickets have to be escalated to Service manager."]
