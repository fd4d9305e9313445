"""What a project's team works on: epics, stories, tasks and bugs, done as far as the plot says."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Literal

from sandbox.city.names import BLOCKERS, BUG_TITLES, STAGES, WORK_TITLES
from sandbox.city.plots import Plot
from sandbox.city.records import Person, WorkItem
from sandbox.city.schedule import Calendar

FIRST_NUMBER = 2
"""Number 1 is the issue that carries the project's fields."""
ROLLOUT_TITLES = (
    "Book the training room",
    "Print the counter leaflet",
    "Tell the call centre",
    "Thank the test users",
)


def work_items(
    plot: Plot,
    dates: Calendar,
    done: float,
    team: tuple[Person, ...],
    subject: tuple[str, str],
    size: int,
    rng: Random,
) -> tuple[WorkItem, ...]:
    """About `size` items in stage order, a share `done` of them done; `subject`: service, department."""
    if plot.state == "proposed":
        return ()
    maker = _Maker(dates, team, rng)
    found: list[WorkItem] = []
    words = {"s": subject[0], "d": subject[1]}
    each = max(2, size // len(STAGES))
    finished = round(done * (each + 1) * len(STAGES))
    epics: dict[str, int] = {}
    for position, stage in enumerate(STAGES):
        titles = WORK_TITLES[stage]
        for place in range(each + 1):
            index = position * (each + 1) + place
            status = _status(index, finished, plot)
            if place == 0:
                kind: Literal["epic", "story", "bug"] = "epic"
                title = f"{stage}: {subject[0]}"
                last = position * (each + 1) + each
                status = _status(last, finished, plot) if index < finished else status
                epics[stage] = FIRST_NUMBER + index
            elif stage == "Test" and place == each:
                kind, title = "bug", rng.choice(BUG_TITLES).format(**words)
            else:
                kind, title = "story", titles[(place - 1) % len(titles)].format(**words)
                title += f" ({(place - 1) // len(titles) + 1})" if place > len(titles) else ""
            parent = None if kind == "epic" else epics[stage]
            share = (index + 1) / ((each + 1) * len(STAGES))
            found.append(maker.item(FIRST_NUMBER + index, kind, title, stage, status, share, parent))
    return _block(found, plot.blocked, rng)


def grown(items: tuple[WorkItem, ...], growth: float, as_of: datetime, rng: Random) -> tuple[WorkItem, ...]:
    """The same work, of which the last pieces to do were added in the last weeks: `growth` of what there was before."""
    waiting = [each.number for each in items if each.status == "todo" and each.type != "epic"]
    count = round(len(items) * growth / (1 + growth))
    added = set(waiting[len(waiting) - min(count, len(waiting)) :])
    days = {number: timedelta(days=rng.randrange(2, 25), minutes=rng.randrange(1, 900)) for number in added}
    return tuple(
        replace(each, created_at=as_of - days[each.number], updated_at=as_of - days[each.number])
        if each.number in added
        else each
        for each in items
    )


def rollout_tasks(dates: Calendar, team: tuple[Person, ...], rng: Random) -> tuple[WorkItem, ...]:
    """The few tasks that a Jira team keeps in a plan beside its project."""
    maker = _Maker(dates, team, rng)
    return tuple(
        maker.item(
            number, "task", title, "Roll out", "done" if number == 0 else "todo", 0.85 + number / 40, None
        )
        for number, title in enumerate(ROLLOUT_TITLES)
    )


def percent_complete(items: tuple[WorkItem, ...]) -> Decimal | None:
    """Done ÷ not cancelled, by count, to four places; None without items."""
    counted = [item for item in items if item.status != "cancelled"]
    if not counted:
        return None
    done = sum(item.status == "done" for item in counted)
    return (Decimal(done) / Decimal(len(counted))).quantize(Decimal("0.0001"))


def _status(index: int, finished: int, plot: Plot) -> Literal["todo", "in_progress", "done", "cancelled"]:
    if index < finished:
        return "done"
    if plot.state == "cancelled":
        return "cancelled"
    return "in_progress" if index < finished + 3 and plot.state == "active" else "todo"


def _block(items: list[WorkItem], count: int, rng: Random) -> tuple[WorkItem, ...]:
    stuck = [item for item in items if item.status == "in_progress" and item.type != "epic"]
    stuck += [item for item in items if item.status == "todo" and item.type != "epic"]
    numbers = {item.number for item in stuck[:count]}
    return tuple(
        replace(item, blocked=True, blocked_reason=rng.choice(BLOCKERS)) if item.number in numbers else item
        for item in items
    )


class _Maker:
    def __init__(self, dates: Calendar, team: tuple[Person, ...], rng: Random) -> None:
        self.dates = dates
        self.team = team
        self.rng = rng
        self.end = datetime.combine(dates.today, time(0), UTC)
        self.begin = datetime.combine(dates.start, time(14), UTC)

    def item(
        self,
        number: int,
        kind: Literal["epic", "story", "task", "bug"],
        title: str,
        stage: str,
        status: Literal["todo", "in_progress", "done", "cancelled"],
        share: float,
        parent: int | None,
    ) -> WorkItem:
        """One item whose due day is where the plan puts it; instants never pass the city's `as_of`."""
        rng = self.rng
        due = self.dates.at(share) + timedelta(days=rng.randrange(-3, 4))
        created = self._past(self.begin + timedelta(days=rng.randrange(0, 20), minutes=rng.randrange(0, 480)))
        started = done = None
        touched = created
        if status in ("done", "in_progress"):
            wished = datetime.combine(due, time(13), UTC) - timedelta(days=rng.randrange(10, 30))
            started = self._between(created, wished)
            touched = started
        if status == "done":
            wished = datetime.combine(due, time(20), UTC) + timedelta(
                days=rng.randrange(-6, 7), minutes=rng.randrange(0, 300)
            )
            done = self._between(started or created, wished)
            touched = done
        elif status == "in_progress":
            touched = self._between(
                touched, self.end - timedelta(days=rng.randrange(0, 12), minutes=rng.randrange(1, 900))
            )
        elif status == "cancelled":
            touched = self._between(
                touched, self.end - timedelta(days=rng.randrange(5, 40), minutes=rng.randrange(1, 900))
            )
        points = Decimal(rng.choice((1, 2, 3, 5, 8))) if kind != "epic" else None
        hours = points * 6 if points else None
        part = Decimal(1) if status == "done" else Decimal("0.5") if status == "in_progress" else Decimal(0)
        spent = (
            None
            if hours is None
            else (hours * part * Decimal(rng.randrange(80, 125)) / 100).quantize(Decimal("0.5"))
        )
        return WorkItem(
            number=number,
            type=kind,
            title=title,
            stage=stage,
            status=status,
            assignee=None if status == "todo" and rng.random() < 0.3 else rng.choice(self.team),
            reporter=self.team[0],
            priority=rng.choice(("high", "medium", "medium", "low")),
            created_at=created,
            updated_at=touched,
            started_at=started,
            due_on=due,
            done_at=done,
            points=points,
            estimate_hours=hours,
            spent_hours=spent,
            percent_complete=part,
            parent=parent,
            blocked=False,
            blocked_reason=None,
            labels=(stage.lower().replace(" ", "-"),),
        )

    def _past(self, instant: datetime) -> datetime:
        return min(instant, self.end - timedelta(minutes=1 + self.rng.randrange(0, 600)))

    def _between(self, earliest: datetime, instant: datetime) -> datetime:
        return min(max(instant, earliest + timedelta(minutes=5)), self.end)
