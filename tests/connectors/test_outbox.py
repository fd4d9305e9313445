"""The finance outbox: one table per kind, whole and atomic, exact, without formulas."""

import csv
import hashlib
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from connectors.base import Patch, Plain, Shown, Stream, Target
from connectors.errors import Conflict, ContractBroken, Invalid, ReadOnly, Unavailable
from connectors.files import Files

FIELDS = ("budget_variance", "rag_cost")


def target(code: str = "1402", period: str = "003") -> Target:
    key = (("budget_code", code), ("fiscal_year", "2027"), ("period", period))
    return Target("budget_line", key=key, fields=FIELDS)


def patch(code: str = "1402", *, version: str | None = None, **values: Plain) -> Patch:
    return Patch(
        target(code), values or {"budget_variance": Decimal("-1.50"), "rag_cost": "red"}, version=version
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "in").mkdir()
    return Files("ledger", tmp_path / "in", read_only=False, sleep=lambda _seconds: None)


def shown(files: Files, *targets: Target) -> list[Shown]:
    return list(files.look(targets))


def written(folder: Path) -> list[dict[str, str]]:
    with (folder / "out/budget_line.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_push_is_read_back_from_a_new_connector(files: Files, tmp_path: Path) -> None:
    assert shown(files, target()) == [Shown(target(), exists=False)]
    (outcome,) = files.push([patch()])
    assert outcome.error is None
    again = Files("ledger", tmp_path / "in", read_only=True)
    (found,) = shown(again, target())
    assert found == outcome.shown
    assert found.values == {"budget_variance": Decimal("-1.50"), "rag_cost": "red"}
    assert found.id == "1402/2027/003"


def test_the_table_keeps_every_row_and_a_cleared_field_is_blank(files: Files, tmp_path: Path) -> None:
    list(files.push([patch("1402"), patch("0010", budget_variance=Decimal("20.00"))]))
    list(files.push([patch("1402", rag_cost=None)]))
    assert written(tmp_path) == [
        {
            "budget_code": "0010",
            "fiscal_year": "2027",
            "period": "003",
            "budget_variance": "20.00",
            "rag_cost": "",
        },
        {
            "budget_code": "1402",
            "fiscal_year": "2027",
            "period": "003",
            "budget_variance": "-1.50",
            "rag_cost": "",
        },
    ]


def test_the_manifest_is_true_and_portico_itself_accepts_it(files: Files, tmp_path: Path) -> None:
    list(files.push([patch("1402"), patch("0010", budget_variance=Decimal("20.00"))]))
    out = tmp_path / "out"
    manifest = json.loads((out / "budget_line.manifest.json").read_text())
    assert manifest["rows"] == 2
    assert manifest["sums"] == {"budget_variance": "18.50"}
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    reader = Files("reader", out, read_only=True, sleep=lambda _seconds: None)
    for pattern in ("*.csv", "*.xlsx!budget_line"):
        pages = list(reader.pull(Stream("budget_line", pattern), None))
        assert (sum(len(page.records) for page in pages), pages[-1].complete) == (2, True)


def test_the_same_push_again_writes_nothing(files: Files, tmp_path: Path) -> None:
    list(files.push([patch()]))
    before = {path.name: path.stat().st_ino for path in (tmp_path / "out").iterdir()}
    (outcome,) = files.push([patch()])
    assert outcome.shown is not None
    assert {path.name: path.stat().st_ino for path in (tmp_path / "out").iterdir()} == before


def test_many_patches_rewrite_the_table_once(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced: list[str] = []
    replace = Path.replace

    def counted(self: Path, aim: Path) -> Path:
        replaced.append(Path(aim).name)
        return replace(self, aim)

    monkeypatch.setattr(Path, "replace", counted)
    list(files.push([patch(str(code)) for code in range(20)]))
    names = ["budget_line.csv", "budget_line.xlsx", "budget_line.manifest.json", "budget_line.state.json"]
    assert replaced == names
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_stale_version_is_a_conflict_for_that_row_only(files: Files) -> None:
    (first,) = files.push([patch()])
    assert first.shown is not None
    list(files.push([patch(rag_cost="green")]))
    stale, fresh = files.push([patch(version=first.shown.version, rag_cost="amber"), patch("0010")])
    assert isinstance(stale.error, Conflict)
    assert fresh.error is None
    assert shown(files, target())[0].values["rag_cost"] == "green"


@pytest.mark.parametrize("hostile", ["=1+1", "+1 cmd", "-2+3", "@SUM(A1)", "\t=1", "http://example.gov"])
def test_no_text_becomes_a_formula_or_a_link(files: Files, tmp_path: Path, hostile: str) -> None:
    list(files.push([patch(hostile, rag_cost=hostile, budget_variance=Decimal("-5.00"))]))
    (row,) = written(tmp_path)
    plain = hostile if hostile.startswith("http") else f"'{hostile}"
    assert (row["budget_code"], row["rag_cost"], row["budget_variance"]) == (plain, plain, "-5.00")
    sheet = openpyxl.load_workbook(tmp_path / "out/budget_line.xlsx")["budget_line"]
    assert {cell.data_type for cell in sheet[2]} <= {"s", "n"}
    assert not any(cell.hyperlink for cell in sheet[2])


def test_numbers_are_typed_and_long_ones_stay_exact(files: Files, tmp_path: Path) -> None:
    exact = Decimal("999999999999999.99")
    list(files.push([patch(budget_variance=exact), patch("0010", budget_variance=Decimal("1234.50"))]))
    sheet = openpyxl.load_workbook(tmp_path / "out/budget_line.xlsx")["budget_line"]
    assert [sheet["D2"].value, sheet["D3"].value] == [1234.5, "999999999999999.99"]
    assert sheet["A2"].value == "0010"
    assert written(tmp_path)[1]["budget_variance"] == "999999999999999.99"
    assert shown(files, target())[0].values["budget_variance"] == exact


def test_a_record_named_by_id_or_a_kind_that_is_no_file_name_is_refused(files: Files) -> None:
    by_id, bad_kind = files.push([
        Patch(Target("budget_line", id="in.csv#2"), {"rag_cost": "red"}),
        Patch(Target("../x", key=(("a", "b"),)), {"rag_cost": "red"}),
    ])  # fmt: skip
    assert isinstance(by_id.error, Invalid)
    assert isinstance(bad_kind.error, Invalid)


def test_read_only_refuses_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(ReadOnly):
        Files("ledger", tmp_path / "in", read_only=True).push([patch()])
    assert not (tmp_path / "out").exists()


def test_an_unwritable_outbox_and_a_broken_state_name_the_fix(files: Files, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(Unavailable, match="cannot be"):
        list(files.push([patch()]))
    (tmp_path / "out").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/budget_line.state.json").write_text("{")
    with pytest.raises(ContractBroken) as failure:
        shown(files, target())
    assert "backup" in failure.value.fix


def test_describe_says_that_the_outbox_takes_any_column(files: Files) -> None:
    list(files.push([patch()]))
    writable = {field.id for field in files.describe("budget_line") if field.writable}
    assert writable == {"budget_code", "fiscal_year", "period", "budget_variance", "rag_cost", "*"}


def test_what_was_written_is_summed_per_year_for_finance_to_tie_out(files: Files, tmp_path: Path) -> None:
    exact = Decimal("999999999999999.99")
    for code, year, value in (
        ("1", "2026", exact),
        ("2", "2027", Decimal("0.10")),
        ("3", "2027", Decimal("-0.30")),
    ):
        key = (("budget_code", code), ("fiscal_year", year), ("period", ""))
        list(files.push([Patch(Target("budget_line", key=key), {"eac": value, "rag_cost": "red"})]))
    book = openpyxl.load_workbook(tmp_path / "out/budget_line.xlsx")
    rows = list(book["reconciliation"].iter_rows(values_only=True))
    assert rows == [
        ("fiscal_year", "figure", "rows", "written"),
        ("2026", "eac", 1, "999999999999999.99"),
        ("2027", "eac", 2, -0.2),
        ("all", "eac", 3, "999999999999999.79"),
    ]
    manifest = json.loads((tmp_path / "out/budget_line.manifest.json").read_text())
    assert manifest["sums"] == {"eac": "999999999999999.79"}
