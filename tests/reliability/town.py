"""A town: a store, two tools in this process, and the hands to run Portico over them under a configuration of the test's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.loading import load
from connectors.base import Identity, Outcome, Patch, Plain
from connectors.errors import Invalid
from portfolio.store import runs
from portfolio.store.database import open_store
from tests.connectors.memory import Memory, MemoryTool
from tests.sync.test_run import CONFIGURATION, City, body

PROJECTS = 5


@dataclass
class TownTool(MemoryTool):
    """A memory tool that says which tenant it is, has an automation, refuses every write, or reshapes what is written."""

    tenant: str = "city-of-test"
    automation: tuple[tuple[str, Plain], ...] = ()
    refusing: Invalid | None = None
    refused: int = 0
    reshape: Callable[[str], str] = str

    def set(self, id_: str, values: Mapping[str, Plain]) -> None:
        shaped = {
            name: self.reshape(value) if isinstance(value, str) else value for name, value in values.items()
        }
        super().set(id_, shaped)


class TownConnector(Memory):
    """The connector to a `TownTool`."""

    def __init__(self, name: str, tool: TownTool) -> None:
        super().__init__(name, tool, page_size=10)
        self.tool = tool

    def check(self) -> Identity:
        self.tool.asked()
        return Identity(account="portico", tenant=self.tool.tenant, product="memory")

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        if self.tool.refusing is None:
            yield from super().push(patches)
            return
        for patch in patches:
            self.tool.refused += 1
            yield Outcome(patch, error=self.tool.refusing)


@dataclass
class Town(City):
    """The city of `tests/sync` with fewer projects and tools that can be more than broken."""

    def connect(self, name: str) -> TownConnector:
        tool = self.tools[name]
        assert isinstance(tool, TownTool)
        return TownConnector(name, tool)

    @property
    def snow(self) -> TownTool:
        tool = self.tools["snow"]
        assert isinstance(tool, TownTool)
        return tool

    def alarms(self) -> dict[tuple[str, str], str]:
        """The standing alarms: (connection, kind) to text."""
        with self.store.reading() as db:
            return {(each["connection"], each["kind"]): each["text"] for each in runs.alarms(db)}

    def reconfigure(self, **safety: Any) -> None:
        """The configuration with other safety settings."""
        changed = self.settings.safety.model_copy(update=safety)
        self.settings = self.settings.model_copy(update={"safety": changed})

    def automate(self) -> None:
        """The tool's automation runs over every record."""
        for id_ in self.snow.rows:
            self.snow.set(id_, dict(self.snow.automation))


def found(store_url: str, folder: Path, more: str = "") -> Town:
    """A town with a fresh store at `store_url`."""
    path = folder / "portico.yaml"
    path.write_text(f"{CONFIGURATION}\nstore: {store_url}\n{more}", encoding="utf-8")
    settings = load(path, {"PASSWORD": "canary-4711"})
    made = Town(open_store(settings.store), settings, {"snow": TownTool(), "other": TownTool()})
    for number in range(PROJECTS):
        made.snow.put(f"id{number}", body(number))
    made.tools["other"].put("inc1", {"number": "INC1", "state": "1", "opened_at": "2026-11-01 10:00:00"})
    return made


def written(tool: MemoryTool) -> Sequence[tuple[str, Plain]]:
    """What the tool's log says was written: (field, value) in order."""
    return [(each["field"], each["after"]) for each in tool.write_log]
