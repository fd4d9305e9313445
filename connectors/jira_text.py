"""Rich text as plain text: Atlassian documents (Cloud) and wiki markup (Data Center)."""

import re
from collections.abc import Mapping

from connectors.jira_fields import text_of_document

_MARKS = (
    (re.compile(r"(?<!\w)\{\{(.+?)\}\}"), r"\1"),
    (re.compile(r"\{(?:code|noformat|quote|panel|color)(?::[^}]*)?\}"), ""),
    (re.compile(r"!(?:[^\s!|]+\.\w{2,4})(?:\|[^!\n]*)?!"), ""),
    (re.compile(r"\[~(?:accountid:)?([^\]]+)\]"), r"@\1"),
    (re.compile(r"\[([^|\]\n]+)\|[^\]\n]+\]"), r"\1"),
    (re.compile(r"\[((?:https?|mailto):[^\]\n]+)\]"), r"\1"),
    (re.compile(r"^h[1-6]\.\s+", re.MULTILINE), ""),
    (re.compile(r"^bq\.\s+", re.MULTILINE), ""),
    (re.compile(r"^-{4,}\s*$", re.MULTILINE), ""),
    (re.compile(r"^[*#-]+\s+", re.MULTILINE), "- "),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)_(?=\S)([^_\n]+?)(?<=\S)_(?!\w)"), r"\1"),
    (re.compile(r"(?<![\w+])\+(?=\S)([^+\n]+?)(?<=\S)\+(?![\w+])"), r"\1"),
    (re.compile(r"\\\\\s*"), "\n"),
    (re.compile(r"\n{3,}"), "\n\n"),
)
"""Jira's text formatting notation, mark by mark; what is no mark stays as it is."""
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
"""A row of a table."""


def text_of(value: object) -> str | None:
    """The plain text of a rich text field; None for an empty one and for anything else."""
    if isinstance(value, Mapping):
        return text_of_document(value) or None
    return text_of_wiki(value) or None if isinstance(value, str) else None


def text_of_wiki(markup: str) -> str:
    """The text of wiki markup, without its marks."""
    text = markup.replace("\r\n", "\n")
    for pattern, left in _MARKS:
        text = pattern.sub(left, text)
    return _ROW.sub(_cells, text).strip()


def _cells(row: re.Match[str]) -> str:
    return " | ".join(cell for each in row.group().split("|") if (cell := each.strip()))
