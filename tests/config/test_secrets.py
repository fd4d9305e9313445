"""Secret references and redaction."""

from pathlib import Path

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from pydantic import SecretStr

import config
from config.secrets import UnresolvedError, redact, resolve

ENTRY = """
version: 1
connections:
  snow: {{tool: servicenow, url: "https://s.example.gov", auth: {{type: basic, user: u, password: "{}"}}}}
"""


class Ring(KeyringBackend):
    """A key store in memory."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        return {("snow", "bot"): "ring-secret"}.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        pytest.fail("Portico writes no key store")

    def delete_password(self, service: str, username: str) -> None:  # noqa: ARG002
        pytest.fail("Portico writes no key store")


@pytest.fixture
def _ring() -> object:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def load(folder: Path, reference: str, environ: dict[str, str]) -> config.Settings:
    file = folder / "portico.yaml"
    file.write_text(ENTRY.format(reference), encoding="utf-8")
    return config.load(file, environ)


def secrets_of(settings: config.Settings) -> list[str]:
    return [each.get_secret_value() for each in settings.secrets]


def test_from_the_environment(tmp_path: Path) -> None:
    assert secrets_of(load(tmp_path, "${PW}", {"PW": "from-env"})) == ["from-env"]


def test_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pw.txt").write_text("from-file\n", encoding="utf-8")
    assert secrets_of(load(tmp_path, "${file:pw.txt}", {})) == ["from-file"]


@pytest.mark.usefixtures("_ring")
def test_from_the_key_store(tmp_path: Path) -> None:
    assert secrets_of(load(tmp_path, "${keyring:snow/bot}", {})) == ["ring-secret"]


@pytest.mark.usefixtures("_ring")
@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("${PW}", "the environment variable PW is not set"),
        ("${EMPTY}", "the environment variable EMPTY is empty"),
        ("${file:none.txt}", "none.txt cannot be read"),
        ("${keyring:snow/nobody}", "the key store holds nothing for snow/nobody"),
        ("${keyring:snow}", "is not ${keyring:SERVICE/USER}"),
        ("${a b}", "is not one of"),
        ("literal", "a secret in the file"),
        ("pre-${EMPTY}", "a secret in the file"),
        ("${SHORT}", "too short"),
        ("", "a secret in the file"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path, reference: str, expected: str) -> None:
    with pytest.raises(config.ConfigurationError) as raised:
        load(tmp_path, reference, {"EMPTY": "", "SHORT": "abc"})
    assert expected in str(raised.value)


def test_a_resolved_value_is_not_resolved_again(tmp_path: Path) -> None:
    assert resolve("${A}", {"A": "${B}", "B": "x"}, tmp_path) == ("${B}", [])


def test_a_doubled_dollar_is_a_literal(tmp_path: Path) -> None:
    assert resolve("$${A}", {}, tmp_path) == ("${A}", [])


def test_an_unresolved_error_holds_no_value(tmp_path: Path) -> None:
    with pytest.raises(UnresolvedError, match="B is not set"):
        resolve("${A}${B}", {"A": "hush-hush"}, tmp_path)


def test_redaction_knows_the_quoted_form() -> None:
    assert redact("a p%40ss%2Fword b p@ss/word", ["p@ss/word"]) == "a *** b ***"


def test_the_longer_secret_goes_first() -> None:
    assert redact("secret-and-more", [SecretStr("secret"), SecretStr("secret-and-more")]) == "***"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    secret = secret.replace("*", "x")
    assert secret not in redact(before + secret + after, [secret])
