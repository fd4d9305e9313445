"""The hand-made snapshot with what lies ahead: an overloaded person, a scenario, a ranking with a review."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from config.planning import Leave, PriorityTerms, Scenario, Slip
from portfolio.capacity import capacity
from portfolio.staffing import staffing
from portfolio.ticket_demand import Effort, TicketDemand
from portfolio.whatif import whatif
from reports.data import SnapshotData, build, json_like
from tests.reports.sample import sample
from tests.reports.sample_project import AS_OF, HOSTILE

D = Decimal
TERMS = PriorityTerms.model_validate(
    {
        "criteria": {
            "need": {"of": "priority", "weight": 40, "values": {"1": 1, "2": 0.5}},
            "risk": {"of": "schedule", "weight": 40, "values": {"red": 1, "amber": 0.5, "green": 0}},
            "size": {"of": "revised_budget", "weight": 20, "zero": 0, "full": 2_000_000},
        }
    }
)
REVIEW = {
    "held_on": "2026-08-20",
    "by": "Steering committee",
    "note": None,
    "ranking": {"OIT-001": {"rank": 3, "score": 50.0}, "OIT-002": {"rank": 1, "score": 70.0}},
}
SCENARIO = Scenario(
    slips=(Slip(project="OIT-001", months=2),),
    leaves=(Leave(person="M. Castellanos-Whitfield", on=date(2027, 1, 11)),),
)


def allocation(person: str, project: str, month: str, planned: int, role: str = "Analyst") -> dict[str, Any]:
    return {
        "person": person,
        "role": role,
        "project_key": project,
        "month": month,
        "capacity_hours": D(140),
        "planned_hours": D(planned),
        "actual_hours": None,
    }


ROWS = [
    allocation("M. Castellanos-Whitfield", "OIT-001", "2026-11", 90),
    allocation("M. Castellanos-Whitfield", "OIT-002", "2026-11", 70, "Developer"),
    allocation("M. Castellanos-Whitfield", "OIT-002", "2027-01", 60, "Developer"),
    allocation(HOSTILE, "OIT-003", "2026-12", 200),
]
DEMAND = TicketDemand(
    months=("2026-10",),
    efforts=(Effort("incident", D(3), D(2), "declared"), Effort("change", D(1), None, "unknown")),
    people={"M. Castellanos-Whitfield": D(6)},
    known=3,
    of=4,
)


def ahead() -> SnapshotData:
    """The sample, overloaded, with a scenario and ranked."""
    base = sample()
    projects = [json_like(each) for each in build(base)["projects"]]
    scenario = whatif("M. leaves", SCENARIO, staffing(ROWS, DEMAND.people), projects, today=AS_OF)
    return replace(
        base,
        capacity={**capacity(ROWS, today=AS_OF, demand=DEMAND), "scenarios": [scenario]},
        priority={"terms": TERMS.model_dump(mode="json"), "review": REVIEW},
    )
