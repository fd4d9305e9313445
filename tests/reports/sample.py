"""A hand-made snapshot: 12 projects, every colour, gaps, a stale source, hostile text; and generated ones."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from portfolio.document import INDICES, VALUES
from reports.data import EMPTY_PROJECT, SnapshotData

AS_OF = date(2026, 11, 20)
TAKEN_AT = datetime(2026, 11, 20, 13, 0, 5, tzinfo=UTC)
CHANGES = [{"text": "Overall went from amber to red."}, {"text": "New: risk: <script>alert(1)</script>."}]
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> =1+1 \u202etxt.exe"

LIMITS = {"green": 0.15, "amber": 0.25}
GATE_NAMES = {
    "G0": "Intake triage",
    "G1": "Business case",
    "G2": "Alternatives and funding",
    "G3": "Procurement and solution",
    "G4": "Readiness and baseline",
    "G5": "Go-live acceptance",
    "G6": "Benefits review",
}


def _dimension(value: str, because: str, **more: Any) -> dict[str, Any]:
    return {
        "value": value,
        "declared": None,
        "rule": "state_15_25",
        "inputs": {},
        "threshold": LIMITS,
        "because": because,
        "since": date(2026, 10, 3) if value in ("red", "amber") else None,
        "computed": value,
        "override": None,
        "turn_green": "forecast finish by 23 February 2027" if value in ("red", "amber") else None,
    } | more


def _schedule(late: int | None, percent: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    start, baseline = date(2026, 1, 5), date(2026, 12, 31)
    dates = {
        "start_planned": start,
        "start_actual": date(2026, 1, 12),
        "finish_planned": baseline,
        "finish_baseline": baseline,
        "finish_forecast": None if late is None else baseline + timedelta(days=late),
        "variance_days": late,
        "start_baseline": start,
        "finish_actual": None,
        "percent_complete": None if percent is None else float(percent),
    }
    if late is None:
        return dates, _dimension("unknown", "no finish forecast: no work item of this project has a due date")
    share = Decimal(late) / (baseline - start).days
    value = "green" if share <= Decimal("0.15") else "amber" if share <= Decimal("0.25") else "red"
    because = f"finish is {late} days after the baseline, {share:.1%} late; green up to 15%, amber up to 25%"
    inputs = {
        "finish_forecast": dates["finish_forecast"],
        "finish_baseline": baseline,
        "baseline_days": 360,
        "share": float(round(share, 4)),
    }
    return dates, _dimension(value, because, inputs=inputs)


def _cost(
    revised: str | None, spent: str, encumbered: str, forecast: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    if revised is None:
        return {**EMPTY_PROJECT["cost"], "fiscal_year": 2027}, _dimension(
            "unknown", "no budget line carries this project's budget code"
        )
    budget, actual, ordered = Decimal(revised), Decimal(spent), Decimal(encumbered)
    expected = None if forecast is None else Decimal(forecast)
    variance = budget - (actual + ordered if expected is None else expected)
    share = -variance / budget
    value = "green" if share <= Decimal("0.15") else "amber" if share <= Decimal("0.25") else "red"
    cost = {
        "fiscal_year": 2027,
        "original_budget": budget - 40_000,
        "revised_budget": budget,
        "pre_encumbered": Decimal("12500.00"),
        "encumbered": ordered,
        "actual": actual,
        "forecast": expected,
        "available": budget - Decimal("12500.00") - ordered - actual,
        "variance": variance,
        "variance_share": float(round(variance / budget, 4)),
    }
    because = f"forecast is {share:+.1%} of the revised budget; green up to 15%, amber up to 25%"
    inputs = {"forecast": expected, "revised_budget": budget, "share": float(round(share, 4))}
    return cost, _dimension(value, because, inputs=inputs)


def _earned(cost: dict[str, Any], percent: str | None) -> dict[str, Any]:
    if percent is None or not cost.get("revised_budget"):
        return {}
    bac, done = cost["revised_budget"], Decimal(percent)
    pv, ev, ac = bac * Decimal("0.86"), bac * done, cost["actual"]
    return {
        **dict.fromkeys((*VALUES, *INDICES)),
        "bac": bac,
        "pv": pv,
        "ev": ev,
        "ac": ac,
        "cv": ev - ac,
        "sv": ev - pv,
        "cpi": round(ev / ac, 4),
        "spi": round(ev / pv, 4),
        "eac": round(bac * ac / ev, 2) if ev else None,
        "tcpi": round((bac - ev) / (bac - ac), 4),
        "method": "percent_complete",
        "earned_by": "21 of 34 work items are done: 61.77%.",
        "planned_by": "baseline Original of 2026-04-07",
        "unit": "money",
        "packages": [],
        "reasons": {"spi_t": "the start of the baseline is unknown"},
    }


def _gates(current: int, status: str) -> list[dict[str, Any]]:
    gates = []
    for position, (gate, name) in enumerate(GATE_NAMES.items()):
        passed = position < current
        gates.append(
            {
                "gate": gate,
                "name": name,
                "position": position,
                "status": "approved" if passed else status if position == current else "not_started",
                "due_on": AS_OF
                + timedelta(days=82 * (position - current) - (61 if status == "overdue" else -24)),
                "decided_on": AS_OF + timedelta(days=82 * (position - current) + 19) if passed else None,
                "decided_by": "Change board" if passed else None,
                "note": None,
                "conditions": [
                    {"text": "Data migration rehearsed twice", "due_on": date(2026, 12, 4), "met_on": None}
                ]
                if position == current and status == "approved_with_conditions"
                else [],
                "criteria": [
                    {
                        "criterion": "Test report approved",
                        "met": passed,
                        "because": "approved 2026-10-02" if passed else "no approved test report",
                    },
                    {
                        "criterion": "Open severity 1 defects is zero",
                        "met": None if status == "in_progress" else passed,
                        "because": "the defect source is stale" if not passed else "0 open",
                    },
                ],
            }
        )
    return gates


def _worst(status: dict[str, dict[str, Any]], declared: str | None) -> dict[str, Any]:
    values = {name: each["value"] for name, each in status.items()}
    for value in ("red", "amber", "approved_change"):
        names = [name for name, found in values.items() if found == value]
        if names:
            return _dimension(
                value,
                f"worst of the four: {' and '.join(names)}",
                declared=declared,
                rule="worst_of",
                threshold=None,
                inputs=values,
            )
    unknown = "unknown" in (values["schedule"], values["cost"])
    because = "schedule or cost is unknown" if unknown else "no dimension is amber or red"
    return _dimension(
        "unknown" if unknown else "green",
        because,
        declared=declared,
        rule="worst_of",
        threshold=None,
        inputs=values,
    )


def project(
    number: int,
    name: str,
    department: str | None,
    manager: str | None,
    late: int | None,
    percent: str | None,
    money: tuple[str | None, str, str, str | None],
    gate: tuple[int, str],
    declared: str | None = None,
    quality: str = "green",
    scope: str = "green",
    **more: Any,
) -> dict[str, Any]:
    key = f"OIT-{number:03d}"
    schedule, schedule_status = _schedule(late, percent)
    cost, cost_status = _cost(*money)
    status = {
        "schedule": schedule_status,
        "cost": cost_status,
        "scope": _dimension(
            scope,
            "change request CR-17 approved: 12 work items added"
            if scope == "approved_change"
            else "3 work items added in 30 days, 9 done",
        ),
        "quality": _dimension(
            quality,
            "4 open severity 1 defects; amber up to 1" if quality == "red" else "no open severity 1 defect",
        ),
    }
    gates = _gates(*gate)
    links = [
        {
            "connection": "snow",
            "external_key": f"PRJ00{number:05d}",
            "url": f"https://snow.example.gov/pm_project/{number}",
        },
        {
            "connection": "jira",
            "external_key": f"PERM-{number}",
            "url": f"https://jira.example.gov/browse/PERM-{number}",
        },
    ]
    for each in status.values():
        each["sources"] = links[:1]
    return {
        "key": key,
        "name": name,
        "department": department,
        "manager": manager,
        "sponsor": "D. Okafor",
        "program": "Permits 2027",
        "state": "active",
        "stage": GATE_NAMES[f"G{gate[0]}"],
        "priority": "2",
        "status": {"overall": _worst(status, declared), **status},
        "schedule": schedule,
        "cost": cost,
        "earned_value": _earned(cost, percent),
        "gate": {
            "current": f"G{gate[0]}",
            "name": GATE_NAMES[f"G{gate[0]}"],
            "status": gate[1],
            "due_on": gates[gate[0]]["due_on"],
            "next": f"G{gate[0] + 1}",
        },
        "gates": gates,
        "milestones": [
            {
                "name": "Vendor selected",
                "baseline_on": date(2026, 4, 1),
                "planned_on": date(2026, 4, 1),
                "forecast_on": None,
                "achieved_on": date(2026, 4, 9),
            },
            {
                "name": "Go-live",
                "baseline_on": date(2026, 12, 1),
                "planned_on": date(2026, 12, 1),
                "forecast_on": date(2026, 12, 1) + timedelta(days=late or 0),
                "achieved_on": None,
            },
        ],
        "work": {"todo": 14, "in_progress": 6, "done": 41, "cancelled": 2, "blocked": 1, "overdue": 3},
        "tickets": [
            {
                "number": f"INC{number:07d}",
                "type": "incident",
                "title": "Sign-in page times out for field inspectors",
                "priority": "2",
                "state_category": "in_progress",
                "opened_at": TAKEN_AT - timedelta(days=4 * number),
                "due_at": TAKEN_AT - timedelta(days=1),
                "resolved_at": None,
                "breached": number % 3 == 0,
                "age_days": 4 * number,
                "escalation": None,
                "source": links[0],
            },
        ]
        if number % 2
        else [],
        "risks": [
            {
                "type": "risk",
                "title": "Vendor staffing ends in January",
                "probability": "3 - Moderate",
                "impact": "4 - High",
                "score": 12,
                "state": "Open",
                "owner": "M. Chen",
                "due_on": date(2026, 12, 15),
                "open": True,
                "source": links[1],
            }
        ],
        "outages": [],
        "deliverables": [
            {
                "type": "charter",
                "title": "Project charter",
                "state": "approved",
                "approved_by": "Change board",
                "approved_at": TAKEN_AT - timedelta(days=200),
                "source": links[0],
            },
            {
                "type": "test_report",
                "title": "Test report",
                "state": "missing",
                "approved_by": None,
                "approved_at": None,
                "source": links[0],
            },
        ],
        "budget_lines": [
            {
                "budget_code": f"14{number:02d}",
                "fund": "0010",
                "cost_center": "OIT-OPS",
                "account": "7400",
                "fiscal_year": 2027,
                "period": None,
                "currency": "USD",
                **{
                    name: cost.get(name)
                    for name in (
                        "original_budget",
                        "revised_budget",
                        "pre_encumbered",
                        "encumbered",
                        "actual",
                        "forecast",
                    )
                },
                "share": Decimal(1),
            }
        ]
        if cost.get("revised_budget")
        else [],
        "ticket_counts": {
            **EMPTY_PROJECT["ticket_counts"],
            "open": number % 2,
            "breached": int(number % 2 and number % 3 == 0),
            "by_type": {"incident": 1} if number % 2 else {},
            "oldest_days": 4 * number if number % 2 else None,
        },
        "compliance": {
            "report_on_time": declared is not None,
            "data_fresh": True,
            "gates_kept": gate[1] != "overdue",
        },
        "obligations": [],
        "links": links,
        "narrative": None,
        "status_report": {"reported_on": date(2026, 11, 6), "by": manager, "text": "On track for go-live."}
        if declared
        else None,
    } | more


PROJECTS = (
    project(
        1,
        "Permit portal",
        "Licenses & Inspections",
        "R. Alvarez",
        104,
        "0.62",
        ("1480000.00", "1120000.00", "240000.00", "1610000.00"),
        (4, "overdue"),
        "green",
        narrative={
            "text": "Vendor slipped integration testing twice; recovery plan due on 2 December.",
            "by": "R. Alvarez",
            "at": "2026-11-18T15:00:00Z",
        },
    ),
    project(
        2,
        "Parks reservation renewal",
        "Parks & Recreation",
        "J. Whitfield",
        12,
        "0.81",
        ("420000.00", "310000.00", "42000.00", "418000.00"),
        (5, "in_progress"),
        "green",
    ),
    project(
        3,
        "Water meter data platform",
        "Water",
        "S. Nakamura",
        66,
        "0.55",
        ("2350000.00", "1310000.00", "610000.00", "2480000.00"),
        (4, "approved_with_conditions"),
        "amber",
        outages=[
            {
                "service": "Meter head-end",
                "type": "outage",
                "began_at": TAKEN_AT - timedelta(hours=9),
                "ended_at": None,
                "cause": "Storage controller failed",
                "source": {
                    "connection": "snow",
                    "external_key": "OUT0001042",
                    "url": "https://snow.example.gov/outage/1042",
                },
            }
        ],
    ),
    project(
        4,
        "Body camera evidence store",
        "Police",
        "T. Brandt",
        5,
        "0.90",
        ("980000.00", "870000.00", "60000.00", "1275000.00"),
        (5, "ready"),
        "green",
    ),
    project(
        5,
        "Fire station connectivity",
        "Fire",
        "A. Moreau",
        0,
        "0.70",
        ("640000.00", "402000.00", "150000.00", None),
        (4, "approved"),
        "green",
    ),
    project(
        6, "Court calendar migration", "Courts", None, None, None, (None, "0", "0", None), (2, "in_progress")
    ),
    project(
        7,
        "Payroll self-service",
        "Human Resources",
        "L. Petrov",
        -6,
        "0.88",
        ("310000.00", "241000.00", "18000.00", "296000.00"),
        (5, "in_progress"),
        "amber",
    ),
    project(
        8,
        "Street light inventory",
        "Streets",
        "O. Adeyemi",
        30,
        "0.40",
        ("275000.00", "90000.00", "101000.00", "275000.00"),
        (3, "in_progress"),
        "green",
        scope="approved_change",
    ),
    project(
        9,
        "Data centre exit, second phase, including the relocation of the emergency dispatch"
        " back-up site and all remaining tape libraries",
        "Office of Innovation and Technology, Infrastructure and Operations Division",
        "Maximiliana Oyelaran-Featherstonehaugh",
        20,
        "0.74",
        ("4120000.55", "2210000.25", "940000.00", "4395000.10"),
        (4, "deferred"),
        "green",
    ),
    project(
        10,
        HOSTILE,
        "Streets",
        HOSTILE,
        8,
        "0.33",
        ("120000.00", "30000.00", "0.00", "118000.00"),
        (1, "rejected"),
        "green",
        quality="red",
        links=[{"connection": "jira", "external_key": "X-1", "url": "javascript:alert(3)"}],
        narrative=HOSTILE,
    ),
    project(
        11,
        "Library card in the wallet",
        "Free Library",
        "N. Haddad",
        2,
        "1",
        ("88000.00", "86500.00", "0.00", "86500.00"),
        (6, "waived"),
        state="completed",
    ),
    project(
        12,
        "Translation of public forms",
        None,
        "C. Ruiz",
        None,
        "0.20",
        ("60000.00", "4000.00", "9000.00", "58000.00"),
        (0, "not_started"),
        state="proposed",
    ),
)

SOURCES = (
    {
        "connection": "jira",
        "tool": "jira",
        "read_at": TAKEN_AT - timedelta(minutes=4),
        "age_seconds": 240,
        "records": 1204,
        "complete": True,
        "stale": False,
        "error": None,
    },
    {
        "connection": "snow",
        "tool": "servicenow",
        "read_at": TAKEN_AT - timedelta(minutes=4),
        "age_seconds": 251,
        "records": 912,
        "complete": True,
        "stale": False,
        "error": None,
    },
    {
        "connection": "planner",
        "tool": "planner",
        "read_at": TAKEN_AT - timedelta(hours=31),
        "age_seconds": 111_600,
        "records": 88,
        "complete": False,
        "stale": True,
        "error": "planner answered 401 at /planner/plans: the client secret has expired;"
        " renew it in Microsoft Entra and set GRAPH_SECRET",
    },
    {
        "connection": "ledger",
        "tool": "files",
        "read_at": TAKEN_AT - timedelta(hours=7),
        "age_seconds": 25_200,
        "records": 640,
        "complete": True,
        "stale": False,
        "error": None,
    },
)

EXCEPTIONS = (
    {
        "project": "OIT-001",
        "kind": "watermelon",
        "severity": "high",
        "text": "Declared green, computed red",
        "since": date(2026, 10, 3),
        "because": "schedule is 28.9% late; the manager's report of 6 November says green",
    },
    {
        "project": "OIT-001",
        "kind": "gate_overdue",
        "severity": "high",
        "text": "Gate G4 Readiness and baseline is 61 days overdue",
        "since": date(2026, 9, 19),
        "because": "1 of 2 criteria unmet: no approved test report",
    },
    {
        "project": "OIT-004",
        "kind": "cost",
        "severity": "high",
        "text": "Forecast is 30.1% over the revised budget",
        "since": date(2026, 11, 2),
        "because": "forecast 1,275,000 against 980,000; red above 25%",
    },
    {
        "project": "OIT-003",
        "kind": "outage",
        "severity": "medium",
        "text": "Outage of Meter head-end goes on for 9 h",
        "since": date(2026, 11, 20),
        "because": "Storage controller failed",
    },
    {
        "project": "OIT-006",
        "kind": "unknown",
        "severity": "low",
        "text": "Neither schedule nor cost can be judged",
        "since": None,
        "because": "no due dates, no budget line",
    },
    {
        "project": "OIT-010",
        "kind": "gate_rejected",
        "severity": "medium",
        "text": HOSTILE,
        "since": date(2026, 11, 1),
        "because": HOSTILE,
    },
    {
        "project": None,
        "kind": "stale_source",
        "severity": "medium",
        "text": "planner was last read 31 h ago",
        "since": date(2026, 11, 19),
        "because": "its client secret has expired",
    },
)


def _trend(each: dict[str, Any]) -> list[dict[str, Any]]:
    """Eight weekly snapshots: green (or unknown) at first, the colour of today since some week."""
    now = each["status"]["overall"]["value"]
    turned = 2 + int(each["key"][-3:]) % 5
    return [
        {
            "as_of": AS_OF - timedelta(days=7 * (7 - week)),
            "overall": now if week >= turned or now == "unknown" else "green",
            **{name: each["status"][name]["value"] for name in ("schedule", "cost", "scope", "quality")},
            "percent_complete": each["schedule"]["percent_complete"],
        }
        for week in range(8)
    ]


def sample() -> SnapshotData:
    return SnapshotData(
        id="snap-20261120-130005",
        taken_at=TAKEN_AT,
        as_of=AS_OF,
        known_at=TAKEN_AT,
        complete=False,
        portfolio={"name": "OIT Operations", "currency": "USD"},
        sources=SOURCES,
        projects=PROJECTS,
        trends={each["key"]: _trend(each) for each in PROJECTS},
        changes={PROJECTS[0]["key"]: CHANGES},
        changes_since=date(2026, 11, 13),
        exceptions=EXCEPTIONS,
        capacity={
            "rows": [
                {
                    "role": role,
                    "person": f"{role} {place}",
                    "projects": [f"OIT-{place:03d}"],
                    "month": month,
                    "capacity_hours": float(capacity),
                    "planned_hours": float(planned),
                    "over": planned > capacity,
                    "actual_hours": None,
                }
                for place, (role, capacity, plans) in enumerate(
                    (
                        ("Business analyst", 480, (420, 510, 600)),
                        ("Developer", 1280, (1100, 1240, 1190)),
                        ("Network engineer", 320, (150, 140, 360)),
                    ),
                    1,
                )
                for month, planned in zip(("2026-11", "2026-12", "2027-01"), plans, strict=True)
            ]
        },
        actions=[
            {
                "id": 1,
                "project": "OIT-001",
                "type": "corrective_action",
                "title": "Second test environment",
                "owner": "R. Alvarez",
                "due_on": date(2026, 11, 12),
                "state": "open",
                "outcome": None,
            },
            {
                "id": 2,
                "project": "OIT-004",
                "type": "obligation",
                "title": "Change report to the council",
                "owner": "T. Brandt",
                "due_on": date(2026, 12, 2),
                "state": "closed",
                "outcome": "Accepted on 18 November",
            },
        ],
        quarantine={
            "records": 3,
            "writes": 1,
            "by_connection": [
                {"connection": "ledger", "kind": "budget_line", "count": 3},
                {"connection": "jira", "kind": "write", "count": 1},
            ],
        },
    )


NAMES = (
    "Permit",
    "Parks",
    "Water",
    "Evidence",
    "Dispatch",
    "Court",
    "Payroll",
    "Street",
    "Library",
    "Fleet",
    "Health",
    "Airport",
)
THINGS = (
    "portal",
    "platform renewal",
    "data migration",
    "network refresh",
    "mobile app",
    "reporting hub",
    "identity upgrade",
)
OFFICES = (
    "Licenses & Inspections",
    "Parks & Recreation",
    "Water",
    "Police",
    "Fire",
    "Courts",
    "Human Resources",
    "Streets",
    "Free Library",
    "Fleet Services",
    "Public Health",
    "Airport",
    "Finance",
    "Procurement",
    "Revenue",
    "Elections",
    "Planning",
    "Prisons",
)


def generated(count: int) -> SnapshotData:
    """A seeded portfolio of that many projects, for sizes."""
    draw = random.Random(7)
    projects = []
    for number in range(1, count + 1):
        budget = draw.randrange(60, 4000) * 1000
        forecast = int(budget * draw.triangular(0.9, 1.35, 1.0))
        gate = draw.randrange(6)
        projects.append(
            project(
                number,
                f"{draw.choice(NAMES)} {draw.choice(THINGS)} {number}",
                draw.choice(OFFICES),
                f"Manager {number % 40}",
                None if draw.random() < 0.08 else int(draw.triangular(-20, 130, 10)),
                f"{draw.random():.2f}",
                (
                    None if draw.random() < 0.1 else str(budget),
                    str(int(budget * 0.6)),
                    str(int(budget * 0.15)),
                    str(forecast),
                ),
                (gate, draw.choice(("in_progress", "ready", "overdue", "approved_with_conditions"))),
                draw.choice(("green", "amber", None)),
            )
        )
    red = [each for each in projects if each["status"]["overall"]["value"] == "red"]
    exceptions = [
        {
            "project": each["key"],
            "kind": "status",
            "severity": "high",
            "text": "Turned red",
            "since": date(2026, 10, 3),
            "because": each["status"]["schedule"]["because"],
        }
        for each in red
    ]
    return replace(
        sample(),
        projects=projects,
        exceptions=exceptions,
        trends={each["key"]: _trend(each) for each in projects},
    )
