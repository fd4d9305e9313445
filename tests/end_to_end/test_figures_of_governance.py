"""Gates, registers, obligations, ticket clocks and compliance of 180 projects, worked out anew from the city's raw records.

Nothing here asks the functions that the program computes with, nor its packs: the criteria stand here as the city knows them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.city import Project, Ticket
from sandbox.register import keeps_decisions
from tests.end_to_end.office import Office, by
from tests.end_to_end.whole_city import DECIDED, NOW, TODAY, Rows

HERE = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
PLACES = {"G0": 0, "G1": 10, "G2": 20, "G3": 35, "G4": 45, "G5": 95}
"""Percent of the planned days at which a gate stands; G6 comes 180 days after the finish."""
PASSED = {"approved", "approved_with_conditions", "waived"}
DOCUMENTS = {
    "G1": ("business_case",),
    "G2": ("alternatives_analysis",),
    "G3": ("requirements", "procurement_plan"),
    "G4": ("project_plan", "risk_register"),
    "G5": ("test_report", "acceptance"),
    "G6": ("benefits_review",),
}
NOT_OF_SMALL = {"alternatives_analysis", "procurement_plan", "risk_register"}
ENDED = ("completed", "cancelled")
UNTOLD, NEVER_HELD = ("service_request", "demand"), ("change", "problem")
"""Types that ServiceNow tells no resolution of, and types that it knows no hold of."""


@dataclass(frozen=True)
class Gate:
    """A gate as it should be shown, and how many of its criteria are met."""

    key: str
    due: date | None
    status: str
    decision: str | None = None
    met: tuple[bool, ...] = ()
    lapsed: bool = False
    expired: bool = False


def documents(project: Project, gate: str) -> list[str]:
    return [each for each in DOCUMENTS.get(gate, ()) if project.tier != "small" or each not in NOT_OF_SMALL]


def has(project: Project, kind: str) -> bool:
    """The document is approved, and somebody has signed it."""
    return any(
        each.type == kind and each.state == "approved" and each.approved_by for each in project.deliverables
    )


def criteria(project: Project, shown: Mapping[str, Any], gate: str) -> tuple[bool, ...]:
    """What a gate asks for, as far as it can be told by plain looks at the project."""
    revised, done = shown["cost"]["revised_budget"], shown["schedule"]["percent_complete"]
    rest: dict[str, list[bool]] = {
        "G0": [bool(project.description), True, bool(project.manager)],
        "G1": [bool(project.sponsor)],
        "G2": [bool(project.budget_codes), revised is not None and float(revised) > 0],
        "G4": [project.start_baseline is not None, project.finish_baseline is not None],
        "G5": [done is not None and done >= 0.95],
        "G6": [project.finish_actual is not None],
    }
    return (*rest.get(gate, []), *(has(project, kind) for kind in documents(project, gate)))


def decisions_of(project: Project) -> dict[str, tuple[str, str | None, str | None]]:
    """Decision, the day a condition was due, its last day: of the board's register, and by command."""
    found: dict[str, tuple[str, str | None, str | None]] = {}
    for each in project.gates if keeps_decisions(project) else ():
        if each.decision and not each.conditions:
            found[each.key] = (each.decision, None, None)
    for gate, decision, *options in DECIDED.get(project.key, ()):
        due = options[1].split("|")[1].strip() if "--condition" in options else None
        found[gate] = (decision, due, options[1] if "--until" in options else None)
    return found


def gates_of(project: Project, shown: Mapping[str, Any]) -> list[Gate]:
    begin, finish = project.start_planned, project.finish_planned
    decided = decisions_of(project)
    found = []
    for key in (*PLACES, "G6"):
        if key == "G6":
            due = (project.finish_actual or finish) + 180 * DAY
        else:
            due = begin + (finish - begin).days * PLACES[key] // 100 * DAY
        met = criteria(project, shown, key)
        if key not in decided:
            by_criteria = "ready" if all(met) else "in_progress" if any(met) else "not_started"
            found.append(Gate(key, due, "overdue" if due < TODAY else by_criteria, met=met))
            continue
        decision, condition, until = decided[key]
        lapsed = condition is not None and condition < TODAY.isoformat()
        expired = until is not None and until < TODAY.isoformat()
        unmet = decision == "approved" and not all(met)
        status = "in_progress" if decision in PASSED and (lapsed or expired or unmet) else decision
        found.append(Gate(key, due, status, decision, met, lapsed, expired))
    return found


def skipped(gates: list[Gate]) -> list[str]:
    passed = [place for place, each in enumerate(gates) if each.status in PASSED]
    return [each.key for each in gates[: max(passed, default=0)] if each.status not in PASSED]


@pytest.fixture(scope="module")
def gates(whole_city: Office, shown: Mapping[str, Any]) -> dict[str, list[Gate]]:
    """The gates of every project as they should be."""
    return {each.key: gates_of(each, shown[each.key]) for each in whole_city.city.projects}


def test_gates_stand_where_decisions_criteria_and_days_put_them(
    shown: Mapping[str, Any], gates: Mapping[str, list[Gate]]
) -> None:
    for key, expected in gates.items():
        told = shown[key]["gates"]
        assert [(each["gate"], each["status"], each["due_on"], each["decision"]) for each in told] == [
            (each.key, each.status, each.due and each.due.isoformat(), each.decision) for each in expected
        ], key
        assert [sum(one["met"] for one in each["criteria"]) for each in told] == [
            sum(each.met) for each in expected
        ], key
        assert [len(each["criteria"]) for each in told] == [len(each.met) for each in expected], key
        here = next((each for each in expected if each.status not in PASSED), expected[-1])
        after = expected[expected.index(here) + 1 :]
        assert shown[key]["gate"]["current"] == here.key, key
        assert shown[key]["gate"]["next"] == (after[0].key if after else None), key
    statuses = {each.status for some in gates.values() for each in some}
    assert statuses >= {*PASSED, "rejected", "deferred", "overdue", "ready", "in_progress", "not_started"}


def test_overdue_skipped_and_reopened_gates_are_exceptions(
    whole_city: Office, report: Any, gates: Mapping[str, list[Gate]]
) -> None:
    running = [each.key for each in whole_city.city.projects if each.state not in ENDED]
    rules: dict[str, Callable[[Gate], bool]] = {
        "expired_decision": lambda gate: gate.expired and gate.decision in PASSED,
        "condition_overdue": lambda gate: gate.lapsed and gate.decision in PASSED,
        "unmet_approval": lambda gate: gate.decision == "approved" and not gate.expired and not all(gate.met),
        "gate_held": lambda gate: gate.decision in ("rejected", "deferred"),
    }
    expected = Counter(dict.fromkeys((*rules, "overdue_gate", "skipped_gate"), 0))
    for key in running:
        expected["overdue_gate"] += any(each.status == "overdue" for each in gates[key])
        expected["skipped_gate"] += len(skipped(gates[key]))
        for kind, rule in rules.items():
            expected[kind] += sum(map(rule, gates[key]))
    found = Counter(each["kind"] for each in report["exceptions"] if each["kind"] in expected)
    assert found == expected
    assert min(expected.values()) >= 1, expected
    told = {each["project"]: each for each in report["exceptions"] if each["kind"] == "overdue_gate"}
    for key, each in told.items():
        late = [one for one in gates[key] if one.status == "overdue"]
        assert each["since"] == str(late[0].due), key


def test_the_gate_calendar_counts_what_comes_due(
    whole_city: Office, report: Any, gates: Mapping[str, list[Gate]]
) -> None:
    undecided = [
        each
        for project in whole_city.city.projects
        if project.state not in ENDED
        for each in gates[project.key]
        if each.status in ("not_started", "in_progress", "ready", "overdue")
    ]
    counts = report["portfolio"]["counts"]
    for span in (30, 60, 90):
        within = sum(each.due is not None and TODAY <= each.due <= TODAY + span * DAY for each in undecided)
        assert counts["gates_due"][str(span)] == within > 10
    assert counts["gates_overdue"] == sum(each.status == "overdue" for each in undecided)


def standing(project: Project, gate: Gate, kind: str) -> str:
    if has(project, kind):
        return "in_place"
    asked = gate.decision is not None or (gate.due is not None and gate.due < TODAY)
    return "late" if asked else "ahead"


def test_the_register_tells_what_is_missing(
    whole_city: Office, report: Any, shown: Mapping[str, Any], gates: Mapping[str, list[Gate]]
) -> None:
    every: Counter[str] = Counter()
    for project in whole_city.city.projects:
        expected = {
            (gate.key, kind): standing(project, gate, kind)
            for gate in gates[project.key]
            for kind in documents(project, gate.key)
        }
        told = {(each["gate"], each["type"]): each["standing"] for each in shown[project.key]["register"]}
        assert told == expected, project.key
        every.update(expected.values() if project.state == "active" else ())
    assert report["compliance"]["documents"] == {
        name: every[name] for name in ("in_place", "outdated", "late", "ahead")
    }
    assert every["late"] > 5


def kept(project: Project, gates: list[Gate]) -> dict[str, bool | None]:
    """The answer to each rule of governance."""
    reported = max((each.reported_on for each in project.reports), default=None)
    late = [
        each
        for each in project.risks
        if each.state != "closed" and each.due_on is not None and each.due_on < TODAY
    ]
    finish = project.finish_actual or project.finish_forecast
    papers = [standing(project, gate, kind) for gate in gates for kind in documents(project, gate.key)]
    asked = [each for each in papers if each != "ahead"]
    return {
        "report_on_time": reported is not None and (TODAY - reported).days <= 31,
        "data_fresh": True,
        "gates_kept": not skipped(gates) and all(each.status != "overdue" for each in gates),
        "risks_reviewed": not late if project.risks else None,
        "forecast_updated": finish is not None and (project.finish_actual is not None or finish >= TODAY),
        "documents_complete": all(each == "in_place" for each in asked) if asked else None,
    }


def share(answers: list[bool | None]) -> Any:
    known = [each for each in answers if each is not None]
    return pytest.approx(sum(known) / len(known), abs=1e-6) if known else None


def test_compliance_scores_are_the_parts_kept_of_those_asked(
    whole_city: Office, report: Any, shown: Mapping[str, Any], gates: Mapping[str, list[Gate]]
) -> None:
    found = report["compliance"]
    expected = {each.key: kept(each, gates[each.key]) for each in whole_city.city.projects}
    for key, answers in expected.items():
        told = shown[key]["compliance"]
        assert {name: told[name] for name in answers} == answers, key
        assert told["score"] == share(list(answers.values())), key
    active = [each for each in whole_city.city.projects if each.state == "active"]
    for rule in next(iter(expected.values())):
        known = [answer for each in active if (answer := expected[each.key][rule]) is not None]
        assert found[rule] == {"met": sum(known), "of": len(known)}, rule
        assert sum(known) > 10, rule
    managers: dict[str, list[bool | None]] = defaultdict(list)
    for each in active:
        managers[each.manager.name] += expected[each.key].values()
    scores = by(found["managers"], "manager")
    assert {name: each["score"] for name, each in scores.items()} == {
        name: share(answers) for name, answers in managers.items()
    }
    assert found["score"] == share([each for some in managers.values() for each in some])
    assert len({each["score"] for each in found["managers"]}) > 5
    assert len({each["score"] for each in found["projects"]}) > 3


CHANGE_REPORT, NOTICE = "Change report to the steering committee", "Notice to the finance office"


def test_a_crossing_opens_one_obligation_with_its_clock(
    whole_city: Office, report: Any, shown: Mapping[str, Any], entities: dict[str, Rows]
) -> None:
    expected: dict[tuple[str, str], tuple[str, str]] = {}
    for project in whole_city.city.projects:
        finish, begin, end = project.finish_actual, project.start_baseline, project.finish_baseline
        finish = finish or project.finish_forecast
        late = begin and end and finish and (finish - end).days * 4 >= (end - begin).days
        cost = shown[project.key]["cost"]
        revised, forecast = (float(cost[name] or 0) for name in ("revised_budget", "forecast"))
        over = forecast - revised if cost["forecast"] is not None and revised > 0 else 0
        dear = over > 0 and over >= revised / 4
        if project.state not in ENDED and (late or dear):
            owner = project.manager if late else project.sponsor
            expected[project.key, CHANGE_REPORT] = owner.name, (TODAY + 30 * DAY).isoformat()
        if project.state not in ENDED and over > 0 and over >= revised * 0.3:
            expected[project.key, NOTICE] = project.sponsor.name, (TODAY + 10 * DAY).isoformat()
    kept_rows = [each for each in entities["action"] if each["type"] == "obligation"]
    opened = {(each["project_key"], each["title"]): (each["owner"], each["due_on"]) for each in kept_rows}

    assert opened == expected
    assert len(kept_rows) == len(expected) > 20
    assert Counter(title for _, title in expected)[NOTICE] > 5
    for key, each in shown.items():
        duties = {(one["duty"], one["due_on"]) for one in each["obligations"]}
        assert duties == {(duty, due) for (of, duty), (_, due) in expected.items() if of == key}, key
        if not duties:
            assert each["actions"] == [], key
    told = {each["project"] for each in report["exceptions"] if each["kind"] == "obligation"}
    assert told == {key for key, _ in expected}


LEVELS = ((1.5, "Chief information officer"), (1, "Service manager"), (0.75, "Team lead"))


def is_open(ticket: Ticket) -> bool:
    return ticket.state in ("new", "in_progress", "on_hold")


def clock(ticket: Ticket) -> tuple[bool, str | None, float | None]:
    """Whether it is breached, who is to be called, and the share of its time that is used up.

    ServiceNow tells of requests and demands when they were closed, and never when they were resolved.
    """
    due, resolved = ticket.due_at, None if ticket.type in UNTOLD else ticket.resolved_at
    end = NOW if is_open(ticket) else resolved
    assert due is not None
    if end is None:
        return ticket.breached, None, None
    used = (end - ticket.opened_at) / (due - ticket.opened_at)
    level = next((name for limit, name in LEVELS if used >= limit), None) if is_open(ticket) else None
    return ticket.breached or end > due, level, used


def ended_at(ticket: Ticket) -> datetime | None:
    first, then = ticket.resolved_at, ticket.closed_at
    return then or first if ticket.type in UNTOLD else first or then


def age_class(ticket: Ticket) -> str:
    age = NOW - ticket.opened_at
    return next(
        (name for days, name in ((1, "0-1d"), (7, "1-7d"), (30, "7-30d")) if age < days * DAY), "30d+"
    )


def test_tickets_age_breach_and_escalate_by_their_clocks(
    whole_city: Office, report: Any, shown: Mapping[str, Any]
) -> None:
    every: list[Ticket] = []
    for project in whole_city.city.projects:
        standing_open = [each for each in project.tickets if is_open(each)]
        every += standing_open
        told = by(shown[project.key]["tickets"], "number")
        for each in project.tickets:
            late, level, used = clock(each)
            one = told[each.number]
            assert (one["breached"], one["escalate_to"]) == (late, level), each.number
            assert one["clock_share"] == (None if used is None else pytest.approx(used, abs=1e-5)), (
                each.number
            )
            assert one["age_days"] == ((NOW - each.opened_at).days if is_open(each) else None), each.number
            assert one["reopened"] == each.reopened, each.number
        counts = shown[project.key]["ticket_counts"]
        assert counts["reopened"] == sum(each.reopened > 0 for each in project.tickets), project.key
        assert counts["breached"] == sum(clock(each)[0] for each in standing_open), project.key
        assert counts["by_age"] == Counter(map(age_class, standing_open)), project.key
        oldest = max(((NOW - each.opened_at).days for each in standing_open), default=None)
        assert counts["oldest_days"] == oldest, project.key
    _check_section(report["tickets"], every)
    _check_section(report["tickets"]["desk"], [each for each in whole_city.city.desk if is_open(each)])
    exceptions = [each["project"] for each in report["exceptions"] if each["kind"] == "breached_tickets"]
    assert len(exceptions) > 5
    _check_flow(report["tickets"]["flow"], whole_city)


def state_15_25(part: int, whole: int) -> str:
    """The colour of a share by the preset; under 20 nothing is said."""
    if whole < 20:
        return "unknown"
    return "green" if part * 100 <= whole * 15 else "amber" if part * 100 <= whole * 25 else "red"


def test_quality_is_the_share_of_open_tickets_past_their_clock(
    whole_city: Office, shown: Mapping[str, Any]
) -> None:
    seen: Counter[str] = Counter()
    for project in whole_city.city.projects:
        late = [clock(each)[0] for each in project.tickets if is_open(each)]
        expected = state_15_25(sum(late), len(late))
        assert shown[project.key]["status"]["quality"]["value"] == expected, project.key
        seen[expected] += 1
    assert set(seen) == {"green", "amber", "red", "unknown"}, seen


def test_scope_is_the_share_of_work_added_in_30_days(
    entities: dict[str, Rows], shown: Mapping[str, Any]
) -> None:
    since = datetime(2026, 10, 21, tzinfo=HERE)
    added, there = Counter[str](), Counter[str]()
    for row in entities["work_item"]:
        is_new = datetime.fromisoformat(row["created_at"]) >= since
        added[row["project_key"]] += is_new
        there[row["project_key"]] += (row["status_category"] != "cancelled") - is_new
    for key, project in shown.items():
        inputs = project["status"]["scope"]["inputs"]
        expected = state_15_25(added[key], there[key])
        assert project["status"]["scope"]["value"] == expected, key
        assert inputs.get("added_30d", 0) == added[key], key
    colours = {each["status"]["scope"]["value"] for each in shown.values()}
    assert {"green", "unknown"} < colours, colours


def _check_section(section: Mapping[str, Any], standing_open: list[Ticket]) -> None:
    clocks = [clock(each) for each in standing_open]
    assert section["open"] == len(standing_open) > 50
    assert section["breached"] == sum(late for late, _, _ in clocks) > 5
    assert section["by_age"] == Counter(map(age_class, standing_open))
    assert section["by_level"] == Counter(level for _, level, _ in clocks if level)
    waiting = [each for each in standing_open if each.state == "on_hold" and each.type not in NEVER_HELD]
    assert section["on_hold"] == len(waiting) > 1
    assert section["oldest_days"] == max((NOW - each.opened_at).days for each in standing_open)


def _check_flow(flow: Rows, whole_city: Office) -> None:
    tickets = [each for project in whole_city.city.projects for each in project.tickets]
    for back, week in enumerate(reversed(flow)):
        end = datetime.combine(TODAY - 7 * back * DAY, datetime.max.time(), tzinfo=NOW.tzinfo)
        begin = end - 7 * DAY
        ended = [ended_at(each) for each in tickets if not is_open(each)]
        assert week["opened"] == sum(begin < each.opened_at <= end for each in tickets), week
        assert week["resolved"] == sum(begin < each <= end for each in ended if each), week
        gone = sum(each <= end for each in ended if each)
        assert week["backlog"] == sum(each.opened_at <= end for each in tickets) - gone, week
    assert len(flow) == 12
