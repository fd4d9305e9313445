"""A desk with nothing but files: a folder with a configuration and what it reads, and the real program run on it."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.end_to_end.office import Ran, run

NOON = "2026-11-20T17:00:00Z"
SETTLED = 1_790_000_000
"""A second long past: a file that changed then is not being written any more."""
HEAD = """version: 1
portfolio: {name: OIT Operations, timezone: America/New_York, currency: USD, fiscal_year_start: "07-01"}
"""
PROJECTS = """key,name,department,state,start_baseline,finish_baseline,finish_forecast,percent_complete,budget_codes
P1,Permit portal,Licenses,active,2026-07-01,2027-04-30,2027-04-30,0.45,B1
P2,Parks wifi,Parks,active,2026-07-01,2027-01-31,2027-05-31,30%,B2;B3
P3,Fleet,Fleet,proposed,,,,,
"""
BUDGET = """budget_code,fiscal_year,period,original_budget,revised_budget,pre_encumbered,encumbered,actual,forecast
B1,2027,001,500000.00,600000.00,10000.00,50000.00,200000.00,630000.00
B2,2027,,100000,100000,0,0,90000,130000
B3,2027,,50000,50000,0,5000,20000,
"""
OFFICE = """connections:
  office:
    tool: files
    path: in
    read: [READS]
    write: {project: [rag_overall, budget_variance, explanation, computed_at, snapshot_id]}
projects: {from: [{connection: office, kind: project}]}
"""


class Desk:
    """A folder with `portico.yaml` and what it reads; runs the real program on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOON
        (folder / "in").mkdir()

    def put(self, name: str, text: str | bytes) -> None:
        """Leaves a file in the drop folder."""
        data = text if isinstance(text, bytes) else text.encode()
        path = self.folder / "in" / name
        path.write_bytes(data)
        os.utime(path, (SETTLED, SETTLED))

    def configure(self, text: str) -> None:
        """Writes `portico.yaml`."""
        (self.folder / "portico.yaml").write_text(HEAD + text, encoding="utf-8")

    def office(self, **files: str) -> None:
        """One files connection that reads a file of each named entity."""
        reads = []
        for kind, text in files.items():
            self.put(f"{kind}.csv", text)
            key = text.partition(",")[0]
            reads.append(f"{{kind: {kind}, scope: {kind}.csv, key: {key}}}")
        self.configure(OFFICE.replace("READS", ", ".join(reads)))

    def run(self, *arguments: str | Path) -> Ran:
        """One command."""
        return run("-c", self.folder / "portico.yaml", "--now", self.now, *arguments, environment={})

    def json(self, *arguments: str) -> Any:
        """One command's JSON document."""
        return self.run(*arguments, "--json").json

    def project(self, key: str) -> Mapping[str, Any]:
        """A project of the report document."""
        projects: Sequence[Mapping[str, Any]] = self.run("report", "--format", "json").json["projects"]
        return next(each for each in projects if each["key"] == key)

    def exported(self, entity: str) -> list[dict[str, Any]]:
        """The rows of an entity in the exit kit."""
        assert self.run("export", self.folder / "kit").code == 0
        lines = (self.folder / "kit" / f"{entity}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
