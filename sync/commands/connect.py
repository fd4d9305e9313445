"""check, fields: what each tool says of itself before anything is read or written."""

from collections.abc import Mapping

import click

from sync.commands.run import known
from sync.program import DONE, FINDINGS, Program, json_option


@click.command()
@click.argument("connection", nargs=-1)
@json_option
@click.pass_obj
def check(program: Program, connection: tuple[str, ...], *, as_json: bool) -> int:
    """Validates configuration, credentials, mappings and each write target; names the exact fix."""
    from sync import couriers  # noqa: PLC0415  (start-up stays fast for --help)
    from sync.preflight import check as examine  # noqa: PLC0415  (as above)

    names = known(program, connection)
    findings = [each for name in names for each in examine(program.settings, name, program.now())]
    if not connection:
        findings += couriers.check(program.settings, program.now())
    ok = not any(each["severity"] == "error" for each in findings)
    if as_json:
        program.print_json({"ok": ok, "findings": findings})
    else:
        for each in findings:
            click.echo(program.redact(_line(each)))
            if each["fix"]:
                click.echo(program.redact(f"        fix: {each['fix']}"))
        click.echo(_summary(findings, program, ok=ok))
    return DONE if ok else FINDINGS


def _line(finding: Mapping[str, str]) -> str:
    name, subject = finding["connection"], finding["subject"]
    place = name if subject == name else f"{name}: {subject}"
    return f"{finding['severity']:7} {place}: {finding['text'].removeprefix(f'{name}: ')}"


def _summary(findings: list[dict[str, str]], program: Program, *, ok: bool) -> str:
    if not program.settings.connections:
        return f"{program.config} can be used, but has no connection yet: describe one under `connections`"
    if ok:
        return "every check passed"
    wrong = sum(each["severity"] == "error" for each in findings)
    return f"{wrong} of the checks failed; what to do stands beneath each error"


@click.command()
@click.argument("connection")
@click.argument("kind", required=False)
@json_option
@click.pass_obj
def fields(program: Program, connection: str, kind: str | None, *, as_json: bool) -> int:
    """Lists the tool's fields: id, name, type, options, writable here, mapped to what."""
    from sync.preflight import fields_of  # noqa: PLC0415  (start-up stays fast for --help)

    (name,) = known(program, [connection])
    rows = fields_of(program.settings, name, kind)
    if as_json:
        program.print_json(rows)
        return DONE
    for each in rows:
        options = f" [{', '.join(each['options'])}]" if each["options"] else ""
        writable = "writable" if each["writable"] else "read-only"
        mapped = f" → {', '.join(each['mapped_to'])}" if each["mapped_to"] else ""
        click.echo(
            f"{each['kind']}.{each['id']}  {each['name']}  {each['type']}{options}  {writable}{mapped}"
        )
        if each["hint"] and any(name.endswith("(written)") for name in each["mapped_to"]):
            click.echo(program.redact(f"        fix: {each['hint']}"))
    return DONE
