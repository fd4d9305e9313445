"""A risk's score where the tool gives none."""

from decimal import Decimal

import pytest

from config.judging import RiskTerms
from portfolio.facts import Risk, Source
from portfolio.risks import score

D = Decimal
TERMS = RiskTerms(probability={"Likely": D(4)}, impact={"4 - High": D(8), "major": D("2.5")})


@pytest.mark.parametrize(
    ("own", "probability", "impact", "wanted"),
    [
        ("7", "5", "5", "7"),
        (None, "3", "4", "12"),
        (None, "3 - Moderate", " 2 - Low", "6"),
        (None, "likely", "MAJOR", "10"),
        (None, "2", "4 - High", "16"),
        (None, "0.5", "4", "2"),
        (None, "60%", "4", None),
        (None, "2nd", "4", None),
        (None, "rare", "4", None),
        (None, "3", None, None),
        (None, None, "3", None),
    ],
)
def test_score(own: str | None, probability: str | None, impact: str | None, wanted: str | None) -> None:
    given = Risk(
        "risk",
        "Vendor",
        None if own is None else D(own),
        "Open",
        None,
        None,
        open=True,
        source=Source("snow", "RISK1"),
        probability=probability,
        impact=impact,
    )
    assert score(given, TERMS) == (None if wanted is None else D(wanted))
