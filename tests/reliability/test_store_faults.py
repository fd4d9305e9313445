"""The store fails: F13 to F18. The run ends with a clear text, nothing half is kept, the next run goes on."""

import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, text, update

from portfolio.store.database import PAGE_BYTES, faults, open_store
from portfolio.store.failures import StoreError, StoreFailed
from portfolio.store.tables import alarm
from sync.cli import main
from tests.reliability.town import Town, found
from tests.sync.test_run import START, body

LIMIT = 2_000_000


@pytest.fixture
def on_postgres(postgres: str, tmp_path: Path) -> Iterator[Town]:
    """A town over PostgreSQL."""
    server = create_engine(f"{postgres}/postgres", isolation_level="AUTOCOMMIT")
    name = f"f{abs(hash(tmp_path))}"
    with server.connect() as db:
        db.execute(text(f'CREATE DATABASE "{name}"'))
    server.dispose()
    made = found(f"{postgres}/{name}", tmp_path)
    yield made
    made.store.close()


def file_of(town: Town) -> Path:
    return Path(str(town.store.engine.url.database))


def reopened(town: Town) -> None:
    town.store.close()
    town.store = open_store(town.settings.store)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "canary-4711")


def run_again(town: Town) -> None:
    reopened(town)
    town.run()


def command(town: Town, *arguments: str) -> int:
    return main(["-c", str(town.settings.file), *arguments])


def test_a_full_disk_ends_the_run_clearly_and_the_next_one_goes_on(town: Town) -> None:
    town.run()
    written = len(town.snow.write_log)
    for number in range(400):
        town.snow.put(f"new{number}", body(number + 100, short_description="x" * 500))
    pages = town.store._writer.exec_driver_sql("PRAGMA page_count").scalar()
    town.store._writer.rollback()
    town.store._writer.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    town.store._writer.rollback()
    with pytest.raises(StoreFailed, match=r"out of space.*Free space where it lies") as caught:
        town.run()
    shown = town.report()
    town.store._writer.exec_driver_sql("PRAGMA max_page_count=1073741823")
    town.store._writer.rollback()
    healed = town.run()

    assert "INSERT" not in str(caught.value)
    assert len(shown["projects"]) == 5
    assert len(town.snow.write_log) > written
    assert len(town.stored()) == 405
    assert healed.read["snow"].ok
    assert faults(town.store) == []


def test_the_command_on_a_full_disk_says_so_without_a_traceback(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    rows = "".join(f"C{n},2027,,GF,{n}.00,{n}.50\n" for n in range(4000))
    head = "Budget code,Fiscal year,Period,Fund,Revised budget,Actual\n"
    (folder / "budget.csv").write_text(head + rows, encoding="utf-8")
    config = tmp_path / "portico.yaml"
    config.write_text(
        "version: 1\nstore: sqlite:///portico.db\nconnections:\n  ledger:\n    tool: files\n    path: in\n"
        "    read: [{kind: budget_line, scope: budget.csv, key: [Budget code], full: true, amounts: period}]\n",
        encoding="utf-8",
    )

    def sync(limit: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "sync.cli", "-c", str(config), "sync"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
        )

    full, healed = sync(LIMIT), sync(1 << 40)

    assert full.returncode == 1, full.stderr
    assert "is out of space" in full.stderr
    assert "Traceback" not in full.stderr
    assert healed.returncode in {0, 1}
    assert "4000 records read" in healed.stderr, healed.stderr


def test_a_run_whose_log_cannot_be_written_goes_on(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/budget.csv").write_text(
        "Budget code,Fiscal year,Actual\nC1,2027,50.00\n", encoding="utf-8"
    )
    config = tmp_path / "portico.yaml"
    config.write_text(
        "version: 1\nstore: sqlite:///portico.db\nconnections:\n  ledger: {tool: files, path: in,\n"
        "    read: [{kind: budget_line, scope: budget.csv, key: [Budget code], full: true}]}\n",
        encoding="utf-8",
    )
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "sync.cli", "-c", str(config), "sync", "--json"],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
            timeout=120,
        )

    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "done"


def test_a_busy_store_is_waited_for(town: Town) -> None:
    other = sqlite3.connect(file_of(town), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.5, lambda: other.execute("COMMIT")).start()

    assert town.run().records_written == 5
    other.close()


def test_a_store_that_stays_busy_ends_the_run_clearly(town: Town) -> None:
    town.run()
    town.store._writer.exec_driver_sql("PRAGMA busy_timeout=100")
    town.store._writer.rollback()
    town.snow.put("id0", body(0, end_date="2027-06-30 05:00:00"))
    with closing(sqlite3.connect(file_of(town), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match="held by another process"):
            town.run()
        other.execute("COMMIT")

    assert town.run().read["snow"].changed == 1


@pytest.mark.parametrize("damage", ["overwritten", "truncated"])
def test_a_damaged_store_is_told_and_nothing_is_written_back(
    town: Town, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(200):
        town.snow.put(f"more{number}", body(number + 100))
    town.run()
    before = len(town.snow.write_log)
    town.store.close()
    path = file_of(town)
    whole = path.read_bytes()
    path.write_bytes(
        whole[: len(whole) // 3]
        if damage == "truncated"
        else whole[:8192] + b"\xff" * (len(whole) - 16384) + whole[-8192:]
    )
    code = command(town, "db", "check")
    said = capsys.readouterr()
    town.snow.put("id0", body(0, end_date="2027-06-30 05:00:00"))
    with pytest.raises(StoreError, match="is damaged"):
        run_again(town)

    assert code in {1, 2}
    assert "damaged. Run `portico db check`, and restore the last backup" in said.err
    assert "Traceback" not in said.err
    assert len(town.snow.write_log) == before


def test_a_flipped_page_is_found_by_the_check(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.run()
    with town.store.reading() as db:
        pages = db.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name='ix_source_record_key'")
        root = int(pages.scalar_one())
    town.store.close()
    with file_of(town).open("r+b") as file:
        file.seek((root - 1) * PAGE_BYTES + 8)
        file.write(b"\x00" * 200)

    assert command(town, "db", "check") == 1
    assert "integrity_check" in capsys.readouterr().out


def test_a_read_only_store_is_told(town: Town) -> None:
    town.run()
    town.store._writer.exec_driver_sql("PRAGMA query_only=ON")
    town.store._writer.rollback()
    with pytest.raises(StoreFailed, match="is read-only"):
        town.run()

    assert len(town.report()["projects"]) == 5


def test_a_server_in_failover_is_told_and_the_next_run_goes_on(on_postgres: Town) -> None:
    on_postgres.run()
    on_postgres.store._writer.execute(text("SET default_transaction_read_only = on"))
    on_postgres.store._writer.commit()
    with pytest.raises(StoreFailed, match="is read-only"):
        on_postgres.run()
    on_postgres.store._writer.execute(text("SET default_transaction_read_only = off"))
    on_postgres.store._writer.commit()

    assert on_postgres.run().outcome == "done"


def kill_backends(town: Town) -> None:
    engine = create_engine(town.store.engine.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_backend_killed_within_a_transaction_keeps_nothing_of_it(on_postgres: Town) -> None:
    row = {"connection": "snow", "kind": "x", "text": "x", "since": START}

    def work() -> None:
        with on_postgres.store.transaction() as db:
            db.execute(insert(alarm).values(**row))
            kill_backends(on_postgres)
            db.execute(select(alarm))

    with pytest.raises(StoreFailed, match="lost its connection"):
        work()
    with on_postgres.store.transaction() as db:
        assert db.execute(select(alarm)).all() == []
        db.execute(insert(alarm).values(**row))

    assert on_postgres.alarms() == {("snow", "x"): "x"}


def test_backends_killed_in_the_middle_of_a_run_cost_that_run_and_no_more(on_postgres: Town) -> None:
    town = on_postgres
    asked = 0

    def at_request() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            kill_backends(town)

    town.snow.asking = at_request
    with pytest.raises(StoreFailed, match="lost its connection"):
        town.run()
    town.snow.asking = None
    healed = town.run()

    assert healed.outcome == "done"
    assert healed.records_written == 5
    assert town.run().counts()["planned"] == 0


def test_of_two_that_wait_for_each_other_one_is_told_and_may_do_it_again(on_postgres: Town) -> None:
    with on_postgres.store.transaction() as db:
        for name in ("a", "b"):
            db.execute(insert(alarm).values(connection=name, kind="x", text="0", since=START))
    meet = threading.Barrier(2, timeout=20)
    other_ended = threading.Event()
    failed: list[str] = []

    def both(first: str, second: str) -> None:
        with open_store(on_postgres.settings.store) as store:
            try:
                with store.transaction() as db:
                    db.execute(update(alarm).where(alarm.c.connection == first).values(text=first))
                    meet.wait()
                    db.execute(update(alarm).where(alarm.c.connection == second).values(text=first))
                other_ended.set()
            except StoreFailed as error:
                failed.append(str(error))
                other_ended.wait(20)
                with store.transaction() as db:
                    db.execute(update(alarm).values(text="again"))

    threads = [threading.Thread(target=both, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(failed) == 1
    assert "changed by another process" in failed[0]
    assert set(on_postgres.alarms().values()) == {"again"}


def test_a_store_restored_from_an_older_backup_writes_nothing_a_second_time(
    town: Town, tmp_path: Path
) -> None:
    town.run()
    town.snow.lose_answers = True
    town.snow.put("id1", body(1, end_date="2027-06-30 05:00:00"))
    for id_ in ("id0", "id2"):
        town.snow.set(id_, {"u_rag": "Purple"})
    lost = town.run()
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(file_of(town))) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    town.snow.lose_answers = False
    town.run()
    town.snow.set("id3", {"u_rag": "Purple"})
    town.run()
    writes = len(town.snow.write_log)
    town.store.close()
    for leftover in file_of(town).parent.glob(f"{file_of(town).name}-*"):
        leftover.unlink()
    shutil.copy(backup, file_of(town))
    reopened(town)
    restored = town.run()

    assert lost.unknown >= 2
    assert restored.outcome == "done"
    assert len(town.snow.write_log) == writes
