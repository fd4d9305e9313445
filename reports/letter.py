"""The short form of a report: what a mail says above its attachment, and what a card in a channel shows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports import rollup
from reports.data import Document
from reports.html import lead, render
from reports.wording import COLOUR_SIGNS, colour_word, day, line, plural, printable, words

MOST_LINES = 10
"""Exceptions that a mail names; the report has all."""
CARD_BYTES = 20_000
"""What a card may hold: a client was seen to fail above 21 KB (Teams itself takes 28)."""
_ATTENTION = {"red": "attention", "amber": "warning", "green": "good"}
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]()<>#!~"})


@dataclass(frozen=True, slots=True)
class Letter:
    """A report in short: one line, plain text, and a page for mail programs."""

    subject: str
    text: str
    html: str


def letter(document: Document, attached: str) -> Letter:
    """The report in short, with the name of the file that is attached to it. What a source wrote is plain text in it."""
    said = _said(document)
    shown = said["exceptions"][:MOST_LINES]
    more = len(said["exceptions"]) - len(shown)
    html = render("letter.html.j2", {**said, "shown": shown, "more": more, "attached": attached})
    lines = [
        said["title"],
        said["lead"],
        "",
        *(f"{each['sign']} {each['word']}: {each['count']}" for each in said["colours"]),
        *(["", f"Not fresh: {said['late']}"] if said["late"] else []),
        *(["", "Needs attention"] if shown else []),
        *(f"- {each['project']}: {each['text']}" for each in shown),
        *([f"- and {more} more in the report"] if more else []),
        "",
        f"The whole report is attached: {attached}",
        said["foot"],
    ]
    return Letter(said["title"], "\n".join(lines) + "\n", html)


def card(document: Document, link: str | None) -> bytes:
    """The report as an Adaptive Card 1.5 of at most `CARD_BYTES`: the last exceptions are left out and counted."""
    said = _said(document)
    kept = len(said["exceptions"])
    while True:
        made = json.dumps(_card(said, kept, link), ensure_ascii=False).encode()
        if len(made) <= CARD_BYTES or kept == 0:
            return made
        kept = kept * 3 // 4 if kept > 1 else 0


def _said(document: Document) -> dict[str, Any]:
    snapshot, portfolio = document["snapshot"], document["portfolio"]
    late = [
        each["connection"] for each in document["sources"] if each.get("stale") or not each.get("complete")
    ]
    counts = portfolio["counts"]["overall"]
    return {
        "title": printable(
            line(f"{portfolio.get('name') or 'Portfolio'}: report of {day(snapshot['as_of'])}")
        ),
        "lead": lead(document),
        "colours": [
            {"name": name, "sign": COLOUR_SIGNS[name], "word": colour_word(name), "count": counts[name]}
            for name in rollup.COLOURS
        ],
        "late": ", ".join(late),
        "exceptions": [
            {
                "project": printable(line(each.get("project") or "Portfolio")),
                "text": printable(line(each.get("text"))),
                "severity": words(each.get("severity")),
            }
            for each in document["exceptions"]
        ],
        "foot": f"Snapshot {snapshot['id']}. {plural(portfolio['counts']['projects'], 'project')}.",
    }


def _card(said: Mapping[str, Any], kept: int, link: str | None) -> dict[str, Any]:
    colours = [
        {
            "type": "Column",
            "width": "stretch",
            "items": [
                _block(
                    str(each["count"]), size="extraLarge", weight="bolder", color=_ATTENTION.get(each["name"])
                ),
                _block(f"{each['sign']} {each['word']}", isSubtle=True, spacing="none"),
            ],
        }
        for each in said["colours"]
    ]
    lines = [
        _block(f"**{_plain(each['project'])}** {_plain(each['text'])}", spacing="small")
        for each in said["exceptions"][:kept]
    ]
    more = len(said["exceptions"]) - kept
    late = [_block(f"Not fresh: {_plain(said['late'])}", color="warning")] if said["late"] else []
    rest = [_block(f"And {more} more in the report.", isSubtle=True)] if more else []
    actions = [{"type": "Action.OpenUrl", "title": "Open the report", "url": link}] if link else []
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "fallbackText": f"{said['title']}. {said['lead']}",
        "msteams": {"width": "Full"},
        "body": [
            _block(_plain(said["title"]), size="large", weight="bolder", style="heading"),
            _block(said["lead"]),
            *late,
            {"type": "ColumnSet", "columns": colours},
            *lines,
            *rest,
            _block(said["foot"], isSubtle=True, size="small"),
        ],
        "actions": actions,
    }


def _block(text: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "TextBlock",
        "text": text,
        "wrap": True,
        **{k: v for k, v in more.items() if v is not None},
    }


def _plain(text: str) -> str:
    """Text that a card's Markdown shows as it is."""
    return text.translate(_MARKDOWN)
