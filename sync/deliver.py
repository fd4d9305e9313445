"""Delivering a configured report to where its readers are: each edition once, however often it is tried.

An edition is a snapshot on a portfolio day. Its delivery is journalled before it is made; one whose ending is unclear is
looked for at the place, and never made again where the place cannot tell.
"""

import hashlib
import io
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from config.delivery import Delivery
from config.settings import Report
from connectors.courier import Courier, Parcel
from connectors.errors import ConnectorError, OutcomeUnknown
from portfolio.store import audit, deliveries, leases
from portfolio.store.database import Store
from portfolio.store.deliveries import REFUSED, SENT, UNKNOWN, Delivered
from reports import formats, letter, views
from reports.data import Document
from sync.assess import WHO, today_of
from sync.couriers import FOLDER, courier
from sync.crash import reach
from sync.program import Program, Refused
from sync.reporting import document

FOUND = "found there by a later look"
CONTENT_TYPES = {
    "html": "text/html",
    "md": "text/markdown",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "application/zip",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a report at one place. `text` is for people."""

    place: str
    text: str
    arrived: bool


@dataclass(frozen=True, slots=True)
class _Edition:
    report: str
    wanted: Report
    delivery: Delivery
    built: Document
    day: date

    @property
    def name(self) -> str:
        return f"{self.built['snapshot']['id']} {self.day}"


def deliver(program: Program, name: str, *, again: bool = False) -> list[Ending]:
    """Takes the report of that name to each of its places; one that fails stops no other.

    `again` sends an edition that was sent already, or whose ending is unclear. Raises NoSnapshot where nothing was
    assessed yet, OSError where the folder cannot be written.
    """
    wanted = program.settings.reports.get(name)
    if wanted is None or wanted.delivery is None:
        there = [each for each, report in program.settings.reports.items() if report.delivery is not None]
        raise Refused(
            f"no report {name!r} with a delivery; there are: {', '.join(there) or 'none under reports:'}"
        )
    with program.store() as store:
        with store.reading() as db:
            built = shown(document(db, program.settings), wanted)
        edition = _Edition(name, wanted, wanted.delivery, built, today_of(program.settings, program.now()))
        reach("send.built")
        return [_at(program, store, edition, place, again=again) for place in wanted.delivery.places]


def shown(built: Document, wanted: Report) -> Document:
    """The document as the report's filters and audience show it."""
    asked = wanted.filters
    words = {
        "department": asked.department,
        "program": asked.program,
        "key": asked.project,
        "state": asked.state,
    }
    narrowed = views.for_filters(built, words)
    return views.for_audience(narrowed, wanted.audience) if wanted.audience else narrowed


def _at(program: Program, store: Store, edition: _Edition, place: str, *, again: bool) -> Ending:
    if place == FOLDER:
        return _into_folder(edition)
    parcel = _parcel(edition, place)
    with store.reading() as db:
        last = deliveries.newest(db, edition.report, place, edition.day)
    with closing(courier(program.settings, edition.delivery, place, program.now())) as way:
        if last is not None and not again:
            try:
                before = _settled(program, store, edition, place, parcel, way, last)
            except ConnectorError as error:
                return Ending(place, program.redact(f"{place}: {error.text}"), arrived=False)
            if before is not None:
                return before
            with store.reading() as db:
                last = deliveries.newest(db, edition.report, place, edition.day)
        with store.transaction() as db:
            leases.lock(db, f"deliver {edition.report} {place}")
            if deliveries.newest(db, edition.report, place, edition.day) != last:
                return Ending(place, f"{place}: another process is delivering it", arrived=False)
            deliveries.intend(db, edition.report, place, edition.name, day=edition.day, at=program.now())
        reach("send.intended")
        state, said = _carry(way, parcel)
    reach("send.written")
    _note(program, store, edition, place, edition.name, state, said)
    return Ending(place, program.redact(f"{place}: {said}"), arrived=state == SENT)


def _settled(
    program: Program,
    store: Store,
    edition: _Edition,
    place: str,
    parcel: Parcel,
    way: Courier,
    last: Delivered,
) -> Ending | None:
    """What became of an earlier try of this day that must not be repeated; None where it must."""
    if last.state == REFUSED:
        return None
    if last.state == SENT:
        if last.edition != edition.name:
            return None
        text = f"{place}: was sent already at {last.done_at:%Y-%m-%d %H:%M} UTC; `--again` sends it anew"
        return Ending(place, text, arrived=True)
    found = way.arrived(replace(parcel, key=_key(edition, place, last.edition)), last.intended_at)
    if found is False:
        return None
    if found:
        _note(program, store, edition, place, last.edition, SENT, FOUND)
        return Ending(place, f"{place}: {FOUND}", arrived=True) if last.edition == edition.name else None
    said = last.answer or "the program ended while it was sent"
    _note(program, store, edition, place, last.edition, UNKNOWN, said)
    text = (
        f"{place}: it is not known whether it arrived ({said}). Look there; "
        f"`portico send {edition.report} --again` sends it anew"
    )
    return Ending(place, program.redact(text), arrived=False)


def _carry(way: Courier, parcel: Parcel) -> tuple[str, str]:
    try:
        return SENT, way.send(parcel)
    except OutcomeUnknown as error:
        return UNKNOWN, error.text
    except ConnectorError as error:
        return REFUSED, f"{error.text} {error.fix}".strip()


def _note(
    program: Program, store: Store, edition: _Edition, place: str, named: str, state: str, said: str
) -> None:
    said, at = program.redact(said), program.now()
    with store.transaction() as db:
        deliveries.settle(db, edition.report, place, named, state=state, answer=said, at=at)
        audit.record(
            db,
            at=at,
            run_id="",
            who=WHO,
            what="delivery",
            subject=f"{edition.report} {place}",
            detail={"edition": named, "state": state, "answer": said},
        )


def _into_folder(edition: _Edition) -> Ending:
    folder = edition.delivery.folder
    assert folder is not None  # noqa: S101  (the folder is one of its places)
    folder.mkdir(parents=True, exist_ok=True)
    form = edition.wanted.format
    path = formats.write(
        edition.built, form, folder / (edition.report if form == "csv" else f"{edition.report}.{form}")
    )
    reach("send.written")
    return Ending(FOLDER, str(path), arrived=True)


def _key(edition: _Edition, place: str, named: str) -> str:
    return hashlib.sha256(f"{edition.report}|{place}|{named}".encode()).hexdigest()[:32]


def _parcel(edition: _Edition, place: str) -> Parcel:
    form = edition.wanted.format
    name = f"{edition.report}-{edition.day}.{'zip' if form == 'csv' else form}"
    short = letter.letter(edition.built, name)
    link = edition.delivery.teams.link if edition.delivery.teams else None
    return Parcel(
        key=_key(edition, place, edition.name),
        subject=short.subject,
        text=short.text,
        html=short.html,
        card=letter.card(edition.built, link),
        name=name,
        content=_content(edition.built, form),
        content_type=CONTENT_TYPES[form],
    )


def _content(built: Document, form: str) -> bytes:
    """The report as bytes; a folder of CSV files as a ZIP archive."""
    with tempfile.TemporaryDirectory() as scratch:
        path = formats.write(built, form, Path(scratch) / "report")
        return _zipped(path) if path.is_dir() else path.read_bytes()


def _zipped(folder: Path) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(file.name, (1980, 1, 1, 0, 0, 0)), file.read_bytes())
    return held.getvalue()
