"""Faults on demand: a WSGI middleware that makes a simulated tool fail by rule.

A rule says which requests (`tool`, `path`, `methods`, `query`), which of them (`after`, `every`, `times`),
and what happens (`do`):

| do | what the client sees |
| --- | --- |
| `status` | `status` with a short JSON body, and `Retry-After` as seconds or as an HTTP date if asked |
| `login_page` | 200 with an HTML sign-in page, as a proxy or an expired session gives |
| `html` | `status` with an HTML page, as a gateway in front of the tool gives |
| `truncated` | the tool's real answer, cut in half, with a matching Content-Length |
| `cut` | the connection breaks in the middle of the tool's real answer |
| `drop` | the connection is closed without an answer |
| `slow` | the tool's real answer after `seconds` |

`after_work: true` lets the tool do its work before the answer is lost: a write applied and never confirmed.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, get_args
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Action = Literal["status", "login_page", "html", "truncated", "cut", "drop", "slow"]

LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b"<body><form>Sign in to continue</form></body></html>"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: `after` matching requests pass, then every `every`-th fails, `times` in all (None: all)."""

    path: str = "*"
    """A pattern as in a shell, matched against the path."""
    tool: str = "*"
    methods: tuple[str, ...] = ()
    """Empty: any."""
    query: str = ""
    """A text that the query string must hold."""
    after: int = 0
    every: int = 1
    times: int | None = 1
    do: Action = "status"
    status: int = 500
    retry_after: float | None = None
    retry_after_as: Literal["seconds", "date"] = "seconds"
    seconds: float = 0.0
    body: str = ""
    after_work: bool = False

    def concerns(self, tool: str, environ: WSGIEnvironment) -> bool:
        """Whether the request is one that this rule counts."""
        return (
            fnmatchcase(tool, self.tool)
            and fnmatchcase(str(environ.get("PATH_INFO", "")), self.path)
            and (not self.methods or environ["REQUEST_METHOD"] in self.methods)
            and self.query in str(environ.get("QUERY_STRING", ""))
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that a rule made fail."""

    method: str
    path: str
    rule: Rule


class Faults:
    """The middleware. `use` replaces the rules and starts counting anew; `hits` tells what failed."""

    def __init__(
        self,
        app: WSGIApplication,
        rules: Iterable[Rule] = (),
        *,
        tool: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.app = app
        self.tool = tool
        self.hits: list[Hit] = []
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._counts: list[list[int]] = []
        self.rules: tuple[Rule, ...] = ()
        self.use(*rules)

    def use(self, *rules: Rule) -> None:
        """Replaces the rules; without any, the tool works."""
        with self._lock:
            self.rules = rules
            self._counts = [[0, 0] for _ in rules]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers as the tool does, unless a rule says otherwise."""
        rule = self._due(environ)
        if rule is None:
            return self.app(environ, start_response)
        self.hits.append(Hit(environ["REQUEST_METHOD"], str(environ.get("PATH_INFO", "")), rule))
        if rule.seconds:
            self._sleep(rule.seconds)
        if rule.do == "slow":
            return self.app(environ, start_response)
        if rule.do in ("truncated", "cut"):
            return self._half(rule, environ, start_response)
        if rule.after_work:
            self._answer(environ)
        else:
            _read_body(environ)
        if rule.do == "drop":
            raise _disconnected()
        return self._instead(rule, start_response)

    def _due(self, environ: WSGIEnvironment) -> Rule | None:
        with self._lock:
            due: Rule | None = None
            for rule, count in zip(self.rules, self._counts, strict=True):
                if not rule.concerns(self.tool, environ):
                    continue
                count[0] += 1
                past = count[0] - rule.after
                if (
                    due is None
                    and past > 0
                    and past % rule.every == 0
                    and (rule.times is None or count[1] < rule.times)
                ):
                    count[1] += 1
                    due = rule
            return due

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
        seen: list[tuple[str, list[tuple[str, str]]]] = []

        def keep(
            status: str, headers: list[tuple[str, str]], _error: Any = None, /
        ) -> Callable[[bytes], object]:
            seen.append((status, headers))
            return lambda _: None

        parts = self.app(environ, keep)
        try:
            body = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        status, headers = seen[-1]
        return status, [pair for pair in headers if pair[0].lower() != "content-length"], body

    def _half(self, rule: Rule, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, body = self._answer(environ)
        half = body[: max(1, len(body) // 2)]
        announced = len(half) if rule.do == "truncated" else len(body) + 1
        start_response(status, [*headers, ("Content-Length", str(announced))])
        return [half]

    def _instead(self, rule: Rule, start_response: StartResponse) -> Iterable[bytes]:
        kind, status, body = "application/json", rule.status, rule.body.encode()
        if rule.do in ("login_page", "html"):
            kind = "text/html; charset=utf-8"
            status = 200 if rule.do == "login_page" else rule.status
            body = body or LOGIN_PAGE
        phrase = HTTPStatus(status).phrase
        body = body or json.dumps({"error": {"message": phrase}, "status": "failure"}).encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        if rule.retry_after is not None:
            headers.append(("Retry-After", self._retry_after(rule.retry_after, rule.retry_after_as)))
        start_response(f"{status} {phrase}", headers)
        return [body]

    def _retry_after(self, seconds: float, form: str) -> str:
        if form == "seconds":
            return f"{seconds:g}"
        return format_datetime(self._now() + timedelta(seconds=seconds), usegmt=True)


def _read_body(environ: WSGIEnvironment) -> None:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _disconnected() -> Exception:
    from waitress.channel import ClientDisconnected  # noqa: PLC0415 - only the sandbox serves with waitress

    return ClientDisconnected("a fault rule dropped this connection")  # type: ignore[no-any-return]


def load(path: Path) -> tuple[Rule, ...]:
    """The rules in a YAML or JSON file: a list of mappings with the keys of `Rule`.

    Raises ValueError naming the file, the rule and the key when something else stands there.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - slow to import, needed only with --faults

    found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    if not isinstance(found, list):
        raise ValueError(  # noqa: TRY004 - the file is wrong, not the call
            f"{path}: expected a list of fault rules, found {type(found).__name__}"
        )
    return tuple(_rule(each, f"{path}: rule {number}") for number, each in enumerate(found, start=1))


def _rule(found: Any, where: str) -> Rule:
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - the file is wrong, not the call
            f"{where}: expected a mapping, found {type(found).__name__}"
        )
    known = {each.name for each in fields(Rule)}
    for key in found:
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}; accepted: {', '.join(sorted(known))}")
    if found.get("do", "status") not in get_args(Action):
        raise ValueError(f"{where}: do: {found['do']!r}; accepted: {', '.join(get_args(Action))}")
    methods = found.get("methods", ())
    methods = (methods,) if isinstance(methods, str) else tuple(methods)
    return Rule(**{**found, "methods": tuple(method.upper() for method in methods)})
