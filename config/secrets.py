"""Secrets: the references `${ENV_NAME}`, `${file:PATH}`, `${keyring:SERVICE/USER}`, and redaction."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

SECRET_KEYS = frozenset(
    {"token", "password", "client_secret", "api_key", "private_key", "passphrase", "webhook"}
)
"""Keys whose value must be one reference and is never printed."""

MASK = "***"
MIN_LENGTH = 4
ACCEPTED = "${ENV_NAME}, ${file:PATH} or ${keyring:SERVICE/USER}"
_REFERENCE = re.compile(r"\$(\$?)\{([^{}]*)\}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnresolvedError(ValueError):
    """A reference that leads nowhere; the text names the variable, file or entry and never a value."""


def is_reference(text: str) -> bool:
    """True when the whole text is exactly one reference."""
    found = _REFERENCE.fullmatch(text)
    return bool(found and not found[1])


def resolve(text: str, environ: Mapping[str, str], base: Path) -> tuple[str, list[str]]:
    """The text with its references filled in, and the values that are secret anywhere (file, keyring).

    `$${` stands for a literal `${`. Raises `UnresolvedError`.
    """
    secrets: list[str] = []

    def fill(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        name = found[2]
        value = _look_up(name, environ, base)
        if ":" in name:
            secrets.append(value)
        return value

    return _REFERENCE.sub(fill, text), secrets


def _look_up(name: str, environ: Mapping[str, str], base: Path) -> str:
    if name.startswith("file:"):
        return _file(base / Path(name.removeprefix("file:")).expanduser())
    if name.startswith("keyring:"):
        return _keyring(name.removeprefix("keyring:"))
    if not _ENV_NAME.fullmatch(name):
        raise UnresolvedError(f"the reference ${{{name}}} is not one of {ACCEPTED}")
    value = environ.get(name)
    if not value:
        raise UnresolvedError(f"the environment variable {name} is {'empty' if value == '' else 'not set'}")
    return value


def _file(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnresolvedError(f"the file {path} cannot be read ({type(error).__name__})") from None
    if not text:
        raise UnresolvedError(f"the file {path} is empty")
    return text


def _keyring(entry: str) -> str:
    service, _, user = entry.rpartition("/")
    if not (service and user):
        raise UnresolvedError(f"the reference ${{keyring:{entry}}} is not ${{keyring:SERVICE/USER}}")
    import keyring  # noqa: PLC0415 - loads the desktop's key stores, which most installations never ask
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise UnresolvedError(f"the key store cannot be read for {entry} ({type(error).__name__})") from None
    if not value:
        raise UnresolvedError(f"the key store holds nothing for {entry}")
    return value


def url_password(text: str) -> str | None:
    """The password inside a URL as written there, if it has one."""
    try:
        return urlsplit(text).password
    except ValueError:
        return None


def redact(text: str, secrets: Iterable[SecretStr | str]) -> str:
    """`text` with every secret, also in its URL-quoted form, replaced by `***`. Longer secrets go first."""
    values = {each.get_secret_value() if isinstance(each, SecretStr) else each for each in secrets}
    forms = {
        form for value in values for form in (value, quote(value, safe=""), quote(value), unquote(value))
    }
    for form in sorted((form for form in forms if len(form) >= MIN_LENGTH), key=len, reverse=True):
        text = text.replace(form, MASK)
    return text
