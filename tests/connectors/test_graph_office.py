"""Mail and files through a simulated Microsoft 365, each request as Microsoft describes it."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from connectors.auth import bearer
from connectors.courier import Parcel
from connectors.errors import CredentialsRefused, NotFound, OutcomeUnknown, RateLimited, Retry
from connectors.graph_files import AT_ONCE, GraphFiles
from connectors.graph_mail import INLINE, GraphMail
from connectors.http import Http
from connectors.upload import PART
from sandbox.faults import Rule
from sandbox.graph_office import Office
from tests.connectors.graph_site import SECRET, Site, no_sleep, running_site
from tests.connectors.graph_wire import CONTRACT, Wire
from tests.connectors.test_smtp_mail import PARCEL

SENDER = "pmo@example.gov"
LARGE = bytes(range(256)) * 16_000
"""4,096,000 bytes: over what a mail carries inside; two parts."""
HUGE = LARGE + LARGE
"""Over what a library takes at once; three parts."""


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as found:
        yield found


@pytest.fixture
def wire(site: Site) -> Wire:
    return site.wire


@pytest.fixture
def office(site: Site) -> Office:
    return site.graph.office


def connect(base: str) -> Http:
    return Http(base, sleep=no_sleep)


def signed(site: Site) -> Http:
    return Http(site.url, auth=bearer(SECRET), sleep=no_sleep)


def mail(site: Site) -> GraphMail:
    return GraphMail(signed(site), sender=SENDER, to=("cio@example.gov",), connect=connect)


def files(site: Site) -> GraphFiles:
    return GraphFiles(signed(site), drive="pmo", path="Reports/weekly.html", connect=connect)


def earlier() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=5)


def other(parcel: Parcel) -> Parcel:
    return replace(parcel, key="another")


def test_a_mail_stands_in_the_sent_items_with_its_report(site: Site, office: Office) -> None:
    courier = mail(site)
    since = earlier()
    assert "accepted it" in courier.send(PARCEL)

    (sent,) = office.sent
    assert sent["subject"] == PARCEL.subject
    assert base64.b64decode(sent["attachments"][0]["contentBytes"]) == PARCEL.content
    assert courier.arrived(PARCEL, since) is True
    assert courier.arrived(other(PARCEL), since) is False


def test_check_tells_what_is_missing_without_sending(site: Site, office: Office) -> None:
    assert [each.severity for each in (*mail(site).prove(), *files(site).prove())] == ["info", "info"]
    office.mailboxes, office.drive = ("other@example.gov",), "another"
    with pytest.raises(NotFound, match="no mailbox"):
        mail(site).prove()
    with pytest.raises(NotFound, match="library"):
        files(site).prove()
    site.graph.authority.admit(SECRET, ("Mail.Send",))
    (finding,) = mail(site).prove()
    assert (finding.severity, finding.fix) == ("warning", "grant Mail.ReadWrite beside Mail.Send")
    assert (office.sent, office.files) == ([], {})


def test_a_large_report_goes_in_parts_and_without_our_token(site: Site, office: Office, wire: Wire) -> None:
    assert len(LARGE) > INLINE
    courier = mail(site)
    courier.send(replace(PARCEL, content=LARGE))

    (sent,) = office.sent
    assert base64.b64decode(sent["attachments"][0]["contentBytes"]) == LARGE
    assert office.drafts == {}
    parts = [each for each in wire.kept if urlsplit(str(each.url)).path.startswith("/upload/")]
    assert [each.headers["Content-Range"] for each in parts] == [
        f"bytes 0-{PART - 1}/{len(LARGE)}",
        f"bytes {PART}-{len(LARGE) - 1}/{len(LARGE)}",
    ]
    assert not any("Authorization" in each.headers for each in parts)


def test_a_draft_whose_report_cannot_be_attached_is_taken_away(site: Site, office: Office) -> None:
    site.faults.use(Rule(path="*/createUploadSession", methods=("POST",), status=403))
    with pytest.raises(CredentialsRefused):
        mail(site).send(replace(PARCEL, content=LARGE))
    assert (office.drafts, office.sent) == ({}, [])


def test_a_mail_without_a_clear_answer_is_found_by_its_key(site: Site, office: Office) -> None:
    office.dropped = 1
    courier = mail(site)
    since = earlier()
    with pytest.raises(OutcomeUnknown):
        courier.send(PARCEL)

    assert courier.arrived(PARCEL, since) is True
    assert len(office.sent) == 1


def test_a_throttled_mail_was_surely_not_sent(site: Site, office: Office) -> None:
    office.busy = 1
    with pytest.raises(RateLimited):
        mail(site).send(PARCEL)
    assert office.sent == []


def test_an_account_that_may_only_send_cannot_tell_what_arrived(site: Site, office: Office) -> None:
    site.graph.authority.admit(SECRET, ("Mail.Send",))
    courier = mail(site)
    since = earlier()
    courier.send(PARCEL)

    assert courier.arrived(PARCEL, since) is None
    site.graph.authority.admit(SECRET, ("Mail.ReadWrite",))
    with pytest.raises(CredentialsRefused, match=r"send as pmo@example\.gov"):
        courier.send(PARCEL)


def test_a_file_takes_the_place_of_the_earlier_one(site: Site, office: Office) -> None:
    courier = files(site)
    since = earlier()
    assert courier.arrived(PARCEL, since) is False
    courier.send(PARCEL)
    assert "https://fairhaven.example/sites/pmo/Reports/weekly.html" in courier.send(PARCEL)

    assert office.files == {"Reports/weekly.html": [PARCEL.content, PARCEL.content]}
    assert courier.arrived(PARCEL, since) is True
    assert courier.arrived(replace(PARCEL, content=b"other"), since) is False
    assert courier.arrived(PARCEL, since + timedelta(minutes=5)) is False


def test_a_huge_file_goes_in_parts(site: Site, office: Office) -> None:
    assert len(HUGE) > AT_ONCE
    files(site).send(replace(PARCEL, content=HUGE))
    assert office.files == {"Reports/weekly.html": [HUGE]}


def test_a_file_that_someone_has_open_waits(site: Site, office: Office) -> None:
    office.locked.add("Reports/weekly.html")
    with pytest.raises(Retry, match="open in Office"):
        files(site).send(PARCEL)


@pytest.mark.skipif(not CONTRACT.is_file(), reason=f"no Graph contract at {CONTRACT}")
def test_every_request_is_as_microsoft_describes_it(site: Site, wire: Wire) -> None:
    for content in (PARCEL.content, HUGE):
        mail(site).send(replace(PARCEL, content=content))
        files(site).send(replace(PARCEL, content=content))
    mail(site).arrived(PARCEL, earlier())
    assert wire.violations() == []
    assert len(wire.asked()) == 7
