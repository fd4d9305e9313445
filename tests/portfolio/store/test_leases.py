"""One writer per connection, by the database's clock, on both databases."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from portfolio.store import leases
from portfolio.store.database import Store, open_store
from portfolio.store.leases import LeaseLost

OTHER = "elsewhere.example:1:aaaa"


@pytest.fixture
def stores(store_url: str) -> Iterator[tuple[Store, Store]]:
    with open_store(store_url) as one, open_store(store_url) as two:
        yield one, two


def test_only_one_holds_a_connection_and_others_see_who(stores: tuple[Store, Store]) -> None:
    one, two = stores
    with one.transaction() as db:
        held = leases.take(db, "jira", OTHER)
    with two.transaction() as db:
        refused = leases.take(db, "jira", "b.example:1:bbbb")
        another = leases.take(db, "snow", "b.example:1:bbbb")
        seen = leases.holder(db, "jira")

    assert held is not None
    assert refused is None
    assert another is not None
    assert seen == OTHER


def test_a_frozen_holder_wakes_to_another_epoch_and_commits_nothing(stores: tuple[Store, Store]) -> None:
    one, two = stores
    with one.transaction() as db:
        frozen = leases.take(db, "jira", OTHER, seconds=0.05)
    assert frozen is not None
    time.sleep(0.1)
    with two.transaction() as db:
        taken = leases.take(db, "jira", "b.example:1:bbbb")
    with pytest.raises(LeaseLost), one.transaction() as db:
        leases.renew(db, frozen)

    assert taken is not None
    assert taken.epoch == frozen.epoch + 1


def test_a_renewed_lease_lasts(stores: tuple[Store, Store]) -> None:
    one, two = stores
    with one.transaction() as db:
        held = leases.take(db, "jira", OTHER, seconds=0.05)
        assert held is not None
        leases.renew(db, held, seconds=60)
    time.sleep(0.1)
    with two.transaction() as db:
        assert leases.take(db, "jira", "b.example:1:bbbb") is None


def test_a_released_lease_is_free_and_its_late_commit_is_refused(stores: tuple[Store, Store]) -> None:
    one, two = stores
    with one.transaction() as db:
        held = leases.take(db, "jira", OTHER)
        assert held is not None
        leases.release(db, held)
    with pytest.raises(LeaseLost), one.transaction() as db:
        leases.renew(db, held)
    with two.transaction() as db:
        assert leases.take(db, "jira", "b.example:1:bbbb") is not None


def test_the_lease_of_a_dead_process_of_this_host_is_free_at_once(stores: tuple[Store, Store]) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    one, _two = stores
    with one.transaction() as db:
        leases.take(db, "jira", f"{socket.gethostname()}:{gone.stdout.strip()}:aaaa")
        taken = leases.take(db, "jira", leases.owner())

    assert taken is not None


def test_the_lease_of_a_living_process_is_not_free(stores: tuple[Store, Store]) -> None:
    one, _two = stores
    with one.transaction() as db:
        leases.take(db, "jira", f"{socket.gethostname()}:{os.getppid()}:aaaa")

        assert leases.take(db, "jira", leases.owner()) is None
