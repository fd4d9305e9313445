"""A hand-made snapshot: 12 projects, every colour, gaps, a stale source, hostile text."""

from datetime import date, timedelta
from typing import Any

from reports.data import SnapshotData
from tests.reports.sample_project import AS_OF, HOSTILE, TAKEN_AT, project

CHANGES = [{"text": "Overall went from amber to red."}, {"text": "New: risk: <script>alert(1)</script>."}]

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


def trend(each: dict[str, Any]) -> list[dict[str, Any]]:
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
        trends={each["key"]: trend(each) for each in PROJECTS},
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
