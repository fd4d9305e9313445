"""Writes `docs/reference/configuration.md` from the models: `python -m config.reference`."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from config import names
from config.loading import schema

_HEAD = """\
# Configuration: `portico.yaml`

<!-- made by `make docs`; change the models in config/, not this page -->

The file is validated as a whole before anything runs; an error names file, line, key, what was
found and what is accepted. `portico init` writes a commented one, `portico init --schema` its JSON
Schema. Secrets (`token`, `password`, `client_secret`, `api_key`, `private_key`, `passphrase`) are
references and never values: `${ENV_NAME}`, `${file:PATH}`, `${keyring:SERVICE/USER}`; `$${` is a
literal `${`. Relative paths count from the file's folder. Codes stand in quotes, so that leading
zeros survive.
"""
_FIGURES = """
## Figures that can be written

Per project (`write.project`): {project}.

Per budget code, fiscal year and period (`write.budget_line`, in {ledgers}): {budget}.
"""


def markdown() -> str:
    """The whole page: the file first, then each part in the order in which it is met."""
    document = schema()
    parts = document.pop("$defs")
    lines = [_HEAD, *_section("portico.yaml", document)]
    for name in _met(document, parts):
        lines += _section(name, parts[name])
    ticked = {
        "project": ", ".join(f"`{each}`" for each in names.PROJECT_FIGURES),
        "budget": ", ".join(f"`{each}`" for each in (*names.BUDGET_FIGURES, *names.STAMPS)),
        "ledgers": ", ".join(names.LEDGER_TOOLS),
    }
    return "\n".join(lines) + "\n" + _FIGURES.format(**ticked)


def _met(document: dict[str, Any], parts: dict[str, Any]) -> list[str]:
    met: list[str] = []
    waiting = [document]
    while waiting:
        for name in re.findall(r"#/\$defs/(\w+)", json.dumps(waiting.pop(0))):
            if name not in met:
                met.append(name)
                waiting.append(parts[name])
    return met


def _section(name: str, part: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {name}\n"
    if part.get("description"):
        yield part["description"].replace("\n    ", "\n").strip() + "\n"
    if "properties" not in part:
        yield _kind(part)
        return
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    required = part.get("required", ())
    for key, value in part["properties"].items():
        default = "required" if key in required else _default(value.get("default"))
        yield f"| `{key}` | {_kind(value)} | {default} | {value.get('description', '')} |"


def _default(value: Any) -> str:
    return (
        "" if value in (None, {}, [], "") else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    )


def _kind(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return " or ".join(f"`{each}`" for each in value["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in value:
            kinds = (_kind(each) for each in value[choice] if each.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
    if "patternProperties" in value:
        (inner,) = value["patternProperties"].values()
        return f"mapping to {_kind(inner)}"
    if value.get("type") == "array":
        return f"list of {_kind(value.get('items', {}))}"
    if isinstance(value.get("additionalProperties"), dict):
        return f"mapping to {_kind(value['additionalProperties'])}"
    kind = str(value.get("type", "any"))
    return {"object": "mapping", "string": "text", "boolean": "`true` or `false`"}.get(kind, kind)


if __name__ == "__main__":
    sys.stdout.write(markdown())
