"""Delivering a configured report to where its readers are."""

from pathlib import Path

from config.settings import Report
from reports import formats, views
from reports.data import Document
from sync.crash import reach
from sync.program import Program, Refused
from sync.reporting import document


def deliver(program: Program, name: str) -> Path:
    """Writes the report of that name into its folder, replacing the earlier one; returns where it is.

    Raises NoSnapshot where nothing was assessed yet, OSError where the folder cannot be written.
    """
    wanted = program.settings.reports.get(name)
    if wanted is None or wanted.delivery is None:
        there = [each for each, report in program.settings.reports.items() if report.delivery is not None]
        raise Refused(
            f"no report {name!r} with a delivery; there are: {', '.join(there) or 'none under reports:'}"
        )
    with program.store() as store, store.reading() as db:
        built = shown(document(db, program.settings), wanted)
    wanted.delivery.folder.mkdir(parents=True, exist_ok=True)
    place = name if wanted.format == "csv" else f"{name}.{wanted.format}"
    reach("send.built")
    path = formats.write(built, wanted.format, wanted.delivery.folder / place)
    reach("send.written")
    return path


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
