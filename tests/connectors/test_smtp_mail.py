"""Mails through a real mail server: what arrives, and what each failure means."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.courier import KEY_HEADER, Parcel
from connectors.errors import CredentialsRefused, Invalid, OutcomeUnknown, StopConnection, Unavailable
from connectors.smtp_mail import SmtpMail
from tests.connectors.mailroom import PASSWORD, USER, Mailroom, running_mailroom

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PARCEL = Parcel(
    key="0123abcd",
    subject="Fairhaven OIT: report of 23 Nov 2026",
    text="2 of 12 projects are red.\n",
    html="<p>2 of 12 projects are red.</p>",
    card=b"{}",
    name="weekly-2026-11-23.html",
    content="<p>Straße</p>".encode(),
    content_type="text/html",
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    with running_mailroom(tmp_path) as found:
        yield found


def mail(room: Mailroom, **changed: Any) -> SmtpMail:
    values: dict[str, Any] = {
        "sender": "portico@example.gov",
        "to": ("pmo@example.gov", "cio@example.gov"),
        "user": USER,
        "password": PASSWORD,
        "ca_file": room.ca_file,
        "now": NOW,
        "timeout": 5.0,
        **changed,
    }
    return SmtpMail("127.0.0.1", room.port, **values)


def test_a_mail_carries_summary_and_report(room: Mailroom) -> None:
    said = mail(room).send(PARCEL)

    (arrived,) = room.mails
    parts = {part.get_content_type(): part for part in arrived.walk()}
    report = next(part for part in arrived.walk() if part.get_filename())
    assert said.endswith("accepted it for 2 of 2 recipients")
    assert arrived["To"] == "pmo@example.gov, cio@example.gov"
    assert arrived["Message-ID"] == "<0123abcd@example.gov>"
    assert arrived[KEY_HEADER] == "0123abcd"
    assert arrived["Date"] == "Mon, 23 Nov 2026 12:00:00 +0000"
    assert parts["text/plain"].get_payload(decode=True) == b"2 of 12 projects are red.\r\n"
    assert (report.get_filename(), report.get_payload(decode=True)) == (PARCEL.name, PARCEL.content)


def test_one_refused_recipient_is_named_and_the_others_have_it(room: Mailroom) -> None:
    room.refused["cio@example.gov"] = "550 No such user"

    assert mail(room).send(PARCEL).endswith("1 of 2 recipients; refused: cio@example.gov")
    assert len(room.mails) == 1


def test_a_mail_that_every_recipient_refuses_is_refused(room: Mailroom) -> None:
    room.refused = {"pmo@example.gov": "550 No such user", "cio@example.gov": "550 No such user"}

    with pytest.raises(Invalid, match="550 No such user"):
        mail(room).send(PARCEL)
    assert room.mails == []


def test_a_server_that_is_busy_is_tried_again_later(room: Mailroom) -> None:
    room.answer = "451 Try again later"

    with pytest.raises(Unavailable, match="451"):
        mail(room).send(PARCEL)


def test_a_mail_without_an_answer_may_have_arrived(room: Mailroom) -> None:
    room.silent = True

    with pytest.raises(OutcomeUnknown):
        mail(room).send(PARCEL)
    assert len(room.mails) == 1


def test_a_wrong_password_is_said_and_not_shown(room: Mailroom) -> None:
    assert [each.severity for each in mail(room).prove()] == ["info"]
    with pytest.raises(CredentialsRefused) as refused:
        mail(room, password="wrong-but-secret").prove()
    assert "wrong-but-secret" not in str(refused.value)


def test_a_certificate_of_a_stranger_gets_no_password(room: Mailroom) -> None:
    with pytest.raises(StopConnection, match="certificate"):
        mail(room, ca_file=None).send(PARCEL)
    assert room.mails == []


def test_a_server_without_encryption_gets_no_mail(tmp_path: Path) -> None:
    with running_mailroom(tmp_path, encrypted=False) as room:
        with pytest.raises(StopConnection, match="STARTTLS"):
            mail(room).send(PARCEL)
        assert room.mails == []


def test_nobody_listening_is_no_delivery(room: Mailroom) -> None:
    room.port = 1
    with pytest.raises(Unavailable):
        mail(room).send(PARCEL)
