"""Graph's upload sessions: a large file in ordered parts, to an address that is itself the permission."""

from collections.abc import Callable
from urllib.parse import urlsplit

from connectors.errors import ContractBroken, OutcomeUnknown
from connectors.http import Answer, Http

PART = 10 * 320 * 1024
"""Bytes of one part: a multiple of 320 KiB below 4 MB, as files and mail attachments ask for (Graph documentation)."""
_OK, _CREATED, _ACCEPTED = 200, 201, 202


def upload(session: object, content: bytes, connect: Callable[[str], Http]) -> Answer:
    """Sends the content to the session's address and returns the last answer.

    `connect` makes an unsigned HTTP client for a base address: the upload address must not see our token.
    Parts are repeatable, so that a lost answer is sent again within its own retries.
    """
    url = session.get("uploadUrl") if isinstance(session, dict) else None
    if not isinstance(url, str) or not urlsplit(url).netloc:
        raise ContractBroken("Graph opened an upload without an address.", fix="Try again later.")
    parts = urlsplit(url)
    http = connect(f"{parts.scheme}://{parts.netloc}")
    try:
        for start in range(0, len(content), PART):
            chunk = content[start : start + PART]
            answer = http.request(
                "PUT",
                url,
                data=chunk,
                headers={
                    "Content-Range": f"bytes {start}-{start + len(chunk) - 1}/{len(content)}",
                    "Content-Type": "application/octet-stream",
                },
                idempotent=True,
                ok=(_OK, _CREATED, _ACCEPTED),
                parse="bytes",
            )
    finally:
        http.close()
    if answer.status == _ACCEPTED:
        raise OutcomeUnknown("The upload ended, and Graph still waits for parts.", fix="")
    return answer
