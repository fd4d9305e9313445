"""One delivered file: whether it is whole, whether it holds what its sender says, and its rows as records.

A manifest is `NAME.manifest.json` (or with the ending replaced) beside the file: `{"rows": N, "sums": {COLUMN:
AMOUNT}, "sha256": HEX}`, each of them optional. A marker is `NAME.ok` (or with the ending replaced), of any content.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import simplejson

from connectors.amounts import amount
from connectors.base import BadRow, SourceRecord, Stream
from connectors.keys import natural_id
from connectors.tables import Line, RefusedLine, Unreadable, fingerprint
from connectors.totals import rows_without_totals

Ready = Literal["settled", "marker", "manifest"]
"""What tells that a file has been sent to its end: it holds still; a marker; a manifest."""

_MANIFEST, _MARKER = ".manifest.json", ".ok"
COMPANIONS = (_MANIFEST, _MARKER, ".state.json")
"""Endings of the files that stand beside a table and are none."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file that holds still: its name within the folder, its content hash and when it was last changed."""

    path: Path
    name: str
    sha: str
    modified: datetime
    manifest: Path | None
    sheet: str | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What a file holds: its rows, those of them that were refused, and the sums that its manifest names."""

    rows: int
    refused: tuple[RefusedLine, ...]
    sums: Mapping[str, Decimal]


def companion(path: Path, ending: str) -> Path | None:
    """The file of that ending which belongs to a table."""
    both = (path.with_name(f"{path.name}{ending}"), path.with_name(f"{path.stem}{ending}"))
    return next((each for each in both if each.is_file()), None)


def manifest_of(path: Path) -> Path | None:
    """The manifest of a table, if there is one."""
    return companion(path, _MANIFEST)


def companions_of(path: Path) -> list[Path]:
    """Manifest and marker of a table, as far as they are there."""
    return [found for ending in (_MANIFEST, _MARKER) if (found := companion(path, ending))]


def awaited(path: Path, ready: Ready) -> str | None:
    """The name of the companion without which the file is not whole yet."""
    if ready == "settled":
        return None
    ending = _MARKER if ready == "marker" else _MANIFEST
    return None if companion(path, ending) else f"{path.name}{ending}"


def prove(path: Path, sheet: str | None, manifest: Path | None) -> Counted:
    """Reads a file to its end and holds it against its control totals.

    Raises Unreadable where it is refused as a whole: broken anywhere, or not what its manifest says.
    """
    wanted_rows, wanted_sums = _announced(path, manifest) if manifest else (None, {})
    rows, refused = 0, []
    sums = dict.fromkeys(wanted_sums, Decimal(0))
    try:
        for line in rows_without_totals(path, sheet):
            if isinstance(line, RefusedLine):
                refused.append(line)
                continue
            rows += 1
            for column in sums:
                try:
                    sums[column] += amount(line.cells[column])
                except (KeyError, ValueError) as error:
                    raise Unreadable(f"control total of {column!r}: row {line.number}: {error}") from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    if wanted_rows is not None and rows != wanted_rows:
        raise Unreadable(f"{rows} rows, its manifest says {wanted_rows}: ask for the file again")
    for column, total in sums.items():
        if total != wanted_sums[column]:
            raise Unreadable(
                f"column {column!r} sums to {total}, its manifest says {wanted_sums[column]}: send it again"
            )
    return Counted(rows, tuple(refused), sums)


def rows_of(stream: Stream, file: Delivered) -> Iterator[SourceRecord | BadRow]:
    """The rows of a file as records; two rows of one key are a reject, for neither may hide the other."""
    met: dict[str, int] = {}
    try:
        for line in rows_without_totals(file.path, file.sheet):
            place = f"{file.name}#{line.number}"
            if isinstance(line, RefusedLine):
                yield BadRow(place, line.field, line.value, f"{file.name} row {line.number}: {line.reason}")
                continue
            identity = _identity(stream, file, line, place)
            if identity in met:
                twin = f"same key as row {met[identity]}; declare more key columns"
                reason = f"{file.name} row {line.number}: {twin}"
                yield BadRow(place, ", ".join(stream.key), identity, reason)
                continue
            if stream.key:
                met[identity] = line.number
            yield SourceRecord(
                id=identity,
                key=identity if stream.key else f"{file.name} row {line.number}",
                body={**line.cells, "_file": file.name, "_row": str(line.number)},
                updated_at=file.modified,
                owned={name: line.cells.get(name) or None for name in stream.owned},
            )
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None


def _identity(stream: Stream, file: Delivered, line: Line, place: str) -> str:
    if not stream.key:
        return place
    missing = [column for column in stream.key if column not in line.cells]
    if missing:
        raise Unreadable(f"{file.name} has no column {missing[0]!r}, which is part of the key")
    return natural_id(line.cells[column] for column in stream.key)


def _announced(path: Path, manifest: Path) -> tuple[int | None, dict[str, Decimal]]:
    try:
        said: Any = simplejson.loads(manifest.read_text(encoding="utf-8-sig"))
        rows = None if said.get("rows") is None else int(said["rows"])
        sums = {str(column): amount(str(total)) for column, total in said.get("sums", {}).items()}
        sha = said.get("sha256")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"its manifest {manifest.name} is not readable ({error})") from None
    if isinstance(sha, str) and sha.lower() != fingerprint(path):
        raise Unreadable("its bytes are not those that its manifest's sha256 names: send it again")
    return rows, sums
