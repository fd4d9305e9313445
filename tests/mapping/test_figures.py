"""Figures to field values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from config.connections import FieldTarget
from mapping.figures import Figure, Plain, encode

PLAIN = FieldTarget(field="f")
WORDS = FieldTarget(field="f", values={"green": "Green", "amber": "Amber", "red": "Red"})
LABELS = FieldTarget(categories={"green": "category10", "amber": "category11", "red": "category12"})


@pytest.mark.parametrize(
    ("figure", "value", "target", "expected"),
    [
        ("rag_overall", "green", WORDS, "Green"),
        ("rag_overall", "approved_change", WORDS, "Amber"),
        ("rag_overall", "approved_change", PLAIN, "approved_change"),
        ("rag_overall", "unknown", WORDS, None),
        ("rag_overall", None, WORDS, None),
        ("rag_overall", "unknown", FieldTarget(field="f", values={"unknown": "Grey"}), "Grey"),
        ("rag_overall", "red", LABELS, "category12"),
        ("rag_overall", "unknown", LABELS, None),
        ("rag_overall", "approved_change", LABELS, "category11"),
        ("gate_status", "deferred", FieldTarget(field="f", values={"ready": "Ready"}), "deferred"),
        ("cpi", Decimal("0.85714285"), PLAIN, Decimal("0.857")),
        ("budget_variance", Decimal("-0.005"), PLAIN, Decimal("-0.01")),
        ("budget_variance", Decimal(5), PLAIN, Decimal("5.00")),
        ("budget_variance", Decimal("-0.001"), PLAIN, Decimal("0.00")),
        ("percent_complete", Decimal("0.123456"), PLAIN, Decimal("0.1235")),
        ("schedule_variance_days", 12, PLAIN, Decimal(12)),
        ("gate_due", date(2026, 7, 1), PLAIN, "2026-07-01"),
        ("computed_at", datetime(2026, 7, 1, 3, 0, 0, 55, tzinfo=UTC), PLAIN, "2026-07-01T03:00:00Z"),
        ("gate_due", None, FieldTarget(field="f", values={"unknown": "n/a"}), "n/a"),
    ],
)
def test_encoding(figure: str, value: Figure, target: FieldTarget, expected: Plain) -> None:
    found = encode(figure, value, target)
    assert found == expected
    assert str(found) == str(expected)


def test_a_long_text_is_cut_to_what_the_field_holds() -> None:
    text = "because " * 100
    assert encode("explanation", text, PLAIN) == text[:254].rstrip() + "…"
    assert encode("explanation", text, FieldTarget(field="details.description")) == text
