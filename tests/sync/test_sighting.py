"""What the write targets show: one look at each tool, all tools at the same time."""

import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from config.loading import load
from connectors.base import Target
from connectors.errors import Unavailable
from portfolio.store.database import open_store
from sync import sighting
from sync.errand import Errand
from sync.plan import Wish
from sync.wishes import Wanted
from tests.connectors.memory import Memory, MemoryTool

NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
TOGETHER_SECONDS = 20


def wanted(connection: str, id_: str) -> Wanted:
    wish = Wish(connection, id_, id_, "P-1", "rag_overall", "rag", "green", "on plan")
    return Wanted(Target("item", id_, fields=("rag",)), id_, (wish,))


def _meet(together: threading.Barrier) -> None:
    together.wait(TOGETHER_SECONDS)


def test_tools_are_looked_at_beside_each_other_and_one_that_fails_harms_no_other(
    store_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "portico.yaml"
    path.write_text(f"version: 1\nportfolio: {{name: Test, timezone: UTC}}\nstore: {store_url}\n", "utf-8")
    together = threading.Barrier(3)
    tools = {name: MemoryTool() for name in ("one", "two", "down")}
    for tool in tools.values():
        tool.put("r1", {})
        tool.asking = partial(_meet, together)
    tools["down"].failing = Unavailable("nobody answers", fix="wait")
    with open_store(store_url) as store:
        errand = Errand(
            store,
            load(path, {}),
            NOW,
            lambda: NOW,
            connect=lambda name: Memory(name, tools[name]),
        )
        seen = sighting.of(errand, [wanted("one", "r1"), wanted("two", "gone"), wanted("down", "r1")])
    assert [place for place, each in seen.sights.items() if each.exists] == [("one", "r1")]
    assert [(each.connection, each.label) for each in seen.missing] == [("two", "gone")]
    assert errand.report.unread == {"down": "nobody answers"}
