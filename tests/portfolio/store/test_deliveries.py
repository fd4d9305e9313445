"""The journal of deliveries, on both databases."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from portfolio.store import deliveries
from portfolio.store.database import Store, open_store
from portfolio.store.deliveries import Delivered

DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=15)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as found:
        yield found


def test_the_newest_edition_of_a_day_and_place_is_told(store: Store) -> None:
    with store.transaction() as db:
        deliveries.intend(db, "weekly", "mail", "S1", day=DAY, at=AT)
        deliveries.settle(db, "weekly", "mail", "S1", state="sent", answer="accepted", at=AT)
        deliveries.intend(db, "weekly", "mail", "S2", day=DAY, at=LATER)
        deliveries.intend(db, "weekly", "teams", "S1", day=DAY, at=AT)

        assert deliveries.newest(db, "weekly", "mail", DAY) == Delivered("S2", "intended", None, LATER, None)
        assert deliveries.newest(db, "weekly", "mail", DAY + timedelta(days=1)) is None
        assert deliveries.newest(db, "board", "mail", DAY) is None


def test_a_report_is_owed_while_a_place_refused_its_newest_edition(store: Store) -> None:
    with store.transaction() as db:
        for report, place, state in (
            ("weekly", "mail", "sent"),
            ("weekly", "teams", "refused"),
            ("board", "mail", "unknown"),
        ):
            deliveries.intend(db, report, place, "S1", day=DAY, at=AT)
            deliveries.settle(db, report, place, "S1", state=state, answer="", at=AT)
        assert deliveries.owed(db, DAY) == ["weekly"]
        assert deliveries.owed(db, DAY + timedelta(days=1)) == []

        deliveries.intend(db, "weekly", "teams", "S2", day=DAY, at=LATER)
        deliveries.settle(db, "weekly", "teams", "S2", state="sent", answer="", at=LATER)
        assert deliveries.owed(db, DAY) == []
