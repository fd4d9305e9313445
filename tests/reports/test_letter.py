"""The short form of a report: its mail, and its card."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reports.data import build
from reports.letter import CARD_BYTES, card, letter
from tests.reports.sample import sample
from tests.reports.test_golden import compare


def many(text: str, count: int) -> dict[str, Any]:
    document = build(sample())
    exception = {**document["exceptions"][0], "text": text}
    return {**document, "exceptions": [exception] * count}


def test_a_mail_reads_as_agreed() -> None:
    made = letter(build(sample()), "weekly-2026-11-23.html")
    compare("letter.txt", made.text)
    compare("letter.html", made.html)


def test_a_card_reads_as_agreed() -> None:
    made = json.loads(card(build(sample()), "https://portico.example.gov"))
    compare("card.json", json.dumps(made, indent=2, ensure_ascii=False) + "\n")


def test_what_a_source_wrote_is_text_and_nothing_else() -> None:
    hostile = "<img src=x> **bold** [link](https://evil.example)\x1b[31m\u202e"
    made = letter(many(hostile, 1), "x.html")
    shown = card(many(hostile, 1), None).decode()

    assert "<img" not in made.html
    assert "\x1b" not in made.text + made.html + shown
    assert "\u202e" not in made.text + made.html + shown
    assert "\\\\[link\\\\]\\\\(https://evil.example\\\\)" in shown


@given(text=st.text(max_size=3000), count=st.integers(0, 300))
def test_a_card_never_outgrows_its_limit_and_counts_what_it_leaves_out(text: str, count: int) -> None:
    made = card(many(text, count), None)
    blocks = [each["text"] for each in json.loads(made)["body"] if each["type"] == "TextBlock"]
    shown = sum(each.startswith("**") for each in blocks)
    left = next((int(each.split()[1]) for each in blocks if each.startswith("And ")), 0)

    assert len(made) <= CARD_BYTES
    assert shown + left == count
