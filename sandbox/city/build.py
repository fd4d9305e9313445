"""Builds the city: the same for the same size, day and seed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from sandbox.city import desk, papers
from sandbox.city.money import Ledgers, budget_at_completion
from sandbox.city.names import DEPARTMENTS, FIRST_NAMES, KINDS, LAST_NAMES, PROGRAMS, SUBJECTS
from sandbox.city.plots import NAMED, PLOTS, Named, Plot, draw
from sandbox.city.records import (
    BudgetLine,
    City,
    Department,
    Outage,
    Person,
    Project,
    Risk,
    Ticket,
    Tier,
    WorkTool,
)
from sandbox.city.schedule import (
    Calendar,
    baselines,
    calendar,
    gates,
    milestones,
    progress,
    stage,
)
from sandbox.city.work import grown, percent_complete, rollout_tasks, work_items

Size = Literal["small", "city", "large"]
TIMEZONE = "America/New_York"

TIERS: tuple[Tier, ...] = ("large", "medium", "small")
PROJECTS = {"small": len(NAMED), "city": 180, "large": 1000}
PEOPLE = {"small": 44, "city": 160, "large": 600}
WORK = {"small": 20, "city": 15, "large": 10}
DESK_TICKETS = {"small": 40, "city": 400, "large": 2000}
REPORTS = {"small": 5, "city": 4, "large": 2}
MONTHS_AHEAD = {"small": 4, "city": 3, "large": 1}
HOURS = {"small": (24, 40, 60, 76, 100), "city": (8, 12, 16, 24, 40), "large": (6, 10, 14, 18, 32)}
"""Hours a month that a project plans of one of its team: so many that most people can do their work, and some cannot."""
OIT = next(each for each in DEPARTMENTS if each.code == "OIT")
OUT_OF_SERVICENOW = 40
"""Of the projects without a fixed story, one in this many is defined only in the configuration's list."""


def day(now: datetime) -> date:
    """The city's day at an instant."""
    return now.astimezone(ZoneInfo(TIMEZONE)).date()


def build(size: Size, today: date, seed: int = 7) -> City:
    """The city of that size on that day. All of it happened before the first instant of `today` in UTC."""
    return _Builder(size, today, seed).city()


class _Builder:
    def __init__(self, size: Size, today: date, seed: int) -> None:
        self.size: Size = size
        self.today = today
        self.seed = seed
        self.as_of = datetime.combine(today, time(0), UTC)
        self.numbers = desk.Numbers()
        self.ledgers = Ledgers(today)
        self.people = self._people()
        self.staff: dict[str, tuple[Person, ...]] = {
            each.code: tuple(one for one in self.people if one.department == each.name)
            for each in DEPARTMENTS
        }

    def city(self) -> City:
        """The whole city."""
        planned = tuple(self._project(named) for named in self._named())
        outages, others = self._outages(planned), self._desk()
        projects = tuple(map(self._with_calls, planned))
        operating = tuple(
            line for each in DEPARTMENTS for line in self.ledgers.operating_lines(each, self._rng(each.code))
        )
        return City(
            name="City of Fairhaven",
            size=self.size,
            seed=self.seed,
            today=self.today,
            as_of=self.as_of,
            timezone=TIMEZONE,
            departments=DEPARTMENTS,
            people=self.people,
            projects=projects,
            outages=outages,
            desk=others,
            overhead=operating + self.ledgers.adjusted(operating),
        )

    def _rng(self, name: str) -> Random:
        return Random(f"{self.seed}/{name}")

    def _people(self) -> tuple[Person, ...]:
        rng = self._rng("people")
        names = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
        rng.shuffle(names)
        found = []
        for place, (first, last) in enumerate(names[: PEOPLE[self.size]]):
            outside = place < 2 * len(DEPARTMENTS) or place % 5 == 4
            department = DEPARTMENTS[place % len(DEPARTMENTS)] if outside else OIT
            title = "Deputy commissioner" if outside else "Specialist" if place % 5 else "Project manager"
            slug = f"{first}.{last}".lower()
            found.append(Person(slug, f"{first} {last}", f"{slug}@fairhaven.example", title, department.name))
        return tuple(found)

    def _named(self) -> list[Named]:
        """The fixed projects, and as many others as the size asks for, by number."""
        rng = self._rng("portfolio")
        taken = {named.number: named for named in NAMED}
        number = 100
        used = {named.name for named in NAMED}
        keys = {named.jira_key for named in NAMED}
        while len(taken) < PROJECTS[self.size]:
            number += 1
            department = rng.choice(DEPARTMENTS)
            name = f"{rng.choice(SUBJECTS[department.code])} {rng.choice(KINDS)}"
            if name in used:
                name = f"{name} {number}"
            used.add(name)
            tool: WorkTool = rng.choices(("jira", "planner", "servicenow"), (50, 33, 17))[0]
            jira_key = _jira_key(name, number, keys) if tool == "jira" else None
            keys.add(jira_key)
            taken[number] = Named(
                number=number,
                name=name,
                department=department.code,
                story=draw(rng).story,
                tool=tool,
                jira_key=jira_key,
                plan=name if tool == "planner" else None,
                in_servicenow=tool == "servicenow" or rng.randrange(OUT_OF_SERVICENOW) > 0,
            )
        return [taken[each] for each in sorted(taken)]

    def _project(self, named: Named) -> Project:
        key = f"OIT-{named.number:03d}"
        rng = self._rng(key)
        plot = PLOTS[named.story]
        department = next(each for each in DEPARTMENTS if each.code == named.department)
        dates = calendar(plot, self.today, rng)
        team = tuple(rng.sample(self.staff["OIT"], 4))
        sponsor = rng.choice(self.staff[department.code])
        tier: Tier = rng.choices(TIERS, (1, 3, 4))[0]
        words = (named.name, department.name)
        done = progress(plot, dates)
        work = work_items(plot, dates, done, team, words, WORK[self.size], rng)
        work = grown(work, plot.growth, self.as_of, self._rng(f"{key}/growth"))
        complete = percent_complete(work)
        plan = gates(plot, dates, sponsor)
        budget = budget_at_completion(rng, tier)
        code = f"{named.number * 100 + 2:04d}"
        reports = papers.status_reports(plot, dates, team[0], self.numbers, REPORTS[self.size], rng)
        began = self.as_of - timedelta(days=max(20, (self.today - dates.start).days))
        proposed = plot.state == "proposed"
        return Project(
            key=key,
            number=f"PRJ{10_000 + named.number:07d}",
            name=named.name,
            description=f"{named.name} for {department.name}.",
            story=plot.story,
            department=department,
            program=PROGRAMS[department.code],
            sponsor=sponsor,
            manager=team[0],
            team=team,
            state=plot.state,
            stage=stage(plot, dates, done),
            priority=rng.choice(("high", "medium", "medium", "low")),
            tier=tier,
            declared_status=reports[-1].overall if reports else None,
            start_planned=dates.start,
            finish_planned=dates.finish,
            start_baseline=None if proposed else dates.start,
            finish_baseline=None if proposed else dates.finish,
            start_actual=None if proposed else dates.start + timedelta(days=rng.randrange(0, 4)),
            finish_actual=dates.forecast if plot.state == "completed" else None,
            finish_forecast=None if plot.state in ("proposed", "cancelled") else dates.forecast,
            percent_complete=complete,
            budget_codes=(code,) if plot.budgeted else (),
            ledger=department.ledger if plot.budgeted else None,
            service=named.name,
            in_servicenow=named.in_servicenow,
            work_tool=named.tool,
            jira_key=named.jira_key,
            plan=named.plan,
            created_at=began - timedelta(days=30, minutes=rng.randrange(0, 900)),
            updated_at=self.as_of - timedelta(days=rng.randrange(0, 20), minutes=rng.randrange(1, 1400)),
            work=work,
            rollout=rollout_tasks(dates, team, rng) if named.plan and named.tool == "jira" else (),
            milestones=milestones(plot, dates),
            baselines=baselines(dates, budget) if plot.budgeted else (),
            budget=self._budget(key, code, department, plot, dates, budget, rng),
            tickets=self._tickets(key, named.name, department, plot, team, rng),
            risks=self._risks(plot, dates, began, words, team, rng),
            deliverables=papers.deliverables(plot, named.name, plan, sponsor, self.numbers, self.as_of, rng),
            gates=plan,
            reports=reports,
            allocations=papers.allocations(plot, dates, team, MONTHS_AHEAD[self.size], HOURS[self.size], rng),
        )

    def _budget(
        self,
        key: str,
        code: str,
        department: Department,
        plot: Plot,
        dates: Calendar,
        budget: Decimal,
        rng: Random,
    ) -> tuple[BudgetLine, ...]:
        return (
            self.ledgers.project_lines(key, code, department, plot, dates, budget, rng)
            if plot.budgeted
            else ()
        )

    def _tickets(
        self,
        key: str,
        service: str,
        department: Department,
        plot: Plot,
        team: tuple[Person, ...],
        rng: Random,
    ) -> tuple[Ticket, ...]:
        if plot.state in ("proposed", "cancelled"):
            return ()
        callers = self.staff[department.code]
        return tuple(
            desk.ticket(
                self.as_of, self.numbers, key, service, department.name, rng.choice(callers), team, rng
            )
            for _ in range(rng.randrange(1, 7))
        )

    def _with_calls(self, project: Project) -> Project:
        """The project with the open calls of its users, which come last: what else is numbered stays as it is."""
        plot, rng = PLOTS[project.story], self._rng(f"{project.key}/calls")
        callers = self.staff[project.department.code]
        calls = tuple(
            desk.call(
                self.as_of,
                self.numbers,
                project.key,
                project.service,
                rng.choice(callers),
                project.team,
                rng,
                state="on_hold" if place == plot.calls - 1 else "in_progress",
                late=place < plot.late_calls,
            )
            for place in range(plot.calls)
        )
        tickets = desk.come_back(project.tickets + calls, self._rng(f"{project.key}/reopened"))
        return replace(project, tickets=tickets)

    def _risks(
        self,
        plot: Plot,
        dates: Calendar,
        began: datetime,
        words: tuple[str, str],
        team: tuple[Person, ...],
        rng: Random,
    ) -> tuple[Risk, ...]:
        due_in = 5 if plot.story == "healthy" else -20
        kinds = [*rng.choices(desk.RISK_TYPES, (5, 3, 1, 2), k=rng.randrange(1, 5))]
        named = {"s": words[0], "d": words[1]}
        found = [
            desk.risk(self.as_of, began, self.numbers, kind, named, rng.choice(team), due_in, rng)
            for kind in kinds
        ]
        if dates.rebaselined_on is not None:
            approved = datetime.combine(dates.rebaselined_on, time(17), UTC)
            found.append(
                Risk(
                    number=self.numbers.take("project_change"),
                    type="change",
                    title="Add online payment to the scope",
                    probability=5,
                    impact=4,
                    state="closed",
                    owner=team[0],
                    due_on=dates.rebaselined_on,
                    opened_at=approved - timedelta(days=30),
                    updated_at=approved,
                )
            )
        return tuple(found)

    def _outages(self, projects: tuple[Project, ...]) -> tuple[Outage, ...]:
        rng = self._rng("outages")
        found = [
            desk.outage(self.as_of, self.numbers, each.service, (each.key,), ongoing=True, rng=rng)
            for each in projects
            if PLOTS[each.story].outage
        ]
        running = [each for each in projects if each.state in ("active", "completed")]
        for _ in range(max(3, len(projects) // 6)):
            hit = rng.choice(running)
            found.append(
                desk.outage(self.as_of, self.numbers, hit.service, (hit.key,), ongoing=False, rng=rng)
            )
        return tuple(found)

    def _desk(self) -> tuple[Ticket, ...]:
        rng = self._rng("desk")
        found = []
        for _ in range(DESK_TICKETS[self.size]):
            department = rng.choice(DEPARTMENTS)
            caller = rng.choice(self.staff[department.code])
            service = f"{rng.choice(SUBJECTS[department.code])} service"
            found.append(
                desk.ticket(
                    self.as_of, self.numbers, None, service, department.name, caller, self.staff["OIT"], rng
                )
            )
        return desk.come_back(tuple(found), self._rng("desk/reopened"))


def _jira_key(name: str, number: int, taken: set[str | None]) -> str:
    word = name.split(maxsplit=1)[0].upper().replace("-", "")[:6]
    return word if word not in taken else f"{word[:5]}{number}"
