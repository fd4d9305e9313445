"""What tools tell of their limits, and how it slows us down."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from connectors.errors import RateLimited, Retry
from connectors.http import Http
from connectors.limits import Metered, budget_of
from connectors.pace import Pace, pace_of
from sandbox.faults import Rule
from sandbox.server import serve
from tests.connectors.jira_served import NOON, STREAM, Served, records

AT = datetime(2026, 3, 26, 15, 30, tzinfo=UTC)
FOUR = datetime(2026, 3, 26, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"X-RateLimit-Limit": "350"}, None),
        ({"X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "many"}, None),
        ({"X-RateLimit-Limit": "500", "X-RateLimit-Reset": "1774540800"}, (500, None, False, FOUR)),
        ({"X-RateLimit-Limit": "500", "X-RateLimit-Reset": "1774540800", "Retry-After": "1800"}, (500, 0, True, FOUR)),
        ({"X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "70"}, (350, 70, False, None)),
        ({"X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "69"}, (350, 69, True, None)),
        ({"X-RateLimit-NearLimit": "TRUE"}, (None, None, True, None)),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-NearLimit": "false"}, (None, 5, False, None)),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "2026-03-26T16:00Z"}, (None, 5, False, FOUR)),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": str(int(FOUR.timestamp()))}, (None, 5, False, FOUR)),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "soon"}, (None, 5, False, None)),
        (
            {"RateLimit-Policy": '"day";q=1000;w=86400, "hour";q=100;w=3600', "RateLimit": '"hour";r=5;t=1800, "day";r=900;t=60'},
            (100, 5, True, FOUR),
        ),
        ({"Beta-RateLimit-Policy": '"p";q=10;w=60', "Beta-RateLimit": '"p";r=9'}, (10, 9, False, None)),
    ],
)  # fmt: skip
def test_what_is_left_is_read_from_every_kind_of_header(headers: dict[str, str], expected: Any) -> None:
    found = budget_of(headers, AT)
    assert (
        None if found is None else (found.limit, found.remaining, found.near_limit, found.resets_at)
    ) == expected


def test_near_a_limit_requests_go_half_as_fast_until_it_is_far_again() -> None:
    pace = Pace()
    pace.at_most(5)
    pace.near_limit(near=True)
    assert [round(pace.reserve(0), 3) for _ in range(3)] == [0, 0.4, 0.8]
    pace.near_limit(near=False)
    assert [round(pace.reserve(10), 3) for _ in range(3)] == [0, 0.2, 0.4]


def test_jira_that_says_near_limit_is_spoken_to_slower(either: Served) -> None:
    either.add(1)
    jira = either.connect()
    assert isinstance(jira, Metered)
    records(jira, STREAM)
    assert jira.budget is not None
    assert (jira.budget.limit, jira.budget.remaining, jira.budget.near_limit) == (100, 99, False)
    either.site.remaining = 19
    records(jira, STREAM)
    assert jira.budget.near_limit
    pace = pace_of(either.server.url.removeprefix("http://"), time.monotonic)
    assert pace._near
    either.site.remaining = 50
    records(jira, STREAM)
    assert not pace._near


@pytest.mark.parametrize(
    "reason",
    ["jira-quota-global-based", "jira-quota-tenant-based", "jira-burst-based", "jira-per-issue-on-write"],
)
def test_every_reason_of_a_429_is_waited_for(either: Served, reason: str) -> None:
    either.add(1)
    jira = either.connect()
    jira.check()
    body = f'{{"errorMessages": ["Rate limit exceeded: {reason}"]}}'
    either.faults.use(Rule(path="*/search*", status=429, retry_after=2, body=body, times=2))
    assert len(records(jira, STREAM)) == 1
    either.faults.use(Rule(path="*/search*", status=429, retry_after=3600, body=body, times=None))
    with pytest.raises(RateLimited, match=reason) as caught:
        records(jira, STREAM)
    assert caught.value.retry_after == 3600
    either.faults.use(Rule(path="*/search*", status=429, times=None))
    with pytest.raises(Retry):
        records(jira, STREAM)


@pytest.mark.parametrize(
    ("reset", "least", "most"),
    [
        ("2026-07-01T12:00:20Z", 20, 26),
        ("2026-07-01T16:00Z", 1, 1.3),
        ("2026-07-01T11:00Z", 1, 1.3),
        ("", 1, 1.3),
    ],
)
def test_a_reset_without_a_retry_after_is_waited_for_if_it_is_near(
    reset: str, least: float, most: float
) -> None:
    app = Flask("throttled")
    app.add_url_rule("/", view_func=lambda: ("{}", 429, {"X-RateLimit-Reset": reset}))
    waits: list[float] = []
    with serve(app) as server:
        http = Http(server.url, sleep=waits.append, now=lambda: NOON, attempts=2, requests_per_second=None)
        with pytest.raises(RateLimited):
            http.request("GET", "/")
        http.close()
    assert least <= waits[0] <= most


def test_tenants_behind_one_host_have_a_pace_each() -> None:
    first, same, other = (
        Http("https://api.atlassian.com/ex/jira/" + site, tenant="/ex/jira/" + site)
        for site in ("a", "a", "b")
    )
    assert first._pace is same._pace
    assert first._pace is not other._pace
    for each in (first, same, other):
        each.close()
