from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pytest

from connectors.base import Plain, SourceRecord, Stream, Target
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    RateLimited,
    Unavailable,
)
from tests.connectors.contract import ConnectorContract, Fault, Harness
from tests.connectors.memory import Memory, MemoryTool

_FAILURES: Mapping[Fault, ConnectorError] = {
    "unauthorized": CredentialsRefused("401"),
    "rate_limited": RateLimited("429"),
    "server_error": Unavailable("500"),
    "login_page": CredentialsRefused("a sign-in page"),
    "gone": ContractBroken("410"),
}


class MemoryHarness:
    secret = "s3cr3t-of-memory"
    stream = Stream("item", fields=("text",))
    values: Mapping[str, Plain] = MappingProxyType({"rag": "Green", "gate": "G2 approved"})
    faults: frozenset[Fault] = frozenset([*_FAILURES, "repeated_page", "short_read", "lost_write"])
    paged = True
    absent = "r999"

    def __init__(self) -> None:
        self.tool = MemoryTool()

    @property
    def writes(self) -> int:
        return len(self.tool.write_log)

    @property
    def requests(self) -> int:
        return self.tool.requests

    def connect(self, *, read_only: bool = False) -> Memory:
        return Memory("memory", self.tool, read_only=read_only, page_size=3)

    def add(self, count: int) -> Sequence[str]:
        ids = [f"r{self.tool.change + number:03}" for number in range(1, count + 1)]
        for each in ids:
            self.tool.put(each, {"text": f"{each} created"})
        return ids

    def edit(self, record: str) -> None:
        self.tool.put(record, {"text": f"{record} edited at {self.tool.change}"})

    def delete(self, record: str) -> None:
        self.tool.delete(record)

    def meddle(self, record: str) -> None:
        self.tool.set(record, {"rag": "Purple"})

    def truth(self) -> Mapping[str, str]:
        return {id_: row.body["text"] for id_, row in self.tool.rows.items()}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["text"])

    def target(self, record: str) -> Target:
        return Target("item", id=record, fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        self.tool.failing = _FAILURES.get(fault)
        self.tool.repeat_pages = fault == "repeated_page"
        self.tool.withhold = 2 if fault == "short_read" else 0
        self.tool.lose_answers = fault == "lost_write"

    def heal(self) -> None:
        self.tool.failing = None
        self.tool.repeat_pages = self.tool.lose_answers = False
        self.tool.withhold = 0


class TestMemory(ConnectorContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return MemoryHarness()
