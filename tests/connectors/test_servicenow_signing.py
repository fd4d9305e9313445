"""The ways to sign in to ServiceNow, each through the configuration that an administrator writes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from config.loading import load
from connectors.auth import ClientCredentials, JwtBearer
from connectors.base import Connector, Stream
from connectors.errors import CredentialsRefused, Unavailable
from sync import wiring
from tests.connectors.snow_served import SECRET, ServiceNowHarness, ids_of, running

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
API_KEY = "now_s3cr3t-key"
WAYS: Mapping[str, str] = {
    "basic": 'type: basic, user: portico.bot, password: "${SECRET}"',
    "client credentials": 'type: oauth2_client_credentials, client_id: portico-client, client_secret: "${CLIENT_SECRET}"',
    "jwt": 'type: jwt_bearer, client_id: portico-client, user: portico.bot, private_key: "${PEM}"',
    "api key": 'type: api_key, api_key: "${API_KEY}"',
}
PROJECTS = Stream("pm_project", fields=("short_description",))


class Clock:
    """Time that a test moves, for both sides of the wire."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()

    def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def snow(clock: Clock) -> Iterator[ServiceNowHarness]:
    with running(clock.now) as harness:
        harness.tool.login.public_key = PUBLIC
        harness.tool.login.keys[API_KEY] = None
        yield harness


def configured(url: str, way: str, folder: Path) -> Connector:
    """The connector as the program makes it from a configuration file."""
    path = folder / "portico.yaml"
    text = f"""\
        version: 1
        portfolio: {{name: P, timezone: America/New_York, currency: USD}}
        store: sqlite:///portico.db
        connections:
          snow:
            tool: servicenow
            url: {url}
            requests_per_second: 1000
            auth: {{{WAYS[way]}}}
            read: [{{kind: pm_project}}]
        """
    path.write_text(dedent(text), encoding="utf-8")
    secrets = {"SECRET": SECRET, "CLIENT_SECRET": "portico-client-secret", "PEM": PEM, "API_KEY": API_KEY}
    return wiring.connector(load(path, secrets), "snow")


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_signing_in_reads_and_no_session_comes_back(tmp_path: Path, way: str) -> None:
    with running(lambda: datetime.now(UTC)) as snow:
        snow.tool.login.public_key = PUBLIC
        snow.tool.login.keys[API_KEY] = None
        made = snow.add(2)
        connector = configured(snow.server.url, way, tmp_path)
        for _ in range(2):
            assert sorted(ids_of(connector, PROJECTS)) == sorted(made)
        connector.close()
        assert snow.tool.login.kept_sessions == 0
        assert snow.tool.login.issued == (way in ("client credentials", "jwt"))
        asked = [value for _, _, params in snow.tool.requests for value in params.values()]
        assert API_KEY not in asked, "a key in the address lands in logs"


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_signing_in_is_refused_with_its_reason(
    snow: ServiceNowHarness, tmp_path: Path, way: str
) -> None:
    snow.tool.password = "another"
    snow.tool.login.client_secret = "another"
    snow.tool.login.public_key = None
    snow.tool.login.keys.clear()
    connector = configured(snow.server.url, way, tmp_path)
    with pytest.raises(CredentialsRefused) as caught:
        ids_of(connector, PROJECTS)
    connector.close()
    assert caught.value.fix
    for secret in (SECRET, "portico-client-secret", API_KEY, "PRIVATE KEY"):
        assert secret not in caught.value.text


def test_a_client_that_keeps_cookies_would_be_noticed(snow: ServiceNowHarness) -> None:
    with requests.Session() as session:
        session.auth = ("portico.bot", SECRET)
        for _ in range(2):
            answer = session.get(f"{snow.server.url}/api/now/table/pm_project", headers={"Accept": "*/*"})
            assert answer.status_code == 200
    assert snow.tool.login.kept_sessions == 1


def token(snow: ServiceNowHarness, clock: Clock, way: str) -> ClientCredentials | JwtBearer:
    url = f"{snow.server.url}/oauth_token.do"
    if way == "jwt":
        return JwtBearer(
            url, "portico-client", "portico.bot", PEM,
            audience="portico-client", now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep,
        )  # fmt: skip
    return ClientCredentials(
        url, "portico-client", "portico-client-secret", monotonic=clock.monotonic, sleep=clock.sleep
    )


@pytest.mark.parametrize("way", ["client credentials", "jwt"])
def test_a_token_is_renewed_before_it_ends(snow: ServiceNowHarness, clock: Clock, way: str) -> None:
    made = snow.add(1)
    connector = snow.connect(auth=token(snow, clock, way))
    for minutes in (0, 29, 1, 31):
        clock.instant += timedelta(minutes=minutes)
        assert ids_of(connector, PROJECTS) == made
    connector.close()
    assert snow.tool.login.issued == 3
    assert snow.tool.login.refused == 0


@pytest.mark.parametrize("way", ["client credentials", "jwt"])
def test_a_token_that_ends_in_the_middle_is_renewed_once(
    snow: ServiceNowHarness, clock: Clock, way: str
) -> None:
    made = snow.add(8)
    connector = snow.connect(auth=token(snow, clock, way))
    pages = connector.pull(PROJECTS, None)
    found = [record.id for record in next(pages).records]
    snow.tool.login.revoke()
    found += [record.id for page in pages for record in page.records]
    connector.close()
    assert set(found) == set(made)
    assert snow.tool.login.issued == 2
    assert snow.tool.login.refused == 1


def test_a_token_that_is_refused_twice_stops_the_connection(snow: ServiceNowHarness, clock: Clock) -> None:
    snow.tool.login.life_seconds = 0
    connector = snow.connect(auth=token(snow, clock, "client credentials"))
    with pytest.raises(CredentialsRefused):
        ids_of(connector, PROJECTS)
    connector.close()
    assert snow.tool.login.issued == 2


def test_an_assertion_counts_once_and_names_the_client(snow: ServiceNowHarness, clock: Clock) -> None:
    first = token(snow, clock, "jwt")
    form: Mapping[str, Any] = first._form()
    url = f"{snow.server.url}/oauth_token.do"
    assert requests.post(url, data=form, timeout=5).status_code == 200
    assert requests.post(url, data=form, timeout=5).status_code == 401
    assert requests.post(url, json=dict(first._form()), timeout=5).status_code == 401
    elsewhere = JwtBearer(url, "portico-client", "portico.bot", PEM, audience=snow.server.url, now=clock.now)
    with pytest.raises(CredentialsRefused, match="access_denied"):
        elsewhere.token()


def test_a_key_opens_what_its_access_policy_names(snow: ServiceNowHarness, tmp_path: Path) -> None:
    snow.add(1)
    snow.tool.login.keys[API_KEY] = ["incident"]
    connector = configured(snow.server.url, "api key", tmp_path)
    with pytest.raises(CredentialsRefused, match="pm_project") as caught:
        ids_of(connector, PROJECTS)
    assert "access policy" in caught.value.fix
    assert ids_of(connector, Stream("incident", fields=("number",))) == []
    connector.close()


def test_a_request_that_was_put_aside_is_no_empty_table(snow: ServiceNowHarness) -> None:
    snow.add(1)
    connector = snow.connect()
    snow.tool.dropped = 1
    with pytest.raises(Unavailable, match="202"):
        ids_of(connector, PROJECTS)
    connector.close()
