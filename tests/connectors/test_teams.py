"""Cards into a simulated Teams workflow."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.errors import CredentialsRefused, Invalid, OutcomeUnknown, RateLimited
from connectors.http import Http
from connectors.teams import Teams, base_of
from sandbox.server import serve
from sandbox.teams import Channel, create_app
from tests.connectors.graph_site import no_sleep
from tests.connectors.test_smtp_mail import PARCEL

CARD = {"type": "AdaptiveCard", "version": "1.5", "body": []}
WITH_CARD = replace(PARCEL, card=json.dumps(CARD).encode())


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def url(channel: Channel) -> Iterator[str]:
    with serve(create_app(channel)) as server:
        yield f"{server.url}/workflows/pmo?sig={channel.signature}"


def teams(url: str) -> Teams:
    return Teams(Http(base_of(url), secrets=(url, "sandbox-workflow"), sleep=no_sleep), url=url)


def test_a_card_stands_in_the_channel(channel: Channel, url: str) -> None:
    teams(url).send(WITH_CARD)
    assert channel.cards == [CARD]


def test_a_throttled_card_was_surely_not_posted(channel: Channel, url: str) -> None:
    channel.busy = 1
    with pytest.raises(RateLimited):
        teams(url).send(WITH_CARD)
    assert channel.cards == []


def test_a_card_without_a_clear_answer_is_posted_once(channel: Channel, url: str) -> None:
    channel.dropped = 1
    with pytest.raises(OutcomeUnknown):
        teams(url).send(WITH_CARD)
    assert channel.cards == [CARD]


def test_a_card_that_is_too_large_is_not_sent(channel: Channel, url: str) -> None:
    large = json.dumps({**CARD, "body": ["x" * 30_000]}).encode()
    with pytest.raises(Invalid, match="27000"):
        teams(url).send(replace(PARCEL, card=large))
    assert channel.cards == []


def test_the_address_is_never_shown(channel: Channel, url: str) -> None:
    wrong = url.replace("sandbox-workflow", "another-secret")
    with pytest.raises(CredentialsRefused) as refused:
        Teams(Http(base_of(wrong), secrets=(wrong, "another-secret"), sleep=no_sleep), url=wrong).send(
            WITH_CARD
        )
    assert "another-secret" not in f"{refused.value} {refused.value.fix}"
