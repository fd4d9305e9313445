"""Sees what every test exchanges with a simulated Jira or ServiceNow, and holds it against the vendor's contract.

Flask tells of each answer that a sandbox app gives, whoever asked and however it was served; what a fault answers
in the app's place is not the tool's, and is not seen. Of exchanges that look alike the first is checked.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request, request_finished

_ENOUGH, _SOME = 200, 3
"""As many signs of a long text, and items of a list, are looked at."""
_WORD = re.compile(r"[A-Za-z_.,-]*|-?\d{1,6}")
_CLASSES = (
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "#"),
    (re.compile(r"[0-9]+"), "0"),
    (re.compile(r"[a-z]+"), "a"),
    (re.compile(r"[A-Z]+"), "A"),
    (re.compile(r"([^, ]+[, ]+)\1+"), r"\1"),
)
_TOOLS: Mapping[str, Callable[[Any], str]] = {
    "sandbox.jira": lambda site: str(site.product),
    "sandbox.servicenow": lambda _: "servicenow",
}
_OUR_OWN = frozenset(["/"])
"""Paths where no tool answers: a test asks there whether anything does."""
_BY_HAND = "Werkzeug"
"""Flask's own client: tests of the sandbox ask by it what no connector asks."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; `tool` is cloud, datacenter or servicenow. `broken_off`: pages are given up half-way."""

    tool: str
    client: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes
    answer_headers: Mapping[str, str]
    broken_off: bool = False

    @property
    def address(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        """For the message of a failed test."""
        return f"{self.client}: {self.method} {self.address} {self.body[:500]!r} → {self.status} {self.answer[:300]!r}"


class Wire:
    """Collects exchanges that look like none before; `take` gives those since the last time."""

    def __init__(self) -> None:
        self.seen: set[object] = set()
        self._fresh: list[Exchange] = []

    def listen(self) -> None:
        """Begins to listen to every sandbox app of this process."""
        request_finished.connect(self._hear)

    def take(self) -> list[Exchange]:
        """What was collected."""
        found, self._fresh = self._fresh, []
        return found

    def _hear(self, sender: Flask, response: Response, **_more: object) -> None:
        if sender.name not in _TOOLS:
            return
        state = sender.extensions["portico"]
        tool, body, answer = _TOOLS[sender.name](state), request.get_data(), response.get_data()
        look = (
            (tool, request.user_agent.string, request.method, tuple(map(_look, request.path.split("/")))),
            (_looks(request.args.to_dict(flat=False)), request.content_type, _look_of_body(body)),
            (response.status_code, len(str(len(answer)))),
        )
        if look in self.seen:
            return
        self.seen.add(look)
        self._fresh.append(
            Exchange(
                tool=tool,
                client=request.user_agent.string,
                method=request.method,
                path=request.path,
                query=request.query_string.decode(),
                headers=dict(request.headers),
                body=body,
                status=response.status_code,
                answer=answer,
                answer_headers=dict(response.headers),
                broken_off=getattr(state, "rows_in_time", None) is not None,
            )
        )


WIRE = Wire()


def breaches(exchanges: Iterable[Exchange]) -> list[str]:
    """What breaks a vendor's contract; nothing where the contracts are not here."""
    from tests.connectors import jira_contract, snow_contract  # noqa: PLC0415 - they take a second to load

    found = []
    for each in exchanges:
        contract = snow_contract if each.tool == "servicenow" else jira_contract
        if each.client.startswith(_BY_HAND) or each.path in _OUR_OWN or not contract.available():
            continue
        if problem := contract.problem(each):
            found.append(f"{each}: {problem}")
    return found


def _look(text: str) -> str:
    """A text as a contract may tell it from another: words and small numbers as they are, else classes of signs."""
    if _WORD.fullmatch(text):
        return text
    for pattern, sign in _CLASSES:
        text = pattern.sub(sign, text)
    return text[:_ENOUGH]


def _looks(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _looks(each)) for key, each in value.items()))
    if isinstance(value, list):
        return frozenset(_looks(each) for each in value[:_SOME])
    if isinstance(value, str):
        return _look(value)
    return value if isinstance(value, bool | None) else type(value).__name__


def _look_of_body(body: bytes) -> object:
    try:
        return _looks(json.loads(body)) if body else None
    except ValueError:
        return _look(body.decode(errors="replace"))
