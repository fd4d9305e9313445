"""The tickets of several projects together, from the projects' own objects."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from portfolio.tickets import AGES, OPEN, age_class

Project = Mapping[str, Any]


WEEKS = 12


def tickets(projects: Sequence[Project], today: date) -> dict[str, Any]:
    """The section `tickets` of the report document: the projects' own counts added up, and the flow of the last weeks."""
    each_count = [each["ticket_counts"] for each in projects]
    ages = [known["oldest_days"] for known in each_count if known["oldest_days"] is not None]
    return {
        "open": sum(known["open"] for known in each_count),
        "breached": sum(known["breached"] for known in each_count),
        **{
            name: _added(known.get(name, {}) for known in each_count)
            for name in ("by_priority", "by_type", "by_age", "by_escalation", "by_level")
        },
        **{name: sum(known.get(name, 0) for known in each_count) for name in ("on_hold", "reopened")},
        "oldest_days": max(ages, default=None),
        "flow": flow(projects, today),
    }


def flow(projects: Sequence[Project], today: date) -> list[dict[str, Any]]:
    """Per week, the newest last and ending today: `{week_ending, opened, resolved, backlog}`; days are counted in UTC.

    The backlog is what was open at the end of the week. A ticket ends when it was resolved, or closed where its
    tool tells only that; one whose opening is unknown, or that is closed without a known end, is in none of them.
    """
    spans = [span for each in projects for ticket in each["tickets"] if (span := _span(ticket))]
    found = []
    for back in reversed(range(WEEKS)):
        end = today - timedelta(days=7 * back)
        begin, last = (end - timedelta(days=7)).isoformat(), end.isoformat()
        found.append(
            {
                "week_ending": last,
                "opened": sum(begin < opened <= last for opened, _ in spans),
                "resolved": sum(begin < resolved <= last for _, resolved in spans if resolved),
                "backlog": sum(
                    opened <= last and (resolved is None or resolved > last) for opened, resolved in spans
                ),
            }
        )
    return found


def _span(ticket: Mapping[str, Any]) -> tuple[str, str | None] | None:
    opened, resolved = ticket.get("opened_at"), ticket.get("resolved_at") or ticket.get("closed_at")
    if not opened or (not is_open(ticket) and not resolved):
        return None
    return opened[:10], None if is_open(ticket) else str(resolved)[:10]


def open_tickets(projects: Sequence[Project]) -> list[tuple[Project, Mapping[str, Any]]]:
    """Project and open ticket, the oldest first."""
    found = [(each, ticket) for each in projects for ticket in each["tickets"] if is_open(ticket)]
    return sorted(found, key=lambda pair: (-(pair[1].get("age_days") or 0), str(pair[1].get("number"))))


def is_open(ticket: Mapping[str, Any]) -> bool:
    """The ticket, as a project's object shows it, is neither resolved, closed nor cancelled."""
    return (ticket.get("state_category") or "new") in OPEN


def ageing(projects: Sequence[Project]) -> list[dict[str, Any]]:
    """Open tickets by type: `{type, open, breached, by_age, oldest_days}`."""
    kinds: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for _, ticket in open_tickets(projects):
        kinds[ticket.get("type") or "unknown"].append(ticket)
    return [_ageing(kind, kinds[kind]) for kind in sorted(kinds)]


def _ageing(kind: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ages = [ticket["age_days"] for ticket in found if ticket.get("age_days") is not None]
    classes = Counter(age_class(timedelta(days=days)) for days in ages)
    return {
        "type": kind,
        "open": len(found),
        "breached": sum(ticket.get("breached") is True for ticket in found),
        "by_age": {name: classes[name] for name in AGES},
        "oldest_days": max(ages, default=None),
    }


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    whole: Counter[str] = Counter()
    for part in parts:
        whole.update(part)
    return dict(sorted(whole.items()))
