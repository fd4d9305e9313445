"""Deliveries: when a file is whole, how it is claimed, kept or refused, and that a death in between leaves nothing half."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from connectors.amounts import amount
from connectors.base import BadRow, Page, Stream
from connectors.delivered import Ready
from connectors.errors import Unavailable
from connectors.files import Files
from connectors.tables import Unreadable, read_table

ROOT = Path(__file__).resolve().parents[2]
BUDGET = Stream("budget_line", "budget_*.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def taking(folder: Path, *, read_only: bool = False, ready: Ready = "settled") -> Files:
    return Files(
        "ledger",
        folder,
        read_only=read_only,
        ready=ready,
        archive=folder.parent / "archive",
        sleep=lambda _seconds: None,
    )


def funds(pages: list[Page]) -> list[str]:
    return [str(record.body["fund"]) for page in pages for record in page.records]


def rejects(pages: list[Page]) -> list[BadRow]:
    return [row for page in pages for row in page.rejects]


def tree(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.parent.rglob("*") if path.is_file())
    return {path.relative_to(folder.parent).as_posix(): path.read_text() for path in found}


def test_a_file_is_claimed_and_kept_with_a_report(folder: Path) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\nB,2\nragged\n")
    (folder / "budget_1.csv.manifest.json").write_text('{"rows": 2, "sums": {"amount": "3"}}')
    (folder / "other.csv").write_text("x\n1\n")
    pages = list(taking(folder).pull(BUDGET, None))
    assert funds(pages) == ["A", "B"]
    assert [path.name for path in folder.iterdir()] == ["other.csv"]
    (box,) = (folder.parent / "archive/accepted/budget_1.csv").iterdir()
    assert {path.name for path in box.iterdir()} == {
        "budget_1.csv",
        "budget_1.csv.manifest.json",
        "report.txt",
    }
    report = (box / "report.txt").read_text()
    assert report.startswith(
        "accepted: 2 rows, 1 refused\nsum of amount: 3\nrow 4: 1 cells under 2 columns\n"
    )


def test_a_resent_delivery_is_no_work_and_a_corrected_one_replaces_its_scope(folder: Path) -> None:
    first = "fund,amount\nA,1\nB,2\n"
    (folder / "budget_1.csv").write_text(first)
    cursor = list(taking(folder).pull(BUDGET, None))[-1].cursor
    (folder / "budget_1.csv").write_text(first)
    (page,) = taking(folder).pull(BUDGET, cursor)
    assert (page.records, page.cursor, page.complete) == ((), cursor, True)
    (folder / "budget_1.csv").write_text("fund,amount\nA,5\n")
    corrected = list(taking(folder).pull(BUDGET, cursor))
    assert funds(corrected) == ["A"]
    assert corrected[-1].replaces
    assert corrected[-1].complete
    assert taking(folder).census(BUDGET).count == 1
    assert len(list((folder.parent / "archive/accepted/budget_1.csv").iterdir())) == 3


def test_a_refused_delivery_keeps_the_last_good_one_and_says_why_until_it_is_corrected(folder: Path) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
    cursor = list(taking(folder).pull(BUDGET, None))[-1].cursor
    (folder / "budget_1.csv").write_text("fund,amount\nA,7\n")
    (folder / "budget_1.csv.manifest.json").write_text('{"sums": {"amount": "8"}}')
    for _run in range(2):
        pages = list(taking(folder).pull(BUDGET, cursor))
        assert not funds(pages)
        assert "sums to 7, its manifest says 8" in rejects(pages)[0].reason
        assert not pages[-1].complete
        assert taking(folder).census(BUDGET).ids is None
    assert funds(list(taking(folder).pull(BUDGET, None))) == ["A"]
    (finding,) = taking(folder).check().findings
    assert (finding.severity, finding.subject) == ("error", "budget_1.csv")
    (box,) = (folder.parent / "archive/rejected/budget_1.csv").iterdir()
    assert (box / "report.txt").read_text().startswith("refused as a whole: column 'amount' sums to 7")
    (folder / "budget_1.csv").write_text("fund,amount\nA,8\n")
    pages = list(taking(folder).pull(BUDGET, cursor))
    assert [record.body["amount"] for page in pages for record in page.records] == ["8"]
    assert pages[-1].complete


@pytest.mark.parametrize(("ready", "companion"), [("marker", ".ok"), ("manifest", ".manifest.json")])
def test_a_file_waits_for_what_tells_that_it_is_whole(folder: Path, ready: Ready, companion: str) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
    files = Files("ledger", folder, read_only=True, ready=ready, sleep=lambda _seconds: None)
    assert not funds(list(files.pull(BUDGET, None)))
    (finding,) = files.check().findings
    assert f"waits for budget_1.csv{companion}" in finding.text
    (folder / f"budget_1{companion}").write_text("{}")
    assert funds(list(files.pull(BUDGET, None))) == ["A"]
    assert not files.check().findings


def test_a_connection_that_may_not_write_moves_nothing(folder: Path) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
    list(taking(folder).pull(BUDGET, None))
    (folder / "budget_1.csv").write_text("fund,amount\nB,1\n")
    before = tree(folder)
    pages = list(taking(folder, read_only=True).pull(BUDGET, None))
    assert funds(pages) == ["B"]
    assert tree(folder) == before


def test_a_manifests_hash_is_held_against_the_bytes(folder: Path) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
    (folder / "budget_1.csv.manifest.json").write_text(json.dumps({"sha256": "0" * 64}))
    pages = list(taking(folder).pull(BUDGET, None))
    assert "sha256" in rejects(pages)[0].reason


def test_a_manifest_with_a_wrong_count_is_refused_not_fatal(folder: Path) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
    (folder / "budget_1.csv.manifest.json").write_text(json.dumps({"rows": "many"}))
    assert "not readable" in rejects(list(taking(folder).pull(BUDGET, None)))[0].reason


def test_a_file_that_breaks_off_gives_no_row_at_all(folder: Path) -> None:
    rows = "".join(f"F{number},1\n" for number in range(3000))
    (folder / "budget_1.csv").write_text(f'fund,amount\n{rows}"open,1\n')
    pages = list(Files("ledger", folder, read_only=True, sleep=lambda _seconds: None).pull(BUDGET, None))
    assert not funds(pages)
    assert "not well-formed" in rejects(pages)[0].reason


DYING = """
import os, signal, sys
from pathlib import Path
from connectors.base import Stream
from connectors.files import Files
left = int(sys.argv[2])
def dying(act):
    def step(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*arguments, **options)
    return step
for name in ("rename", "mkdir", "unlink", "write_text"):
    setattr(Path, name, dying(getattr(Path, name)))
folder = Path(sys.argv[1])
files = Files("ledger", folder, read_only=False, archive=folder.parent / "archive", settle_seconds=0)
list(files.pull(Stream("budget_line", "budget_*.csv"), None))
"""


def test_a_death_at_any_step_of_taking_in_leaves_nothing_half(tmp_path: Path) -> None:
    def prepared(name: str) -> Path:
        folder = tmp_path / name / "in"
        folder.mkdir(parents=True)
        (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
        list(taking(folder).pull(BUDGET, None))
        (folder / "budget_1.csv").write_text("fund,amount\nA,2\n")
        (folder / "budget_1.csv.manifest.json").write_text('{"rows": 1, "sums": {"amount": "2"}}')
        (folder / "budget_2.csv").write_text("fund,amount\nB,1\n")
        (folder / "budget_2.csv.manifest.json").write_text('{"rows": 9}')
        return folder

    unharmed = prepared("unharmed")
    wanted = list(taking(unharmed).pull(BUDGET, None))
    assert funds(wanted) == ["A"]
    step, deaths = 1, 0
    while True:
        folder = prepared(f"step{step}")
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", DYING, str(folder), str(step)], cwd=ROOT, check=False, capture_output=True
        )
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr
            break
        deaths += 1
        pages = list(taking(folder).pull(BUDGET, None))
        assert [(record.id, dict(record.body)) for page in pages for record in page.records] == [
            (record.id, dict(record.body)) for page in wanted for record in page.records
        ]
        assert [row.reason for row in rejects(pages)] == [row.reason for row in rejects(wanted)]
        assert tree(folder) == tree(unharmed)
        step += 1
    assert deaths >= 10


def test_an_archive_on_another_file_system_names_what_cannot_be_done(folder: Path) -> None:
    (folder / "budget_1.csv").write_text("fund,amount\nA,1\n")
    (folder.parent / "archive").write_text("a file where the folder belongs")
    with pytest.raises(Unavailable):
        list(taking(folder).pull(BUDGET, None))


# what one file may be


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.56", "1234.56"), ("(1,234.56)", "-1234.56"), ("1,234.56-", "-1234.56"), ("-1,234.56", "-1234.56"),
        ("$5", "5"), ("$(5.00)", "-5.00"), ("-$5", "-5"), ("1,234.50 CR", "-1234.50"), ("1,234.50DR", "1234.50"),
        ("", "0"), ("-", "0"), (".5", "0.5"), ("999,999,999,999,999.99", "999999999999999.99"),
    ],
)  # fmt: skip
def test_amounts_as_ledgers_write_them(text: str, value: str) -> None:
    assert str(amount(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        "1.234,56",
        "(5)-",
        "-(5)",
        "5 CR-",
        "-5-",
        "(-5)",
        "(5) CR",
        "1,23",
        "12,34,567",
        "٣",
        "5 5",
        "1e3",
        "x",
        "NaN",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        amount(text)


def book(path: Path, fill: Any) -> Path:
    workbook = openpyxl.Workbook()
    fill(workbook)
    workbook.save(path)
    return path


def test_hidden_sheets_are_said(folder: Path) -> None:
    def fill(workbook: Any) -> None:
        workbook.active.append(["fund"])
        workbook.create_sheet("Cuts & <adds>").sheet_state = "hidden"
        workbook.create_sheet("deep").sheet_state = "veryHidden"

    book(folder / "budget.xlsx", fill)
    (finding,) = Files("ledger", folder, read_only=True).check().findings
    assert finding.severity == "info"
    assert finding.text.endswith("Cuts & <adds>, deep")


@pytest.mark.parametrize(
    ("bound", "value", "reason"),
    [
        ("WORKBOOK_SECONDS", 0.01, r"takes more than 0\.01 s"),
        ("MAX_MEMORY", 16 * 2**20, "within 16 MiB of memory"),
    ],
)
def test_a_workbook_is_read_within_bounds_of_time_and_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: float, reason: str
) -> None:
    path = book(folder / "budget.xlsx", lambda workbook: workbook.active.append(["fund"]))
    monkeypatch.setattr(f"connectors.tables.{bound}", value)
    with pytest.raises(Unreadable, match=reason):
        list(read_table(path))


def test_a_giant_file_is_refused_before_it_is_opened(folder: Path) -> None:
    path = folder / "budget.csv"
    with path.open("wb") as file:
        file.truncate(512 * 2**20 + 1)
    with pytest.raises(Unreadable, match="split it"):
        read_table(path)


def test_csv_written_by_a_spreadsheet_is_read_as_it_was(folder: Path) -> None:
    with (folder / "budget_1.csv").open("w", encoding="utf-16", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["fund", "note"], ["0010", 'a "b"; c\nd']])
    pages = list(Files("ledger", folder, read_only=True, sleep=lambda _seconds: None).pull(BUDGET, None))
    assert [(each.body["fund"], each.body["note"]) for page in pages for each in page.records] == [
        ("0010", 'a "b"; c\nd')
    ]
