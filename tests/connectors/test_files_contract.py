"""The contract of every connector, kept by the drop folder."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from connectors.base import Patch, Plain, SourceRecord, Stream, Target
from connectors.files import Files
from tests.connectors.contract import ConnectorContract, Fault, Harness

FIGURES = "budget_figure"


class FilesHarness:
    """A folder with one file, and an outbox in which every row has been written once."""

    secret = "a drop folder has no secret"
    stream = Stream("budget_line", "budget*.csv", key=("code",))
    values: Mapping[str, Plain] = MappingProxyType({"budget_variance": Decimal("-12.50"), "rag_cost": "red"})
    faults: frozenset[Fault] = frozenset()
    paged = True
    absent = "nobody"
    requests = 0

    def __init__(self, folder: Path) -> None:
        self._in = folder / "in"
        self._in.mkdir()
        self._state = folder / "out" / f"{FIGURES}.state.json"
        self._rows: dict[str, str] = {}
        self._count = 0

    @property
    def writes(self) -> int:
        return sum(int(entry["version"]) for entry in self._outbox()["rows"])

    def connect(self, *, read_only: bool = False) -> Files:
        return Files("ledger", self._in, read_only=read_only, page_size=3, sleep=lambda _seconds: None)

    def add(self, count: int) -> Sequence[str]:
        ids = [f"c/{self._count + number:03}" for number in range(1, count + 1)]
        self._count += count
        self._rows |= {each: f"{each} created" for each in ids}
        self._save()
        list(
            self.connect().push(
                [Patch(self.target(self._id(each)), dict.fromkeys(self.values)) for each in ids]
            )
        )
        return [self._id(each) for each in ids]

    def edit(self, record: str) -> None:
        self._count += 1
        self._rows[self._code(record)] = f"{record} edited at {self._count}"
        self._save()

    def delete(self, record: str) -> None:
        del self._rows[self._code(record)]
        self._save()
        state = self._outbox()
        state["rows"] = [entry for entry in state["rows"] if entry["key"] != [["budget_code", record]]]
        self._state.write_text(json.dumps(state))

    def meddle(self, record: str) -> None:
        state = self._outbox()
        for entry in state["rows"]:
            if entry["key"] == [["budget_code", record]]:
                entry["values"]["rag_cost"] = "purple"
        self._state.write_text(json.dumps(state))

    def truth(self) -> Mapping[str, str]:
        return {self._id(code): text for code, text in self._rows.items()}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["note"])

    def target(self, record: str) -> Target:
        return Target(FIGURES, key=(("budget_code", record),), fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        raise AssertionError(fault)

    def heal(self) -> None:
        return

    def _save(self) -> None:
        half = self._in / "budget.part"
        half.write_text("code,note\n" + "".join(f"{code},{text}\n" for code, text in self._rows.items()))
        half.replace(self._in / "budget.csv")

    def _outbox(self) -> Any:
        return json.loads(self._state.read_text()) if self._state.exists() else {"rows": []}

    @staticmethod
    def _id(code: str) -> str:
        return code.replace("/", "%2F")

    @staticmethod
    def _code(record: str) -> str:
        return record.replace("%2F", "/")


class TestFiles(ConnectorContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return FilesHarness(tmp_path)
