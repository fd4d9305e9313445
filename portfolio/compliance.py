"""Governance adherence: what one project keeps, and the score of several together.

Each rule is a plain question with the answer true, false, or None where it cannot be asked. The score is the rules that are
kept ÷ the rules that could be asked, each weighing the same: a convention of our own, shown with its parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from config.judging import ComplianceTerms
from portfolio import gates as stage
from portfolio.dimensions import finish_expected
from portfolio.facts import Facts
from portfolio.gates import GateResult
from portfolio.register import Entry, counted
from portfolio.shown import number
from portfolio.status import declared_better

Project = Mapping[str, Any]

RULES = (
    "report_on_time",
    "data_fresh",
    "gates_kept",
    "risks_reviewed",
    "forecast_updated",
    "documents_complete",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a rule is kept (None: it cannot be asked), and why."""

    kept: bool | None
    because: str


def answers(
    facts: Facts, gated: Sequence[GateResult], entries: Sequence[Entry], terms: ComplianceTerms, today: date
) -> dict[str, Answer]:
    """The answer to each of RULES for one project."""
    return {
        "report_on_time": _report(facts, terms, today),
        "data_fresh": _fresh(facts),
        "gates_kept": _gates(gated),
        "risks_reviewed": _risks(facts, today),
        "forecast_updated": _forecast(facts, today),
        "documents_complete": _documents(entries),
    }


def _report(facts: Facts, terms: ComplianceTerms, today: date) -> Answer:
    reported = facts.report.reported_on if facts.report else None
    if reported is None:
        return Answer(False, "No status report is known.")
    limit = terms.report_every.days
    age = (today - reported).days
    return Answer(age <= limit, f"The newest report is of {reported}, {age} days ago; the limit is {limit}.")


def _fresh(facts: Facts) -> Answer:
    names = sorted({name for connections in facts.stale.values() for name in connections})
    return Answer(
        not names, f"Past their age limit: {', '.join(names)}." if names else "Every source is fresh."
    )


def _gates(gated: Sequence[GateResult]) -> Answer:
    late = [each.gate for each in gated if each.status == "overdue"]
    late += [each.gate for each in stage.skipped(gated) if each.gate not in late]
    return Answer(
        not late, f"Overdue or skipped: {', '.join(late)}." if late else "No gate is overdue or skipped."
    )


def _risks(facts: Facts, today: date) -> Answer:
    standing = [each for each in facts.risks if each.open]
    if not facts.risks:
        return Answer(None, "The registers hold nothing of this project.")
    late = [each.source.external_key for each in standing if each.due_on and each.due_on < today]
    return Answer(
        not late, f"Past their day: {', '.join(late)}." if late else "No open entry is past its day."
    )


def _forecast(facts: Facts, today: date) -> Answer:
    finish = finish_expected(facts)
    if finish is None:
        return Answer(False, "There is no forecast finish.")
    is_over = finish < today and facts.finish_actual is None
    return Answer(
        not is_over,
        f"The forecast finish {finish} {'has passed' if is_over else 'is still to come or reached'}.",
    )


def _documents(entries: Sequence[Entry]) -> Answer:
    asked = [each for each in entries if each.standing != "ahead"]
    if not asked:
        return Answer(None, "No gate has asked for a deliverable yet.")
    bad = [f"{each.gate} {each.type} is {each.standing}" for each in asked if each.standing != "in_place"]
    return Answer(
        not bad, f"{'; '.join(bad)}." if bad else f"All {len(asked)} deliverables asked for are in place."
    )


def shown(found: Mapping[str, Answer]) -> dict[str, Any]:
    """The project's part of the document: each rule's answer, `score`, and `because` by rule."""
    return {
        **{name: each.kept for name, each in found.items()},
        "score": number(score([each.kept for each in found.values()])),
        "because": {name: each.because for name, each in found.items()},
    }


def score(kept: Sequence[bool | None]) -> Decimal | None:
    """Rules kept ÷ rules that could be asked; None where none could."""
    asked = [each for each in kept if each is not None]
    return Decimal(sum(asked)) / len(asked) if asked else None


def compliance(projects: Sequence[Project]) -> dict[str, Any]:
    """The section `compliance` of the report document, over the running projects.

    Each rule's `met` `of` those asked, `score` over all answers together, `managers` from the lowest score with the same parts,
    `documents` by standing, and every running project's answers.
    """
    running = _running(projects)
    managers = sorted({each["manager"] or "nobody" for each in running})
    scored = [
        _of_manager(name, [each for each in running if (each["manager"] or "nobody") == name])
        for name in managers
    ]
    return {
        **{rule: _met(running, rule) for rule in RULES},
        "score": number(score(_kept(running))),
        "managers": sorted(
            scored, key=lambda each: (each["score"] is None, each["score"] or 0, each["manager"])
        ),
        "documents": counted([entry for each in running for entry in each.get("register") or ()]),
        "projects": [{"project": each["key"], **each["compliance"]} for each in running],
    }


def _met(running: Sequence[Project], rule: str) -> dict[str, int]:
    known = [each["compliance"].get(rule) for each in running]
    return {"met": sum(each is True for each in known), "of": sum(each is not None for each in known)}


def _kept(running: Sequence[Project]) -> list[bool | None]:
    return [each["compliance"].get(rule) for each in running for rule in RULES]


def _of_manager(name: str, mine: Sequence[Project]) -> dict[str, Any]:
    parts = {rule: _met(mine, rule) for rule in RULES}
    return {"manager": name, "projects": len(mine), "score": number(score(_kept(mine))), **parts}


def adherence(projects: Sequence[Project]) -> dict[str, int]:
    """How many active projects keep each rule; and what is missing."""
    running = _running(projects)
    return {
        "projects": len(running),
        **{rule: _met(running, rule)["met"] for rule in RULES},
        "watermelons": sum(map(is_watermelon, running)),
        "unknown": sum(each["status"]["overall"].get("value") in (None, "unknown") for each in running),
        "gates_overdue": sum(gate["status"] == "overdue" for each in running for gate in each["gates"]),
        "deliverables_missing": sum(
            item.get("state") in ("missing", "expired") for each in running for item in each["deliverables"]
        ),
    }


def is_watermelon(project: Project) -> bool:
    """The project is declared better overall than it is computed."""
    overall = project["status"]["overall"]
    return declared_better(overall.get("declared"), overall.get("computed") or overall.get("value"))


def _running(projects: Sequence[Project]) -> list[Project]:
    return [each for each in projects if each["state"] == "active"]
