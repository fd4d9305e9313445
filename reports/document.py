"""The report document as JSON.

UTF-8, indented, in the document's own order; the same document gives the same bytes.
"""

import json
from pathlib import Path

from reports.data import Document


def dump(document: Document) -> str:
    """The document as JSON text."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write(document: Document, path: Path) -> None:
    """Writes the document to the file."""
    path.write_text(dump(document), encoding="utf-8", newline="\n", errors="backslashreplace")
