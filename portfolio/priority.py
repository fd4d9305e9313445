"""Ranking projects by a declared scoring model, and what changed since the last review.

Each criterion looks at one input of the project's object and makes of it 0 to 1: a word by the value declared for it, a figure
on the straight line from `zero` to `full`, never beyond them. The score is the weighted mean over the criteria whose input is
known, times 100 (simple additive weighting); the coverage is the weight of these ÷ all weights. A missing input is neither
good nor bad: it lowers the coverage and is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from config.planning import PRIORITY_INPUTS, Criterion, PriorityTerms
from portfolio.shown import number, plain, rounded

Project = Mapping[str, Any]

ENDED = ("completed", "cancelled")
WHOLE = Decimal(100)
SECTIONS = {name: section for section, names in PRIORITY_INPUTS.items() for name in names}


@dataclass(frozen=True, slots=True)
class Part:
    """One criterion's part in a score: the input, what it is worth (None: unknown), the weight, and why."""

    criterion: str
    value: Any
    worth: Decimal | None
    weight: Decimal
    because: str


@dataclass(frozen=True, slots=True)
class Score:
    """Of one project: 0 to 100 (None: nothing is known), the share of the weights that is known, and the parts."""

    score: Decimal | None
    coverage: Decimal
    parts: tuple[Part, ...]


def value_of(project: Project, name: str) -> Any:
    """The input of that name in a project's object; None where it is not known."""
    section = SECTIONS[name]
    if section == "project":
        return project.get(name)
    found = (project.get(section) or {}).get(name)
    if section == "status":
        colour = (found or {}).get("value")
        return None if colour == "unknown" else colour
    return found


def worth(value: Any, criterion: Criterion) -> Decimal | None:
    """What a value is worth by its criterion, 0 to 1; None where the value or its worth is unknown."""
    if value is None:
        return None
    if criterion.zero is None or criterion.full is None:
        folded = {word.casefold(): share for word, share in criterion.values.items()}
        return folded.get(str(value).casefold())
    share = (Decimal(str(value)) - criterion.zero) / (criterion.full - criterion.zero)
    return min(Decimal(1), max(Decimal(0), share))


def score(project: Project, terms: PriorityTerms) -> Score:
    """The score of a project: sum(weight x worth) ÷ sum(weight) over what is known, x 100."""
    parts = tuple(_part(project, name, criterion) for name, criterion in terms.criteria.items())
    whole = sum((part.weight for part in parts), Decimal(0))
    known = [(part.weight, part.worth) for part in parts if part.worth is not None]
    weights = sum((weight for weight, _ in known), Decimal(0))
    points = sum((weight * share for weight, share in known), Decimal(0))
    return Score(points / weights * WHOLE if known else None, weights / whole if whole else Decimal(0), parts)


def _part(project: Project, name: str, criterion: Criterion) -> Part:
    value = value_of(project, criterion.of)
    found = worth(value, criterion)
    if value is None:
        because = f"{criterion.of} is unknown: it does not count."
    elif found is None:
        because = f"{criterion.of} is {value}, for which no value is declared: it does not count."
    else:
        because = f"{criterion.of} is {value}: worth {plain(found)} of 1, weight {plain(criterion.weight)}."
    return Part(name, value, found, criterion.weight, because)


def ranking(
    projects: Sequence[Project], terms: PriorityTerms, review: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`{criteria, min_coverage, reviewed, rows}`, JSON-ready; `review` is the last one held, with its `ranking`.

    The rows are the projects that have not ended, the highest score first (then the better covered, then by key); those with
    too little coverage come last, without a rank.
    """
    if not terms.criteria:
        return {"criteria": [], "min_coverage": None, "reviewed": None, "rows": []}
    scored = [(each, score(each, terms)) for each in projects if each["state"] not in ENDED]
    scored.sort(key=lambda pair: _order(pair[0], pair[1], terms))
    before: Mapping[str, Any] = review["ranking"] if review else {}
    rows = []
    for place, (project, found) in enumerate(scored, 1):
        rank = place if is_ranked(found, terms) else None
        rows.append(_row(project, found, rank, before.get(project["key"]) if review else None))
    return {
        "criteria": [
            {"criterion": name, "of": each.of, "weight": number(each.weight)}
            for name, each in terms.criteria.items()
        ],
        "min_coverage": number(terms.min_coverage),
        "reviewed": {name: review.get(name) for name in ("held_on", "by", "note")} if review else None,
        "rows": rows,
    }


def is_ranked(found: Score, terms: PriorityTerms) -> bool:
    """Enough is known of the project to give it a rank."""
    return found.score is not None and found.coverage >= terms.min_coverage


def _order(project: Project, found: Score, terms: PriorityTerms) -> tuple[bool, Decimal, Decimal, str]:
    points = Decimal(1) if found.score is None else -found.score
    return (not is_ranked(found, terms), points, -found.coverage, project["key"])


def _row(
    project: Project, found: Score, rank: int | None, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    earlier = before["rank"] if before else None
    moved = earlier - rank if earlier is not None and rank is not None else None
    return {
        "rank": rank,
        "project": project["key"],
        "name": project["name"],
        "department": project["department"],
        "score": number(rounded(found.score)),
        "coverage": number(rounded(found.coverage)),
        "rank_before": earlier,
        "score_before": before["score"] if before else None,
        "moved": moved,
        "parts": [
            {
                "criterion": part.criterion,
                "value": part.value,
                "worth": number(rounded(part.worth)),
                "weight": number(part.weight),
                "because": part.because,
            }
            for part in found.parts
        ],
    }


def to_keep(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Of a ranking what a review keeps: per project `rank` and `score`."""
    return {each["project"]: {"rank": each["rank"], "score": each["score"]} for each in found["rows"]}
