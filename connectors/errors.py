"""What can go wrong with a tool, grouped by what the caller does about it.

Three groups, as the caller has three answers: `Retry` (leave it for the next run), `SkipRecord` (this record only),
`StopConnection` (nothing more from this tool in this run). Only `connectors.http` retries inside a run.
A message says what failed, where, and what to do; it never holds a secret.
"""


class ConnectorError(Exception):
    """Any failure of a tool. No exception of a client library leaves a connector in another shape."""

    def __init__(self, text: str, *, fix: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.fix = fix


class Retry(ConnectorError):
    """The tool cannot answer now; the next run tries again."""


class RateLimited(Retry):
    """The tool asked for a pause that is longer than a run waits."""

    def __init__(self, text: str, *, retry_after: float | None = None, fix: str = "") -> None:
        super().__init__(text, fix=fix)
        self.retry_after = retry_after


class Unavailable(Retry):
    """No connection, a time-out, a 5xx, or an answer cut short."""


class OutcomeUnknown(Retry):
    """A write was sent and no clear answer came back: it may have been applied. Read and compare, never resend."""


class SkipRecord(ConnectorError):
    """This record cannot be read or written; all others can."""


class NotFound(SkipRecord):
    """The record is not there, or this account cannot see it."""


class Invalid(SkipRecord):
    """The tool refused a value: wrong type, unknown option, field not editable."""


class Conflict(SkipRecord):
    """The record changed since it was read; the next run plans again."""


class StopConnection(ConnectorError):
    """Nothing more can be done with this tool until someone acts."""


class CredentialsRefused(StopConnection):
    """The tool does not accept the account, or answers as if nobody had signed in."""


class ContractBroken(StopConnection):
    """The tool answered something that its interface does not allow (HTML, other JSON, a repeated page, 410)."""


class ReadOnly(StopConnection):
    """Writing is switched off for this connection (`safety.write: false`)."""
