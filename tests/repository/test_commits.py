"""What must not stand in the repository."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ADDRESSES = re.compile(
    r"https?://[^\s\"']+\.(whl|tar\.gz|deb)|--(extra-)?index-url\s+\S*http|files\.pythonhosted"
)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_no_address_of_a_package_registry_is_committed() -> None:
    found = [
        path.name
        for path in _tracked()
        if path.is_file() and ADDRESSES.search(path.read_text(encoding="utf-8", errors="replace"))
    ]

    assert [name for name in found if name != "test_commits.py"] == []


def test_locks_carry_hashes_for_every_requirement() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9_.-]+(?:\[[a-z,]+\])?==", text, re.MULTILINE)
        hashed = re.findall(r"==[^\n]*\\\n\s+--hash=sha256:", text)

        assert len(pinned) > 20
        assert len(hashed) == len(pinned)


def test_locks_hold_every_requirement() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {
        "requirements.lock": project["project"]["dependencies"],
        "requirements-dev.lock": [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]],
    }
    for lock, requirements in needed.items():
        text = (ROOT / lock).read_text(encoding="utf-8")
        pinned = set(re.findall(r"^([a-z0-9_.-]+)(?:\[[a-z,]+\])?==", text, re.MULTILINE))
        names = {re.sub(r"[._]", "-", re.split(r"[\[>=<]", each)[0]) for each in requirements}

        assert names - pinned == set(), f"{lock} is behind pyproject.toml: make lock"
