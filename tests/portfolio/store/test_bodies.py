"""Source records are kept as their tools sent them: what is read back is translated to the same row."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from portfolio.store.database import open_store
from portfolio.store.tables import RECORD_KEY, source_record
from portfolio.store.types import as_sent, sent

EXACT = st.decimals(allow_nan=False, allow_infinity=False)
PARTS = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | EXACT | st.text()
BODIES: st.SearchStrategy[Any] = st.dictionaries(
    st.text(),
    st.recursive(PARTS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10),
)


@given(BODIES)
def test_a_body_comes_back_as_it_was_sent(body: Any) -> None:
    assert sent(as_sent(body)) == body


@given(BODIES)
def test_equal_bodies_are_equal_bytes(body: Any) -> None:
    assert as_sent(sent(as_sent(body))) == as_sent(body)


def test_numbers_stay_exact_numbers_and_text_stays_text() -> None:
    body = {
        "amount": Decimal("999999999999999.99"),
        "code": "011040",
        "half": "\ud800",
        "year": Decimal("2026.0"),
    }
    assert b'"year":2026.0' in as_sent(body)
    back = sent(as_sent(body))
    assert back == body
    assert [type(each) for each in back.values()] == [Decimal, str, str, Decimal]
    assert sent(as_sent({"left": Decimal("NaN")}))["left"].is_nan()


def test_the_column_holds_an_exact_number_as_a_number(store_url: str) -> None:
    key = dict.fromkeys(RECORD_KEY, "x")
    instant = datetime(2026, 11, 16, tzinfo=UTC)
    stamps = {"scope": "", "hash": "", "missing": 0, "first_seen_at": instant, "last_seen_at": instant}
    with open_store(store_url) as store, store.transaction() as db:
        db.execute(source_record.insert().values(**key, **stamps, body={"year": Decimal("2026.0")}))
        assert db.scalars(select(source_record.c.body)).one() == {"year": Decimal("2026.0")}
        assert "2026.0}" in db.execute(text("SELECT body FROM source_record")).scalar_one()
