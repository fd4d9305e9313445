"""Every figure of a budget line reaches every tool that finance reads, and `check` proves its field before."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.city import BudgetLine, City, build
from tests.end_to_end.office import run
from tests.reliability.ledger import SECRETS, Ledger

ACTION = "Renegotiate (Bo Diaz), due 2026-12-15"
PMO = """\
  pmo:
    tool: files
    path: pmo
    read: [{kind: risk, scope: risk.csv, full: true}]
projects:
  list: [{key: P-1, name: Depot, budget_codes: ["7001"]}]
  rules: [{connection: pmo, kind: risk, value: project_key, equals: key}]
"""
RISKS = "number,project_key,type,title,owner,due_on,state\n1,P-1,action,Renegotiate,Bo Diaz,2026-12-15,open\n"
FIGURES = {
    "odata": (
        "BudgetVarianceShare",
        "AvailableBudget",
        "RagCost",
        "CorrectiveAction",
        "ComputedAt",
        "SnapshotId",
    ),
    "sql": ("share", "available", "rag", "action", "computed_at", "snapshot"),
    "salesforce": (
        "Budget_Variance_Share__c",
        "Available_Budget__c",
        "Rag_Cost__c",
        "Corrective_Action__c",
        "Computed_At__c",
        "Snapshot_Id__c",
    ),
}
OURS = (
    "budget_variance_share",
    "available_budget",
    "rag_cost",
    "corrective_action",
    "computed_at",
    "snapshot_id",
)
WANTED = {
    "budget_variance_share": "-0.5000",
    "available_budget": "40.00",
    "rag_cost": "red",
    "corrective_action": ACTION,
}


@pytest.fixture(scope="module")
def city() -> City:
    """A city of one overspent budget line in each ledger."""
    found = build("small", date(2026, 11, 21))
    lines = [_line(next(found.budget_lines(ledger))) for ledger in ("odata", "salesforce", "sql")]
    return replace(found, projects=(), overhead=tuple(lines))


def _line(model: BudgetLine) -> BudgetLine:
    return replace(
        model,
        number=f"{model.ledger}-1",
        budget_code="7001",
        fiscal_year=2027,
        period=None,
        original_budget=Decimal(100),
        revised_budget=Decimal(100),
        pre_encumbered=Decimal(0),
        encumbered=Decimal(10),
        actual=Decimal(50),
        forecast=Decimal(150),
    )


@pytest.fixture(params=["odata", "odata_v2", "salesforce", "salesforce_jobs", "sql"])
def ledger(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Ledger]:
    """The tool with a field for every figure, and a project whose register holds a corrective action."""
    made = Ledger(request.param, city, tmp_path)
    names = FIGURES[request.param.partition("_")[0]]
    (tmp_path / "pmo").mkdir()
    (tmp_path / "pmo/risk.csv").write_text(RISKS, encoding="utf-8")
    config = tmp_path / "portico.yaml"
    more = "".join(f"        {ours}: {field}\n" for ours, field in zip(OURS, names, strict=True))
    config.write_text(config.read_text(encoding="utf-8") + more + PMO, encoding="utf-8")
    if request.param.startswith("odata"):
        table = made.app.extensions["portico"].tables["BudgetFigures"]
        table.types = {**table.types, **dict.fromkeys(names[-2:], ("Edm.String", {}))}
    if request.param.startswith("salesforce"):
        table = made.app.extensions["portico"].tables["Portico_Figure__c"]
        table.shapes = table.shapes | {each: {"type": "string", "length": 255} for each in names[-2:]}
    yield made
    made.stop()


def test_every_figure_of_a_budget_line_reaches_every_ledger(ledger: Ledger) -> None:
    ledger.sync()
    (figure,) = ledger.figures()
    shown = dict(each.partition("=")[::2] for each in figure)
    names = FIGURES[ledger.tool.partition("_")[0]]
    written = {ours: shown[field] for ours, field in zip(OURS, names, strict=True) if field in shown}
    _holds(written)
    assert ledger.sync()["planned"] == 0


def test_every_figure_of_a_budget_line_reaches_the_outbox(city: City, tmp_path: Path) -> None:
    for folder in ("in", "pmo"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pmo/risk.csv").write_text(RISKS, encoding="utf-8")
    names = (
        "budget_code",
        "fiscal_year",
        "revised_budget",
        "pre_encumbered",
        "encumbered",
        "actual",
        "forecast",
    )
    (line,) = city.budget_lines("sql")
    cells = ",".join(str(getattr(line, name)) for name in names)
    (tmp_path / "in/budget.csv").write_text(f"{','.join(names)}\n{cells}\n", encoding="utf-8")
    head = "version: 1\nportfolio: {name: L, fiscal_year_start: '07-01'}\nconnections:\n  ledger:\n    tool: files\n"
    read = "    path: in\n    read: [{kind: budget_line, scope: budget.csv}]\n"
    write = f"    write: {{budget_line: [{', '.join(OURS)}]}}\n"
    (tmp_path / "portico.yaml").write_text(head + read + write + PMO, encoding="utf-8")
    ran = run("-c", tmp_path / "portico.yaml", "--now", "2026-11-21T15:00:00Z", "sync", environment={})
    assert ran.code == 0, ran.err
    with (tmp_path / "out/budget_line.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    _holds({name: row[name] for name in OURS})


def _holds(written: Mapping[str, str]) -> None:
    assert {name: written[name] for name in ("rag_cost", "corrective_action")} == {
        name: WANTED[name] for name in ("rag_cost", "corrective_action")
    }
    for name in ("budget_variance_share", "available_budget"):
        assert Decimal(written[name]) == Decimal(WANTED[name])
    assert written["snapshot_id"].startswith("S2026")
    assert written.get("computed_at", "2026").startswith("2026")


@pytest.mark.parametrize("ledger", ["odata", "odata_v2", "salesforce"], indirect=True)
def test_check_names_a_field_that_the_tools_own_description_lacks(ledger: Ledger) -> None:
    assert _errors(ledger) == []
    state: Any = ledger.app.extensions["portico"]
    if ledger.tool == "salesforce":
        state.hidden.add(("Portico_Figure__c", "Eac__c"))
        state.locked.add(("Portico_Figure__c", "Rag_Cost__c"))
        wanted = {"Eac__c": "field-level security", "Rag_Cost__c": "field-level security"}
    else:
        table = state.tables["BudgetFigures"]
        table.types = {name: kind for name, kind in table.types.items() if name != "Eac"}
        wanted = {"Eac": "create"}
    found = _errors(ledger)
    assert len(found) == len(wanted)
    for field, fix in wanted.items():
        assert any(field in f"{each['subject']} {each['text']} {each['fix']}" for each in found)
        assert any(fix in f"{each['text']} {each['fix']}" for each in found), found


def _errors(ledger: Ledger) -> list[dict[str, Any]]:
    ran = run(*ledger.arguments("check", "ledger", "--json"), environment=SECRETS)
    found = [each for each in ran.json["findings"] if each["severity"] == "error"]
    assert ran.code == (1 if found else 0)
    return found
