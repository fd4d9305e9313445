"""The finance office's files and database hold the city's ledgers to the cent."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.base import Page, Stream
from connectors.files import Files
from connectors.sql import Sql
from sandbox.city import City, build
from sandbox.finance import AMOUNTS, write_database, write_drop_folder

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def city() -> City:
    return build("city", TODAY)


def sums(pages: Sequence[Page]) -> dict[str, Decimal]:
    bodies = [record.body for page in pages for record in page.records]
    assert bodies
    assert pages[-1].complete
    assert not [reject for page in pages for reject in page.rejects]
    return {name: sum((Decimal(body[name] or 0) for body in bodies), Decimal(0)) for name in AMOUNTS}


def announced(city: City, ledger: str) -> dict[str, Decimal]:
    lines = [line for line in city.budget_lines() if line.ledger == ledger]
    return {name: sum((getattr(line, name) or Decimal(0) for line in lines), Decimal(0)) for name in AMOUNTS}


def test_the_drop_folder_is_read_to_the_cent_and_stays_as_it_is(city: City, tmp_path: Path) -> None:
    written = write_drop_folder(city, tmp_path)
    assert [path.suffix for path in written] == [".csv", ".xlsx"]
    stream = Stream("budget_line", "budget_*", key=("line",))

    def never(_seconds: float) -> None:
        raise AssertionError

    files = Files("ledger", tmp_path, read_only=True, sleep=never)
    pages = list(files.pull(stream, None))
    assert sums(pages) == announced(city, "files")
    write_drop_folder(city, tmp_path)
    assert [len(page.records) for page in files.pull(stream, pages[-1].cursor)] == [0]


def test_the_database_is_read_to_the_cent(city: City, tmp_path: Path) -> None:
    path = write_database(city, tmp_path / "ledger.db")
    sql = Sql("ledger", f"sqlite:///{path}", read_only=True)
    stream = Stream("budget_line", "v_budget", key=("line",), cursor_field="updated_at")
    assert sums(list(sql.pull(stream, None))) == announced(city, "sql")
    sql.close()


def test_the_files_tell_what_is_left_and_forget_the_pre_encumbrances_of_one_account(
    city: City, tmp_path: Path
) -> None:
    write_drop_folder(city, tmp_path)
    lines = {line.number: line for line in city.budget_lines("files")}
    apart: dict[str, Decimal] = {}
    for page in Files("ledger", tmp_path, read_only=True, settle_seconds=0).pull(
        Stream("budget_line", "budget_*", key=("line",)), None
    ):
        for body in (record.body for record in page.records):
            line = lines.pop(body["line"])
            left = line.revised_budget - line.pre_encumbered - line.encumbered - line.actual
            if wrong := Decimal(str(body["available_as_reported"])) - left:
                apart[line.account] = apart.get(line.account, Decimal(0)) + wrong
    assert not lines
    assert apart.keys() == {"5400"}
    assert apart["5400"] > 1000
