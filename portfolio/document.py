"""The PROJECT object of the report document, JSON-ready.

Money is a decimal string, a share or an index a number, a day and an instant ISO text, unknown null.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from portfolio import gates as stage
from portfolio.baselines import versions
from portfolio.budget import COLUMNS, Budget
from portfolio.dimensions import stale_reason
from portfolio.earned_value import EarnedValue
from portfolio.earning import Earned
from portfolio.facts import Condition, Facts, Money, Ticket
from portfolio.forecast import Forecast
from portfolio.gates import Evidence, GateResult, Tailored
from portfolio.register import Entry
from portfolio.shown import amount, day, instant, number
from portfolio.status import Input, Verdict, gap
from portfolio.ticket_rows import counts, source_of, ticket
from portfolio.tickets import TicketClock, TicketCounts

_WORK = ("todo", "in_progress", "done", "cancelled", "blocked", "overdue")
VALUES = (
    "bac",
    "pv",
    "ev",
    "ac",
    "cv",
    "sv",
    "eac",
    "etc",
    "vac",
    "eac_budget_rate",
    "eac_cpi_spi",
    "eac_bottom_up",
)
INDICES = ("cpi", "spi", "tcpi", "tcpi_eac", "earned_schedule", "sv_t", "spi_t", "ieac_t")
"""The figures of earned value: amounts, and what has no unit or counts periods."""

LISTS = ("actions", "compliance", "obligations", "register", "tickets")
"""Parts of the project's object that can be explained as they are: they say their own because."""


def cents(value: Decimal | None) -> Decimal | None:
    """Money rounded half up to two places."""
    return None if value is None else value.quantize(Decimal("0.01"), ROUND_HALF_UP) + 0


def project(
    facts: Facts,
    *,
    now: datetime,
    verdicts: Mapping[str, Verdict],
    finish: date | None,
    late: int | None,
    original: date | None,
    rebaselined: Sequence[date],
    done: Earned,
    fiscal_year: int | None,
    cost: Budget,
    value: EarnedValue,
    gated: Sequence[GateResult],
    tailored: Sequence[Tailored],
    expected: Forecast,
    tickets: TicketCounts,
    clocked: Sequence[tuple[Ticket, TicketClock]],
    duties: Mapping[str, Any],
    register: Sequence[Entry],
    kept: Mapping[str, Any],
) -> dict[str, Any]:
    """One project's object.

    Beyond the interface it carries what reports show: lists of gates, milestones, lines, records. `duties` are
    its `obligations` and `actions`, `kept` its compliance.
    """
    return {
        "key": facts.key,
        "name": facts.name,
        "department": facts.department,
        "manager": facts.manager,
        "state": facts.state,
        "stage": facts.stage,
        "description": facts.description,
        "program": facts.program,
        "sponsor": facts.sponsor,
        "priority": facts.priority,
        "tier": facts.tier,
        "status": {
            name: _verdict(verdicts[name]) for name in ("overall", "schedule", "cost", "scope", "quality")
        },
        "schedule": _schedule(facts, finish, late, original, rebaselined, done.share),
        "forecast": _forecast(facts, expected),
        "baselines": _baselines(facts),
        "depends_on": list(facts.depends_on),
        "cost": _cost(cost, fiscal_year),
        "earned_value": _earned_value(value, done),
        "gate": _gate(stage.current(gated), stage.following(gated)),
        "gates": [gate(facts.key, each) for each in gated],
        "tailored": [
            {"gate": each.gate, "criterion": each.criterion, "because": each.because} for each in tailored
        ],
        "milestones": [
            {
                "name": each.name,
                "baseline_on": day(each.baseline_on),
                "planned_on": day(each.planned_on),
                "forecast_on": day(each.forecast_on),
                "achieved_on": day(each.achieved_on),
            }
            for each in facts.milestones
        ],
        "work": _work(facts),
        "tickets": [ticket(each, clock, now) for each, clock in clocked],
        "ticket_counts": counts(tickets),
        **_records(facts),
        "budget_lines": [_line(line) for line in facts.money],
        **duties,
        "register": [_entry(each) for each in register],
        "compliance": kept,
        "status_report": _report(facts),
        "links": [source_of(each) for each in facts.links],
        "narrative": facts.report.text if facts.report else None,
    }


def _schedule(
    facts: Facts,
    finish: date | None,
    late: int | None,
    original: date | None,
    rebaselined: Sequence[date],
    complete: Decimal | None,
) -> dict[str, Any]:
    return {
        "start_planned": day(facts.start_planned),
        "finish_planned": day(facts.finish_planned),
        "start_baseline": day(facts.start_baseline),
        "finish_baseline": day(facts.finish_baseline),
        "start_actual": day(facts.start_actual),
        "finish_actual": day(facts.finish_actual),
        "finish_forecast": day(finish),
        "finish_original": day(original),
        "rebaselined_on": [day(each) for each in rebaselined],
        "variance_days": late,
        "variance_days_original": (finish - original).days if finish and original else late,
        "percent_complete": number(complete),
    }


def _forecast(facts: Facts, expected: Forecast) -> dict[str, Any]:
    return {
        "finish_declared": day(facts.finish_forecast),
        "remaining": expected.remaining,
        "weekly_done": list(expected.weekly_done),
        "finish_50": day(expected.finish_50),
        "finish_85": day(expected.finish_85),
        "because": expected.because,
        "finish_spi_t": day(expected.finish_spi_t),
        "because_spi_t": expected.because_spi_t,
    }


def _baselines(facts: Facts) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "set_on": day(each.set_on),
            "start": day(each.start),
            "finish": day(each.finish),
            "planned_value": amount(each.planned_value),
            "by": each.by,
            "why": each.why,
        }
        for each in versions(facts)
    ]


def _cost(cost: Budget, fiscal_year: int | None) -> dict[str, Any]:
    return {
        "fiscal_year": fiscal_year,
        **{name: amount(getattr(cost, name)) for name in COLUMNS},
        "available": amount(cost.available),
        "variance": amount(cost.variance),
        "variance_share": number(cost.variance_share),
        "variance_original": amount(cost.variance_original),
    }


def _earned_value(value: EarnedValue, done: Earned) -> dict[str, Any]:
    return {
        **{name: amount(getattr(value, name)) for name in VALUES},
        **{name: number(getattr(value, name)) for name in INDICES},
        "method": value.method,
        "earned_by": value.earned_by,
        "packages": [
            {
                "method": each.method,
                "items": each.items,
                "weight": number(each.weight),
                "earned": number(each.earned),
            }
            for each in done.parts
        ],
        "planned_by": value.planned_by,
        "unit": value.unit,
        "reasons": dict(value.reasons),
    }


def _gate(here: GateResult | None, after: GateResult | None) -> dict[str, Any]:
    return {
        "current": here.gate if here else None,
        "name": here.name if here else None,
        "status": here.status if here else None,
        "due_on": day(here.due_on) if here else None,
        "next": after.gate if after else None,
    }


def gate(project_key: str, result: GateResult) -> dict[str, Any]:
    """A gate as `portico gates --json` and the `gate` entity show it."""
    return {
        "project": project_key,
        "gate": result.gate,
        "name": result.name,
        "position": result.position,
        "status": result.status,
        "due_on": day(result.due_on),
        "decision": result.decision,
        "decided_on": day(result.decided_on),
        "decided_by": result.decided_by,
        "note": result.note,
        "valid_until": day(result.valid_until),
        "source": source_of(result.source) if result.source else None,
        "criteria": [
            {
                "criterion": each.criterion,
                "met": each.met,
                "because": each.because,
                "unconfirmed": each.unconfirmed,
                "evidence": _evidence(each.evidence),
            }
            for each in result.criteria
        ],
        "conditions": [_condition(each) for each in result.conditions],
        "unconfirmed": result.unconfirmed,
    }


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        **source_of(evidence.source),
        "content_hash": evidence.content_hash,
        "approved_by": evidence.approved_by,
        "approved_at": instant(evidence.approved_at),
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "text": condition.text,
        "due_on": day(condition.due_on),
        "met_on": day(condition.met_on),
        "met_by": condition.met_by,
        "met_note": condition.met_note,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    override = verdict.override
    return {
        "value": verdict.value,
        "declared": verdict.declared,
        "computed": verdict.computed,
        "rule": verdict.rule,
        "inputs": {name: _input(value) for name, value in verdict.inputs.items()},
        "threshold": {name: _input(value) for name, value in verdict.threshold.items()},
        "because": verdict.because,
        "since": None,
        "gap": gap(verdict.declared, verdict.computed),
        "gap_since": None,
        "sources": [source_of(each) for each in verdict.sources],
        "turn_green": verdict.turn_green,
        "override": f"{override.value} until {override.until} by {override.by}: {override.why}"
        if override
        else None,
    }


def _input(value: Input) -> str | float | int | None:
    if isinstance(value, Decimal):
        return number(value)
    return value.isoformat() if isinstance(value, date) else value


def _work(facts: Facts) -> dict[str, int | None]:
    known = None if stale_reason(facts, "work_item") else facts.work
    return {name: getattr(known, name) if known else None for name in _WORK}


def _records(facts: Facts) -> dict[str, Any]:
    return {
        "risks": [
            {
                "type": each.type,
                "title": each.title,
                "probability": each.probability,
                "impact": each.impact,
                "score": number(each.score),
                "state": each.state,
                "owner": each.owner,
                "due_on": day(each.due_on),
                "open": each.open,
                "source": source_of(each.source),
            }
            for each in facts.risks
        ],
        "outages": [
            {
                "service": each.service,
                "type": each.type,
                "began_at": instant(each.began_at),
                "ended_at": instant(each.ended_at),
                "cause": each.cause,
                "source": source_of(each.source),
            }
            for each in facts.outages
        ],
        "deliverables": [
            {
                "type": each.type,
                "title": each.title,
                "state": each.state,
                "approved_by": each.approved_by,
                "approved_at": instant(each.approved_at),
                "content_hash": each.content_hash,
                "source": source_of(each.source),
            }
            for each in facts.deliverables
        ],
    }


def _line(line: Money) -> dict[str, Any]:
    return {
        "budget_code": line.budget_code,
        "fund": line.fund,
        "cost_center": line.cost_center,
        "account": line.account,
        "fiscal_year": line.fiscal_year,
        "period": line.period,
        "currency": line.currency,
        **{name: amount(getattr(line, name)) for name in COLUMNS},
        "share": number(line.share),
    }


def _report(facts: Facts) -> dict[str, Any] | None:
    report = facts.report
    if report is None:
        return None
    words = {
        name: getattr(report, name)
        for name in ("by", "overall", "schedule", "cost", "scope", "quality", "text")
    }
    return {"reported_on": day(report.reported_on), **words}


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "gate": entry.gate,
        "type": entry.type,
        "text": entry.text,
        "state": entry.state,
        "standing": entry.standing,
        "due_on": day(entry.due_on),
        "approved_by": entry.approved_by,
        "approved_on": day(entry.approved_on),
        "source": source_of(entry.source) if entry.source else None,
    }
