"""A generated snapshot of any number of projects."""

import random
from dataclasses import replace
from datetime import date

from reports.data import SnapshotData
from tests.reports.sample import sample, trend
from tests.reports.sample_project import project

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
        trends={each["key"]: trend(each) for each in projects},
    )
