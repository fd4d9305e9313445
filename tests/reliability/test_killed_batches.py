"""The real program is killed (-9) around and in the middle of a batch, a job, a transaction or an outbox, and run again.

The tool and the store then hold what a run that was never killed leaves there, each value written once.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.city import City, build
from tests.reliability.ledger import Ledger, State

NIGHTLY = bool(os.environ.get("PORTICO_NIGHTLY"))
POINTS = ("apply.after_intent", "apply.after_request", "apply.after_settle:2")
BATCHES = ("odata", "odata_v2", "salesforce")
INGEST = "/services/data/v*/jobs/ingest"
QUERY = "/services/data/v*/jobs/query"
STAGES = {
    "created": ("POST", INGEST),
    "uploaded": ("PUT", f"{INGEST}/*/batches"),
    "closed": ("PATCH", f"{INGEST}/*"),
    "polled": ("GET", f"{INGEST}/750*[0-9]"),
    "between results": ("GET", f"{INGEST}/*/successfulResults/"),
    "read results": ("GET", f"{INGEST}/*/failedResults/"),
    "query polled": ("GET", f"{QUERY}/750*[0-9]"),
    "query read": ("GET", f"{QUERY}/*/results"),
}
"""The requests of a job: each was done by the organisation when the program died."""
STATEMENTS = (
    "CREATE TABLE portico_owned",
    "INSERT INTO portico_owned",
    "CREATE TABLE figures",
    "INSERT INTO figures",
    "INSERT INTO figures:3",
)
"""Of a write's transactions, before their end."""
LEDGERS = (*BATCHES, "salesforce_jobs", "sql", "files")
OUTBOX = ("csv", "xlsx", "manifest.json", "state.json")
SERVERS = ("postgres", "mariadb")
TRANSACTIONS = [
    *(("sqlite", statement) for statement in STATEMENTS),
    *((each, statement) for each in SERVERS for statement in (STATEMENTS if NIGHTLY else STATEMENTS[2::2])),
]


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", date(2026, 11, 21))


@pytest.fixture(scope="module")
def twins(city: City, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, State]:
    """What undisturbed runs leave."""
    found = {}
    for tool in LEDGERS:
        ledger = Ledger(tool, city, tmp_path_factory.mktemp(tool))
        try:
            ledger.sync()
            found[tool] = ledger.state()
        finally:
            ledger.stop()
    return found


@pytest.fixture
def ledger(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(request.param, city, tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("tool", LEDGERS)
def test_what_an_undisturbed_run_wrote_ties_out(twins: Mapping[str, State], tool: str) -> None:
    figures = twins[tool].ledger["figures"]
    assert sum(each["records_written"] for each in figures) == len(twins[tool].remembered)
    assert {Decimal(each["difference"]) for each in figures} == {0}


@pytest.mark.parametrize("ledger", [*BATCHES, "sql"], indirect=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_around_a_batch_ends_as_one_never_killed(
    ledger: Ledger, twins: Mapping[str, State], point: str
) -> None:
    ledger.killed(at=point)
    assert ledger.sync()["conflicts"] == 0
    assert ledger.state() == twins[ledger.tool]
    assert ledger.sync()["planned"] == 0


@pytest.mark.parametrize("ledger", BATCHES, indirect=True)
def test_a_batch_severed_halfway_is_completed_by_the_next_run(
    ledger: Ledger, twins: Mapping[str, State]
) -> None:
    twin = twins[ledger.tool]
    ledger.killed(record=3)
    assert 0 < len(list(ledger.figures())) < len(twin.figures)
    ledger.sync()
    assert ledger.state() == twin
    assert ledger.sync()["planned"] == 0


@pytest.mark.parametrize("ledger", ["salesforce_jobs"], indirect=True)
@pytest.mark.parametrize("stage", STAGES if NIGHTLY else list(STAGES)[:5])
def test_a_run_killed_inside_a_job_ends_as_one_never_killed(
    ledger: Ledger, twins: Mapping[str, State], stage: str
) -> None:
    ledger.killed(request=STAGES[stage])
    assert ledger.sync()["conflicts"] == 0
    assert ledger.state() == twins[ledger.tool]
    assert ledger.sync()["planned"] == 0
    jobs = ledger.app.extensions["portico"].jobs.kept.values()
    assert {job.state for job in jobs if job.order["operation"] != "query"} <= {"JobComplete", "Aborted"}


@pytest.mark.parametrize(("database", "statement"), TRANSACTIONS, indirect=["database"])
def test_a_run_killed_inside_a_transaction_ends_as_one_never_killed(
    database: str, statement: str, city: City, twins: Mapping[str, State], tmp_path: Path
) -> None:
    ledger = Ledger("sql", city, tmp_path, database)
    ledger.killed(statement=statement)
    assert len(list(ledger.figures())) == (2 if statement.endswith(":3") else 0)
    assert ledger.sync()["conflicts"] == 0
    assert ledger.state() == twins["sql"]
    assert ledger.sync()["planned"] == 0


@pytest.mark.parametrize("ledger", ["files"], indirect=True)
@pytest.mark.parametrize("ending", OUTBOX if NIGHTLY else OUTBOX[1::2])
def test_a_run_killed_inside_the_outbox_ends_as_one_never_killed(
    ledger: Ledger, twins: Mapping[str, State], ending: str
) -> None:
    out = ledger.folder / "out"
    ledger.killed(rename=f"budget_line.{ending}")
    assert not (out / f"budget_line.{ending}").exists()
    assert ledger.sync()["conflicts"] == 0
    assert ledger.state() == twins["files"]
    assert ledger.sync()["planned"] == 0
    told = json.loads((out / "budget_line.manifest.json").read_text(encoding="utf-8"))
    assert {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in told["sha256"]} == told[
        "sha256"
    ]
    assert sorted(each.name for each in out.iterdir()) == sorted(f"budget_line.{each}" for each in OUTBOX)
