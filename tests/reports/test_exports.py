"""What leaves as a file is read back with another program's eyes."""

import base64
import csv
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from reports import csv_folder, document, formats, html
from reports.csv_folder import guarded
from reports.data import Document, build
from reports.tables import tables
from reports.views import for_audience
from tests.reports.sample import sample
from tests.reports.sample_ahead import ahead
from tests.reports.sample_ledger import LEDGER
from tests.reports.sample_project import HOSTILE, project

ROOT = Path(__file__).resolve().parents[2]
CORPUS = (
    Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures")) / "nasty/blns_dev.base64.json"
)
HUGE = "9876543210123456.78"


def hostile_texts() -> list[str]:
    if not CORPUS.exists():
        if os.environ.get("PORTICO_REQUIRE_ALL"):
            pytest.fail(f"the corpus {CORPUS} is missing and PORTICO_REQUIRE_ALL is set")
        pytest.skip(f"the corpus {CORPUS} is missing")
    return [base64.b64decode(each).decode("utf-8", "replace") for each in json.loads(CORPUS.read_text())]


def portfolio() -> Document:
    return build(sample())


def hostile() -> Document:
    formulas = [
        "=1+1",
        "+1",
        "-1+2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\uff1d1",
        " =1",
        "'=1",
        '=HYPERLINK("http://x","y")',
    ]
    projects = [
        project(number, text, text, text, 3, "0.5", (HUGE, "1.10", "0.00", HUGE), (2, "ready"))
        for number, text in enumerate([*formulas, *hostile_texts(), HOSTILE], 1)
    ]
    return build(replace(sample(), projects=projects, trends={}))


def sheets(file: Path) -> Iterator[tuple[str, list[list[openpyxl.cell.Cell]]]]:
    book = openpyxl.load_workbook(file)
    for sheet in book.worksheets:
        yield sheet.title, [list(row) for row in sheet.iter_rows()]
    book.close()


def test_every_format_is_written_and_named(tmp_path: Path) -> None:
    for name in formats.FORMATS:
        made = formats.write(portfolio(), name, tmp_path / "out" / name)
        assert made == tmp_path / "out" / name
        assert made.is_dir() == (name == "csv")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == sorted(formats.FORMATS)


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(formats.UnknownFormat, match="html, xlsx, json, csv, md"):
        formats.write(portfolio(), "docx", tmp_path / "x")


def test_a_report_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    target = formats.write(portfolio(), "json", tmp_path / "report.json")
    before = target.read_bytes()
    broken = {**portfolio(), "capacity": float("nan")}
    with pytest.raises(ValueError, match="not JSON compliant"):
        formats.write(broken, "json", target)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_fails_in_its_last_file_keeps_all_earlier_ones(tmp_path: Path) -> None:
    folder = formats.write(portfolio(), "csv", tmp_path / "out")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    changed = build(replace(sample(), id="another"))
    broken = {**changed, "quarantine": {"by_connection": ["no row"]}}
    with pytest.raises(AttributeError):
        formats.write(broken, "csv", folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("name", list(formats.FORMATS))
def test_the_same_document_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    digests = set()
    for turn in ("one", "two"):
        made = formats.write(portfolio(), name, tmp_path / turn)
        files = sorted(made.iterdir()) if made.is_dir() else [made]
        digests.add(hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest())
    assert len(digests) == 1


def test_json_is_the_document(tmp_path: Path) -> None:
    made = formats.write(portfolio(), "json", tmp_path / "report.json")
    assert json.loads(made.read_text("utf-8")) == portfolio()
    assert document.dump(portfolio()).endswith("}\n")


def test_cells_of_the_workbook_are_typed(tmp_path: Path) -> None:
    made = formats.write(portfolio(), "xlsx", tmp_path / "report.xlsx")
    found = dict(sheets(made))
    assert list(found) == [each.name for each in tables(portfolio())]
    header = [cell.value for cell in found["projects"][0]]
    permit = next(row for row in found["projects"] if row[0].value == "OIT-001")
    cells = {key: permit[place] for place, key in enumerate(header)}
    assert (cells["revised_budget"].value, cells["revised_budget"].data_type) == (1_480_000, "n")
    assert cells["finish_forecast"].value == datetime(2027, 4, 14)  # noqa: DTZ001 - a spreadsheet has no time zones
    assert cells["finish_forecast"].is_date
    assert cells["percent_complete"].value == pytest.approx(0.62)
    assert cells["percent_complete"].number_format == "0.0%"
    courts = next(row for row in found["projects"] if row[0].value == "OIT-006")
    assert courts[header.index("revised_budget")].value is None
    assert found["criteria"][1][-1].value is True


def test_headers_are_frozen_and_filtered(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(formats.write(portfolio(), "xlsx", tmp_path / "report.xlsx"))
    for sheet in book.worksheets:
        assert sheet.freeze_panes in ("A2", "B2")
        assert sheet.auto_filter.ref
        assert sheet["A1"].font.bold
    assert book.properties.title == "OIT Operations: portfolio report"
    assert book.properties.created == datetime(2026, 11, 20, 13, 0, 5)  # noqa: DTZ001 - a workbook's own property


def test_no_text_of_a_source_becomes_a_formula_or_a_link(tmp_path: Path) -> None:
    made = formats.write(hostile(), "xlsx", tmp_path / "report.xlsx")
    types = {cell.data_type for _, rows in sheets(made) for row in rows for cell in row}
    assert types <= {"s", "n", "b", "d"}
    with zipfile.ZipFile(made) as parts:
        assert not any(
            b"<f>" in parts.read(name) or b"<hyperlink" in parts.read(name) for name in parts.namelist()
        )


def test_a_formula_sign_arrives_as_text(tmp_path: Path) -> None:
    made = formats.write(hostile(), "xlsx", tmp_path / "report.xlsx")
    names = {row[1].value for row in dict(sheets(made))["projects"]}
    assert {"=1+1", "@SUM(A1)", "-1+2"} <= names


def test_an_amount_beyond_fifteen_digits_keeps_its_cents(tmp_path: Path) -> None:
    made = formats.write(hostile(), "xlsx", tmp_path / "report.xlsx")
    rows = dict(sheets(made))["projects"]
    place = [cell.value for cell in rows[0]].index("revised_budget")
    assert (rows[1][place].value, rows[1][place].data_type) == (HUGE, "s")
    spent = [cell.value for cell in rows[0]].index("actual")
    assert rows[1][spent].value == pytest.approx(1.1)


def test_csv_holds_numbers_as_numbers_and_guards_texts(tmp_path: Path) -> None:
    folder = formats.write(hostile(), "csv", tmp_path / "out")
    texts = {each["name"] for each in hostile()["projects"]}
    with (folder / "projects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert not row["name"].startswith(csv_folder.FORMULA_SIGNS)
        assert float(row["revised_budget"]) > 0
    back = {row["name"][1:] if guarded(row["name"][1:]) == row["name"] else row["name"] for row in rows}
    assert back == {text or "" for text in texts}
    assert any(row["variance"].startswith("-") or row["variance"] == "0.00" for row in rows)


def test_a_negative_amount_in_csv_is_a_number(tmp_path: Path) -> None:
    folder = formats.write(portfolio(), "csv", tmp_path / "out")
    with (folder / "projects.csv").open(encoding="utf-8", newline="") as file:
        permit = next(row for row in csv.DictReader(file) if row["key"] == "OIT-001")
    assert permit["variance"] == "-130000.00"
    assert permit["percent_complete"] == "0.62"


def test_the_page_shows_the_ledgers_to_the_cent_and_to_nobody_outside() -> None:
    total = {
        **LEDGER["totals"][0],
        "available": "70.00",
        "available_as_reported": "69.99",
        "available_difference": "-0.01",
    }
    shown = build(replace(sample(), ledger={**LEDGER, "totals": [total]}))
    text = html.page(shown)
    section = text[text.index('<h2 id="ledgers">') :]
    section = section[: section.index("</section>")]
    assert (
        "<li>ledger 2027, period 001: restated since the last report from 1.00 to 2.00 (1.00)</li>" in section
    )
    assert "<li>ledger 2027: 1 is new: CC9</li>" in section
    for amount in ("999,999,999,999,999.99", "999,999,999,999,998.99", "69.99", "\u22120.01", "2.00"):
        assert f'<td class="num">{amount}</td>' in section
    assert "Forecast" not in section
    assert 'href="#ledgers"' in text
    for other in (build(sample()), for_audience(shown, "public")):
        assert "ledgers" not in html.page(other)


def test_every_table_names_each_row_by_its_columns() -> None:
    for table in tables(build(replace(ahead(), ledger=LEDGER))):
        assert table.rows, table.name
        keys = [column.key for column in table.columns]
        assert len(keys) == len(set(keys)), table.name
        for key in keys:
            assert key == "decision" or any(key in row for row in table.rows), (table.name, key)
