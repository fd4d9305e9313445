"""Deliveries of a drop folder that are taken in: claimed by rename, proved whole, then kept or refused with a report.

`accepted/NAME/0001-HASH/` holds one delivery each: the file, its companions and `report.txt`. The newest delivery
of a name is the truth, older ones are its history. `rejected/NAME/…` holds what was refused, numbered together with
the accepted ones. A delivery moves by one rename of its folder, so that a process that dies in between leaves it in
`processing/`, where the next one goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from connectors.delivered import Counted, companions_of, manifest_of, prove
from connectors.tables import Unreadable, fingerprint

_REPORT = "report.txt"
_SHOWN_ROWS = 100
_HASH_SIGNS = 12


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a name: where its file lies, and the reason where it was refused."""

    name: str
    path: Path
    refused: str | None


class Archive:
    """The folders of the deliveries. All of them and the drop folder must be on one file system."""

    def __init__(self, folder: Path) -> None:
        self._accepted = folder / "accepted"
        self._rejected = folder / "rejected"
        self._processing = folder / "processing"

    def take(self, path: Path, name: str, sheet: str | None) -> None:
        """Claims a file of the drop folder and settles it. Does nothing where another process has taken it."""
        box = self._processing / name
        box.mkdir(parents=True, exist_ok=True)
        beside = companions_of(path)
        if beside:
            for left in box.iterdir():
                left.unlink()
        for each in beside:
            each.rename(box / each.name)
        try:
            path.rename(box / path.name)
        except FileNotFoundError:
            return
        self._settle(box, name, sheet)

    def resume(self, pattern: str, sheet: str | None) -> None:
        """Settles what a process that died had claimed of the files of a pattern."""
        for box in sorted(self._boxes(self._processing)):
            name = box.relative_to(self._processing).as_posix()
            if _fits(name, pattern):
                self._settle(box, name, sheet)

    def current(self, pattern: str) -> Iterator[Delivery]:
        """The newest accepted delivery of each name, and after it what was refused since."""
        names = {
            box.parent.relative_to(root).as_posix()
            for root in (self._accepted, self._rejected)
            for box in self._boxes(root)
        }
        for name in sorted(each for each in names if _fits(each, pattern)):
            accepted, rejected = self._newest(self._accepted, name), self._newest(self._rejected, name)
            if accepted is not None:
                yield Delivery(name, accepted / Path(name).name, None)
            if rejected is not None and (accepted is None or rejected.name > accepted.name):
                said = (rejected / _REPORT).read_text(encoding="utf-8").splitlines()
                yield Delivery(name, rejected / Path(name).name, said[0] if said else "refused")

    def _settle(self, box: Path, name: str, sheet: str | None) -> None:
        table = box / Path(name).name
        if not table.is_file():
            return
        sha = fingerprint(table)
        try:
            counted = prove(table, sheet, manifest_of(table))
        except Unreadable as refusal:
            root, report = self._rejected, f"refused as a whole: {refusal}\n"
        else:
            root, report = self._accepted, _told(counted)
        (box / _REPORT).write_text(f"{report}sha256 {sha}\n", encoding="utf-8")
        place = root / name / f"{self._next(name):04}-{sha[:_HASH_SIGNS]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        box.rename(place)

    def _next(self, name: str) -> int:
        newest = [self._newest(root, name) for root in (self._accepted, self._rejected)]
        return 1 + max((int(each.name.partition("-")[0]) for each in newest if each), default=0)

    def _newest(self, root: Path, name: str) -> Path | None:
        found = [each for each in (root / name).glob("[0-9]*-*") if each.is_dir()]
        return max(found, key=lambda each: int(each.name.partition("-")[0]), default=None)

    def _boxes(self, root: Path) -> Iterator[Path]:
        return (
            each for each in root.glob("**/") if each != root and any(one.is_file() for one in each.iterdir())
        )


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern of the drop folder finds this name."""
    at, wanted = Path(name), Path(pattern)
    if "**" in wanted.parts:
        return fnmatchcase(at.name, wanted.name)
    return len(at.parts) == len(wanted.parts) and at.match(pattern)


def _told(counted: Counted) -> str:
    lines = [f"accepted: {counted.rows} rows, {len(counted.refused)} refused"]
    lines += [f"sum of {column}: {total}" for column, total in counted.sums.items()]
    lines += [f"row {row.number}: {row.reason}" for row in counted.refused[:_SHOWN_ROWS]]
    left = len(counted.refused) - _SHOWN_ROWS
    return "\n".join(lines + ([f"and {left} more refused rows"] if left > 0 else [])) + "\n"
