"""Random histories over a village: whatever happened, once the tools answer the store equals the model and the tools hold
exactly what the plan said.

`PORTICO_NIGHTLY=1` runs 5,000 histories, otherwise 300. A history that fails is printed; it becomes a test of
`test_recovery.py`.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from connectors.errors import ConnectorError, CredentialsRefused, RateLimited, Unavailable
from portfolio.store.database import Store, open_store
from portfolio.store.tables import entity_tables
from tests.connectors.memory import MemoryTool
from tests.reliability.invariants import check_further_runs
from tests.reliability.village import RAG, TITLE, Village, fill, incident, item, line, project, wipe

EXAMPLES = int(os.environ.get("PORTICO_HISTORIES", "5000" if os.environ.get("PORTICO_NIGHTLY") else "300"))
STEPS = 30
PROJECTS = st.integers(0, 3)
PARTS = st.sampled_from("abc")
OURS = ("u_rag", "u_done", "u_at", "done", "rag", "variance")
TOOLS = st.sampled_from(["snow", "work", "ledger"])
FINISHES = {"2026-12-31": "green", "2027-03-15": "amber", "2027-12-31": "red", "soon": "unknown"}
"""Forecast finishes of a project of 2026 and what 15 and 25 percent make of them; the last is no day."""
STRICT = FINISHES | {"2027-03-15": "red"}
"""The same under a limit of 5 percent."""
FAILURES: tuple[ConnectorError, ...] = (
    Unavailable("no connection"),
    RateLimited("429", retry_after=3600),
    CredentialsRefused("401"),
)
POINTS = (
    "run.started", "pull.started", "pull.before_event", "pull.in_page", "pull.after_event", "pull.in_count", "pull.noting",
    "pull.noted", "translate.written", "translate.done", "translate.again", "assess.linked", "assess.judged",
    "snapshot.in_keep", "assess.kept", "plan.wanted", "plan.seen", "plan.made", "apply.before_intent", "apply.in_intent",
    "apply.after_intent", "apply.after_request", "apply.in_settle", "apply.after_settle", "apply.done", "run.finishing",
)  # fmt: skip


class Life(RuleBasedStateMachine):
    """What people, networks and clocks do to a village and its Portico."""

    store: ClassVar[Store]
    other: ClassVar[Store]
    """The store as a second instance opens it."""

    def __init__(self) -> None:
        super().__init__()
        wipe(self.store)
        self.village = Village(self.store, page_size=6)
        self.backups: dict[str, Any] = {}
        self.by_hand: dict[str, set[Any]] = {}
        self.flips: Counter[str] = Counter()
        fill(self.tools)

    @property
    def tools(self) -> dict[str, MemoryTool]:
        return self.village.tools

    @rule(number=PROJECTS, finish=st.sampled_from(sorted(FINISHES)))
    def plan_a_project(self, number: int, finish: str) -> None:
        self.tools["snow"].put(f"p{number}", project(number, finish), "pm_project")

    @rule(number=PROJECTS, part=PARTS, state=st.sampled_from(["todo", "in_progress", "done", "no such state"]),
          team=st.sampled_from("ab"), of=PROJECTS)  # fmt: skip
    def edit_or_move_work(self, number: int, part: str, state: str, team: str, of: int) -> None:
        self.tools["work"].put(f"w{number}{part}", item(f"PRJ{of}", state, team), "work_item")

    @rule(number=PROJECTS, of=PROJECTS, state=st.sampled_from("12"))
    def edit_or_move_an_incident(self, number: int, of: int, state: str) -> None:
        self.tools["snow"].put(f"i{number}", incident(f"p{of}", state), "incident")

    @rule(number=PROJECTS, cents=st.integers(0, 200_000))
    def post_to_the_ledger(self, number: int, cents: int) -> None:
        actual = str(Decimal(cents).scaleb(-2))
        self.tools["ledger"].put(f"l{number}", line(number, "1000.00", actual), "budget_line")

    @rule(tool=TOOLS, pick=st.randoms(use_true_random=False))
    def delete_a_record(self, tool: str, pick: random.Random) -> None:
        ids = [id_ for id_, row in self.tools[tool].rows.items() if "(" not in id_]
        if len(ids) > 1:
            self.tools[tool].delete(pick.choice(ids))

    @rule(tool=TOOLS, pick=st.randoms(use_true_random=False))
    def lose_sight(self, tool: str, pick: random.Random) -> None:
        ids = [id_ for id_ in self.tools[tool].rows if "(" not in id_]
        self.tools[tool].hidden |= {pick.choice(ids)}

    @rule(tool=TOOLS)
    def see_everything_again(self, tool: str) -> None:
        self.tools[tool].hidden.clear()

    @rule(tool=TOOLS, value=st.sampled_from(["by hand", None]), pick=st.randoms(use_true_random=False))
    def edit_our_fields_by_hand(self, tool: str, value: str | None, pick: random.Random) -> None:
        places = [(id_, name) for id_, row in self.tools[tool].rows.items() for name in row.values]
        if places:
            id_, name = pick.choice(places)
            self.tools[tool].set(id_, {name: value})
            self.by_hand.setdefault(f"{id_} {name}", set()).add(value)

    @rule(tool=TOOLS, failure=st.sampled_from(FAILURES), after=st.integers(0, 6))
    def fail_once(self, tool: str, failure: ConnectorError, after: int) -> None:
        self.tools[tool].faults = [*[None] * after, failure]

    @rule(tool=TOOLS, failure=st.sampled_from((*FAILURES, None)))
    def go_down_or_come_back(self, tool: str, failure: ConnectorError | None) -> None:
        self.tools[tool].failing = failure

    @rule(tool=TOOLS, on=st.booleans())
    def lose_answers(self, tool: str, on: bool) -> None:  # noqa: FBT001  hypothesis names it
        self.tools[tool].lose_answers = on

    @rule(tool=TOOLS, fields=st.sets(st.sampled_from(OURS), max_size=2))
    def leave_fields_as_they_are(self, tool: str, fields: set[str]) -> None:
        self.tools[tool].stubborn = fields

    @rule(tool=TOOLS, seed=st.integers(0, 9), twice=st.booleans(), size=st.sampled_from([1, 3, 6]))
    def give_pages_otherwise(self, tool: str, seed: int, twice: bool, size: int) -> None:  # noqa: FBT001  as above
        self.tools[tool].shuffle = random.Random(seed) if seed else None
        self.tools[tool].twice = twice
        self.village.page_size = size

    @rule(tool=TOOLS, count=st.integers(0, 2))
    def withhold_records(self, tool: str, count: int) -> None:
        self.tools[tool].withhold = count

    @rule(tool=TOOLS)
    def back_up(self, tool: str) -> None:
        self.backups[tool] = self.tools[tool].backup()

    @precondition(lambda self: self.backups)
    @rule(pick=st.randoms(use_true_random=False))
    def restore_a_backup(self, pick: random.Random) -> None:
        tool = pick.choice(sorted(self.backups))
        backup = self.backups.pop(tool)
        for id_, row in self.tools[tool].rows.items():
            for name in row.values:
                shown = backup[id_].values.get(name) if id_ in backup else None
                self.by_hand.setdefault(f"{id_} {name}", set()).add(shown)
        self.tools[tool].restore(backup)

    @rule(mapping=st.sampled_from(["", TITLE]))
    def change_the_mapping(self, mapping: str) -> None:
        self.village.mapping = mapping

    @rule(rules=st.sampled_from(["state_15_25", "strict_5"]))
    def change_the_rules(self, rules: str) -> None:
        self.village.rules = rules

    @rule(policy=st.sampled_from(["restore", "keep", "report"]))
    def change_the_drift_policy(self, policy: str) -> None:
        self.village.policy = policy

    @rule(hours=st.integers(1, 30))
    def let_time_pass(self, hours: int) -> None:
        self.village.now += timedelta(hours=hours)

    @rule(census=st.booleans(), full=st.booleans(), approve=st.booleans())
    def run(self, census: bool, full: bool, approve: bool) -> None:  # noqa: FBT001  as above
        self.village.run(census=census, full=full, approve=approve)

    @rule(point=st.sampled_from(POINTS), hit=st.integers(1, 4))
    def kill_a_run(self, point: str, hit: int) -> None:
        self.village.killed_run(point, hit)

    @rule(tool=TOOLS, after=st.integers(0, 5))
    def run_two_instances(self, tool: str, after: int) -> None:
        with self._meanwhile(tool, after, lambda: self.village.run(store=self.other)):
            self.village.run()

    @rule(tool=TOOLS, after=st.integers(0, 9), number=PROJECTS, finish=st.sampled_from(sorted(FINISHES)))
    def edit_while_it_runs(self, tool: str, after: int, number: int, finish: str) -> None:
        def edit() -> None:
            self.tools["snow"].put(f"p{number}", project(number, finish), "pm_project")
            self.tools["work"].put(f"w{number}a", item(f"PRJ{number}", "done"), "work_item")

        with self._meanwhile(tool, after, edit):
            self.village.run()

    @contextmanager
    def _meanwhile(self, tool: str, after: int, act: Callable[[], object]) -> Iterator[None]:
        """`act` happens while the tool's request number `after` is being answered."""
        left = after

        def ask() -> None:
            nonlocal left
            left -= 1
            if left == -1:
                act()

        self.tools[tool].asking = ask
        try:
            yield
        finally:
            self.tools[tool].asking = None

    def teardown(self) -> None:
        self._heal()
        self.village.now = (self.village.now + timedelta(days=8)).replace(hour=15)
        for _ in range(3):
            self.village.run(census=True, approve=True)
        self._check()

    def _heal(self) -> None:
        for tool in self.tools.values():
            tool.failing, tool.lose_answers, tool.withhold, tool.twice, tool.shuffle = (
                None,
                False,
                0,
                False,
                None,
            )
            tool.faults.clear()
            tool.hidden.clear()
            tool.stubborn = set()

    def _check(self) -> None:
        village = self.village
        village.check(quiet=True)
        self._check_against_the_model()
        check_further_runs(self.store, village.run, village.effects, times=1)

    def _check_against_the_model(self) -> None:
        report = {each["key"]: each for each in self.village.report()["projects"]}
        bodies = [row.body for row in self.tools["snow"].visible("pm_project").values()]
        assert set(report) == {body["number"] for body in bodies}
        colours = STRICT if self.village.rules == "strict_5" else FINISHES
        for body in bodies:
            key = body["number"]
            shown = report[key]
            work = Counter(
                row.body["status_category"]
                for row in self.tools["work"].visible("work_item").values()
                if row.body["project_key"] == key
            )
            counted = {name: shown["work"][name] for name in ("todo", "in_progress", "done")}
            assert counted == {name: work[name] if work else None for name in counted}
            assert shown["status"]["schedule"]["value"] == colours[body["end_date"].split(" ")[0]]
            self._check_fields(key, work)
        self._check_titles()
        self._check_ledger()

    def _check_fields(self, key: str, work: Counter[str]) -> None:
        number = key.removeprefix("PRJ")
        colours = STRICT if self.village.rules == "strict_5" else FINISHES
        finish = self.tools["snow"].rows[f"p{number}"].body["end_date"].split(" ")[0]
        total = work["todo"] + work["in_progress"] + work["done"]
        done = Decimal(work["done"]) / total if total else None
        share = None if done is None else done.quantize(Decimal("0.0001"), ROUND_HALF_UP)
        self._holds("snow", f"p{number}", "u_rag", RAG[colours[finish]])
        self._holds("snow", f"p{number}", "u_done", share)
        kept = (
            self.by_hand.get(f"standing(key={key}) done", set())
            if self.village.policy != "restore"
            else set()
        )
        self._holds("work", f"standing(key={key})", "done", share, *kept)
        self._holds("work", f"standing(key={key})", "rag", colours[finish])

    def _holds(self, tool: str, id_: str, name: str, *accepted: Any) -> None:
        row = self.tools[tool].rows.get(id_)
        value = row.values.get(name) if row else None
        values = {None if each == "unknown" else each for each in accepted}
        assert value in values, f"{tool} {id_} {name} holds {value!r}, not {accepted}"

    def _check_titles(self) -> None:
        table = entity_tables["work_item"]
        with self.store.reading() as db:
            titles = set(
                db.scalars(
                    table.select().with_only_columns(table.c.title).where(table.c.deleted_at.is_(None))
                )
            )
        assert titles <= ({"changed Work"} if self.village.mapping else {"Work"})

    def _check_ledger(self) -> None:
        keys = {row.body["number"] for row in self.tools["snow"].visible("pm_project").values()}
        for row in self.tools["ledger"].visible("budget_line").values():
            code = row.body["budget_code"]
            variance = Decimal(row.body["revised_budget"]) - Decimal(row.body["actual"])
            if row.body["project_key"] in keys:
                self._holds(
                    "ledger", f"figures(budget_code={code}, fiscal_year=2027, period=)", "variance", variance
                )


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[None]:
    memory = Path("/dev/shm")  # noqa: S108  a file system in memory, where there is one
    folder = memory / f"portico-{os.getpid()}" if memory.is_dir() else tmp_path / "life"
    folder.mkdir()
    url = f"sqlite:///{folder / 'portico.db'}"
    with open_store(url) as Life.store, open_store(url) as Life.other:
        yield
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.usefixtures("stores")
def test_any_history_ends_in_the_model() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=(Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
