"""What Portico writes into ServiceNow, by which way, and what it never touches."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.base import Patch, Plain, Shown, Target
from connectors.errors import Conflict, ContractBroken, CredentialsRefused, Invalid, OutcomeUnknown
from connectors.servicenow import ServiceNow
from sandbox.faults import Rule
from sandbox.servicenow_import import TransformMap
from tests.connectors.snow_served import SECRET, ServiceNowHarness, patched, running

STAGING = "u_portico_import"
MAP = TransformMap("Portico", "pm_project")
NEVER = (
    "state", "incident_state", "close_code", "close_notes", "closed_at", "resolved_at", "active", "stage",
    "approval", "percent_complete", "end_date", "work_notes", "comments", "sys_updated_on", "sys_mod_count",
)  # fmt: skip


@pytest.fixture
def snow() -> Iterator[ServiceNowHarness]:
    with running(lambda: datetime.now(UTC)) as harness:
        harness.tool.maps[STAGING] = MAP
        yield harness


@pytest.fixture
def importing(snow: ServiceNowHarness) -> Iterator[ServiceNow]:
    connector = snow.connect(import_table=STAGING)
    yield connector
    connector.close()


def sent(snow: ServiceNowHarness) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in snow.tool.requests if method != "GET"]


@pytest.mark.parametrize("way", [None, STAGING])
def test_a_record_is_never_moved_resolved_or_closed(snow: ServiceNowHarness, way: str | None) -> None:
    (record,) = snow.add(1)
    connector = snow.connect(import_table=way)
    asked = snow.requests
    for name in NEVER:
        target = Target("pm_project", record, fields=(name, "u_gate_status"))
        (outcome,) = connector.push([Patch(target, {name: "7", "u_gate_status": "G3"})])
        assert isinstance(outcome.error, Invalid)
        assert name in outcome.error.text
    assert snow.requests == asked, "refused before any request, and with it the rest of the patch"
    fields = {each.id: each for each in connector.describe("pm_project")}
    shown = [fields[name] for name in NEVER if name in fields]
    assert len(shown) > 5
    assert all(not each.writable and each.hint for each in shown)
    connector.close()


def test_no_note_unless_it_is_asked_for(snow: ServiceNowHarness) -> None:
    (record,) = snow.add(1)
    plain, noting = snow.connect(), snow.connect(work_notes=True)
    patched(plain, record, u_gate_status="G2")
    assert {each["field"] for each in snow.tool.write_log if each["by"] == snow.tool.user} == {
        "u_gate_status"
    }
    patched(noting, record, u_gate_status="G3", u_rag_overall="red")
    notes = [each["after"] for each in snow.tool.write_log if each["field"] == "work_notes"]
    assert notes == ["Portico wrote u_gate_status: G3 (was G2); u_rag_overall: red (was empty)"]
    assert patched(noting, record, u_gate_status="G3").error is None
    assert len([each for each in snow.tool.write_log if each["field"] == "work_notes"]) == 1
    assert not any(each["field"] == "comments" for each in snow.tool.write_log)
    plain.close()
    noting.close()


def test_a_version_that_moved_is_a_conflict_by_either_way(
    snow: ServiceNowHarness, importing: ServiceNow
) -> None:
    (record,) = snow.add(1)
    direct = snow.connect()
    for connector in (direct, importing):
        target = Target("pm_project", record, fields=("u_gate_status",))
        (shown,) = connector.look([target])
        snow.edit(record)
        (outcome,) = connector.push([Patch(target, {"u_gate_status": "G3"}, shown.values, shown.version)])
        assert isinstance(outcome.error, Conflict)
    assert sent(snow) == []
    direct.close()


class TestImportSet:
    """The way for administrators who give no right to their tables."""

    def test_values_go_through_the_map_and_are_read_back(
        self, snow: ServiceNowHarness, importing: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        values: Mapping[str, Plain] = snow.values
        outcome = patched(importing, record, **values)
        assert outcome.error is None
        assert outcome.shown is not None
        assert dict(outcome.shown.values) == dict(values)
        assert sent(snow) == [("POST", f"/api/now/import/{STAGING}")]
        assert patched(importing, record, **values).error is None
        assert len(sent(snow)) == 1, "values shown already cost no row"

    def test_a_column_that_the_map_leaves_out_is_named(
        self, snow: ServiceNowHarness, importing: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        snow.tool.maps[STAGING] = TransformMap("Portico", "pm_project", columns=frozenset(["u_rag_overall"]))
        outcome = patched(importing, record, u_gate_status="G3", u_rag_overall="red")
        assert isinstance(outcome.error, Invalid)
        assert "u_gate_status" in outcome.error.text
        assert outcome.error.fix.startswith("Map u_gate_status in the transform map")
        assert outcome.shown is not None
        assert outcome.shown.values["u_rag_overall"] == "red"

    def test_a_map_without_coalesce_stops_the_connection_at_its_first_row(
        self, snow: ServiceNowHarness, importing: ServiceNow
    ) -> None:
        made = snow.add(3)
        snow.tool.maps[STAGING] = TransformMap("Portico", "pm_project", coalesce=None)
        patches = [
            Patch(Target("pm_project", id_, fields=("u_gate_status",)), {"u_gate_status": "G3"})
            for id_ in made
        ]
        with pytest.raises(ContractBroken, match="instead of") as caught:
            list(importing.push(patches))
        assert "coalesce" in caught.value.fix
        assert len(sent(snow)) == 1

    def test_a_row_that_the_map_refuses(self, snow: ServiceNowHarness, importing: ServiceNow) -> None:
        (record,) = snow.add(1)
        snow.tool.maps[STAGING] = TransformMap("Portico", "pm_project", refuses="gate is frozen")
        outcome = patched(importing, record, u_gate_status="G3")
        assert isinstance(outcome.error, Invalid)
        assert "gate is frozen" in outcome.error.text

    def test_a_staging_table_that_tells_nothing(self, snow: ServiceNowHarness, importing: ServiceNow) -> None:
        (record,) = snow.add(1)
        snow.tool.maps[STAGING] = TransformMap("Portico", "pm_project", silent=True)
        outcome = patched(importing, record, u_gate_status="G3")
        assert isinstance(outcome.error, Invalid)
        assert "ACL" in outcome.error.fix

    def test_no_staging_table_stops_the_connection(
        self, snow: ServiceNowHarness, importing: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        snow.tool.maps.clear()
        with pytest.raises(CredentialsRefused, match=STAGING):
            patched(importing, record, u_gate_status="G3")

    def test_a_row_that_was_not_answered_is_unknown_and_not_sent_again(
        self, snow: ServiceNowHarness, importing: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        snow.faulty.use(Rule(do="drop", methods=("POST",), after_work=True, times=None))
        outcome = patched(importing, record, u_gate_status="G3")
        assert isinstance(outcome.error, OutcomeUnknown)
        assert len(sent(snow)) == 1
        snow.heal()
        (shown,) = importing.look([Target("pm_project", record, fields=("u_gate_status",))])
        assert isinstance(shown, Shown)
        assert shown.values["u_gate_status"] == "G3"


def test_both_ways_are_configured(tmp_path: Path, snow: ServiceNowHarness) -> None:
    from config.loading import load  # noqa: PLC0415
    from sync import wiring  # noqa: PLC0415

    path = tmp_path / "portico.yaml"
    path.write_text(
        "version: 1\nportfolio: {name: P, timezone: UTC, currency: USD}\nstore: sqlite:///p.db\nconnections:\n"
        f"  snow: {{tool: servicenow, url: '{snow.server.url}', import_table: {STAGING}, requests_per_second: 1000,\n"
        "    auth: {type: basic, user: portico.bot, password: '${SECRET}'}, read: [{kind: pm_project}]}\n",
        encoding="utf-8",
    )
    (record,) = snow.add(1)
    connector = wiring.connector(load(path, {"SECRET": SECRET}), "snow")
    assert patched(connector, record, u_gate_status="G3").error is None
    connector.close()
    assert sent(snow) == [("POST", f"/api/now/import/{STAGING}")]
