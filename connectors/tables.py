"""CSV and XLSX files as rows of text.

Dialect, encoding and cell types settled, nothing guessed, nothing rounded.
Each row comes as a `Line` or, where it cannot be trusted, as a `RefusedLine`. A file that cannot be trusted
at all raises `Unreadable`. Numbers are row numbers as a spreadsheet shows them: the header is usually row 1.
"""

import codecs
import csv
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 512 * 2**20
MAX_UNPACKED_BYTES = 400 * 2**20
MAX_PACK_RATIO = 150
MAX_ZIP_ENTRIES = 1000
MAX_COLUMNS = 1000
MAX_MEMORY = 1536 * 2**20
"""What the process that reads a workbook may take."""
WORKBOOK_SECONDS = 300
_SMALL_ENOUGH_FOR_ANY_RATIO = 10 * 2**20
_CHUNK = 2**20
_DELIMITERS = (",", ";", "\t", "|")
_SHEET = re.compile(r"<(?:\w+:)?sheet\s[^>]*>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


class Unreadable(Exception):
    """A file that is refused as a whole; the text says why and what the sender has to change."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number and its cells by column, all text; an empty cell is the empty text."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """One row that cannot be trusted, with the column and the value that are the reason."""

    number: int
    field: str | None
    value: str | None
    reason: str


def fingerprint(path: Path) -> str:
    """SHA-256 of the bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_table(path: Path, sheet: str | None = None) -> Iterator[Line | RefusedLine]:
    """The rows of a CSV or XLSX file, lazily. `sheet` names the sheet where a workbook has several.

    Raises Unreadable: too big, packed suspiciously, unknown format or encoding, broken, no or doubtful
    header.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise Unreadable(
            f"{size:,} bytes is more than the {MAX_FILE_BYTES:,} that one file may have: split it"
        )
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return _read_xlsx(path, sheet)
    if suffix in {".csv", ".tsv", ".txt"}:
        return _read_csv(path)
    raise Unreadable(f"{suffix or 'a file without ending'} is not read here: send .csv or .xlsx")


# CSV


def _encoding(path: Path) -> str:
    """utf-8 (with or without mark), utf-16 with mark, else cp1252, each proved on the whole file."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            _prove(path, encoding)
            return encoding
    raise Unreadable("neither UTF-8 nor Windows-1252 text: export it as UTF-8")


def _prove(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise Unreadable("holds NUL bytes, so it is not a text file")
            decoder.decode(chunk)
    decoder.decode(b"", final=True)


def _delimiter(header: str) -> str:
    outside, quoted = [], False
    for letter in header:
        if letter == '"':
            quoted = not quoted
        elif not quoted:
            outside.append(letter)
    return max(_DELIMITERS, key=outside.count)


def _read_csv(path: Path) -> Iterator[Line | RefusedLine]:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        delimiter = _delimiter(file.readline())
        file.seek(0)
        rows = enumerate(csv.reader(file, delimiter=delimiter, strict=True), start=1)
        try:
            yield from _lines(rows)
        except csv.Error as error:
            raise Unreadable(f"not well-formed CSV: {error}") from None


def _lines(rows: Iterator[tuple[int, list[str]]]) -> Iterator[Line | RefusedLine]:
    columns: tuple[str, ...] = ()
    for number, cells in rows:
        if not any(cells):
            continue
        if not columns:
            columns = columns_of(cells)
        elif tuple(cells) == columns:
            yield RefusedLine(number, None, None, "the header again")
        elif len(cells) == len(columns):
            yield Line(number, dict(zip(columns, cells, strict=True)))
        else:
            shown = ", ".join(cells)[:200]
            yield RefusedLine(number, None, shown, f"{len(cells)} cells under {len(columns)} columns")
    if not columns:
        raise Unreadable("empty: not even a header row")


def columns_of(cells: Sequence[str]) -> tuple[str, ...]:
    """The columns that a header row names. Raises Unreadable for a doubtful one."""
    if len(cells) > MAX_COLUMNS:
        raise Unreadable(f"{len(cells)} columns, more than {MAX_COLUMNS}")
    columns = tuple(cell if cell.strip() else f"_column_{at}" for at, cell in enumerate(cells, start=1))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise Unreadable(f"two columns are called {twice[0]!r}: give each its own name")
    return columns


# XLSX


def _guard_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise Unreadable(f"not an XLSX workbook ({error}); a password-protected one cannot be read") from None
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    if len(entries) > MAX_ZIP_ENTRIES or unpacked > MAX_UNPACKED_BYTES:
        raise Unreadable(
            f"unpacks to {unpacked:,} bytes in {len(entries)} parts: too big to be opened safely"
        )
    if unpacked > _SMALL_ENOUGH_FOR_ANY_RATIO and unpacked / packed > MAX_PACK_RATIO:
        raise Unreadable(f"unpacks to {unpacked // packed} times its size, as a zip bomb does")
    if any("vbaProject" in entry.filename for entry in entries):
        raise Unreadable("holds macros: save it as a plain .xlsx")


def hidden_sheets(path: Path) -> list[str]:
    """The names of a workbook's hidden sheets, which are never read; none where it is no workbook."""
    if path.suffix.lower() != ".xlsx":
        return []
    try:
        _guard_zip(path)
        with zipfile.ZipFile(path) as archive:
            listed = archive.read("xl/workbook.xml")
    except (Unreadable, KeyError, OSError, zipfile.BadZipFile):
        return []
    found = (dict(_ATTRIBUTE.findall(each)) for each in _SHEET.findall(listed.decode("utf-8", "replace")))
    return [
        html.unescape(each.get("name", "")) for each in found if each.get("state", "visible") != "visible"
    ]


def _read_xlsx(path: Path, sheet: str | None) -> Iterator[Line | RefusedLine]:
    """The rows as a process of its own reads them, bounded in memory and time: a workbook is a program's worth of work."""
    _guard_zip(path)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        command = [
            sys.executable,
            "-m",
            "connectors.workbook",
            str(MAX_MEMORY),
            str(path),
            *([sheet] if sheet is not None else []),
        ]
        ways = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module
                command,
                stdout=told,
                stderr=subprocess.DEVNULL,
                env=ways,
                timeout=WORKBOOK_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unreadable(f"takes more than {WORKBOOK_SECONDS} s to read: split it, or send CSV") from None
        told.seek(0)
        columns: tuple[str, ...] = ()
        ended = False
        for text in told:
            match json.loads(text):
                case ["columns", found]:
                    columns = tuple(found)
                case ["line", number, cells]:
                    yield Line(number, dict(zip(columns, cells, strict=True)))
                case ["refused", number, field, value, reason]:
                    yield RefusedLine(number, field, value, reason)
                case ["unreadable", reason]:
                    raise Unreadable(reason)
                case ["end"]:
                    ended = True
        if not ended:
            raise Unreadable(
                f"cannot be read within {MAX_MEMORY >> 20} MiB of memory ({done.returncode}): split it, or send CSV"
            )
