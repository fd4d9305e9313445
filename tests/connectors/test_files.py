"""The drop folder: a real budget, the cases of csv-spectrum, and what goes wrong in practice."""

import csv
import json
import os
import zipfile
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from connectors.base import BadRow, Page, SourceRecord, Stream, Target
from connectors.errors import ContractBroken, Unavailable
from connectors.files import Files
from tests.conftest import missing

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
OAKLAND = FIXTURES / "finance/oakland"
SPECTRUM = FIXTURES / "nasty/csv-spectrum"


@pytest.fixture
def fixtures() -> None:
    if not FIXTURES.is_dir():
        missing(f"the recorded data at {FIXTURES} (set PORTICO_FIXTURES)")


real_data = pytest.mark.usefixtures("fixtures")
BUDGET = Stream("budget_line", "budget*.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def quiet(_seconds: float) -> None:
    return


def drop(folder: Path, **options: Any) -> Files:
    return Files("ledger", folder, read_only=True, sleep=quiet, **options)


def pulled(pages: list[Page]) -> list[SourceRecord]:
    return [record for page in pages for record in page.records]


def rejected(pages: list[Page]) -> list[BadRow]:
    return [reject for page in pages for reject in page.rejects]


def workbook(path: Path, fill: Callable[[Any], object]) -> None:
    book = openpyxl.Workbook()
    fill(book)
    book.save(path)


# real data


@real_data
def test_oakland_sums_to_the_cent() -> None:
    files = Files("oakland", OAKLAND, read_only=True, sleep=quiet)
    records = pulled(list(files.pull(Stream("budget_line", "FY*__adopted.csv"), None)))
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for record in records:
        sums[record.body["_file"], record.body["account_type"]] += Decimal(record.body["amount"])
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    count = 0
    for path in OAKLAND.glob("FY*__adopted.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                expected[path.name, row["account_type"]] += Decimal(row["amount"])
                count += 1
    assert len(records) == count > 18_000
    assert sums == expected
    assert len({record.id for record in records}) == count


@real_data
def test_oakland_codes_stay_text_and_pages_are_small() -> None:
    pages = list(drop(OAKLAND).pull(Stream("budget_line", "FY13-14__adopted.csv"), None))
    assert max(len(page.records) for page in pages) <= 1000
    assert all(isinstance(value, str) for record in pulled(pages) for value in record.body.values())
    assert pulled(pages)[0].body["department"] == ""


@real_data
@pytest.mark.parametrize("path", sorted((SPECTRUM / "csv").glob("*.csv")), ids=lambda path: path.stem)
def test_csv_spectrum(path: Path) -> None:
    pages = list(drop(path.parent).pull(Stream("budget_line", path.name), None))
    read = json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
    expected = read if isinstance(read, list) else [read]
    rows = [{k: v for k, v in record.body.items() if not k.startswith("_")} for record in pulled(pages)]
    for row in rows + expected:
        row.pop("Contact Phone Number", None)  # the two published files differ in it
    assert rows == expected
    assert not rejected(pages)


# CSV


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbffund,amount\n0010,1\n", {"fund": "0010", "amount": "1"}),
        ("fund;amount\nGr\u00fcn;1,50\n".encode("cp1252"), {"fund": "Gr\u00fcn", "amount": "1,50"}),
        ("fund\tamount\nA\t1\n".encode("utf-16"), {"fund": "A", "amount": "1"}),
        (b'"a;b;c",amount\n x ,1\n', {"a;b;c": " x ", "amount": "1"}),
        (b"fund|amount|\nA|1|x\n", {"fund": "A", "amount": "1", "_column_3": "x"}),
    ],
)
def test_encoding_and_dialect_are_found(folder: Path, content: bytes, expected: dict[str, str]) -> None:
    (folder / "budget.csv").write_bytes(content)
    (record,) = pulled(list(drop(folder).pull(BUDGET, None)))
    assert record.body == {**expected, "_file": "budget.csv", "_row": "2"}
    assert record.id == "budget.csv#2"


def test_ragged_rows_and_repeated_headers_are_rejected_one_by_one(folder: Path) -> None:
    (folder / "budget.csv").write_text("fund,amount\nA,1\nfund,amount\nB\nC,3,4\n\nD,5\n")
    pages = list(drop(folder).pull(BUDGET, None))
    assert [record.body["fund"] for record in pulled(pages)] == ["A", "D"]
    assert [reject.id for reject in rejected(pages)] == ["budget.csv#3", "budget.csv#4", "budget.csv#5"]
    assert pages[-1].complete


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"fund,amount\nA,1\0\n", "NUL"),
        (b"fund,fund\nA,1\n", "two columns are called 'fund'"),
        (b'fund,amount\nA,"1\n', "not well-formed CSV"),
        (b"\n\n", "not even a header"),
        (b"fund,amount\n\xff\x81,1\n", "neither UTF-8 nor"),
    ],
)
def test_a_broken_file_is_refused_as_a_whole(folder: Path, content: bytes, reason: str) -> None:
    (folder / "budget.csv").write_bytes(content)
    pages = list(drop(folder).pull(BUDGET, None))
    assert reason in rejected(pages)[0].reason
    assert not pages[-1].complete
    assert not pages[-1].replaces
    assert "budget.csv" not in pages[-1].cursor
    assert drop(folder).census(BUDGET).ids is None


# incremental


def test_a_resent_file_is_no_work_and_a_corrected_one_replaces_its_scope(folder: Path) -> None:
    path = folder / "budget.csv"
    path.write_text("fund,amount\nA,1\nB,2\n")
    files = drop(folder)
    first = list(files.pull(BUDGET, None))
    path.write_text("fund,amount\nA,1\nB,2\n")
    again = list(files.pull(BUDGET, first[-1].cursor))
    assert [(len(page.records), page.replaces, page.last, page.complete) for page in again] == [
        (0, False, True, True)
    ]
    path.write_text("fund,amount\nA,7\n")
    corrected = list(files.pull(BUDGET, again[-1].cursor))
    assert [record.body["amount"] for record in pulled(corrected)] == ["7"]
    assert all(page.replaces for page in corrected)


def test_with_a_key_only_the_changed_file_is_read_again(folder: Path) -> None:
    stream = Stream("budget_line", "budget*.csv", key=("fund", "year"))
    (folder / "budget_1.csv").write_text("fund,year,amount\nA/1,2027,1\n")
    files = drop(folder)
    cursor = list(files.pull(stream, None))[-1].cursor
    (folder / "budget_2.csv").write_text("fund,year,amount\nB,2027,2\nB,2027,3\n")
    pages = list(files.pull(stream, cursor))
    assert [record.id for record in pulled(pages)] == ["B/2027"]
    assert "same key as row 2" in rejected(pages)[0].reason
    assert not any(page.replaces for page in pages)
    assert files.census(stream).ids == frozenset(("A%2F1/2027", "B/2027", "budget_2.csv#3"))


def test_a_resumed_read_misses_nothing(folder: Path) -> None:
    for number in range(3):
        rows = "".join(f"F{number}{row},{row}\n" for row in range(5))
        (folder / f"budget_{number}.csv").write_text(f"fund,amount\n{rows}")
    for stream in (BUDGET, Stream("budget_line", "budget*.csv", key=("fund",))):
        files = drop(folder, page_size=2)
        pages = list(files.pull(stream, None))
        for stop in range(len(pages)):
            resumed = list(files.pull(stream, pages[stop].cursor))
            got = frozenset(record.id for record in pulled(pages[: stop + 1]) + pulled(resumed))
            assert got == files.census(stream).ids


def test_a_file_that_grows_while_it_is_looked_at_waits_for_the_next_run(folder: Path) -> None:
    (folder / "budget_old.csv").write_text("fund,amount\nA,1\n")
    path = folder / "budget_new.csv"
    path.write_text("fund,amount\nB,1\n")

    def arrive(_seconds: float) -> None:
        path.write_text("fund,amount\nB,1\nC,2\n")

    growing = Files("ledger", folder, read_only=True, sleep=arrive)
    pages = list(growing.pull(BUDGET, None))
    assert [record.body["fund"] for record in pulled(pages)] == ["A"]
    assert list(pages[-1].cursor) == ["budget_old.csv"]
    later = list(drop(folder).pull(BUDGET, pages[-1].cursor))
    assert [record.body["fund"] for record in pulled(later)] == ["A", "B", "C"]


def test_a_known_file_being_rewritten_makes_the_read_incomplete(folder: Path) -> None:
    path = folder / "budget.csv"
    path.write_text("fund,amount\nA,1\n")
    cursor = list(drop(folder).pull(BUDGET, None))[-1].cursor
    path.write_text("fund,amount\nA,1")

    def arrive(_seconds: float) -> None:
        path.write_text("fund,amount\nA,1\nB,2\n")

    (page,) = Files("ledger", folder, read_only=True, sleep=arrive).pull(BUDGET, cursor)
    assert (page.complete, page.replaces, page.cursor) == (False, False, cursor)


def test_an_emptied_or_missing_folder_is_never_an_empty_ledger(folder: Path) -> None:
    path = folder / "budget.csv"
    path.write_text("fund,amount\nA,1\n")
    cursor = list(drop(folder).pull(BUDGET, None))[-1].cursor
    path.unlink()
    (page,) = drop(folder).pull(BUDGET, cursor)
    assert (page.complete, page.replaces, page.cursor) == (False, False, cursor)
    assert "no file matches" in page.rejects[0].reason
    folder.rmdir()
    with pytest.raises(Unavailable, match="not there"):
        list(drop(folder).pull(BUDGET, cursor))


def test_unfinished_hidden_and_linked_files_are_not_read(folder: Path, tmp_path: Path) -> None:
    for name in ("budget.csv.part", ".budget.csv", "budget.csv.filepart", "~$budget.csv"):
        (folder / name).write_text("fund\nA\n")
    secret = tmp_path / "secret.csv"
    secret.write_text("fund\nA\n")
    (folder / "budget_link.csv").symlink_to(secret)
    assert not pulled(list(drop(folder).pull(Stream("budget_line", "*"), None)))


@pytest.mark.parametrize("scope", ["../*.csv", "/etc/*"])
def test_a_pattern_cannot_leave_the_folder(folder: Path, scope: str) -> None:
    with pytest.raises(ContractBroken, match="leaves the drop folder"):
        list(drop(folder).pull(Stream("budget_line", scope), None))


# control totals


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"rows": 3}, "2 rows, its manifest says 3"),
        ({"rows": 2, "sums": {"amount": "1235.56"}}, "sums to 1233.56"),
        ({"sums": {"nope": "1"}}, "control total of 'nope'"),
        ([], "not readable"),
    ],
)
def test_a_control_total_that_is_off_refuses_the_file(folder: Path, manifest: object, reason: str) -> None:
    (folder / "budget.csv").write_text('fund,amount\nA,"1,234.56"\nB,(1.00)\n')
    totals = folder / "budget.csv.manifest.json"
    totals.write_text(json.dumps(manifest))
    pages = list(drop(folder).pull(BUDGET, None))
    assert not pulled(pages)
    assert reason in rejected(pages)[0].reason
    assert not pages[-1].complete
    totals.write_text(json.dumps({"rows": 2, "sums": {"amount": "1233.56"}}))
    assert len(pulled(list(drop(folder).pull(BUDGET, pages[-1].cursor)))) == 2


# XLSX


def test_a_workbook_gives_exact_text(folder: Path) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        sheet.append(["Fund", "amount", "posted_on", "flag", "note"])
        sheet.append(["0010", 1234.56, "2026-07-01", True, None])
        sheet.append([521100, 0.1 + 0.2, "=SUM(", 1e-7, "x"])
        sheet["C2"] = openpyxl.utils.datetime.from_excel(46204)
        sheet["C3"] = "text"
        book.create_sheet("secret").append(["Fund"])
        book["secret"].sheet_state = "hidden"

    workbook(folder / "budget.xlsx", fill)
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert [dict(record.body) for record in pulled(pages)] == [
        {"Fund": "0010", "amount": "1234.56", "posted_on": "2026-07-01", "flag": "true", "note": "",
         "_file": "budget.xlsx", "_row": "2"},
        {"Fund": "521100", "amount": "0.3", "posted_on": "text", "flag": "0.0000001", "note": "x",
         "_file": "budget.xlsx", "_row": "3"},
    ]  # fmt: skip


def test_a_formula_without_result_is_refused_whoever_wrote_it(folder: Path) -> None:
    workbook(
        folder / "budget_a.xlsx",
        lambda book: [book.active.append(row) for row in (["amount"], ["=1+1"], [2])],
    )
    with xlsxwriter.Workbook(folder / "budget_b.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, "amount")
        sheet.write_formula(1, 0, "=1+1")
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert [record.body["amount"] for record in pulled(pages)] == ["2"]
    assert [reject.id for reject in rejected(pages)] == ["budget_a.xlsx#2", "budget_b.xlsx#2"]
    assert all("formula whose result" in reject.reason for reject in rejected(pages))


@pytest.mark.parametrize("value", [999999999999999.99, 99999999999999.99, "#DIV/0!"])
def test_a_cell_that_lost_its_digits_or_shows_an_error_is_refused(folder: Path, value: object) -> None:
    workbook(folder / "budget.xlsx", lambda book: [book.active.append(row) for row in (["amount"], [value])])
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert not pulled(pages)
    assert rejected(pages)[0].field == "amount"


def test_rows_that_a_merged_cell_leaves_empty_are_refused(folder: Path) -> None:
    def fill(book: Any) -> None:
        sheet = book.active
        for row in (
            ["fund", "note", None, "amount"],
            ["010", "a", None, 1],
            [None, "b", None, 2],
            [None, "c", None, 3],
            ["020", "d", None, 4],
            ["x"],
        ):
            sheet.append(row)
        for merge in ("A2:A4", "A6:D6", "B1:C1", "B2:C2", "B5:C5"):
            sheet.merge_cells(merge)

    workbook(folder / "budget.xlsx", fill)
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert [record.body["_row"] for record in pulled(pages)] == ["2", "5"]
    assert [(reject.id.partition("#")[2], reject.field) for reject in rejected(pages)] == [
        ("3", "fund"),
        ("4", "fund"),
        ("6", "note"),
    ]


@pytest.mark.parametrize("serial", [1, 42, 59, 60])
def test_a_number_that_became_a_day_of_1900_is_refused(folder: Path, serial: int) -> None:
    def fill(book: Any) -> None:
        book.active.append(["amount"])
        for number in (serial, 61, 46204):
            book.active.append([number])
            book.active.cell(book.active.max_row, 1).number_format = "yyyy-mm-dd"

    workbook(folder / "budget.xlsx", fill)
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert [record.body["amount"] for record in pulled(pages)] == ["1900-03-01", "2026-07-01"]
    assert [reject.id for reject in rejected(pages)] == ["budget.xlsx#2"]


def test_days_of_the_other_calendar_of_spreadsheets_are_the_same_days(folder: Path) -> None:
    def fill(book: Any) -> None:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
        for row in (["posted_on"], [44742], [0]):
            book.active.append(row)
            book.active.cell(book.active.max_row, 1).number_format = "yyyy-mm-dd"

    workbook(folder / "budget.xlsx", fill)
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert pulled(pages)[0].body["posted_on"] == "2026-07-01"


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_totals_lines_that_say_so_and_add_up_are_refused(folder: Path, ending: str) -> None:
    rows = [
        ["fund", "department", "actual"],
        ["010", "Total", "100.00"],
        ["010", "Parks", "50.25"],
        ["", "Subtotal", "150.25"],
        ["020", "Water", "7.00"],
        ["020", "Total", "7.00"],
        ["020", "Fire", "(3.00)"],
        ["", "Sub-total:", "11.00"],
        ["", "", "161.25"],
        ["GRAND TOTAL", "", "322.50"],
    ]
    if ending == "csv":
        (folder / "budget.csv").write_text("".join(f"{','.join(row)}\n" for row in rows))
    else:
        workbook(folder / "budget.xlsx", lambda book: [book.active.append(row) for row in rows])
    pages = list(drop(folder).pull(Stream("budget_line", f"*.{ending}"), None))
    assert [record.body["_row"] for record in pulled(pages)] == ["2", "3", "5", "6", "7", "9"]
    assert [reject.id.partition("#")[2] for reject in rejected(pages)] == ["4", "8", "10"]
    assert all("sum of the rows above" in reject.reason for reject in rejected(pages))
    assert pages[-1].complete


def test_of_several_sheets_one_must_be_named(folder: Path) -> None:
    def fill(book: Any) -> None:
        book.active.title = "Notes"
        book.create_sheet("Budget").append(["fund"])
        book["Budget"].append(["A"])

    workbook(folder / "budget.xlsx", fill)
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    assert "several sheets (Notes, Budget)" in rejected(pages)[0].reason
    named = list(drop(folder).pull(Stream("budget_line", "*.xlsx!Budget"), None))
    assert [record.body["fund"] for record in pulled(named)] == ["A"]


def test_a_zip_bomb_is_refused_before_it_is_opened(folder: Path) -> None:
    with zipfile.ZipFile(folder / "budget.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20 * 2**20)
    (folder / "budget_2.xlsx").write_bytes(b"\xd0\xcf\x11\xe0 password protected")
    pages = list(drop(folder).pull(Stream("budget_line", "*.xlsx"), None))
    reasons = " ".join(reject.reason for reject in rejected(pages))
    assert "zip bomb" in reasons
    assert "password-protected" in reasons


def test_a_row_is_looked_up_by_its_id(folder: Path) -> None:
    (folder / "budget.csv").write_text("fund,amount\nA,1\n")
    files = drop(folder)
    list(files.pull(BUDGET, None))
    shown = list(files.look([Target("budget_line", "budget.csv#2"), Target("budget_line", "budget.csv#3")]))
    assert [each.exists for each in shown] == [True, False]


@real_data
def test_oakland_sums_per_department_and_its_blank_departments_and_negative_rows_are_listed() -> None:
    for path in sorted(OAKLAND.glob("FY*.csv")):
        records = pulled(list(drop(OAKLAND).pull(Stream("budget_line", path.name), None)))
        units: dict[str, int] = defaultdict(int)
        blank, negative = [], []
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                whole, _, cents = row["amount"].lstrip("-").partition(".")
                unit = int(whole) * 100 + int(cents.ljust(2, "0")[:2] or 0)
                units[row["department"]] += -unit if row["amount"].startswith("-") else unit
                blank += [f"{path.name}#{number}"] if not row["department"] else []
                negative += [f"{path.name}#{number}"] if row["amount"].startswith("-") else []
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for record in records:
            sums[str(record.body["department"])] += Decimal(str(record.body["amount"]))
        assert {name: int(total * 100) for name, total in sums.items()} == units
        assert [record.id for record in records if not record.body["department"]] == blank
        assert [record.id for record in records if Decimal(str(record.body["amount"])) < 0] == negative
    assert blank
    assert negative
