"""Ticket ages, buckets and clocks, also on a year of real incidents."""

import csv
import json
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.judging import ServiceTerms
from portfolio.facts import Source, Ticket
from portfolio.service_clock import clock
from portfolio.ticket_rows import desk
from portfolio.tickets import TicketClock, TicketCounts, age, count

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
LOG = FIXTURES / "servicenow/uci-incident-log"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def ticket(days: float | None = 1, category: str = "new", **values: Any) -> Ticket:
    opened_at = None if days is None else NOW - timedelta(days=days)
    given = {
        "due_at": None,
        "resolved_at": None,
        "breached": None,
        "escalation": None,
        "priority": "2 - High",
    }
    return Ticket(
        number="INC1",
        type="incident",
        title="Slow",
        state_category=category,
        opened_at=opened_at,
        source=Source("snow", "INC1"),
        **(given | values),
    )


def counted(tickets: list[Ticket], now: datetime) -> TicketCounts:
    return count([(each, clock(each, now, ServiceTerms(), ZoneInfo("UTC"))) for each in tickets], now)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "0-1d"), (0.99, "0-1d"), (1, "1-7d"), (6.99, "1-7d"), (7, "7-30d"), (29.99, "7-30d"), (30, "30d+")],
)
def test_age_buckets(days: float, bucket: str) -> None:
    assert counted([ticket(days)], NOW).by_age == {bucket: 1}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, None),
        ({"breached": True}, True),
        ({"breached": False}, False),
        ({"due_at": NOW}, False),
        ({"due_at": NOW - timedelta(seconds=1)}, True),
        ({"due_at": NOW - timedelta(seconds=1), "breached": False}, True),
        ({"due_at": NOW + timedelta(days=1), "breached": True}, True),
        ({"category": "resolved", "due_at": NOW, "resolved_at": NOW + timedelta(seconds=1)}, True),
        (
            {
                "category": "resolved",
                "due_at": NOW - timedelta(days=1),
                "resolved_at": NOW - timedelta(days=2),
            },
            False,
        ),
        ({"category": "closed", "due_at": NOW - timedelta(days=1)}, None),
    ],
)
def test_breach(values: dict[str, Any], wanted: bool | None) -> None:  # noqa: FBT001
    assert clock(ticket(**values), NOW, ServiceTerms(), ZoneInfo("UTC")).breached is wanted


def test_only_open_tickets_count() -> None:
    found = counted(
        [
            ticket(3, breached=True, escalation="2"),
            ticket(9, "on_hold", breached=False),
            ticket(None, "in_progress", priority=None),
            ticket(50, "resolved", breached=True),
            ticket(50, "closed", breached=True),
            ticket(50, "cancelled", breached=True),
        ],
        NOW,
    )
    assert (found.open, found.breached, found.clocked, found.on_hold, found.oldest_days) == (3, 1, 2, 1, 9)
    assert found.by_priority == {"2 - High": 2, "none": 1}
    assert found.by_escalation == {"2": 1}
    assert found.breached_sources == (Source("snow", "INC1"),)


def test_no_ticket_is_nothing_counted() -> None:
    assert counted([], NOW) == TicketCounts()


def test_a_ticket_that_came_back_counts_once_open_or_not() -> None:
    came_back = [ticket(3, reopened=2), ticket(50, "closed", reopened=1), ticket(1)]
    assert counted(came_back, NOW).reopened == 2


def test_age_of_a_resolved_ticket_stands_still() -> None:
    assert age(ticket(5, "resolved", resolved_at=NOW - timedelta(days=3)), NOW) == timedelta(days=2)


def real_tickets(at: str) -> list[Ticket]:
    """The incidents of the log as they stood at a local instant."""
    newest: dict[str, tuple[int, dict[str, str]]] = {}
    with (LOG / "dev_slice.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if local(row["sys_updated_at"]) <= datetime.fromisoformat(at).replace(tzinfo=UTC):
                version = int(row["sys_mod_count"])
                if row["number"] not in newest or version >= newest[row["number"]][0]:
                    newest[row["number"]] = (version, row)
    return [
        Ticket(
            number=row["number"],
            type="incident",
            title=row["number"],
            priority=row["priority"],
            state_category="closed" if row["incident_state"] in ("Resolved", "Closed") else "in_progress",
            opened_at=local(row["opened_at"]),
            due_at=None,
            resolved_at=None,
            breached=row["made_sla"] == "false",
            escalation=None,
            source=Source("snow", row["number"]),
        )
        for _, row in newest.values()
    ]


def local(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def instants() -> list[str]:
    if not LOG.exists():
        return ["absent"]
    return list(json.loads((LOG / "expected_dev.json").read_text())["dev_slice"]["as_of"])


@pytest.mark.parametrize("at", instants())
def test_real_incidents_at_an_instant(at: str) -> None:
    if not LOG.exists():
        pytest.skip(f"the incident log is not at {LOG}")
    wanted = json.loads((LOG / "expected_dev.json").read_text())["dev_slice"]["as_of"][at]
    tickets = real_tickets(at)
    found = counted(tickets, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert len(tickets) == wanted["visible"]
    assert found.open == wanted["open"]
    assert Counter(found.by_priority) == Counter(wanted["open_by_priority"])
    assert Counter(found.by_age) == Counter(wanted["open_age_buckets"])
    assert found.breached == wanted["open_sla_breached"]


def test_the_desk_shows_counts_and_the_oldest_first_without_a_running_clock() -> None:
    many = [
        (replace(ticket(days), number=f"INC{days}"), TicketClock(breached=days > 5, escalate_to="Lead"))
        for days in range(1, 13)
    ]
    shown = desk(many, count(many, NOW), NOW)
    assert (shown["open"], shown["breached"], shown["by_level"]) == (12, 7, {"Lead": 12})
    assert [each["age_days"] for each in shown["oldest"]] == list(range(12, 2, -1))
    assert "clock_share" not in shown["oldest"][0]


@pytest.mark.parametrize(
    ("days", "category", "age_days"), [(3.5, "new", 3), (3.5, "closed", None), (None, "new", None)]
)
def test_only_an_open_ticket_has_an_age(days: float | None, category: str, age_days: int | None) -> None:
    one = [(ticket(days, category), TicketClock())]
    assert desk(one, count(one, NOW), NOW)["oldest"][0]["age_days"] == age_days
