"""What changed in a project between two of its documents, in words.

Each change is `{figure, before, after, text}`: the colours first, then gates, dates, money, work, and what people opened or
closed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from portfolio.shown import days, money

Project = Mapping[str, Any]
Change = dict[str, Any]

_COLOURED = ("overall", "schedule", "cost", "scope", "quality")
_SPOKEN = {"approved_change": "an approved change"}
_AMOUNTS = {"revised_budget": "The budget", "forecast": "The forecast", "actual": "What is spent"}
_MOVING = {"finish_forecast": "The expected finish", "finish_baseline": "The baseline finish"}
_COUNTED = {"done": "done", "blocked": "blocked", "overdue": "overdue"}


def changes(before: Project | None, after: Project, currency: str) -> list[Change]:
    """What is different in `after`; a project that was not there before is one change."""
    if before is None:
        return [_change("project", None, after["key"], "New in the portfolio.")]
    parts: Sequence[Callable[[], Iterator[Change]]] = (
        lambda: _colours(before, after),
        lambda: _words(before, after),
        lambda: _gates(before, after),
        lambda: _dates(before, after),
        lambda: _progress(before, after),
        lambda: _money(before, after, currency),
        lambda: _work(before, after),
        lambda: _milestones(before, after),
        lambda: _opened(before, after),
    )
    return [change for part in parts for change in part()]


def _change(figure: str, before: Any, after: Any, text: str) -> Change:
    return {"figure": figure, "before": before, "after": after, "text": text}


def _colours(before: Project, after: Project) -> Iterator[Change]:
    for name in _COLOURED:
        old, new = before["status"][name]["value"], after["status"][name]["value"]
        if old != new:
            text = f"{name.capitalize()} went from {_SPOKEN.get(old, old)} to {_SPOKEN.get(new, new)}."
            yield _change(name, old, new, text)


def _words(before: Project, after: Project) -> Iterator[Change]:
    for name in ("state", "stage", "manager", "priority"):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield _change(name, old, new, f"{name.capitalize()} was {_said(old)}, is {_said(new)}.")


def _said(value: str | None) -> str:
    return "not known" if value is None else value.replace("_", " ")


def _gates(before: Project, after: Project) -> Iterator[Change]:
    earlier = {each["gate"]: each["status"] for each in before.get("gates") or ()}
    for gate in after.get("gates") or ():
        old, new = earlier.get(gate["gate"]), gate["status"]
        if old is not None and old != new:
            name = f"{gate['gate']} {gate.get('name') or ''}".strip()
            yield _change(f"gate {gate['gate']}", old, new, f"Gate {name} was {_said(old)}, is {_said(new)}.")


def _dates(before: Project, after: Project) -> Iterator[Change]:
    for name, what in _MOVING.items():
        old, new = before["schedule"].get(name), after["schedule"].get(name)
        if old == new:
            continue
        if old is None or new is None:
            text = f"{what} is {new or 'not known any more'}."
        else:
            moved = (date.fromisoformat(new) - date.fromisoformat(old)).days
            text = f"{what} moved {days(abs(moved))} {'later' if moved > 0 else 'earlier'}, to {new}."
        yield _change(name, old, new, text)


def _progress(before: Project, after: Project) -> Iterator[Change]:
    old, new = (each["schedule"].get("percent_complete") for each in (before, after))
    if old == new:
        return
    said = ["not known" if value is None else f"{value:.0%}" for value in (old, new)]
    if said[0] != said[1]:
        yield _change("percent_complete", old, new, f"Done was {said[0]}, is {said[1]}.")


def _money(before: Project, after: Project, currency: str) -> Iterator[Change]:
    for name, what in _AMOUNTS.items():
        old, new = before["cost"].get(name), after["cost"].get(name)
        if old == new:
            continue
        if old is None or new is None:
            now = "not known any more" if new is None else money(Decimal(new), currency)
            text = f"{what} is {now}."
        else:
            moved = Decimal(new) - Decimal(old)
            way = "rose" if moved > 0 else "fell"
            text = f"{what} {way} by {money(abs(moved), currency)} to {money(Decimal(new), currency)}."
        yield _change(name, old, new, text)


def _work(before: Project, after: Project) -> Iterator[Change]:
    for name, word in _COUNTED.items():
        old, new = before["work"].get(name), after["work"].get(name)
        if old is not None and new is not None and old != new:
            more = "more" if new > old else "fewer"
            noun = "work item" if abs(new - old) == 1 else "work items"
            yield _change(name, old, new, f"{abs(new - old)} {noun} {more} {word}: {new}.")


def _milestones(before: Project, after: Project) -> Iterator[Change]:
    earlier = {each["name"]: each["achieved_on"] for each in before.get("milestones") or ()}
    for each in after.get("milestones") or ():
        if each["achieved_on"] and not earlier.get(each["name"]):
            text = f"Milestone {each['name']} was achieved on {each['achieved_on']}."
            yield _change("milestone", None, each["achieved_on"], text)


def _opened(before: Project, after: Project) -> Iterator[Change]:
    """What stands open now and did not, and the other way round: risks, outages, tickets."""
    for section in ("risks", "outages"):
        old, new = (_standing(project, section) for project in (before, after))
        for place in sorted(new.keys() - old):
            yield _change(section, None, place, f"New: {new[place]}.")
        for place in sorted(old.keys() - new):
            yield _change(section, place, None, f"Over: {old[place]}.")
    for name, word in (("open", "open"), ("breached", "past their due time")):
        count, now = (each["ticket_counts"].get(name) or 0 for each in (before, after))
        if count != now:
            more = "more" if now > count else "fewer"
            noun = "ticket" if abs(now - count) == 1 else "tickets"
            yield _change(f"tickets_{name}", count, now, f"{abs(now - count)} {noun} {more} {word}: {now}.")


def _standing(project: Project, section: str) -> dict[str, str]:
    """The open records of a section by their origin, as they are called."""
    found = {}
    for each in project.get(section) or ():
        if section == "risks" and each["open"]:
            found[_origin(each)] = f"{each['type']}: {each['title']}"
        elif section == "outages" and not each["ended_at"]:
            found[_origin(each)] = f"outage of {each['service'] or 'a service'}"
    return found


def _origin(record: Mapping[str, Any]) -> str:
    source = record.get("source") or {}
    return f"{source.get('connection')} {source.get('external_key')}"
