"""Writes a report document in the format that was asked for."""

import tempfile
from importlib import import_module
from pathlib import Path

from reports.data import Document

FORMATS = {
    "html": "reports.html",
    "xlsx": "reports.xlsx",
    "json": "reports.document",
    "csv": "reports.csv_folder",
    "md": "reports.markdown",
}
"""Each format and the module that writes it; loaded when it is used."""


class UnknownFormat(ValueError):
    """There is no such format; the message names those there are."""


def write(document: Document, format: str, path: Path) -> Path:  # noqa: A002 - the option's own name
    """Writes the report to `path` and returns it: a file, or for `csv` a folder.

    What stood there is replaced only when the new report is whole. OSError as it comes.
    """
    if format not in FORMATS:
        raise UnknownFormat(f"there is no format {format!r}; accepted: {', '.join(FORMATS)}")
    writer = import_module(FORMATS[format])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".portico-") as scratch:
        made = Path(scratch) / path.name
        if format == "csv":
            made.mkdir()
            writer.write(document, made)
            _replace_files(made, path)
        else:
            writer.write(document, made)
            made.replace(path)
    return path


def _replace_files(made: Path, folder: Path) -> None:
    """Moves the new files into the folder, one by one; files of others in it stay."""
    folder.mkdir(exist_ok=True)
    for file in sorted(made.iterdir()):
        file.replace(folder / file.name)
