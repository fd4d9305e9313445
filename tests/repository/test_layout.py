"""The house as files: packages, image, names, sizes, and what must not be said."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_PACKAGES = {"tests", "docs"}
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "base_manager"}
SOFT_LIMIT, TEST_LIMIT = 400, 800
LONGER = {
    "connectors/http.py": "one session, one retry loop: the parts read together",
    "portfolio/store/migrations/versions/0001_first_schema.py": "written once by the schema",
}
"""Files past the soft limit, each with the reason."""

PLACES = re.compile(r"/wor[k]/|/roo[t]/|/hom[e]/\w|/Use[r]s/\w|[C]:\\\\Users")
WORKPLACE = re.compile(
    r"(?<!user-)\bagent[s]?\b|\bworktre[e]s?\b|\bclaud[e]\b|\bthis sessio[n]\b|\bhelper[s] of\b",
    re.IGNORECASE,
)


@cache
def _tracked(ending: str = "") -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    names = listed.stdout.splitlines()
    return tuple(name for name in names if name.endswith(ending) and (ROOT / name).is_file())


@cache
def _packages() -> frozenset[str]:
    return frozenset(name.partition("/")[0] for name in _tracked(".py") if "/" in name) - NO_PACKAGES


def _modules() -> list[str]:
    return [name for name in _tracked(".py") if name.partition("/")[0] in _packages()]


def test_the_wheel_holds_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tool = project["tool"]

    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == _packages()
    assert set(tool["mypy"]["files"]) == {*_packages(), "tests"}
    assert set(tool["importlinter"]["root_packages"]) == _packages()


def test_every_package_says_that_it_is_typed() -> None:
    assert [name for name in sorted(_packages()) if not (ROOT / name / "py.typed").exists()] == []


def test_the_image_copies_every_package() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {source for source, target in re.findall(r"^COPY (\w+) (\w+)$", text, re.MULTILINE)}

    assert copied == _packages()


def test_the_image_runs_as_nobody_special_and_tells_its_health() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last_stage = text[text.rindex("\nFROM ") :]
    user = re.search(r"^USER (\S+)$", last_stage, re.MULTILINE)

    assert user is not None
    assert user[1] not in {"root", "0"}
    assert last_stage.index("\nUSER ") < last_stage.index("\nENTRYPOINT ")
    assert "\nHEALTHCHECK " in last_stage
    assert "/healthz" in last_stage


def test_no_module_has_a_vague_name() -> None:
    assert [name for name in _modules() if set(Path(name).with_suffix("").parts) & VAGUE] == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        name
        for name in _modules()
        if "/migrations/" not in name and not ast.get_docstring(ast.parse((ROOT / name).read_text("utf-8")))
    ]

    assert silent == []


@pytest.mark.parametrize("path", LONGER)
def test_an_exception_names_a_longer_file(path: str) -> None:
    assert len((ROOT / path).read_text("utf-8").splitlines()) > SOFT_LIMIT


def test_no_file_grows_past_the_soft_limit_unseen() -> None:
    modules = set(_modules())
    limits = {name: SOFT_LIMIT if name in modules else TEST_LIMIT for name in _tracked(".py")}
    lengths = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in limits}
    long = [f"{name}: {lengths[name]} lines" for name in limits if lengths[name] > limits[name]]

    assert [each for each in long if each.partition(":")[0] not in LONGER] == [], (
        "split the file by its parts"
    )


@pytest.mark.parametrize("pattern", [PLACES, WORKPLACE], ids=["places", "workplace"])
def test_nothing_tells_where_it_was_made(pattern: re.Pattern[str]) -> None:
    found = []
    for name in _tracked():
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {line.strip()[:100]}" for line in text.splitlines() if pattern.search(line)]

    assert found == []
