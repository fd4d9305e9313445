"""quarantine, audit, export: what is held back, what was done, and how it all leaves."""

from pathlib import Path
from typing import Any

import click

from sync.program import DONE, FINDINGS, Program, Refused, json_option


@click.group()
def quarantine() -> None:
    """Records that could not be normalized, writes that were refused."""


@quarantine.command("list")
@json_option
@click.pass_obj
def list_(program: Program, *, as_json: bool) -> int:
    """Lists what stands in quarantine."""
    from portfolio.store import runs  # noqa: PLC0415  (start-up stays fast for --help)
    from portfolio.store.types import instant_text  # noqa: PLC0415  (as above)

    shown = ("id", "connection", "kind", "external_id", "external_key", "field", "value", "reason")
    with program.store() as store, store.reading() as db:
        rows = [
            {**{name: each[name] for name in shown}, "since": instant_text(each["since"])}
            for each in runs.quarantined(db)
        ]
    if as_json:
        program.print_json(rows)
        return DONE
    for each in rows:
        record = each["external_key"] or each["external_id"]
        click.echo(
            program.redact(
                f"{each['id']}  {each['connection']} {each['kind']} {record}  {each['field']}={each['value']!r}: {each['reason']}"
            )
        )
    if not rows:
        click.echo("quarantine is empty")
    return DONE


def _entry(program: Program, number: int) -> dict[str, Any]:
    from portfolio.store import runs  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        found = runs.quarantined(db, number)
    if not found:
        raise Refused(f"no quarantine entry {number}; `portico quarantine list` shows them")
    return found[0]


@quarantine.command("show")
@click.argument("number", type=int)
@json_option
@click.pass_obj
def show(program: Program, number: int, *, as_json: bool) -> int:
    """Shows one entry with its source record."""
    from sqlalchemy import select  # noqa: PLC0415  (start-up stays fast for --help)

    from portfolio.store.tables import source_record  # noqa: PLC0415  (as above)

    entry = _entry(program, number)
    with program.store() as store, store.reading() as db:
        body = db.execute(
            select(source_record.c.body).where(
                *(source_record.c[name] == entry[name] for name in ("connection", "kind", "external_id"))
            )
        ).scalar()
    found = {**entry, "record": body}
    if as_json:
        program.print_json(found)
        return DONE
    for name, value in found.items():
        if value is not None:
            click.echo(program.redact(f"{name}: {value}"))
    return DONE


@quarantine.command("retry")
@click.argument("numbers", type=int, nargs=-1)
@json_option
@click.pass_obj
def retry(program: Program, numbers: tuple[int, ...], *, as_json: bool) -> int:
    """Translates the records of these entries (or of all) again with today's mapping."""
    from sync.translation import translate_again  # noqa: PLC0415  (start-up stays fast for --help)

    entries = [_entry(program, number) for number in numbers]
    with program.store() as store:
        left = translate_again(store, program.settings, entries or None, program.now())
    if as_json:
        program.print_json({"left": left})
    else:
        click.echo(f"{left} entries are left" if left else "quarantine is empty")
    return FINDINGS if left else DONE


@quarantine.command("drop")
@click.argument("number", type=int)
@click.option("--why", required=True, help="The reason, kept in the audit log.")
@click.pass_obj
def drop(program: Program, number: int, *, why: str) -> int:
    """Drops an entry with the reason; it returns if the value changes and is bad again."""
    from portfolio.store import audit, runs  # noqa: PLC0415  (start-up stays fast for --help)

    entry, now = _entry(program, number), program.now()
    with program.store() as store, store.transaction() as db:
        if not runs.drop(db, number, why, now):
            raise Refused(f"entry {number} is dropped already")
        subject = f"{entry['connection']} {entry['kind']} {entry['external_id']} {entry['field']}"
        audit.record(
            db, at=now, run_id="", who="command", what="quarantine drop", subject=subject, detail={"why": why}
        )
    return DONE


@click.group()
def audit() -> None:
    """The append-only audit log."""


@audit.command("export")
@click.option(
    "-o",
    "--output",
    type=click.File("w", encoding="utf-8"),
    default="-",
    help="The file to write; without it the log goes to stdout.",
)
@click.pass_obj
def export_audit(program: Program, *, output: Any) -> int:
    """Writes the log as JSON Lines, oldest first."""
    import json  # noqa: PLC0415  (start-up stays fast for --help)

    from portfolio.store import audit as log  # noqa: PLC0415  (as above)
    from portfolio.store.types import plain_json  # noqa: PLC0415  (as above)

    with program.store() as store, store.reading() as db:
        for entry in log.entries(db):
            output.write(
                program.redact(json.dumps(dict(entry), default=plain_json, ensure_ascii=False)) + "\n"
            )
    return DONE


@audit.command("verify")
@json_option
@click.pass_obj
def verify(program: Program, *, as_json: bool) -> int:
    """Proves that no entry was altered, removed or moved."""
    from portfolio.store import audit as log  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        broken = log.first_broken(db)
        count = sum(1 for _ in log.entries(db))
    if as_json:
        program.print_json({"whole": broken is None, "entries": count, "broken_at": broken})
    elif broken is not None:
        click.echo(f"the audit log is broken at entry {broken}")
    else:
        click.echo(f"the audit log is whole: {count} entries")
    return DONE if broken is None else FINDINGS


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
@click.pass_obj
def export(program: Program, folder: Path, *, as_json: bool) -> int:
    """Writes the whole portfolio as one JSON Lines file per entity, with a manifest of counts and hashes."""
    from sync.leaving import export_to  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        manifest = export_to(db, program.settings, folder)
    if as_json:
        program.print_json(manifest)
    program.progress(
        f"{folder}: {sum(each['count'] for each in manifest['files'].values())} rows in {len(manifest['files'])} files"
    )
    return DONE
