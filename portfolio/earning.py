"""How much of its budget a project has earned, by the method that is declared for it.

The methods are the usual ones of earned value management (0/100, 50/50, weighted milestones, physical percent complete,
level of effort; PMI set, reference C.1: EV = sum of budget x earned fraction). Work packages are the work items that are not
cancelled and have no items of their own below them: a parent is the sum of its children and would count twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from config.judging import EarnedValueTerms, Method
from portfolio.facts import Facts, Milestone, Package
from portfolio.shown import percent, plain

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
class Part:
    """The work packages that earn by one method: how many, what they weigh, and how much of it is earned."""

    method: str
    items: int
    weight: Decimal
    earned: Decimal


@dataclass(frozen=True, slots=True)
class Earned:
    """The earned share of the budget (0..1), the method it was found by, and the sentence that says how.

    `share` None: it cannot be told, and `because` says why. `parts` are the packages by method, where they have methods.
    """

    share: Decimal | None
    method: Method
    because: str
    parts: tuple[Part, ...] = ()


def method_of(facts: Facts, terms: EarnedValueTerms) -> Method:
    """The method that is declared for the project: its own, its tier's, or the portfolio's."""
    return terms.method_of(facts.earned_value_method, facts.tier)


def earned(facts: Facts, terms: EarnedValueTerms, planned_share: Decimal | None) -> Earned:
    """The share earned by any method but `percent_complete`, whose share is the project's percent complete.

    `planned_share` is PV ÷ BAC today, or None without a time-phased baseline.
    """
    method = method_of(facts, terms)
    if method in ("weighted_milestones", "level_of_effort"):
        whole = (
            _effort(planned_share)
            if method == "level_of_effort"
            else _milestones(facts.milestones, terms.milestone_weights)
        )
        return Earned(whole[0], method, whole[1])
    ways = [terms.method_of_package(each.method, each.type, method) for each in facts.packages]
    return _by_packages(facts.packages, ways, method, planned_share)


def weigh(packages: Sequence[Package]) -> tuple[str, list[tuple[Decimal, Package]]]:
    """What packages are weighed in, and each group's weight: hours if every item has them, else points, else their number."""
    for unit in ("estimate_hours", "estimate_points"):
        if all(getattr(each, f"with_{unit}") == each.items for each in packages):
            return unit, [(getattr(each, unit), each) for each in packages]
    return "items", [(Decimal(each.items), each) for each in packages]


def _by_packages(
    packages: Sequence[Package], ways: Sequence[str], method: Method, planned_share: Decimal | None
) -> Earned:
    """Each package by its own way: the sum of weight x earned fraction ÷ the sum of weights."""
    unit, weights = weigh(packages)
    whole = sum((weight for weight, _ in weights), Decimal(0))
    if not whole:
        return Earned(None, method, "There are no work packages to earn by.")
    fractions = [_fraction(each, way, planned_share) for each, way in zip(packages, ways, strict=True)]
    silent = sum(each.items for each, known in zip(packages, fractions, strict=True) if known is None)
    if "level_of_effort" in ways and planned_share is None:
        return Earned(None, method, _effort(None)[1])
    if silent:
        return Earned(
            None, method, f"{silent} work packages in progress do not say how much of them is done."
        )
    earned_weights = [weight * (known or 0) for (weight, _), known in zip(weights, fractions, strict=True)]
    parts = tuple(
        Part(
            way,
            sum(each.items for each, own in zip(packages, ways, strict=True) if own == way),
            sum((weight for (weight, _), own in zip(weights, ways, strict=True) if own == way), Decimal(0)),
            sum((some for some, own in zip(earned_weights, ways, strict=True) if own == way), Decimal(0)),
        )
        for way in dict.fromkeys(ways)
    )
    share = sum(earned_weights, Decimal(0)) / whole
    return Earned(share, method, _told(parts, weights, _UNITS[unit], share), parts)


def bottom_up(packages: Sequence[Package], terms: EarnedValueTerms) -> Decimal | None:
    """What the rest of the work costs by its own estimates: hours not yet done x `cost_per_hour`.

    None without a cost per hour, without packages, or where one is not estimated in hours.
    """
    unit, weights = weigh(packages)
    if terms.cost_per_hour is None or not packages or unit != "estimate_hours":
        return None
    left = sum(
        (weight * (1 - (_fraction(each, "physical_percent", None) or 0)) for weight, each in weights),
        Decimal(0),
    )
    return left * terms.cost_per_hour


def _fraction(package: Package, way: str, planned_share: Decimal | None) -> Decimal | None:
    """The earned part of one package; level of effort earns what the project's plan has reached."""
    if way == "level_of_effort":
        return planned_share
    if package.done:
        return _ONE
    if way == "physical_percent" and (package.percent_complete is not None or package.started):
        return package.percent_complete
    return _HALF if way == "50/50" and package.started else Decimal(0)


def _told(
    parts: Sequence[Part],
    weights: Sequence[tuple[Decimal, Package]],
    unit: str,
    share: Decimal,
) -> str:
    whole = sum((each.weight for each in parts), Decimal(0))
    if len(parts) > 1:
        sums = "; ".join(f"{each.method} {plain(each.earned)} of {plain(each.weight)}" for each in parts)
        all_earned = plain(sum((each.earned for each in parts), Decimal(0)))
        return f"{all_earned} of {plain(whole)} {unit} are earned ({sums}): {percent(share)}."
    only = parts[0]
    if only.method == "physical_percent":
        return f"{plain(only.earned)} of {plain(whole)} {unit} are physically done: {percent(share)}."
    if only.method == "level_of_effort":
        return f"{plain(only.earned)} of {plain(whole)} {unit} are planned by today: {percent(share)}."
    done = sum((weight for weight, each in weights if each.done), Decimal(0))
    started = sum((weight for weight, each in weights if each.started and not each.done), Decimal(0))
    begun = f" and {plain(started)} started" if only.method == "50/50" else ""
    return f"{plain(done)} of {plain(whole)} {unit} are done{begun}: {percent(share)}."


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
    weighing = f"weight {plain(reached)} of {plain(whole)}"
    return share, f"{count} of {len(milestones)} milestones are achieved, {weighing}: {percent(share)}."


def _effort(planned_share: Decimal | None) -> tuple[Decimal | None, str]:
    if planned_share is None:
        return None, "Level of effort earns what is planned, and there is no time-phased baseline."
    return planned_share, f"Level of effort earns what is planned by today: {percent(planned_share)}."
