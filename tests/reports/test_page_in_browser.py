"""The pages in a real Chromium: accessible, without scripts, without network, harmless with hostile text."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from reports import html, portal
from reports.data import Document, build
from reports.views import for_audience
from tests.reports.sample import sample
from tests.reports.sample_ahead import ahead
from tests.reports.sample_generated import generated
from tests.reports.sample_ledger import LEDGER
from tests.reports.sample_project import project

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("PORTICO_CHROMIUM", "/usr/bin/chromium"))
CORPUS = (
    Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures")) / "nasty/blns_dev.base64.json"
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Scheme = Literal["light", "dark"]

pytestmark = pytest.mark.browser


def missing(what: str) -> None:
    """Fails where everything is required, else skips."""
    if os.environ.get("PORTICO_REQUIRE_ALL"):
        pytest.fail(f"{what} is missing and PORTICO_REQUIRE_ALL is set")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        missing(f"Chromium at {CHROMIUM}")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=ARGUMENTS)
        yield launched
        launched.close()


class Sheet:
    """A page opened from a file, and what it did."""

    def __init__(self, browser: Any, file: Path, **context: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **context)
        self.page = self.context.new_page()
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        self.console: list[str] = []
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.goto(file.as_uri())

    def _refuse(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def close(self) -> None:
        self.context.close()


def saved(folder: Path, text: str) -> Path:
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    return file


def opened(text: str) -> str:
    """The page with all its lines open."""
    return text.replace("<details", "<details open")


def hostile() -> Document:
    """A portfolio in which every text that a source can write is hostile."""
    if not CORPUS.exists():
        missing(f"the corpus {CORPUS}")
    texts = [base64.b64decode(each).decode("utf-8", "replace") for each in json.loads(CORPUS.read_text())]
    payloads = [
        "<script>alert(1)</script>",
        '"><svg onload=alert(2)>',
        "' onmouseover='alert(3)",
        "</style><script>alert(4)</script>",
        "</title><img src=x onerror=alert(5)>",
        "{{ 7*7 }}{% include 'style.css' %}",
        "javascript:alert(6)",
        "data:text/html,<script>alert(7)</script>",
        *texts,
    ]
    projects = []
    for number, payload in enumerate(payloads, 1):
        source = {"connection": payload, "external_key": payload, "url": payload}
        one = project(
            number, payload, payload, payload, 20, "0.4", ("1000.00", "10.00", "5.00", "900.00"), (2, "ready")
        )
        one |= {"links": [source], "narrative": payload, "program": payload, "key": payload or None}
        one["status"]["overall"] |= {
            "because": payload,
            "declared": payload,
            "rule": payload,
            "sources": [source],
        }
        one["status"]["schedule"] |= {"inputs": {payload: payload}, "threshold": {payload: payload}}
        one["gates"][2] |= {
            "name": payload,
            "status": payload,
            "criteria": [{"criterion": payload, "met": False}],
        }
        one["milestones"][0]["name"] = payload
        one["risks"] = [{"title": payload, "owner": payload, "open": True, "source": source}]
        one["tickets"] = [
            {
                "number": payload,
                "type": payload,
                "title": payload,
                "state_category": payload,
                "opened_at": None,
                "source": source,
            }
        ]
        one["outages"] = [{"service": payload, "type": payload, "began_at": payload, "cause": payload}]
        one["budget_lines"] = [{"budget_code": payload, "fund": payload, "account": payload}]
        projects.append(one)
    sources = [
        {
            "connection": text,
            "tool": text,
            "read_at": text,
            "age_seconds": 1,
            "records": 1,
            "complete": True,
            "stale": True,
            "error": text,
        }
        for text in payloads[:8]
    ]
    exceptions = [
        {"project": text, "kind": text, "severity": text, "text": text, "since": text, "because": text}
        for text in payloads
    ]
    return build(replace(sample(), projects=projects, sources=sources, exceptions=exceptions, trends={}))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "opened", "ahead", "public", "project", "large", "message"])
def test_no_page_has_an_accessibility_fault(browser: Any, tmp_path: Path, name: str, scheme: Scheme) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only where there is a browser

    document = build(sample())
    texts = {
        "report": lambda: html.page(document),
        "opened": lambda: opened(html.page(build(replace(sample(), projects=sample().projects[:3])))),
        "ahead": lambda: opened(
            html.page(build(replace(ahead(), projects=sample().projects[:3], ledger=LEDGER)))
        ),
        "public": lambda: html.page(for_audience(document, "public")),
        "project": lambda: portal.project(document, "OIT-003"),
        "large": lambda: html.page(build(generated(61))),
        "message": lambda: portal.message("No snapshot yet", "Run portico sync first."),
    }
    sheet = Sheet(browser, saved(tmp_path, texts[name]()), color_scheme=scheme)
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    result = Axe().run(sheet.page, options=options)
    sheet.close()
    faults = {
        each["id"]: [node["html"][:120] for node in each["nodes"][:3]]
        for each in result.response["violations"]
    }
    assert faults == {}


@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_is_wider_than_the_window(browser: Any, tmp_path: Path, width: int) -> None:
    sheet = Sheet(browser, saved(tmp_path, html.page(build(sample()))))
    sheet.page.set_viewport_size({"width": width, "height": 800})
    assert sheet.page.evaluate("document.documentElement.scrollWidth") == width
    sheet.close()


def test_the_page_asks_for_nothing_and_breaks_no_rule_of_its_own(browser: Any, tmp_path: Path) -> None:
    file = saved(tmp_path, html.page(build(sample())))
    sheet = Sheet(browser, file)
    sheet.close()
    assert sheet.requests == [file.as_uri()]
    assert sheet.console == []


def test_the_page_works_without_scripts(browser: Any, tmp_path: Path) -> None:
    sheet = Sheet(browser, saved(tmp_path, html.page(build(sample()))), java_script_enabled=False)
    reason = sheet.page.get_by_text("Why OIT-001 is red")
    assert not reason.is_visible()
    sheet.page.locator("tr.why summary").filter(has_text="104 days").click()
    assert reason.is_visible()
    sheet.close()


def test_a_link_to_a_project_opens_its_reason_and_its_department(browser: Any, tmp_path: Path) -> None:
    document = build(generated(70))
    key = document["exceptions"][0]["project"]
    sheet = Sheet(browser, saved(tmp_path, html.page(document)))
    assert not sheet.page.get_by_text(f"Why {key} is red").is_visible()
    sheet.page.locator(f"a[href='#p-{key}-why']").first.click()
    assert sheet.page.get_by_text(f"Why {key} is red").is_visible()
    sheet.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_text_runs_nothing_and_makes_no_element(
    browser: Any, tmp_path: Path, *, scripts: bool
) -> None:
    document = hostile()
    for place, text in enumerate(
        [html.page(document), portal.project(document, "<script>alert(1)</script>")]
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        sheet = Sheet(browser, saved(folder, opened(text)), java_script_enabled=scripts)
        page = sheet.page
        assert sheet.dialogs == []
        assert len(sheet.requests) == 1
        assert page.locator("script, iframe, object, embed, img, form, input, base").count() == 0
        assert page.locator("style").count() == 1
        if scripts:
            handlers = (
                "[...document.querySelectorAll('*')]"
                ".filter(e => [...e.attributes].some(a => /^on|^style$/.test(a.name))).length"
            )
            assert page.evaluate(handlers) == 0
            links = page.evaluate("[...document.links].map(a => a.protocol)")
            assert set(links) <= {"file:", "http:", "https:"}
            assert page.evaluate(
                "[...document.links].every(a => !/javascript:|data:/i.test(a.getAttribute('href')))"
            )
        assert "49" not in page.title()
        sheet.close()


def test_the_printed_report_holds_every_project_of_every_department(browser: Any, tmp_path: Path) -> None:
    sheet = Sheet(browser, saved(tmp_path, html.page(build(generated(70)))))
    sheet.page.emulate_media(media="print")
    rows = sheet.page.locator("table.portfolio tr.row")
    assert rows.count() == 70
    assert rows.last.is_visible()
    assert sheet.page.pdf(prefer_css_page_size=True, tagged=True, outline=True).startswith(b"%PDF")
    sheet.close()
