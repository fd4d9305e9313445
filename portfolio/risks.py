"""A risk's score: the tool's own, else probability x impact on the declared scales."""

import re
from collections.abc import Mapping
from decimal import Decimal

from config.judging import RiskTerms
from portfolio.facts import Risk

_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)(?![\w.%])")


def score(risk: Risk, terms: RiskTerms) -> Decimal | None:
    """The score; None where the tool gives none and one of the two is not known as a number."""
    if risk.score is not None:
        return risk.score
    probability = level(risk.probability, terms.probability)
    impact = level(risk.impact, terms.impact)
    return None if probability is None or impact is None else probability * impact


def level(word: str | None, scale: Mapping[str, Decimal]) -> Decimal | None:
    """What a word counts: as declared (in any case), else the number it is or begins with."""
    declared = {name.strip().casefold(): value for name, value in scale.items()}
    plain = (word or "").strip().casefold()
    if plain in declared:
        return declared[plain]
    number = _NUMBER.match(plain)
    return Decimal(number[1]) if number else None
