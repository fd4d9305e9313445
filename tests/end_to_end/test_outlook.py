"""Overload, scenario, ranking and metrics of 180 projects, worked out anew by plain sums over the exported rows."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.end_to_end.office import Office, by
from tests.end_to_end.whole_city import Rows

THIS, LAST = "2026-11", "2027-02"
WINDOW = ("2026-08", "2026-09", "2026-10")
TICKET_HOURS = {"incident": 3, "service_request": 2, "problem": 8, "change": 6}
SLIPPED, DEPARTMENT, MANDATE, LEAVES = "OIT-021", "Licenses & Inspections", 320, "2027-01"
MISSED = Fraction(17, 31)
"""The part of January without the one who leaves on the 15th."""

Place = tuple[str, str]


class Plan:
    """Hours by person and month, in fractions."""

    def __init__(self, entities: dict[str, Rows]) -> None:
        self.hours: dict[Place, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        self.outside: dict[Place, Fraction] = defaultdict(Fraction)
        self.capacity: dict[Place, Fraction] = {}
        self.tickets: dict[str, Fraction] = defaultdict(Fraction)
        for row in entities["allocation"]:
            place = row["person"], row["month"]
            self.hours[place][row["project_key"]] += Fraction(row["planned_hours"])
            self.capacity[place] = max(self.capacity.get(place, Fraction(0)), Fraction(row["capacity_hours"]))
        for row in entities["ticket"]:
            here = datetime.fromisoformat(row["opened_at"]).astimezone(ZoneInfo("America/New_York"))
            if row["assignee"] and row["type"] in TICKET_HOURS and f"{here:%Y-%m}" in WINDOW:
                self.tickets[row["assignee"]] += Fraction(TICKET_HOURS[row["type"]], 3)

    def over(self, place: Place) -> Fraction:
        asked = sum(self.hours[place].values()) + self.outside[place] + self.tickets[place[0]]
        return max(Fraction(0), asked - self.there(place))

    def there(self, place: Place) -> Fraction:
        known = sorted(each for each in self.capacity if each[0] == place[0])
        before = [each for each in known if each[1] <= place[1]]
        return self.capacity[before[-1] if before else known[0]]

    def missing(self, places: set[Place]) -> dict[str, Fraction]:
        found: dict[str, Fraction] = defaultdict(Fraction)
        for place in places:
            planned = sum(self.hours[place].values())
            left = max(Fraction(0), self.there(place) - self.outside[place] - self.tickets[place[0]])
            for key, some in self.hours[place].items():
                if planned > left:
                    found[key] += (planned - left) * some / planned
        return found


@pytest.fixture
def plan(entities: dict[str, Rows]) -> Plan:
    return Plan(entities)


def ahead(plan: Plan) -> set[Place]:
    return {place for place, some in plan.hours.items() if place[1] >= THIS and some}


def test_the_overloads_are_those_of_the_plan(report: Any, plan: Plan) -> None:
    expected = {place: plan.over(place) for place in ahead(plan) if plan.over(place) > 0}
    found = report["capacity"]["overloads"]

    assert {(each["person"], each["month"]): each["hours_over"] for each in found} == {
        place: pytest.approx(float(hours), abs=0.006) for place, hours in expected.items()
    }
    assert 20 < len(found) < 200
    assert [each["hours_over"] for each in found] == sorted(
        (each["hours_over"] for each in found), reverse=True
    )
    for each in found:
        causes = plan.hours[each["person"], each["month"]]
        assert {one["project"]: one["hours"] for one in each["projects"]} == {
            key: float(some) for key, some in causes.items()
        }


def test_the_scenario_makes_of_the_plan_what_it_says(
    report: Any, entities: dict[str, Rows], plan: Plan
) -> None:
    (found,) = report["capacity"]["scenarios"]
    before, first, leaver = ahead(plan), Plan(entities), scenario_leaver(found)
    for (person, month), some in sorted(first.hours.items()):
        if month >= THIS and some.get(SLIPPED):
            later = f"2027-{int(month[5:]) - 9:02d}" if month < "2027" else f"2027-{int(month[5:]) + 3:02d}"
            plan.hours[person, later][SLIPPED] += some[SLIPPED]
            plan.hours[person, month][SLIPPED] -= some[SLIPPED]
    own = {each["key"] for each in report["projects"] if each["department"] == DEPARTMENT}
    for month in ("2026-12", "2027-01", "2027-02"):
        working = {
            place: sum((some[key] for key in own & set(some)), Fraction(0))
            for place, some in plan.hours.items()
            if place[1] == month
        }
        whole = sum(working.values(), Fraction(0))
        for place, part in working.items():
            plan.outside[place] += MANDATE * part / whole
    places = before | ahead(plan)
    for place in places:
        plan.capacity.setdefault(place, plan.there(place))
    for person, month in places:
        if person == leaver and month >= LEAVES:
            plan.capacity[person, month] *= 1 - MISSED if month == LEAVES else Fraction(0)
    lost, still = first.missing(places), plan.missing(places)

    assert found["problems"] == []
    assert found["before"]["hours_over"] == pytest.approx(float(sum(map(first.over, places))), abs=0.01)
    assert found["after"]["hours_over"] == pytest.approx(float(sum(map(plan.over, places))), abs=0.01)
    assert found["after"]["hours_missing"] == pytest.approx(float(sum(still.values())), abs=0.01)
    assert found["after"]["hours_unplaced"] == 0
    changed = {key for key in {*lost, *still} if abs(lost[key] - still[key]) > 0} | {SLIPPED}
    shown = by(found["projects"], "project")
    assert set(shown) == changed
    for key, each in shown.items():
        assert each["hours_missing"] == pytest.approx(float(still[key] - lost[key]), abs=0.006)
    assert (shown[SLIPPED]["finish"] or "") < shown[SLIPPED]["finish_after"]
    assert any(each["waits_for"] == SLIPPED for each in found["waiting"])


def scenario_leaver(found: Any) -> str:
    (told,) = (item for item in found["items"] if " leaves on 2027-01-15." in item)
    return str(told.partition(" leaves on")[0])


NEED = {"2 - High": 1.0, "high": 1.0, "3 - Moderate": 0.5, "medium": 0.5, "4 - Low": 0.0, "low": 0.0}
SIZE = {"large": 1.0, "medium": 0.6, "small": 0.3}
RISK = {"red": 1.0, "amber": 0.5, "approved_change": 0.3, "green": 0.0}


def score(project: Any) -> tuple[float | None, float]:
    """Score and coverage, each criterion by hand."""
    budget = project["cost"]["revised_budget"]
    parts = [
        (40, NEED.get(project["priority"])),
        (20, SIZE.get(project["tier"])),
        (25, RISK.get(project["status"]["schedule"]["value"])),
        (15, None if budget is None else min(1.0, max(0.0, float(budget) / 1_000_000))),
    ]
    known = [(weight, worth) for weight, worth in parts if worth is not None]
    weights = sum(weight for weight, _ in known)
    return (
        sum(weight * worth for weight, worth in known) / weights * 100 if weights else None
    ), weights / 100


def test_the_ranking_follows_the_scores(report: Any) -> None:
    running = {
        each["key"]: each for each in report["projects"] if each["state"] not in ("completed", "cancelled")
    }
    rows = report["priority"]["rows"]

    assert {each["project"] for each in rows} == set(running)
    for each in rows:
        points, coverage = score(running[each["project"]])
        assert each["coverage"] == pytest.approx(coverage)
        assert each["score"] == (None if points is None else pytest.approx(points, abs=1e-5))
        assert (each["rank"] is None) == (coverage < 0.5)
    ranked = [each for each in rows if each["rank"] is not None]
    assert [each["rank"] for each in ranked] == list(range(1, len(ranked) + 1))
    assert [each["score"] for each in ranked] == sorted((each["score"] for each in ranked), reverse=True)
    assert len({each["score"] for each in ranked}) > 20


def test_metrics_count_what_happened(report: Any, entities: dict[str, Rows]) -> None:
    metrics = by(report["pmo"]["metrics"], "metric")
    keys = {each["key"] for each in report["projects"]}
    done = [each for each in report["projects"] if each["state"] == "completed"]
    on_time = [each["schedule"]["finish_actual"] <= each["schedule"]["finish_baseline"] for each in done]
    assert metrics["on_time_as_approved"]["n"] == len(done) > 5
    assert metrics["on_time_as_approved"]["value"] == pytest.approx(sum(on_time) / len(done), abs=1e-6)
    assert 0 < metrics["on_time_as_approved"]["value"] < 1

    waits = []
    for row in entities["ticket"]:
        end = row["resolved_at"] or row["closed_at"]
        asked = row["type"] in ("service_request", "demand") and row["state_category"] in (
            "resolved",
            "closed",
        )
        if row["project_key"] in keys and asked and end:
            spent = datetime.fromisoformat(end) - datetime.fromisoformat(row["opened_at"])
            waits.append(spent / timedelta(days=1))
    assert (metrics["turnaround"]["n"], metrics["turnaround"]["of"]) == (len(waits), len(waits))
    assert metrics["turnaround"]["value"] == pytest.approx(median(waits), abs=1e-4)
    assert len(waits) > 50

    slips = [
        abs((date.fromisoformat(row["achieved_on"]) - date.fromisoformat(row["planned_on"])).days)
        for row in entities["milestone"]
        if row["achieved_on"] and row["achieved_on"][:7] >= "2024-12"
    ]
    assert metrics["milestone_error"]["n"] == len(slips) > 100
    assert metrics["milestone_error"]["value"] == median(slips)

    versions: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in entities["baseline"]:
        versions[row["project_key"]].add((row["set_on"], row["name"]))
    changes = sum(len(some) - 1 for some in versions.values())
    months = metrics["rebaseline_rate"]["n"]
    assert metrics["rebaseline_rate"]["value"] == pytest.approx(changes * 12 / months, abs=1e-6)
    assert changes > 0
    assert metrics["forecast_error"]["n"] == 0
    assert metrics["forecast_error"]["of"] == len(done)
    for each in metrics.values():
        assert sum(month["n"] for month in each["months"]) == each["n"]


def test_ends_and_gates_are_measured_by_baselines_budgets_and_decisions(
    whole_city: Office, report: Any
) -> None:
    metrics = by(report["pmo"]["metrics"], "metric")
    done = [each for each in whole_city.city.projects if each.state == "completed" and each.finish_actual]
    first = [
        each.baselines[0].points[-1].day
        if each.has_office_plan and len(each.baselines) > 1
        else each.finish_baseline
        for each in done
    ]
    on_time = [(each.finish_actual or end) <= end for each, end in zip(done, first, strict=True) if end]
    assert metrics["on_time"]["value"] == pytest.approx(sum(on_time) / len(on_time), abs=1e-6)
    assert (metrics["on_time"]["n"], metrics["on_time"]["of"]) == (len(on_time), len(done))

    ledger = list(whole_city.city.budget_lines())
    in_money = [each for each in done if each.has_office_plan and each.baselines and each.budget_codes]
    kept = [
        sum(line.actual for line in ledger if line.budget_code in each.budget_codes)
        <= each.baselines[-1].points[-1].planned_value
        for each in in_money
    ]
    assert metrics["on_budget"]["of"] == len(done)
    assert metrics["on_budget"]["n"] == len(kept) > 3
    assert metrics["on_budget"]["value"] == pytest.approx(sum(kept) / len(kept), abs=1e-6)

    passed = [
        (each, [gate for gate in project["gates"] if gate["decided_on"] and gate["status"] in PASSED])
        for each, project in ((one["key"], one) for one in report["projects"])
    ]
    waits = [
        (date.fromisoformat(gate["decided_on"]) - date.fromisoformat(before["decided_on"])).days
        for _, gates in passed
        for before, gate in pairwise(gates)
        if gate["position"] == before["position"] + 1
    ]
    waits = [each for each in waits if each >= 0]
    assert metrics["gate_cycle"]["value"] == median(waits)
    assert metrics["gate_cycle"]["n"] == len(waits) > 20


PASSED = ("approved", "approved_with_conditions", "waived")


def test_a_scenario_on_the_command_line_writes_nothing(whole_city: Office, report: Any) -> None:
    audited = len(whole_city.rows("audit"))
    declared = whole_city.run("whatif", "--json").json
    assert declared == report["capacity"]["scenarios"]
    person = report["capacity"]["overloads"][0]["person"]
    asked = whole_city.run(
        "whatif", "--slip", SLIPPED, "2", "--mandate-role", "Developer", "200", "2026-12",
        "--mandate-department", DEPARTMENT, "10", "2026-12", "--leaves", person, "2027-01-01", "--json",
    )  # fmt: skip
    (found,) = asked.json
    assert (asked.code, found["name"], found["problems"]) == (0, "asked", [])
    assert found["items"] == [
        "OIT-021 slips by 2 months.",
        "Mandate: 200 h a month for role Developer from 2026-12.",
        "Mandate: 10 h a month for department Licenses & Inspections from 2026-12.",
        f"{person} leaves on 2027-01-01.",
    ]
    assert found["after"]["hours_over"] > found["before"]["hours_over"]
    refused = whole_city.run("whatif", "--slip", "OIT-999", "2")
    assert (refused.code, "There is no project OIT-999." in refused.err) == (2, True)
    assert whole_city.run("whatif", "Billing slips and a records mandate").code == 0
    assert len(whole_city.rows("audit")) == audited
    assert whole_city.report() == report


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("whatif", "No such"), "no scenario 'No such'"),
        (("whatif", "A", "--slip", "OIT-021", "2"), "either NAME"),
        (("whatif", "--slip", "OIT-021", "0"), "slips 0 months"),
        (("whatif", "--mandate-role", "Developer", "5", "soon"), "from"),
        (("priority", "OIT-999"), "no project 'OIT-999'"),
        (("priority", "--review"), "belong together"),
        (("priority", "--by", "Board"), "belong together"),
        (("priority", "--note", "Text"), "belong together"),
        (("priority", "OIT-021", "--review", "--by", "Board"), "of all projects"),
        (("pmo", "--department", "Space"), "no project belongs"),
    ],
)
def test_what_makes_no_sense_is_refused(whole_city: Office, arguments: tuple[str, ...], text: str) -> None:
    refused = whole_city.run(*arguments)
    assert refused.code == 2
    assert text in refused.err


def test_metrics_of_a_department_are_those_of_its_projects(whole_city: Office, report: Any) -> None:
    own = whole_city.run("pmo", "--department", DEPARTMENT, "--json").json
    for mine, whole in zip(own["metrics"], report["pmo"]["metrics"], strict=True):
        (expected,) = (each for each in whole["departments"] if each["department"] == DEPARTMENT)
        assert {key: mine[key] for key in ("value", "n", "of")} == {
            key: expected[key] for key in ("value", "n", "of")
        }
    assert "Gate cycle time" in whole_city.run("pmo").out


def test_a_review_is_kept_audited_and_compared_with(whole_city: Office) -> None:
    assert whole_city.report()["priority"]["reviewed"] is None
    first = whole_city.run("priority", "--review", "--by", "Board", "--note", "Spring", "--json").json
    assert whole_city.run("priority").code == 0
    whole_city.later(minutes=1)
    assert whole_city.run("assess").code in (0, 1)
    found = whole_city.report()["priority"]
    assert found["reviewed"] == {"held_on": "2026-11-20", "by": "Board", "note": "Spring"}
    before = {each["project"]: each["rank"] for each in first["rows"]}
    for each in found["rows"]:
        assert each["rank_before"] == before[each["project"]]
        if each["rank"] is not None and each["rank_before"] is not None:
            assert each["moved"] == each["rank_before"] - each["rank"]
    told = [row for row in whole_city.rows("audit") if row["what"] == "priority review"]
    assert [(row["who"], row["subject"]) for row in told] == [("Board", "portfolio")]
    one = whole_city.run("priority", SLIPPED)
    assert "need: priority is" in one.out
