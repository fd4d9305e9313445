"""How much of its budget a project has earned, by the method that is declared for it.

The methods are the usual ones of earned value management (0/100, 50/50, weighted milestones, physical percent complete,
level of effort; PMI set, reference C.1: EV = sum of budget x earned fraction). Work packages are the work items that are not
cancelled and have no items of their own below them: a parent is the sum of its children and would count twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from config.judging import EarnedValueTerms, Method
from portfolio.facts import Facts, Milestone, Package
from portfolio.shown import percent

_HALF = Decimal("0.5")
_ONE = Decimal(1)
FED_BY: Mapping[Method, str] = {
    "0/100": "work_item",
    "50/50": "work_item",
    "physical_percent": "work_item",
    "weighted_milestones": "milestone",
    "level_of_effort": "baseline",
}
"""The entity whose sources must be fresh for a method to tell anything."""
_UNITS = {"estimate_hours": "hours", "estimate_points": "points", "items": "items"}


@dataclass(frozen=True, slots=True)
class Earned:
    """The earned share of the budget (0..1), the method it was found by, and the sentence that says how.

    `share` None: it cannot be told, and `because` says why.
    """

    share: Decimal | None
    method: Method
    because: str


def method_of(facts: Facts, terms: EarnedValueTerms) -> Method:
    """The method that is declared for the project: its own, its tier's, or the portfolio's."""
    return terms.method_of(facts.earned_value_method, facts.tier)


def earned(facts: Facts, terms: EarnedValueTerms, planned_share: Decimal | None) -> Earned:
    """The share earned by any method but `percent_complete`, whose share is the project's percent complete.

    `planned_share` is PV ÷ BAC today, or None without a time-phased baseline.
    """
    method = method_of(facts, terms)
    ways: Mapping[str, Callable[[], tuple[Decimal | None, str]]] = {
        "0/100": lambda: _by_start(facts.packages, Decimal(0)),
        "50/50": lambda: _by_start(facts.packages, _HALF),
        "physical_percent": lambda: _physical(facts.packages),
        "weighted_milestones": lambda: _milestones(facts.milestones, terms.milestone_weights),
        "level_of_effort": lambda: _effort(planned_share),
    }
    share, because = ways[method]()
    return Earned(share, method, because)


def weigh(packages: Sequence[Package]) -> tuple[str, list[tuple[Decimal, Package]]]:
    """What packages are weighed in, and each group's weight: hours if every item has them, else points, else their number."""
    for unit in ("estimate_hours", "estimate_points"):
        if all(getattr(each, f"with_{unit}") == each.items for each in packages):
            return unit, [(getattr(each, unit), each) for each in packages]
    return "items", [(Decimal(each.items), each) for each in packages]


def _by_start(packages: Sequence[Package], when_started: Decimal) -> tuple[Decimal | None, str]:
    unit, weights = weigh(packages)
    whole = sum((weight for weight, _ in weights), Decimal(0))
    if not whole:
        return None, "There are no work packages to earn by."
    done = sum((weight for weight, each in weights if each.done), Decimal(0))
    started = sum((weight for weight, each in weights if each.started and not each.done), Decimal(0))
    share = (done + started * when_started) / whole
    begun = f" and {_plain(started)} started" if when_started else ""
    return share, f"{_plain(done)} of {_plain(whole)} {_UNITS[unit]} are done{begun}: {percent(share)}."


def _physical(packages: Sequence[Package]) -> tuple[Decimal | None, str]:
    unit, weights = weigh(packages)
    whole = sum((weight for weight, _ in weights), Decimal(0))
    if not whole:
        return None, "There are no work packages to earn by."
    silent = sum(each.items for _, each in weights if _fraction(each) is None)
    if silent:
        return None, f"{silent} work packages in progress do not say how much of them is done."
    earned_weight = sum((weight * (_fraction(each) or 0) for weight, each in weights), Decimal(0))
    share = earned_weight / whole
    return (
        share,
        f"{_plain(earned_weight)} of {_plain(whole)} {_UNITS[unit]} are physically done: {percent(share)}.",
    )


def _fraction(package: Package) -> Decimal | None:
    if package.done:
        return _ONE
    if package.percent_complete is None and not package.started:
        return Decimal(0)
    return package.percent_complete


def _milestones(
    milestones: Sequence[Milestone], declared: Mapping[str, Decimal]
) -> tuple[Decimal | None, str]:
    given = {name.strip().casefold(): weight for name, weight in declared.items()}
    weights = [
        (given.get(each.name.strip().casefold(), Decimal(0) if given else _ONE), each) for each in milestones
    ]
    whole = sum((weight for weight, _ in weights), Decimal(0))
    if not whole:
        missing = "carries a weight" if milestones else "is known"
        return None, f"No milestone {missing}."
    reached = sum((weight for weight, each in weights if each.achieved_on), Decimal(0))
    count = sum(1 for each in milestones if each.achieved_on)
    share = reached / whole
    weighing = f"weight {_plain(reached)} of {_plain(whole)}"
    return share, f"{count} of {len(milestones)} milestones are achieved, {weighing}: {percent(share)}."


def _effort(planned_share: Decimal | None) -> tuple[Decimal | None, str]:
    if planned_share is None:
        return None, "Level of effort earns what is planned, and there is no time-phased baseline."
    return planned_share, f"Level of effort earns what is planned by today: {percent(planned_share)}."


def _plain(value: Decimal) -> str:
    return f"{value.normalize() + 0:f}"
