"""A database as a source of budget lines: exact, read-only by construction, no gap; and own tables."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import BadRow, Patch, Plain, Shown, SourceRecord, Stream, Target
from connectors.errors import ContractBroken, Invalid, ReadOnly, StopConnection, Unavailable
from connectors.sql import Sql
from connectors.sql_scope import in_future, packed, since, unpacked

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    run(path, "CREATE TABLE ledger (id INTEGER PRIMARY KEY, fund TEXT, amount NUMERIC(17,2), changed TEXT)")
    return path


@pytest.fixture
def sql(path: Path) -> Iterator[Sql]:
    connector = Sql("ledger", f"sqlite:///{path}", read_only=False, page_size=2, now=lambda: NOW)
    yield connector
    connector.close()


def run(path: Path, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def insert(path: Path, *rows: tuple[object, ...]) -> None:
    for row in rows:
        run(path, "INSERT INTO ledger VALUES (?, ?, ?, ?)", *row)


def pulled(sql: Sql, stream: Stream, cursor: Any = None) -> list[SourceRecord]:
    return [record for page in sql.pull(stream, cursor) for record in page.records]


def test_amounts_are_exact_and_a_lost_one_is_quarantined(sql: Sql, path: Path) -> None:
    insert(
        path,
        (1, "0010", "0.10", None),
        (2, "0010", "1234567.89", None),
        (3, "0010", 99999999999999.99, None),
    )
    pages = list(sql.pull(Stream("budget_line", "ledger"), None))
    bodies = [record.body for page in pages for record in page.records]
    assert [body["amount"] for body in bodies] == [Decimal("0.1"), Decimal("1234567.89")]
    assert bodies[0]["fund"] == "0010"
    rejects = [reject for page in pages for reject in page.rejects]
    assert [(reject.id, reject.field) for reject in rejects] == [("3", "amount")]
    assert isinstance(rejects[0], BadRow)


def test_rows_without_a_change_date_and_dates_in_the_future_are_read_every_time(sql: Sql, path: Path) -> None:
    stream = Stream("budget_line", "ledger", cursor_field="changed")
    insert(path, (1, "A", 1, None), (2, "B", 1, "2026-11-01T10:00:00Z"), (3, "C", 1, "2999-01-01T00:00:00Z"))
    cursor = list(sql.pull(stream, None))[-1].cursor
    assert cursor == {"from": {"text": "2026-11-01T10:00:00Z"}}
    insert(path, (4, "D", 1, "2026-11-02T10:00:00Z"), (5, "late commit", 1, "2026-11-01T09:56:00Z"))
    assert {record.id for record in pulled(sql, stream, cursor)} == {"1", "2", "3", "4", "5"}


def test_many_rows_of_one_instant_are_paged_without_loss(sql: Sql, path: Path) -> None:
    insert(path, *[(number, "A", 1, "2026-11-01") for number in range(1, 8)])
    stream = Stream("budget_line", "SELECT * FROM ledger", ("id",), "changed")
    assert [record.id for record in pulled(sql, stream)] == [str(number) for number in range(1, 8)]


def test_full_reads_replace_their_scope(sql: Sql, path: Path) -> None:
    insert(path, (1, "A", 1, None))
    pages = list(sql.pull(Stream("budget_line", "ledger", full=True), None))
    assert all(page.replaces for page in pages)
    assert not any(page.replaces for page in sql.pull(Stream("budget_line", "ledger"), None))


@pytest.mark.parametrize(
    "scope",
    [
        "DELETE FROM ledger",
        "SELECT 1; DROP TABLE ledger",
        "WITH gone AS (DELETE FROM ledger RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copy_of FROM ledger",
        "ledger; DROP TABLE ledger",
        "/* SELECT */ UPDATE ledger SET fund = 1",
        "",
    ],
)
def test_only_a_single_reading_statement_is_accepted(sql: Sql, path: Path, scope: str) -> None:
    insert(path, (1, "A", 1, None))
    with pytest.raises(ContractBroken, match="not a single reading statement"):
        pulled(sql, Stream("budget_line", scope, ("id",)))
    assert run(path, "SELECT count(*) FROM ledger") == [(1,)]


@pytest.mark.parametrize(
    "scope",
    [
        "SELECT * FROM ledger WHERE fund <> 'delete; drop' -- update\n;",
        'WITH few AS (SELECT id, fund AS "insert" FROM ledger) SELECT * FROM few',
        "SELECT id, '12:30' AS at, ':x' AS colon, 5 % 3 AS rest FROM ledger",
    ],
)
def test_harmless_statements_are_read_as_they_are(sql: Sql, path: Path, scope: str) -> None:
    insert(path, (1, "A", 1, None))
    (record,) = pulled(sql, Stream("budget_line", scope, ("id",)))
    assert record.body.get("colon", ":x") == ":x"


def test_the_database_itself_refuses_writes_of_the_reading_side(sql: Sql) -> None:
    with sql._reader.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.execute(sa.text("DELETE FROM ledger"))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [([(1, "A"), (2, "A")], "two rows have the key A"), ([(1, None)], "is empty in some rows")],
)
def test_a_key_that_does_not_identify_rows_is_refused(
    sql: Sql, path: Path, rows: list[tuple[object, ...]], reason: str
) -> None:
    insert(path, *[(*row, 1, None) for row in rows])
    with pytest.raises(ContractBroken, match=reason):
        pulled(sql, Stream("budget_line", "ledger", ("fund",)))
    with pytest.raises(ContractBroken, match=reason):
        sql.census(Stream("budget_line", "ledger", ("fund",)))


def test_a_select_without_key_names_the_fix(sql: Sql) -> None:
    with pytest.raises(ContractBroken) as failure:
        pulled(sql, Stream("budget_line", "SELECT * FROM ledger"))
    assert "key:" in failure.value.fix


def test_a_missing_database_is_not_an_empty_one(tmp_path: Path) -> None:
    sql = Sql("ledger", f"sqlite:///{tmp_path / 'gone.db'}", read_only=True)
    with pytest.raises(Unavailable, match="is not there"):
        pulled(sql, Stream("budget_line", "ledger"))
    assert not (tmp_path / "gone.db").exists()
    sql.close()


def test_a_missing_table_names_what_to_correct(sql: Sql) -> None:
    with pytest.raises(ContractBroken, match="no such table"):
        pulled(sql, Stream("budget_line", "nowhere", ("id",)))


def test_no_address_that_cannot_be_used_leaves_with_its_password() -> None:
    with pytest.raises(StopConnection) as failure:
        Sql("ledger", "postgresql+nodriver://bot:s3cr3t@host/db", read_only=True)
    assert "s3cr3t" not in f"{failure.value} {failure.value.fix}"
    sql = Sql("ledger", "postgresql+psycopg://bot:s3cr3t@127.0.0.1:1/db", read_only=True)
    with pytest.raises(Unavailable) as refused:
        sql.check()
    assert "s3cr3t" not in str(refused.value)
    assert "s3cr3t" not in repr(refused.value.__cause__)
    sql.close()


# own tables


def target(code: str = "1402", kind: str = "portico_figures") -> Target:
    key = (("budget_code", code), ("period", "003"))
    return Target(kind, key=key, fields=("budget_variance", "rag_cost"))


def push(sql: Sql, code: str = "1402", kind: str = "portico_figures", **values: Plain) -> Any:
    (outcome,) = sql.push([Patch(target(code, kind), values)])
    return outcome.error or outcome.shown


def test_numbers_come_back_exactly_as_they_went_in(sql: Sql) -> None:
    exact = Decimal("999999999999999.99")
    push(sql, budget_variance=exact, rag_cost="red")
    (shown,) = sql.look([target()])
    assert shown.values == {"budget_variance": exact, "rag_cost": "red"}


def test_a_column_is_added_when_a_new_figure_comes(sql: Sql, path: Path) -> None:
    push(sql, rag_cost=None, budget_variance=Decimal("1.50"))
    (shown,) = sql.look([target()])
    assert shown.values == {"budget_variance": Decimal("1.50"), "rag_cost": None}
    push(sql, rag_cost="red")
    assert run(path, "SELECT budget_code, period, budget_variance, rag_cost FROM portico_figures") == [
        ("1402", "003", "1.50", "red")
    ]


@pytest.mark.parametrize("point", ["INSERT INTO portico_owned", "CREATE TABLE portico_f", "ALTER TABLE"])
def test_what_was_cut_off_while_it_was_created_is_created_by_the_next_run(
    sql: Sql, path: Path, point: str
) -> None:
    if point == "ALTER TABLE":
        push(sql, budget_variance=Decimal("1.50"))

    def cut_off(*said: Any) -> None:
        if str(said[2]).lstrip().startswith(point):
            raise RuntimeError(point)

    sa.event.listen(sa.Engine, "after_cursor_execute", cut_off)
    try:
        with pytest.raises(RuntimeError, match=point):
            push(sql, rag_cost="red")
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", cut_off)
    later = Sql("ledger", f"sqlite:///{path}", read_only=False)
    assert isinstance(push(later, rag_cost="red"), Shown)
    (shown,) = later.look([target()])
    assert shown.values["rag_cost"] == "red"
    later.close()


def test_a_column_of_somebody_else_in_our_table_is_never_written(sql: Sql, path: Path) -> None:
    push(sql, budget_variance=Decimal(1))
    run(path, "ALTER TABLE portico_figures ADD COLUMN rag_cost TEXT")
    assert isinstance(push(sql, rag_cost="red"), Invalid)
    assert run(path, "SELECT rag_cost FROM portico_figures") == [(None,)]


def test_a_table_of_somebody_else_is_never_written(sql: Sql, path: Path) -> None:
    error = push(sql, kind="ledger", rag_cost="red")
    assert isinstance(error, Invalid)
    assert run(path, "SELECT count(*) FROM ledger") == [(0,)]


@pytest.mark.parametrize("name", ['x"; DROP TABLE ledger; --', "portico_version", "", "a b"])
def test_names_are_words_only(sql: Sql, name: str) -> None:
    assert isinstance(push(sql, **{name: "red"}), Invalid)
    assert isinstance(push(sql, kind=name, rag_cost="red"), Invalid)


def test_many_rows_are_looked_at_by_one_statement(sql: Sql) -> None:
    wide = [
        Target("portico_figures", key=(("period", "004"), ("budget_code", code)), fields=("rag_cost",))
        for code in "AB"
    ]
    for code, colour in (("A", "red"), ("B", "green")):
        push(sql, code, rag_cost=colour)
        push(sql, code, kind="portico_others", rag_cost="amber")
    asked = [
        target("A"),
        target("B"),
        target("C"),
        target("A", "portico_others"),
        target("A", "nowhere"),
        *wide,
    ]
    seen: list[str] = []

    def note(*said: Any) -> None:
        seen.append(str(said[2]))

    sa.event.listen(sa.Engine, "after_cursor_execute", note)
    try:
        shown = {each.target: each for each in sql.look(asked)}
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", note)
    assert [shown[each].values.get("rag_cost") for each in asked] == [
        "red",
        "green",
        None,
        "amber",
        None,
        None,
        None,
    ]
    assert [shown[each].exists for each in asked] == [True, True, False, True, False, False, False]
    assert len([each for each in seen if "FROM portico_figures" in each]) == 1


def test_values_are_bound(sql: Sql) -> None:
    hostile = "'); DROP TABLE portico_figures; --"
    push(sql, hostile, rag_cost=hostile)
    (shown,) = sql.look([target(hostile)])
    assert shown.values["rag_cost"] == hostile


def test_a_value_of_another_kind_is_refused(sql: Sql) -> None:
    push(sql, budget_variance=Decimal(1))
    assert isinstance(push(sql, budget_variance="much"), Invalid)


def test_read_only_refuses_before_any_statement(path: Path) -> None:
    sql = Sql("ledger", f"sqlite:///{path}", read_only=True)
    with pytest.raises(ReadOnly):
        sql.push([Patch(target(), {"rag_cost": "red"})])
    assert run(path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'portico%'") == [(0,)]


# cursor values


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 7, 1, 12, tzinfo=UTC),
        date(2026, 7, 1),
        7,
        7.25,
        Decimal("7.10"),
        "2026-07-01",
    ],
)
def test_cursor_values_keep_their_type(value: object) -> None:
    assert unpacked(packed(value)) == value
    assert type(unpacked(packed(value))) is type(value)


@pytest.mark.parametrize(
    ("text", "earlier"),
    [
        ("2026-07-01T12:00:00Z", "2026-07-01T11:55:00Z"),
        ("2026-07-01 00:00:00", "2026-06-30 23:55:00"),
        ("2026-07-01T12:00:00.250000+00:00", "2026-07-01T11:55:00.250000+00:00"),
        ("2026-07-01", "2026-07-01"),
        ("000123", "000123"),
    ],
)
def test_the_overlap_is_taken_in_the_form_of_the_text(text: str, earlier: str) -> None:
    compiled = since("changed", {"text": text}).compile(compile_kwargs={"literal_binds": True})
    assert str(compiled) == f"changed >= '{earlier}'"


def test_the_overlap_of_a_real_instant_is_five_minutes() -> None:
    condition = since("changed", packed(datetime(2026, 7, 1, tzinfo=UTC)))
    assert datetime(2026, 6, 30, 23, 55, tzinfo=UTC) in condition.compile().params.values()


def test_a_day_of_grace_where_the_zone_is_unknown() -> None:
    assert not in_future("2026-11-21T11:00:00", NOW)
    assert in_future("2026-11-20T12:00:01Z", NOW)
    assert in_future("2026-11-22", NOW)
    assert not in_future("000123", NOW)
