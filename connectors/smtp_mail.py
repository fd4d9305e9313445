"""Mail through a mail server (SMTP submission, RFC 6409), for cities that let no application send by Graph."""

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from connectors.base import Finding
from connectors.courier import KEY_HEADER, Parcel
from connectors.errors import (
    ConnectorError,
    CredentialsRefused,
    Invalid,
    OutcomeUnknown,
    StopConnection,
    Unavailable,
)

Security = Literal["starttls", "tls", "none"]
_TIMEOUT_SECONDS = 30.0
_LATER, _REFUSED = 400, 500


class SmtpMail:
    """One mail server and sender. A mail goes to all recipients or to none that the server did not name."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        to: tuple[str, ...],
        security: Security = "starttls",
        user: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        now: datetime,
        timeout: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._place = f"the mail server {host}:{port}"
        self._address = (host, port)
        self._sender = sender
        self._to = to
        self._security = security
        self._account = (user, password) if user is not None and password is not None else None
        self._ca_file = ca_file
        self._now = now
        self._timeout = timeout

    def prove(self) -> list[Finding]:
        """The server lets us in. See `Courier.prove`."""
        self._connect().close()
        return [Finding("info", "mail", f"{self._place} lets us in")]

    def send(self, parcel: Parcel) -> str:
        """One mail to all recipients. See `Courier.send`."""
        server = self._connect()
        try:
            refused = self._submit(server, parcel)
        finally:
            server.close()
        accepted = len(self._to) - len(refused)
        left = f"; refused: {', '.join(sorted(refused))}" if refused else ""
        return f"{self._place} accepted it for {accepted} of {len(self._to)} recipients{left}"

    def arrived(self, parcel: Parcel, since: datetime) -> None:
        """A mail server tells nothing of earlier mails."""

    def close(self) -> None:
        """Holds nothing between two mails."""

    def _connect(self) -> smtplib.SMTP:
        """A server that let us in. Raises what the first word of a mail would."""
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
            server = self._dial(context)
            try:
                if self._security == "starttls":
                    server.starttls(context=context)
                if self._account:
                    server.login(*self._account)
            except BaseException:
                server.close()
                raise
        except ssl.SSLError as error:
            text = f"{self._place} has a certificate that cannot be verified ({error.reason})."
            raise StopConnection(text, fix="Set ca_file to your certificate authority's bundle.") from None
        except smtplib.SMTPAuthenticationError:
            raise CredentialsRefused(
                f"{self._place} refused the user or the password.", fix="Check user and password under smtp."
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise StopConnection(
                f"{self._place}: {error}", fix="Set security to what the server offers."
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(
                f"{self._place} did not answer as a mail server ({type(error).__name__}).",
                fix="Check host, port, security and the firewall.",
            ) from None
        return server

    def _dial(self, context: ssl.SSLContext) -> smtplib.SMTP:
        host, port = self._address
        if self._security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout, context=context)
        return smtplib.SMTP(host, port, timeout=self._timeout)

    def _submit(self, server: smtplib.SMTP, parcel: Parcel) -> dict[str, tuple[int, bytes]]:
        """Sends the envelope, then the mail. From its first byte on, no answer means that it may have arrived."""
        message = self._message(parcel).as_bytes(policy=SMTP)
        try:
            server.ehlo_or_helo_if_needed()
            self._take(server.mail(self._sender), "the sender")
            answers = {each: server.rcpt(each) for each in self._to}
            refused = {each: answer for each, answer in answers.items() if answer[0] >= _LATER}
            if len(refused) == len(self._to):
                self._take(next(iter(refused.values())), "every recipient")
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"{self._place} broke off ({type(error).__name__}).", fix="") from None
        try:
            answer = server.data(message)
        except smtplib.SMTPDataError as error:
            self._take((error.smtp_code, _bytes(error.smtp_error)), "the mail")
        except (OSError, smtplib.SMTPException) as error:
            text = f"{self._place} gave no answer to a mail that was sent ({type(error).__name__})."
            raise OutcomeUnknown(text, fix="Ask a recipient whether it arrived.") from None
        else:
            self._take(answer, "the mail")
        return refused

    def _take(self, answer: tuple[int, bytes], what: str) -> None:
        code, said = answer
        if code < _LATER:
            return
        text = f"{self._place} refused {what}: {code} {said.decode('utf-8', 'replace')}"
        kind: type[ConnectorError] = Unavailable if code < _REFUSED else Invalid
        raise kind(text, fix="Check from and to, and what the server lets this account send.")

    def _message(self, parcel: Parcel) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = parcel.subject
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._to)
        mail["Date"] = format_datetime(self._now)
        mail["Message-ID"] = f"<{parcel.key}@{self._sender.rpartition('@')[2]}>"
        mail[KEY_HEADER] = parcel.key
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(parcel.text)
        mail.add_alternative(parcel.html, subtype="html")
        kind, _, subtype = parcel.content_type.partition("/")
        mail.add_attachment(parcel.content, maintype=kind, subtype=subtype, filename=parcel.name)
        return mail


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()
