"""One hand-made project of a report: any colour, gaps, hostile text."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from portfolio.budget import COLUMNS
from portfolio.document import INDICES, VALUES
from reports.data import EMPTY_PROJECT

AS_OF = date(2026, 11, 20)
TAKEN_AT = datetime(2026, 11, 20, 13, 0, 5, tzinfo=UTC)
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


def _milestones(late: int | None) -> list[dict[str, Any]]:
    return [
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
    ]


def _tickets(number: int, source: dict[str, str]) -> list[dict[str, Any]]:
    return [
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
            "source": source,
        },
    ]


def _risks(source: dict[str, str]) -> list[dict[str, Any]]:
    return [
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
            "source": source,
        }
    ]


def _deliverables(source: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "type": "charter",
            "title": "Project charter",
            "state": "approved",
            "approved_by": "Change board",
            "approved_at": TAKEN_AT - timedelta(days=200),
            "source": source,
        },
        {
            "type": "test_report",
            "title": "Test report",
            "state": "missing",
            "approved_by": None,
            "approved_at": None,
            "source": source,
        },
    ]


def _lines(number: int, cost: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "budget_code": f"14{number:02d}",
            "fund": "0010",
            "cost_center": "OIT-OPS",
            "account": "7400",
            "fiscal_year": 2027,
            "period": None,
            "currency": "USD",
            **{name: cost.get(name) for name in COLUMNS},
            "share": Decimal(1),
        }
    ]


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
        "milestones": _milestones(late),
        "work": {"todo": 14, "in_progress": 6, "done": 41, "cancelled": 2, "blocked": 1, "overdue": 3},
        "tickets": _tickets(number, links[0]) if number % 2 else [],
        "risks": _risks(links[1]),
        "outages": [],
        "deliverables": _deliverables(links[0]),
        "budget_lines": _lines(number, cost) if cost.get("revised_budget") else [],
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
