"""What a manager must look at: exceptions, and the corrective action."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from portfolio import gates as stage
from portfolio.budget import Budget
from portfolio.dimensions import finish_expected
from portfolio.earned_value import EarnedValue
from portfolio.facts import Facts
from portfolio.forecast import Forecast
from portfolio.gates import GateResult
from portfolio.shown import days, instant
from portfolio.status import Verdict, declared_better
from portfolio.tickets import TicketCounts

Found = tuple[str, str, str, date | str | None, str]
"""Kind, severity (high, medium, low), text, since, because."""


def exceptions(
    facts: Facts,
    *,
    today: date,
    verdicts: Mapping[str, Verdict],
    gated: Sequence[GateResult],
    tickets: TicketCounts,
    value: EarnedValue,
    expected: Forecast,
    budget: Budget,
    duties: Iterable[Found],
    resets: Sequence[int],
) -> list[dict[str, Any]]:
    """Every exception of the project: `{project, kind, severity, text, since, because, figure}`, JSON-ready.

    `duties` are those of its obligations and actions, `resets` the fiscal years in a row in which it was baselined anew.
    """
    found = [
        *_gates(gated),
        *_unsigned(facts),
        *_delivery(facts, today),
        *_pace(facts, expected),
        *_service(facts, tickets),
        *_data(facts, today, value, budget),
        *duties,
        *_resets(resets),
    ]
    rest = [
        {
            "project": facts.key,
            "kind": kind,
            "severity": severity,
            "text": text,
            "since": since.isoformat() if isinstance(since, date) else since,
            "because": because,
            "figure": None,
        }
        for kind, severity, text, since, because in found
    ]
    return [*_colours(facts, verdicts), *rest]


def corrective_action(facts: Facts) -> str | None:
    """The open action that is due first, with owner and day."""
    standing = [each for each in facts.risks if each.type == "action" and each.open]
    if not standing:
        return None
    first = min(standing, key=lambda each: (each.due_on is None, each.due_on or date.max, each.title))
    owner = f" ({first.owner})" if first.owner else ""
    due = f", due {first.due_on}" if first.due_on else ""
    return f"{first.title}{owner}{due}"


def _colours(facts: Facts, verdicts: Mapping[str, Verdict]) -> Iterator[dict[str, Any]]:
    """What is red, and what is declared better than it is; who keeps the history fills in since when."""
    for name, verdict in verdicts.items():
        row = {"project": facts.key, "since": None, "because": verdict.because, "figure": name}
        if name != "overall" and verdict.value == "red":
            yield {**row, "kind": "red", "severity": "high", "text": f"{name.capitalize()} is red."}
        if declared_better(verdict.declared, verdict.computed):
            severity = "high" if verdict.computed == "red" else "medium"
            text = f"{name.capitalize()} is declared {verdict.declared} and computed {verdict.computed}."
            yield {**row, "kind": "watermelon", "severity": severity, "text": text}


def _gates(gated: Sequence[GateResult]) -> Iterator[Found]:
    late = [each for each in gated if each.status == "overdue"]
    if late:
        first = late[0]
        more = f" {len(late) - 1} later gates are overdue too." if len(late) > 1 else ""
        unmet = " ".join(each.because for each in first.criteria if not each.met)
        text = f"Gate {first.gate} {first.name} is overdue.{more}"
        yield (
            "overdue_gate",
            "high",
            text,
            first.due_on,
            unmet or "All criteria are met; a decision is missing.",
        )
    for each in gated:
        if each.decision in stage.PASSED and each.expired:
            text = f"Gate {each.gate} {each.name} is open again: its decision has expired."
            because = f"It was {each.decision} by {each.decided_by} until {each.valid_until}."
            yield "expired_decision", "high", text, each.valid_until, because
        elif each.decision in stage.PASSED and each.lapsed:
            conditions = "; ".join(f"{one.text} (due {one.due_on})" for one in each.lapsed)
            text = f"Gate {each.gate} {each.name} is open again: a condition is past its day."
            yield "condition_overdue", "high", text, each.lapsed[0].due_on, conditions
        elif each.decision in stage.PASSED and not each.passed:
            text = f"Gate {each.gate} {each.name} is {each.decision} with {len(each.unmet)} criteria unmet."
            yield "unmet_approval", "medium", text, each.decided_on, "; ".join(each.unmet)
        elif each.decision in ("rejected", "deferred"):
            yield (
                "gate_held",
                "medium",
                f"Gate {each.gate} {each.name} is {each.decision}.",
                each.decided_on,
                each.note or "",
            )
    for each in stage.skipped(gated):
        yield (
            "skipped_gate",
            "medium",
            f"Gate {each.gate} {each.name} was skipped.",
            each.due_on,
            "A later gate is passed.",
        )


def _unsigned(facts: Facts) -> Iterator[Found]:
    for each in facts.decisions:
        if not each.decided_by:
            record = each.source.external_key if each.source else "A record"
            text = f"{record} says that gate {each.gate} is {each.decision} and names nobody."
            yield (
                "unsigned_decision",
                "low",
                text,
                each.decided_on,
                "A decision without a name does not count.",
            )


def _delivery(facts: Facts, today: date) -> Iterator[Found]:
    work = facts.work
    if work and work.blocked:
        keys = ", ".join(source.external_key for source in work.blocked_sources)
        yield "blocked", "medium", f"{work.blocked} work items are blocked.", None, keys
    if work and work.overdue:
        keys = ", ".join(source.external_key for source in work.overdue_sources)
        yield "overdue_work", "low", f"{work.overdue} work items are overdue.", work.oldest_overdue_on, keys
    finish = finish_expected(facts)
    if finish and finish < today and facts.finish_actual is None:
        late = days((today - finish).days)
        text = f"The forecast finish {finish} has passed and the project has not finished."
        yield "forecast_past", "medium", text, finish, f"It passed {late} ago."
    for risk in facts.risks:
        if risk.open and risk.due_on and risk.due_on < today:
            text = f"The {risk.type} {risk.title} is past its day."
            yield "overdue_risk", "medium", text, risk.due_on, f"Owner: {risk.owner or 'nobody'}."


def _resets(years: Sequence[int]) -> Iterator[Found]:
    if years:
        text = f"It has been given a new baseline in each of the fiscal years {years[0]} to {years[-1]}."
        because = "What is late against the first baseline does not show against the newest."
        yield "yearly_reset", "medium", text, None, because


def _pace(facts: Facts, expected: Forecast) -> Iterator[Found]:
    declared = facts.finish_forecast
    if declared and expected.finish_50 and declared < expected.finish_50:
        early = days((expected.finish_50 - declared).days)
        text = f"The forecast finish {declared} is {early} earlier than the team's pace makes likely."
        yield "optimistic_forecast", "low", text, None, expected.because


def _service(facts: Facts, tickets: TicketCounts) -> Iterator[Found]:
    if tickets.breached:
        keys = ", ".join(source.external_key for source in tickets.breached_sources)
        yield (
            "breached_tickets",
            "medium",
            f"{tickets.breached} open tickets are past their clock.",
            None,
            keys,
        )
    for level, many in tickets.by_level.items():
        has = "ticket has" if many == 1 else "tickets have"
        text = f"{many} {has} to be escalated to {level}."
        yield "escalation", "medium", text, None, "So much of their time is used up; see their clocks."
    for outage in facts.outages:
        if outage.ended_at is None and outage.type != "planned":
            text = f"{(outage.type or 'outage').capitalize()} of {outage.service or 'a service'} goes on."
            yield (
                "open_outage",
                "high",
                text,
                instant(outage.began_at),
                outage.cause or "The cause is not known.",
            )


def _data(facts: Facts, today: date, value: EarnedValue, budget: Budget) -> Iterator[Found]:
    names = sorted({name for connections in facts.stale.values() for name in connections})
    if names:
        fed = ", ".join(sorted(facts.stale))
        text = f"{', '.join(names)} is past its age limit."
        yield "stale", "medium", text, None, f"What it feeds is unknown here: {fed}."
    for override in facts.overrides:
        if override.until < today:
            text = f"The override of {override.dimension} to {override.value} has expired."
            yield "expired_override", "low", text, override.until, f"{override.by}: {override.why}"
    for finding in value.findings:
        yield "data_quality", "low", finding, None, "Earned value."
    forecast = budget.forecast if budget.forecast is not None else budget.actual
    if budget.revised_budget == 0 and forecast is not None and forecast > Decimal(0):
        yield (
            "unbudgeted",
            "high",
            "Money is spent or forecast without a budget.",
            None,
            "The revised budget is zero.",
        )
