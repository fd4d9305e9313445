"""Reads `portico.yaml`; all problems at once: file, line, key, what was found and what is accepted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr, ValidationError

from config import checks as own_checks
from config import secrets, write_checks, yaml_text
from config.names import TOOLS
from config.parts import QUOTE
from config.settings import Settings
from config.yaml_text import Document, Fault, Loc

Check = Callable[[Mapping[str, Any]], Iterable[Fault]]
"""A look over the whole document (references unresolved) that yields what does not fit together."""

AUTH_TYPES = "basic, bearer, api_key, oauth2_client_credentials, jwt_bearer, certificate, managed_identity"
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the configuration and where it stands."""

    file: str
    line: int
    key: str
    found: str
    accepted: str

    def __str__(self) -> str:
        place = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {place}found {self.found}; accepted: {self.accepted}"


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` holds all that is wrong, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load(path: Path, environ: Mapping[str, str], checks: Sequence[Check] = ()) -> Settings:
    """The settings of a file, secrets resolved, relative paths made absolute.

    `checks` are further looks over the document by those who know more (the mapping). Raises
    `ConfigurationError` with all problems.
    """
    path = path.absolute()
    document = _read(path)
    faults = list(document.faults)
    if not faults and not isinstance(document.data, dict):
        faults.append(Fault((), _shown(document.data), "a mapping that begins with version: 1"))
    if not isinstance(document.data, dict):
        raise _error(path, document, faults)
    found_secrets: list[SecretStr] = []
    resolved = _resolve(document.data, (), _Resolving(environ, path.parent, faults, found_secrets))
    settings = None
    try:
        settings = Settings.model_validate(resolved, context={"base": path.parent})
    except ValidationError as error:
        known = {fault.loc for fault in document.faults}
        found = (_fault(document, each) for each in error.errors(include_url=False))
        faults += (fault for fault in found if fault.loc not in known)
    for check in (*own_checks.ALL, *write_checks.ALL, *checks):
        faults += check(document.data)
    if faults or settings is None:
        raise _error(path, document, faults)
    settings._file = path  # noqa: SLF001 - the loader is the one who knows
    settings._secrets = tuple({each.get_secret_value(): each for each in found_secrets}.values())  # noqa: SLF001
    return settings


def schema() -> dict[str, Any]:
    """The JSON Schema of `portico.yaml`, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Settings.model_json_schema(
        by_alias=True
    )


def _read(path: Path) -> Document:
    try:
        return yaml_text.parse(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        fault = Fault(
            (), f"no such file {path}", "an existing file (`portico init` makes one; -c names another)", 1
        )
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault((), f"a file that cannot be read ({type(error).__name__})", "a readable UTF-8 file", 1)
    return Document(faults=[fault])


@dataclass(frozen=True, slots=True)
class _Resolving:
    environ: Mapping[str, str]
    base: Path
    faults: list[Fault]
    secrets: list[SecretStr]


def _resolve(data: Any, loc: Loc, run: _Resolving) -> Any:
    if isinstance(data, dict):
        return {key: _resolve(value, (*loc, key), run) for key, value in data.items()}
    if isinstance(data, list):
        return [_resolve(value, (*loc, index), run) for index, value in enumerate(data)]
    secret = (
        bool(loc)
        and loc[-1] in secrets.SECRET_KEYS
        and loc[0] in {"connections", "reports"}
        and "map" not in loc
    )
    if secret and data is not None and not (isinstance(data, str) and secrets.is_reference(data)):
        run.faults.append(Fault(loc, "a secret in the file", secrets.ACCEPTED))
        return "unresolved"
    if not isinstance(data, str):
        return data
    written = secrets.url_password(data)
    if written and not secrets.is_reference(written):
        run.faults.append(Fault(loc, "a password inside an address", f"{secrets.ACCEPTED} in its place"))
    if "${" not in data:
        return data
    try:
        value, certain = secrets.resolve(data, run.environ, run.base)
    except secrets.UnresolvedError as error:
        run.faults.append(
            Fault(
                loc,
                str(error),
                "a reference with a value behind it (set it where portico is started, or correct the name)",
            )
        )
        return data
    password = secrets.url_password(value)
    certain += [value] if secret else []
    certain += [password, unquote(password)] if password else []
    for each in certain:
        if len(each) < secrets.MIN_LENGTH:
            run.faults.append(
                Fault(
                    loc, "a secret too short to be hidden in logs", f"{secrets.MIN_LENGTH} characters or more"
                )
            )
        run.secrets.append(SecretStr(each))
    return value


def _error(path: Path, document: Document, faults: Iterable[Fault]) -> ConfigurationError:
    name = path.name
    problems = {
        Problem(name, fault.line or document.line(fault.loc), _dotted(fault.loc), fault.found, fault.accepted)
        for fault in faults
    }
    return ConfigurationError(
        sorted(problems, key=lambda each: (each.line, each.key, each.found, each.accepted))
    )


def _dotted(loc: Loc) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _fault(document: Document, error: Any) -> Fault:
    """A validation error in the words of the file: its place there, what stands there, what is accepted."""
    loc = _written(document.data, error["loc"])
    kind, context = error["type"], error.get("ctx") or {}
    value = _at(document.data, loc)
    if kind == "unknown_key":
        return Fault(loc, f"the unknown key '{loc[-1]}'", _nearest(str(loc[-1]), context["accepted"]))
    if kind == "missing":
        return Fault((*loc, str(error["loc"][-1])), "nothing", "a value (it is required)")
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        name = context["discriminator"].strip("'")
        accepted = context.get("expected_tags", ", ".join(TOOLS) if name == "tool" else AUTH_TYPES).replace(
            "'", ""
        )
        tag = value.get(name) if isinstance(value, dict) else None
        return Fault((*loc, name), _shown(tag), accepted if tag is None else _nearest(str(tag), accepted))
    return Fault(loc, _shown(value), _accepted(kind, context, error["msg"], value))


def _written(data: Any, loc: Loc) -> Loc:
    """The part of a model's location that stands in the file (tags and gathered keys do not)."""
    place: Loc = ()
    for part in loc:
        keyed = isinstance(data, dict) and part in data
        listed = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if keyed or listed:
            data = data[part]
            place = (*place, part)
    return place


def _at(data: Any, loc: Loc) -> Any:
    for part in loc:
        data = data[part]
    return data


def _nearest(word: str, accepted: str) -> str:
    near = get_close_matches(word, accepted.split(", "), 1)
    return f"{near[0]}? One of {accepted}" if near else accepted


_WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list",
    "mapping_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "string_too_short": "text that is not empty",
    "date_from_datetime_parsing": "a day as YYYY-MM-DD",
    "date_parsing": "a day as YYYY-MM-DD",
    "date_type": "a day as YYYY-MM-DD",
}


def _accepted(kind: str, context: Mapping[str, Any], message: str, value: Any) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "literal_error":
        return _nearest(str(value), str(context["expected"]).replace("'", "").replace(" or ", ", "))
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return QUOTE
    if kind == "string_pattern_mismatch":
        return f"text like {context['pattern']}"
    limits = {"greater_than_equal": "ge", "less_than_equal": "le", "greater_than": "gt", "less_than": "lt"}
    if kind in limits:
        return f"a number {kind.replace('_', ' ')} {context[limits[kind]]}"
    return _WORDS.get(kind, message)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if password := secrets.url_password(text):
        text = text.replace(password, secrets.MASK)
    text = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return repr(text) if isinstance(value, str) else text
