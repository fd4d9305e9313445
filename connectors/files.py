"""A drop folder: CSV and XLSX files that finance leaves there, and an outbox that finance picks up.

The folder is the truth: the records of a scope are the rows of the files that match its pattern now. With an
archive, files are taken in from there, and the newest accepted delivery of each name is the truth
(`connectors.archive`). A file is read when its content changed (SHA-256), is left for the next run while it is
still being written, and is refused as a whole when it cannot be read to its end or its control totals do not match.
"""

import getpass
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from connectors.archive import Archive
from connectors.base import (
    ANY_FIELD,
    BadRow,
    Census,
    Cursor,
    FieldInfo,
    Finding,
    Identity,
    Outcome,
    Page,
    Patch,
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.delivered import COMPANIONS, Delivered, Ready, awaited, manifest_of, prove, rows_of
from connectors.errors import ContractBroken, ReadOnly, Unavailable
from connectors.outbox import Outbox
from connectors.tables import Line, Unreadable, fingerprint, hidden_sheets, read_table

_UNFINISHED = (".tmp", ".part", ".filepart", ".partial", ".crdownload")


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files that hold still, the names of those that do not, and the deliveries that stand refused."""

    files: list[Delivered]
    moving: frozenset[str]
    refused: Sequence[BadRow] = ()


class Files:
    """One drop folder.

    A scope is a file pattern (`budget_*.csv`), with `!SHEET` where a workbook has several sheets.

    A record is a row: `{column: text}` plus `_file` and `_row`. Its id is the natural key where the stream
    has one, else `FILE#ROW`. A file changed less than `settle_seconds` ago is looked at twice, that far
    apart, and is left for the next run if it grew; `ready` may ask for a marker or a manifest too. With `archive`
    files that are whole are taken in there; a read-only connection reads them where they lie. Writes go to `out`
    (default: `out/` beside the folder), see `Outbox`.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        out: Path | None = None,
        *,
        read_only: bool,
        ready: Ready = "settled",
        archive: Path | None = None,
        settle_seconds: float = 1.0,
        page_size: int = 1000,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._path = path
        self._outbox = Outbox(out or path.parent / "out")
        self._read_only = read_only
        self._ready = ready
        self._archive = Archive(archive) if archive else None
        self._settle_seconds = settle_seconds
        self._page_size = page_size
        self._sleep = sleep
        self._clock = clock
        self._hashes: dict[Path, tuple[tuple[int, int], str]] = {}
        self._streams: dict[tuple[str, str], Stream] = {}

    def check(self) -> Identity:
        """Proves that the folder is there and readable, and says what waits in it."""
        waiting = [path for path in self._entries("*") if _is_table(path)]
        taken = list(self._archive.current("**/*")) if self._archive else []
        findings = []
        if not waiting and not taken:
            text = "no CSV or XLSX file in the folder"
            findings.append(Finding("warning", str(self._path), text, "ask finance to send the first file"))
        for path in waiting:
            if missing := awaited(path, self._ready):
                text = f"waits for {missing}, which tells that it was sent to its end"
                findings.append(Finding("warning", path.name, text, "have the sender write it last"))
        for path in [*waiting, *(each.path for each in taken if each.refused is None)]:
            if hidden := hidden_sheets(path):
                text = f"holds hidden sheets, which are not read: {', '.join(hidden)}"
                findings.append(Finding("info", path.name, text, "show a sheet that is to be read"))
        findings += [
            Finding(
                "error", each.name, each.refused, "have it sent again, or remove its folder from rejected/"
            )
            for each in taken
            if each.refused
        ]
        return Identity(
            account=getpass.getuser(),
            tenant=str(self._path.resolve()),
            product="drop folder",
            findings=findings,
        )

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The columns of the files here (read only) and of the outbox table `kind`.

        `*` says that any new column can be written.
        """
        columns: dict[str, None] = {}
        for path in self._entries("**/*"):
            if _is_table(path):
                columns |= dict.fromkeys(_header(path))
        written = self._outbox.columns(kind)
        return [
            *(FieldInfo(column, column, "text") for column in columns if column not in written),
            *(FieldInfo(column, column, "any", writable=True) for column in written),
            FieldInfo(
                ANY_FIELD,
                "any column",
                "any",
                writable=True,
                hint="the outbox adds columns as they are written",
            ),
        ]

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """The rows of the files whose content changed since `cursor` ({file: hash}), oldest file first.

        Without a key, or with `full`, any change reads all files of the scope anew and replaces it.
        """
        self._remember(stream)
        listing = self._listing(stream.scope)
        known = dict(cursor or {})
        if known and not listing.files and not listing.moving:
            reason = (
                f"no file matches {stream.scope!r} any more in {self._path}: rows are kept until one does"
            )
            yield Page(
                (), known, last=True, complete=False, rejects=[BadRow(stream.scope, None, None, reason)]
            )
            return
        if listing.refused:
            yield Page((), dict(known), last=False, rejects=listing.refused)
        names = {file.name for file in listing.files} | listing.moving
        gone = known.keys() - names
        changed = [file for file in listing.files if known.get(file.name) != file.sha]
        settled = not (listing.moving & known.keys()) and not listing.refused
        if (stream.full or not stream.key) and (changed or gone):
            yield from self._read(stream, listing.files, known, whole=True, complete=settled)
        else:
            kept = {name: sha for name, sha in known.items() if name not in gone}
            yield from self._read(stream, changed, kept, whole=False, complete=settled)

    def census(self, stream: Stream) -> Census:
        """The ids of all rows, or neither ids nor count while a file is being written or cannot be read."""
        self._remember(stream)
        listing = self._listing(stream.scope)
        ids: set[str] = set()
        try:
            for file in listing.files:
                ids.update(row.id for row in rows_of(stream, file))
        except Unreadable:
            return Census()
        return Census() if listing.moving or listing.refused else Census(ids=frozenset(ids), count=len(ids))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """Outbox rows for targets with a key; for an id, whether a scope read here still holds that row."""
        ids: frozenset[str] | None = None
        for target in targets:
            if target.key:
                yield self._outbox.look(target)
                continue
            ids = self._present() if ids is None else ids
            yield Shown(target, exists=target.id in ids, id=target.id)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Merges the rows into the outbox tables, each rewritten once, atomically.

        Raises ReadOnly, Unavailable.
        """
        if self._read_only:
            raise ReadOnly(
                f"{self.name}: writing is switched off", fix="set safety.write: true for this connection"
            )
        return self._outbox.push(patches)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def _remember(self, stream: Stream) -> None:
        self._streams[stream.kind, stream.scope] = stream

    def _present(self) -> frozenset[str]:
        found: set[str] = set()
        for stream in list(self._streams.values()):
            ids = self.census(stream).ids
            if ids is None:
                text = f"{self._path}: a file of {stream.scope!r} is being written or cannot be read"
                raise Unavailable(text, fix="wait for it, or correct it")
            found |= ids
        return frozenset(found)

    def _read(
        self,
        stream: Stream,
        files: Sequence[Delivered],
        known: Mapping[str, str],
        *,
        whole: bool,
        complete: bool,
    ) -> Iterator[Page]:
        """Pages of these files.

        `whole`: they are all there are, so the cursor moves only once all have been read.
        """
        done = {} if whole else dict(known)
        ended: list[str] = []
        for file in files:
            try:
                prove(file.path, file.sheet, file.manifest)
                rows = rows_of(stream, file)
                while batch := list(islice(rows, self._page_size)):
                    records = [row for row in batch if isinstance(row, SourceRecord)]
                    rejects = [row for row in batch if isinstance(row, BadRow)]
                    here = dict(known if whole else done)
                    yield Page(records, here, last=False, replaces=whole, rejects=rejects, mended=ended)
                    ended = []
                done[file.name] = file.sha
                ended += [file.name, f"{file.name}#"]
            except Unreadable as refusal:
                complete = False
                reason = f"{file.name} is refused as a whole: {refusal}"
                here = dict(known if whole else done)
                yield Page(
                    (), here, last=False, rejects=[BadRow(file.name, None, None, reason)], mended=ended
                )
                ended = []
        cursor = done if complete else {**known, **done}
        sound = [*ended, stream.scope, *(done if complete else ())]
        yield Page((), cursor, last=True, complete=complete, replaces=whole and complete, mended=sound)

    def _entries(self, pattern: str) -> list[Path]:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            fix = "use a pattern relative to the folder, such as budget_*.csv"
            raise ContractBroken(f"{self.name}: pattern {pattern!r} leaves the drop folder", fix=fix)
        if not self._path.is_dir():
            fix = "mount or create it, or correct `path`"
            raise Unavailable(f"{self.name}: the drop folder {self._path} is not there", fix=fix)
        try:
            return sorted(
                path
                for path in self._path.glob(pattern)
                if path.is_file() and not path.is_symlink() and not path.name.startswith((".", "~$"))
            )
        except OSError as error:
            raise Unavailable(f"{self.name}: {self._path} cannot be listed ({error.strerror})") from None

    def _listing(self, scope: str) -> _Listing:
        pattern, _, named = scope.partition("!")
        wanted, sheet = (pattern or "*").strip(), named or None
        paths = [
            path for path in self._entries(wanted) if not path.name.endswith((*_UNFINISHED, *COMPANIONS))
        ]
        try:
            before = {path: _stamp(path) for path in paths}
            since = self._clock() - self._settle_seconds
            young = any(
                mtime > since * 1e9
                for path, (_, mtime) in before.items()
                if self._hashes.get(path, (None,))[0] != before[path]
            )
            if young:
                self._sleep(self._settle_seconds)
            found = [
                self._settled(path, path.relative_to(self._path).as_posix(), before[path], sheet)
                for path in paths
                if awaited(path, self._ready) is None
            ]
            files = [file for file in found if file]
            moving = {path.relative_to(self._path).as_posix() for path in paths} - {
                each.name for each in files
            }
            listing = _Listing(files, frozenset(moving))
            if self._archive:
                listing = self._archived(self._archive, listing, wanted, sheet)
        except OSError as error:
            raise Unavailable(f"{self.name}: {error.filename} cannot be read ({error.strerror})") from None
        listing.files.sort(key=lambda file: (file.modified, file.name))
        return listing

    def _archived(self, archive: Archive, arrived: _Listing, pattern: str, sheet: str | None) -> _Listing:
        """The newest accepted deliveries, and what has arrived where this connection may not take it in."""
        if not self._read_only:
            archive.resume(pattern, sheet)
            for file in arrived.files:
                archive.take(file.path, file.name, sheet)
        files = list(arrived.files) if self._read_only else []
        here = {file.name for file in files}
        taken = [each for each in archive.current(pattern) if each.name not in here]
        for each in taken:
            if each.refused:
                continue
            settled = self._settled(each.path, each.name, _stamp(each.path), sheet)
            files += [settled] if settled else []
        refused = [
            BadRow(each.name, None, None, f"{each.name} is {each.refused}") for each in taken if each.refused
        ]
        return _Listing(files, arrived.moving - {file.name for file in files}, refused)

    def _settled(self, path: Path, name: str, before: tuple[int, int], sheet: str | None) -> Delivered | None:
        seen, sha = self._hashes.get(path, (None, ""))
        if seen != before:
            sha = fingerprint(path)
        if _stamp(path) != before:
            return None
        self._hashes[path] = (before, sha)
        manifest = manifest_of(path)
        if manifest:
            sha = hashlib.sha256((sha + fingerprint(manifest)).encode()).hexdigest()
        modified = datetime.fromtimestamp(before[1] / 1e9, tz=UTC)
        return Delivered(path, name, sha, modified, manifest, sheet)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in {".csv", ".tsv", ".txt", ".xlsx"}


def _header(path: Path) -> Sequence[str]:
    try:
        return next((list(line.cells) for line in read_table(path) if isinstance(line, Line)), [])
    except (Unreadable, OSError):
        return []
