"""Gates: criteria of every kind, decisions, conditions, due days, tailoring, the packaged packs."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from config.names import packaged
from config.presets import Criterion, Gate, GatePack, load_pack
from config.settings import Portfolio
from portfolio import gates
from portfolio.facts import Condition, Decision, Deliverable, Facts, Milestone, Risk, Source
from portfolio.gates import GateResult
from portfolio.judge import Policy, judge

D = Decimal

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = Source("snow", "DLV1")


def facts(**values: Any) -> Facts:
    return Facts("OIT-1", "Permits", **values)


def deliverable(type_: str = "business_case", state: str = "approved", by: str | None = "Ana") -> Deliverable:
    return Deliverable(type_, None, state, by, datetime(2026, 3, 1, tzinfo=UTC), HERE)


PACK = GatePack(
    id="test",
    version=1,
    title="Test",
    sources=("here",),
    gates=(
        Gate(
            key="G1",
            name="Business case",
            at=D("0.5"),
            criteria=(
                Criterion(key="sponsor", text="A sponsor", kind="field", field="sponsor"),
                Criterion(key="case", text="The case", kind="deliverable", type="business_case"),
            ),
        ),
        Gate(
            key="G2",
            name="Go-live",
            after_finish=10,
            criteria=(Criterion(key="plan", text="The plan", kind="deliverable", type="plan"),),
        ),
    ),
)


def first(pack: GatePack = PACK, **values: Any) -> GateResult:
    return gates.judge_gates(facts(**values), pack, {}, TODAY)[0]


def decided(decision: str, *conditions: Condition, on: date = date(2026, 10, 1)) -> Decision:
    return Decision("G1", decision, on, "Board", "Noted.", conditions)


MET: dict[str, Any] = {"sponsor": "Ana", "deliverables": (deliverable(),)}
PAST: dict[str, Any] = {"start_planned": date(2026, 1, 1), "finish_planned": date(2026, 3, 1)}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, "not_started"),
        ({"sponsor": "Ana"}, "in_progress"),
        (MET, "ready"),
        (PAST, "overdue"),
        ({**PAST, "sponsor": "Ana"}, "overdue"),
        ({**PAST, **MET}, "overdue"),
    ],
)
def test_a_gate_that_nobody_decided(values: dict[str, Any], status: str) -> None:
    assert first(**values).status == status


@pytest.mark.parametrize(
    ("day", "status"), [(date(2026, 11, 21), "not_started"), (date(2026, 11, 20), "overdue")]
)
def test_a_gate_is_overdue_after_its_day(day: date, status: str) -> None:
    assert first(milestones=(Milestone("G1", None, day, None, None),)).status == status


@pytest.mark.parametrize(
    "decision", ["approved", "rejected", "deferred", "waived", "approved_with_conditions"]
)
def test_overdue_never_replaces_a_decision(decision: str) -> None:
    assert first(**MET, **PAST, decisions=(decided(decision),)).status == decision


def test_an_approval_with_unmet_criteria_is_in_progress_until_they_are_met() -> None:
    found = first(sponsor="Ana", decisions=(decided("approved"),), **PAST)
    assert (found.status, found.decision, found.unmet) == ("in_progress", "approved", ("The case",))
    assert (found.decided_on, found.decided_by, found.note) == (date(2026, 10, 1), "Board", "Noted.")
    assert not found.passed
    assert first(**MET, decisions=(decided("approved"),)).status == "approved"


def test_unmet_criteria_can_be_waived_or_made_conditions() -> None:
    assert first(decisions=(decided("waived"),)).status == "waived"
    condition = Condition("Deliver the case", date(2026, 12, 1))
    assert (
        first(decisions=(decided("approved_with_conditions", condition),)).status
        == "approved_with_conditions"
    )
    assert first(decisions=(decided("approved_with_conditions"),)).status == "in_progress"


@pytest.mark.parametrize(
    ("due", "met", "status"),
    [
        (date(2026, 11, 21), None, "approved_with_conditions"),
        (date(2026, 11, 20), None, "in_progress"),
        (date(2026, 11, 20), date(2026, 11, 21), "approved_with_conditions"),
        (date(2026, 11, 20), date(2026, 11, 22), "in_progress"),
        (None, None, "approved_with_conditions"),
    ],
)
def test_a_condition_past_its_day_reopens_the_gate(due: date | None, met: date | None, status: str) -> None:
    condition = Condition("Deliver the case", due, met)
    found = first(**MET, decisions=(decided("approved_with_conditions", condition),))
    assert found.status == status
    assert bool(found.lapsed) == (status == "in_progress")
    assert [each.met_on for each in found.conditions] == [met if met and met <= TODAY else None]


def test_a_waiver_can_expire() -> None:
    found = first(decisions=(decided("waived", Condition("Waived until", date(2026, 11, 1))),))
    assert found.status == "in_progress"


def test_a_rejection_stands_whatever_its_conditions() -> None:
    found = first(decisions=(decided("rejected", Condition("Come back", date(2026, 1, 1))),))
    assert found.status == "rejected"


@pytest.mark.parametrize("decision", ["approved", "waived", "approved_with_conditions"])
def test_a_decision_stands_through_its_last_day(decision: str) -> None:
    given = replace(decided(decision), valid_until=TODAY)
    assert (first(**MET, decisions=(given,)).status, first(**MET, decisions=(given,)).expired) == (
        decision,
        False,
    )
    over = first(**MET, **PAST, decisions=(replace(given, valid_until=date(2026, 11, 20)),))
    assert (over.status, over.passed, over.expired) == ("in_progress", False, True)


def test_a_rejection_does_not_expire_into_progress() -> None:
    gone = replace(decided("rejected"), valid_until=date(2026, 11, 20))
    assert first(**MET, decisions=(gone,)).status == "rejected"


def test_a_decision_that_names_nobody_does_not_count() -> None:
    nobody = replace(decided("approved"), decided_by=None, source=Source("snow", "SYSAPPROVAL7"))
    assert first(**MET, decisions=(nobody,)).status == "ready"
    assert first(**MET, decisions=(replace(nobody, decided_by=""),)).status == "ready"
    found = judge(
        facts(state="active", decisions=(nobody,)), now=NOW, policy=Policy.of(Portfolio())
    ).exceptions
    assert [each["text"] for each in found if each["kind"] == "unsigned_decision"] == [
        "SYSAPPROVAL7 says that gate G1 is approved and names nobody."
    ]


def test_an_expired_decision_is_an_exception() -> None:
    gone = replace(decided("waived"), valid_until=date(2026, 11, 20))
    found = judge(facts(state="active", decisions=(gone,)), now=NOW, policy=Policy.of(Portfolio())).exceptions
    (told,) = [each for each in found if each["kind"] == "expired_decision"]
    assert (told["since"], told["because"]) == ("2026-11-20", "It was waived by Board until 2026-11-20.")


def test_each_criterion_tells_what_was_looked_at() -> None:
    paper = replace(deliverable(), content_hash="abc")
    sponsor, case = first(sponsor="Ana", deliverables=(paper,), source=Source("snow", "PRJ1")).criteria
    assert sponsor.evidence is not None
    assert sponsor.evidence.source.external_key == "PRJ1"
    assert case.evidence == gates.Evidence(HERE, "abc", "Ana", datetime(2026, 3, 1, tzinfo=UTC))
    draft = replace(paper, state="draft")
    assert first(deliverables=(draft,)).criteria[1].evidence == gates.Evidence(
        HERE, "abc", "Ana", draft.approved_at
    )
    assert first().criteria[1].evidence is None
    judged = judge(facts(deliverables=(paper,)), now=NOW, policy=Policy.of(Portfolio())).document
    shown = next(item for item in judged["gates"][1]["criteria"] if "business case" in item["criterion"])
    assert shown["evidence"] == {
        "connection": "snow",
        "external_key": "DLV1",
        "url": None,
        "content_hash": "abc",
        "approved_by": "Ana",
        "approved_at": "2026-03-01T00:00:00Z",
    }


def test_several_codes_are_told_in_the_plural() -> None:
    wanted = Criterion(key="codes", text="Codes", kind="field", field="budget_codes")
    pack = PACK.model_copy(update={"gates": (Gate(key="G1", name="One", criteria=(wanted,)),)})
    assert (
        first(pack, budget_codes=("4502", "4503")).criteria[0].because
        == "The project's budget codes are 4502, 4503."
    )
    assert first(pack).criteria[0].because == "The project's budget codes are empty."


def test_a_description_is_told_to_be_there_and_not_told_itself() -> None:
    wanted = tuple(
        Criterion(key=name, text=name, kind="field", field=name) for name in ("description", "sponsor")
    )
    pack = PACK.model_copy(update={"gates": (Gate(key="G1", name="One", criteria=wanted),)})
    found = first(pack, description="Ten pages.", sponsor="Ana").criteria
    assert [each.because for each in found] == [
        "The project's description is filled.",
        "The project's sponsor is Ana.",
    ]


def test_the_newest_decision_counts_and_of_one_day_the_last() -> None:
    older = decided("rejected", on=date(2026, 9, 1))
    assert first(**MET, decisions=(decided("approved"), older)).status == "approved"
    assert first(**MET, decisions=(decided("approved"), decided("deferred"))).status == "deferred"


def test_current_and_next() -> None:
    opened = gates.judge_gates(facts(), PACK, {}, TODAY)
    assert [gate.gate for gate in (gates.current(opened), gates.following(opened)) if gate] == ["G1", "G2"]
    passed = gates.judge_gates(facts(**MET, decisions=(decided("approved"),)), PACK, {}, TODAY)
    here = gates.current(passed)
    assert here is not None
    assert here.gate == "G2"
    assert gates.following(passed) is None
    assert gates.current([]) is None


def test_where_every_gate_is_passed_the_last_is_the_current_one() -> None:
    pack = PACK.model_copy(update={"gates": (*PACK.gates, PACK.gates[1].model_copy(update={"key": "G3"}))})
    waived = tuple(replace(decided("waived"), gate=each.key) for each in pack.gates)
    here = gates.current(gates.judge_gates(facts(decisions=waived), pack, {}, TODAY))
    assert here is not None
    assert here.gate == "G3"


def test_a_gate_passed_before_an_earlier_one_leaves_that_skipped() -> None:
    later = Decision("G2", "waived", TODAY, "Board", None)
    found = gates.judge_gates(facts(decisions=(later,)), PACK, {}, TODAY)
    assert [gate.gate for gate in gates.skipped(found)] == ["G1"]
    third = PACK.gates[1].model_copy(update={"key": "G3"})
    pack = PACK.model_copy(update={"gates": (*PACK.gates, third)})
    around = (decided("waived"), replace(later, gate="G3"))
    found = gates.judge_gates(facts(decisions=around), pack, {}, TODAY)
    assert [gate.gate for gate in gates.skipped(found)] == ["G2"]
    assert gates.skipped(gates.judge_gates(facts(), PACK, {}, TODAY)) == []


@pytest.mark.parametrize("name", ["G1", "g1 whatever", "G1: case", "Business case", "Gate G1", "gate 1"])
def test_a_milestone_named_after_the_gate_gives_its_day(name: str) -> None:
    milestone = Milestone(name, date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1), None)
    assert first(milestones=(milestone,)).due_on == date(2026, 5, 1)
    unplanned = Milestone(name, date(2026, 4, 1), None, date(2026, 6, 1), None)
    assert first(milestones=(unplanned,)).due_on == date(2026, 4, 1)


@pytest.mark.parametrize("name", ["G10 Something", "Case", "G"])
def test_another_milestone_does_not(name: str) -> None:
    assert first(milestones=(Milestone(name, None, date(2026, 5, 1), None, None),)).due_on is None


def test_without_a_milestone_the_pack_places_the_gate_in_the_schedule() -> None:
    planned: dict[str, Any] = {"start_planned": date(2026, 1, 1), "finish_planned": date(2026, 1, 11)}
    early, late = gates.judge_gates(facts(**planned), PACK, {}, TODAY)
    assert (early.due_on, late.due_on) == (date(2026, 1, 6), date(2026, 1, 21))
    baseline: dict[str, Any] = {"start_baseline": date(2026, 1, 1), "finish_baseline": date(2026, 1, 11)}
    assert first(**baseline).due_on == date(2026, 1, 6)
    assert first(start_planned=date(2026, 1, 1)).due_on is None
    assert first(**(planned | {"finish_planned": date(2026, 1, 1)})).due_on == date(2026, 1, 1)
    assert first(**(planned | {"finish_planned": date(2025, 12, 31)})).due_on is None
    ended = gates.judge_gates(facts(**planned, finish_actual=date(2026, 2, 1)), PACK, {}, TODAY)[1]
    assert ended.due_on == date(2026, 2, 11)


def checked(criterion: Criterion, values: dict[str, Any], metrics: dict[str, D | None] | None = None) -> bool:
    gate = Gate(key="G1", name="One", criteria=(criterion,))
    pack = GatePack(id="one", version=1, title="One", sources=(), gates=(gate,))
    (result,) = gates.judge_gates(facts(**values), pack, metrics or {}, TODAY)
    assert result.criteria[0].because.endswith(".")
    return result.criteria[0].met


@pytest.mark.parametrize(
    ("deliverables", "met"),
    [
        ((), False),
        ((deliverable(state="draft"),), False),
        ((deliverable(),), True),
        ((deliverable(state="rejected"), deliverable()), True),
        ((deliverable("Business Case"),), True),
        ((deliverable("charter"),), False),
    ],
)
def test_deliverable_criterion(deliverables: tuple[Deliverable, ...], met: bool) -> None:  # noqa: FBT001
    criterion = Criterion(key="k", text="t", kind="deliverable", type="business_case")
    assert checked(criterion, {"deliverables": deliverables}) is met


def test_approval_criterion_asks_for_a_name() -> None:
    criterion = Criterion(key="k", text="t", kind="approval", type="business_case")
    assert checked(criterion, {"deliverables": (deliverable(),)})
    assert not checked(criterion, {"deliverables": (deliverable(by=None),)})
    assert not checked(criterion, {"deliverables": (deliverable(state="submitted"),)})
    assert not checked(criterion, {})


@pytest.mark.parametrize(
    ("value", "met"),
    [(None, False), ("0.89", False), ("0.9", True), ("1.1", True), ("1.11", False)],
)
def test_metric_criterion(value: str | None, met: bool) -> None:  # noqa: FBT001
    criterion = Criterion(key="k", text="t", kind="metric", metric="cpi", at_least=D("0.9"), at_most=D("1.1"))
    assert checked(criterion, {}, {"cpi": None if value is None else D(value)}) is met
    assert not checked(criterion, {})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("0.6428571428571428571428571429", "The cpi is 0.642857, below 0.9."),
        ("0.89999999", "The cpi is 0.899999, below 0.9."),
        ("0.9", "The cpi is 0.9."),
        ("1.09999999", "The cpi is 1.099999."),
        ("1.10000001", "The cpi is 1.100001, above 1.1."),
        ("-1E-9", "The cpi is -0.000001, below 0.9."),
    ],
)
def test_a_metric_is_told_in_few_places_and_on_its_own_side_of_the_limit(value: str, told: str) -> None:
    criterion = Criterion(key="k", text="t", kind="metric", metric="cpi", at_least=D("0.9"), at_most=D("1.1"))
    gate = Gate(key="G1", name="One", criteria=(criterion,))
    pack = GatePack(id="one", version=1, title="One", sources=(), gates=(gate,))
    (result,) = gates.judge_gates(facts(), pack, {"cpi": D(value)}, TODAY)
    assert result.criteria[0].because == told


def test_field_milestone_and_attestation_criteria() -> None:
    field = Criterion(key="k", text="t", kind="field", field="budget_codes")
    assert checked(field, {"budget_codes": ("1402",)})
    assert not checked(field, {})
    milestone = Criterion(key="k", text="t", kind="milestone", milestone="Go-live")
    assert checked(milestone, {"milestones": (Milestone("go-live", None, None, None, TODAY),)})
    assert not checked(milestone, {"milestones": (Milestone("Go-live", None, TODAY, None, None),)})
    assert not checked(milestone, {})
    attested = Criterion(key="k", text="t", kind="attestation", decision="Records transfer")
    logged = Risk("decision", "Records transfer", None, None, None, None, open=False, source=HERE)
    assert checked(attested, {"risks": (logged,)})
    assert not checked(attested, {"risks": ()})
    assert not checked(attested, {"risks": (replace(logged, type="risk"),)})
    assert not checked(attested, {"risks": (replace(logged, title="Go-live"),)})


def test_a_tier_tailors_gates_and_criteria_and_the_log_says_so() -> None:
    pack = load_pack("city_default")
    small = facts(tier="small")
    asked = {result.gate: len(result.criteria) for result in gates.judge_gates(small, pack, {}, TODAY)}
    everything = {result.gate: len(result.criteria) for result in gates.judge_gates(facts(), pack, {}, TODAY)}
    assert (everything["G2"] - asked["G2"], everything["G4"] - asked["G4"]) == (1, 1)
    log = gates.tailoring(small, pack)
    assert [(each.gate, each.criterion) for each in log] == [
        ("G2", "alternatives"),
        ("G3", "procurement_plan"),
        ("G4", "risks"),
    ]
    assert log[0].because == "Asked of large and medium projects; this one is small."
    assert gates.tailoring(facts(tier="Large"), pack) == []


def test_a_gate_can_be_left_out_for_a_tier() -> None:
    only_large = PACK.gates[0].model_copy(update={"tiers": ("large",)})
    pack = PACK.model_copy(update={"gates": (only_large, PACK.gates[1])})
    results = gates.judge_gates(facts(tier="small"), pack, {}, TODAY)
    assert [(each.gate, each.position) for each in results] == [("G2", 1)]
    assert [each.criterion for each in gates.tailoring(facts(tier="small"), pack)] == [None]


@pytest.mark.parametrize(
    ("pack", "gate", "metric", "short", "enough"),
    [
        ("california_pal", "S4PRA", "bac", "0", "0.01"),
        ("city_default", "G2", "revised_budget", "0", "0.01"),
        ("city_default", "G5", "percent_complete", "0.9499", "0.95"),
        ("texas_framework", "G2", "spent_share", "0.1001", "0.10"),
    ],
)
def test_a_figure_that_a_packaged_gate_asks_for_is_enough_at_its_limit(
    pack: str, gate: str, metric: str, short: str, enough: str
) -> None:
    asked = next(each for each in load_pack(pack).gates if each.key == gate)
    criterion = next(each for each in asked.criteria if each.metric == metric)
    assert [checked(criterion, {}, {metric: value}) for value in (None, D(short), D(enough))] == [
        False,
        False,
        True,
    ]


METRICS = {"revised_budget", "percent_complete", "spent_share", "bac"}


@pytest.mark.parametrize("name", packaged("gates"))
def test_every_packaged_criterion_reads_something_that_exists(name: str) -> None:
    project = facts()
    for gate in load_pack(name).gates:
        for criterion in gate.criteria:
            if criterion.kind == "field":
                assert hasattr(project, criterion.field or "")
            if criterion.kind == "metric":
                assert criterion.metric in METRICS
