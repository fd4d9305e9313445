"""Capacity against demand: people, roles, tickets, and who has too much."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.planning import CapacityTerms
from portfolio.capacity import capacity
from portfolio.staffing import Load, Staffing, balances, month_in, moved, places, staffing
from portfolio.ticket_demand import TicketDemand, shown, ticket_demand

D = Decimal
TODAY = date(2026, 11, 21)
UTC_ZONE, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")


def row(
    person: str | None,
    project: str | None,
    planned: Any,
    *,
    there: Any = 100,
    role: str | None = "Developer",
    month: str | None = "2026-11",
) -> dict[str, Any]:
    return {
        "person": person,
        "project_key": project,
        "role": role,
        "month": month,
        "capacity_hours": None if there is None else D(there),
        "planned_hours": None if planned is None else D(planned),
        "actual_hours": None,
    }


def test_months_count_over_the_year() -> None:
    assert [moved("2026-11", by) for by in (0, 1, 2, 14, -10, -11)] == [
        "2026-11",
        "2026-12",
        "2027-01",
        "2028-01",
        "2026-01",
        "2025-12",
    ]
    assert [month_in(text) for text in ("2026-11", "2026-11-30", "2026-13", "26-11", "", None)] == [
        "2026-11",
        "2026-11",
        None,
        None,
        None,
        None,
    ]


def test_without_allocations_nobody_is_planned_and_nothing_is_unknown() -> None:
    assert staffing([]) == Staffing()


def test_staffing_takes_what_counts_and_counts_the_rest() -> None:
    plan: Any = staffing(
        [
            row("Ana", "A", 40, there=80),
            row("Ana", "B", 30, there=100),
            row("Ana", None, 5, there=None),
            row(None, "A", 20, role="Tester", there=60),
            row(None, "A", 20, role=None),
            row("Bo", "A", None, there=50),
            row("Cy", "A", 10, month="soon"),
        ]
    )
    assert plan.stated == {("Ana", "2026-11"): 100, ("Tester", "2026-11"): 60, ("Bo", "2026-11"): 50}
    assert [(load.who, load.project, load.hours) for load in plan.loads] == [
        ("Ana", "A", 40),
        ("Ana", "B", 30),
        ("Ana", "", 5),
        ("Tester", "A", 20),
    ]
    assert plan.unknown == 3
    assert places(plan, "2026-12") == set()
    assert places(plan, "2026-11") == {("Ana", "2026-11"), ("Tester", "2026-11")}


def balance(plan: Staffing) -> Any:
    (found,) = balances(plan, places(plan, ""))
    return found


@pytest.mark.parametrize(
    ("planned", "outside", "over", "missing"),
    [
        ((60, 40), 0, 0, {}),
        ((60, 40), 1, 1, {"A": D("0.6"), "B": D("0.4")}),
        ((60, 60), 0, 20, {"A": 10, "B": 10}),
        ((60, 60), 30, 50, {"A": 25, "B": 25}),
        ((60, 60), 130, 150, {"A": 60, "B": 60}),
        ((0, 90), 30, 20, {"B": 20}),
    ],
)
def test_what_comes_from_outside_goes_first(
    planned: tuple[int, int], outside: int, over: int, missing: dict[str, Any]
) -> None:
    plan = staffing([row("Ana", "A", planned[0]), row("Ana", "B", planned[1])], {"Ana": D(outside)})
    found = balance(plan)
    assert (found.planned, found.outside, found.capacity) == (sum(planned), outside, 100)
    assert (found.over, found.missing) == (over, missing)
    mandate = Load(None, "Ana", "Developer", "2026-11", D(outside))
    placed = balance(Staffing((*plan.loads, mandate), plan.stated))
    assert (placed.over, placed.missing, placed.outside) == (over, missing, outside)


def test_balances_stand_by_month_and_name() -> None:
    names = ("Cy", "Ana", "Fay", "Di", "Eve", "Bo", "Gus")
    plan = staffing([*(row(name, "A", 1) for name in names), row("Abe", "A", 1, month="2026-12")])
    found = balances(plan, [("Di", "2026-11"), *places(plan, "")])
    assert [(each.month, each.who) for each in found] == [
        *(("2026-11", name) for name in sorted(names)),
        ("2026-12", "Abe"),
    ]


def test_without_a_stated_capacity_there_is_no_balance() -> None:
    plan = staffing([row("Ana", "A", 500, there=None)])
    assert balances(plan, places(plan, "")) == []
    assert capacity([row("Ana", "A", 500, there=None)])["overloads"] == []


def test_overloads_name_who_when_how_much_and_why_the_worst_first() -> None:
    found = capacity(
        [
            row("Ana", "A", 90, month="2026-10"),
            row("Ana", "B", 90, month="2026-10"),
            row("Ana", "A", 60),
            row("Ana", "B", 80, role="Analyst"),
            row("Bo", "A", 101),
            row("Cy", "A", 100),
            row("Di", None, 130, month="2026-12"),
        ],
        today=TODAY,
    )["overloads"]
    assert [(each["person"], each["month"], each["hours_over"]) for each in found] == [
        ("Ana", "2026-11", 40.0),
        ("Di", "2026-12", 30.0),
        ("Bo", "2026-11", 1.0),
    ]
    assert found[0] == {
        "person": "Ana",
        "role": "Analyst, Developer",
        "month": "2026-11",
        "capacity_hours": 100.0,
        "planned_hours": 140.0,
        "ticket_hours": None,
        "hours_over": 40.0,
        "projects": [{"project": "B", "hours": 80.0}, {"project": "A", "hours": 60.0}],
        "because": "Projects plan 140 h; there are 100 h.",
    }
    assert found[1]["projects"] == [{"project": None, "hours": 130.0}]
    (equal,) = capacity([row("Ana", "B", 60), row("Ana", "A", 60)])["overloads"]
    assert [each["project"] for each in equal["projects"]] == ["A", "B"]


def test_tickets_can_be_what_makes_it_too_much() -> None:
    demand = TicketDemand(people={"Ana": D("12.5")})
    (found,) = capacity([row("Ana", "A", 95), row("Bo", "A", 95)], today=TODAY, demand=demand)["overloads"]
    assert (found["person"], found["ticket_hours"], found["hours_over"]) == ("Ana", 12.5, 7.5)
    assert found["because"] == "Projects plan 95 h and tickets about 12.5 h; there are 100 h."


def test_hours_are_shown_to_the_hundredth_and_roles_in_one_word() -> None:
    demand = TicketDemand(people={"Ana": D("12.3456")})
    found = capacity([row("Ana", "A", 95), row("Bo", "A", 1, role=None)], today=TODAY, demand=demand)
    (over,) = found["overloads"]
    assert (over["ticket_hours"], over["hours_over"]) == (12.35, 7.35)
    assert [each["role"] for each in found["rows"]] == ["Developer", None]


def test_the_hours_of_tickets_stand_beside_this_month_and_later_ones() -> None:
    rows = [row("Ana", "A", 1, month=month) for month in ("2026-10", "2026-11", "2026-12")]
    tickets = [ticket("incident", "Ana", "2026-10-05T12:00:00+00:00")]
    demand = ticket_demand(tickets, CapacityTerms(hours_per_ticket={"incident": D(3)}), TODAY, UTC_ZONE)
    months = capacity(rows, today=TODAY, demand=demand)["months"]
    assert [each["ticket_hours"] for each in months] == [None, 3.0, 3.0]


def test_a_role_holds_its_part_of_each_person() -> None:
    found = capacity(
        [
            row("Ana", "A", 30, role="Developer"),
            row("Ana", "B", 90, role="Analyst"),
            row("Bo", "A", 60, role="Developer"),
            row("Cy", "A", 0, role="Analyst"),
            row("Cy", "B", 0, role="Tester"),
        ]
    )["roles"]
    assert [
        (each["role"], each["people"], each["capacity_hours"], each["planned_hours"], each["hours_over"])
        for each in found
    ] == [
        ("Analyst", 2, 125.0, 90.0, 0.0),
        ("Developer", 2, 125.0, 90.0, 0.0),
        ("Tester", 1, 50.0, 0.0, 0.0),
    ]
    (busy,) = capacity([row("Ana", "A", 130)])["roles"]
    assert (busy["month"], busy["hours_over"]) == ("2026-11", 30.0)


@pytest.mark.parametrize(
    ("rows", "there", "planned"),
    [
        ([row("Ana", "A", 30, there=None)], None, 30.0),
        ([row("Ana", "A", None)], 100.0, None),
        ([row("Ana", "A", 30), row("Bo", "A", None)], 200.0, None),
        ([row("Ana", "A", 30), row("Ana", "B", None, role="Tester")], None, 30.0),
    ],
)
def test_a_role_with_an_unknown_part_is_unknown(rows: Any, there: Any, planned: Any) -> None:
    found = capacity(rows)["roles"][0]
    assert (found["capacity_hours"], found["planned_hours"]) == (there, planned)
    assert found["hours_over"] == (0.0 if None not in (there, planned) else None)


HOURS = st.integers(0, 200).map(D)
ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["Ana", "Bo", "Cy", "Di"]),
        st.sampled_from(["A", "B", "C"]),
        HOURS,
        there=HOURS,
        role=st.sampled_from(["Developer", "Analyst"]),
        month=st.sampled_from(["2026-10", "2026-11", "2026-12", "2027-01"]),
    ),
    max_size=25,
)


@given(ROWS)
def test_the_roles_of_a_month_hold_what_its_people_hold(rows: list[dict[str, Any]]) -> None:
    found = capacity(rows)
    for month in found["months"]:
        roles = [each for each in found["roles"] if each["month"] == month["month"]]
        assert sum(each["planned_hours"] for each in roles) == pytest.approx(month["planned_hours"])
        assert sum(each["capacity_hours"] for each in roles) == pytest.approx(
            month["capacity_hours"], abs=0.05
        )


@given(ROWS, st.integers(0, 60))
def test_hours_missing_are_never_more_than_hours_over_or_planned(
    rows: list[dict[str, Any]], tickets: int
) -> None:
    plan = staffing(rows, {"Ana": D(tickets)})
    for each in balances(plan, places(plan, "")):
        missing = sum(each.missing.values(), D(0))
        assert missing <= each.planned
        assert missing - each.over < D("1e-20")
        assert each.over >= 0
        assert (each.over == 0) == (each.planned + each.outside <= each.capacity)


def ticket(kind: str | None, who: str | None, opened: str | None, **values: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "assignee": who,
        "opened_at": datetime.fromisoformat(opened) if opened else None,
        "resolved_at": None,
        "closed_at": None,
        "spent_hours": None,
        **values,
    }


def test_tickets_of_the_last_three_whole_months_make_the_mean() -> None:
    terms = CapacityTerms(hours_per_ticket={"incident": D(2)})
    tickets = [
        ticket("incident", "Ana", "2026-07-31T23:00:00+00:00"),
        ticket("incident", "Ana", "2026-08-01T00:00:00+00:00"),
        ticket("incident", "Ana", "2026-09-10T00:00:00+00:00"),
        ticket("incident", None, "2026-10-10T00:00:00+00:00"),
        ticket("change", "Bo", "2026-10-10T00:00:00+00:00"),
        ticket(None, "Bo", "2026-10-10T00:00:00+00:00"),
        ticket("incident", "Ana", "2026-11-01T00:00:00+00:00"),
        ticket("incident", "Ana", None),
    ]
    found = ticket_demand(tickets, terms, TODAY, UTC_ZONE)
    assert found.months == ("2026-08", "2026-09", "2026-10")
    assert found.people == {"Ana": D(2) / 3 * 2}
    assert (found.known, found.of) == (3, 5)
    assert found.hours == D(2)
    assert [(each.type, each.per_month, each.hours) for each in found.efforts] == [
        ("change", D(1) / 3, None),
        ("incident", D(1), D(2)),
        ("unknown", D(1) / 3, None),
    ]
    here: Any = ticket_demand(tickets, terms, TODAY, NEW_YORK)
    assert (here.months, here.people, here.of) == (("2026-09", "2026-10"), {"Ana": 2}, 5)


def test_months_before_the_tools_memory_do_not_count() -> None:
    terms = CapacityTerms(hours_per_ticket={"incident": D(2)})
    tickets = [ticket("incident", "Ana", "2026-10-10T00:00:00+00:00")] * 4
    found: Any = ticket_demand(tickets, terms, TODAY, UTC_ZONE)
    assert (found.months, found.people) == (("2026-10",), {"Ana": 8})
    assert ticket_demand([], terms, TODAY, UTC_ZONE) == TicketDemand()


@pytest.mark.parametrize(("measured", "hours"), [(5, 1.5), (4, 9.0)])
def test_measured_hours_go_before_declared_ones(measured: int, hours: float) -> None:
    done = {"spent_hours": D("1.5"), "closed_at": datetime(2026, 10, 12, tzinfo=UTC)}
    tickets = [ticket("incident", "Ana", "2026-10-10T00:00:00+00:00", **done)] * measured
    tickets += [
        ticket("incident", "Ana", "2026-10-10T00:00:00+00:00", spent_hours=D(100)),
        ticket("problem", "Ana", "2026-10-10T00:00:00+00:00", spent_hours=D(100)),
    ]
    terms = CapacityTerms(hours_per_ticket={"incident": D(9)})
    kinds = shown(ticket_demand(tickets, terms, TODAY, UTC_ZONE))["types"]
    assert [(each["type"], each["hours_per_ticket"]) for each in kinds] == [
        ("incident", hours),
        ("problem", None),
    ]
    assert ("measured" in kinds[0]["because"]) == (measured == 5)
    assert kinds[1]["because"] == "unknown: neither measured nor declared"


def test_a_measured_ticket_that_was_resolved_counts_like_a_closed_one() -> None:
    done = {"spent_hours": D(4), "resolved_at": datetime(2026, 10, 12, tzinfo=UTC)}
    tickets = [ticket("incident", "Ana", "2026-10-10T00:00:00+00:00", **done)] * 5
    found = shown(ticket_demand(tickets, CapacityTerms(), TODAY, UTC_ZONE))
    assert (found["hours_per_month"], found["types"][0]["tickets_per_month"]) == (20.0, 5.0)


def test_without_any_effort_the_hours_are_unknown() -> None:
    tickets = [ticket("incident", "Ana", "2026-10-10T00:00:00+00:00")]
    found = ticket_demand(tickets, CapacityTerms(), TODAY, UTC_ZONE)
    assert (found.hours, found.people) == (None, {})
    assert (shown(found)["hours_per_month"], shown(found)["known"], shown(found)["of"]) == (None, 0, 1)


def test_without_tickets_nothing_is_said_of_them() -> None:
    nothing: dict[str, Any] = {"months": [], "hours_per_month": None, "known": 0, "of": 0, "types": []}
    found = capacity([row("Ana", "A", None, month=None)])
    assert found["tickets"] == nothing
    assert (found["overloads"], found["months"][0]["ticket_hours"]) == ([], None)


def test_a_person_has_one_name_whatever_the_tool_calls_them() -> None:
    terms = CapacityTerms(hours_per_ticket={"incident": D(2)})
    tickets = [ticket("incident", "A.Ueda", "2026-10-10T00:00:00+00:00")]
    found = ticket_demand(tickets, terms, TODAY, UTC_ZONE, {"a.ueda": "Ana Ueda"})
    assert found.people == {"Ana Ueda": 2}
