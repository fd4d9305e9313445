"""The contract of every connector against the simulated instance, then the Table API's traps one by one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest

from connectors.base import UNDESCRIBED, Page, Plain, Stream, Target
from connectors.errors import ContractBroken, CredentialsRefused, Invalid, RateLimited, Retry
from connectors.servicenow import ServiceNow
from connectors.servicenow.columns import Column
from connectors.servicenow.query import checked_scope
from sandbox.city import build
from sandbox.servicenow_city import tables_of
from sandbox.servicenow_tables import sys_id
from tests.connectors.contract import ConnectorContract, Harness
from tests.connectors.snow_served import ServiceNowHarness, ids_of, last, patched, running


@pytest.fixture
def snow() -> Iterator[ServiceNowHarness]:
    with running(lambda: datetime.now(UTC)) as harness:
        yield harness


class TestServiceNow(ConnectorContract):
    @pytest.fixture
    def harness(self, snow: ServiceNowHarness) -> Harness:
        return snow


@pytest.fixture
def connector(snow: ServiceNowHarness) -> Iterator[ServiceNow]:
    connector = snow.connect()
    yield connector
    connector.close()


class TestReading:
    """Every visible row, whatever the page looks like."""

    def test_a_page_shortened_by_row_rules_is_not_the_end(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        ids = snow.add(10)
        snow.tool.rights.hidden.update(sorted(ids)[1:3])
        assert set(ids_of(connector, snow.stream)) == set(ids) - snow.tool.rights.hidden
        assert connector.census(snow.stream).ids == frozenset(ids) - snow.tool.rights.hidden

    def test_a_page_hidden_as_a_whole_is_not_the_end(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        ids = snow.add(10)
        snow.tool.rights.hidden.update(sorted(ids)[:4])
        assert set(ids_of(connector, snow.stream)) == set(sorted(ids)[4:])
        assert connector.census(snow.stream).ids == frozenset(sorted(ids)[4:])

    def test_rows_hidden_from_every_way_of_reading_leave_the_read_complete(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        ids = snow.add(7)
        snow.tool.rights.hidden.update(ids[:2])
        assert last(connector, snow.stream).complete

    def test_rows_that_only_another_way_of_reading_shows_make_the_read_incomplete(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        ids = [snow.load(number, at=f"2026-01-05 09:00:0{number}") for number in range(7)]
        snow.tool.rights.hidden.add(ids[0])
        pages = connector.pull(snow.stream, None)
        next(pages)
        snow.tool.rights.hidden.clear()
        assert not list(pages)[-1].complete

    def test_many_rows_of_one_second_are_read_once(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        for number in range(11):
            snow.load(number, at="2026-01-05 09:00:00")
        snow.load(11, at="2026-01-05 09:00:01")
        found = ids_of(connector, snow.stream)
        assert len(found) == len(set(found)) == 12

    def test_nothing_new_costs_one_request_and_one_after_deletions(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        for number in range(8):
            snow.load(number, at=f"2026-01-05 09:00:0{number}")
        cursor = last(connector, snow.stream).cursor
        asked = snow.requests
        assert ids_of(connector, snow.stream, cursor) == []
        assert snow.requests == asked + 2
        snow.tool.rights.closed.add("sys_audit_delete")
        for _ in range(3):
            assert ids_of(connector, snow.stream, cursor) == []
        assert snow.requests == asked + 6, "an audit that may not be read is asked for once"

    def test_a_recorded_deletion_is_seen_at_the_next_read(self) -> None:
        clock = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
        with running(lambda: clock[0]) as snow:
            snow.tool.tables.audited.add("pm_project")
            connector = snow.connect()
            gone, restored, stays = snow.add(3)
            clock[0] += timedelta(hours=1)
            cursor = last(connector, snow.stream).cursor
            clock[0] += timedelta(hours=1)
            row = dict(snow.tool.tables.find("pm_project", restored) or {})
            snow.delete(gone)
            snow.delete(restored)
            snow.tool.tables.load("pm_project", row)
            pages = list(connector.pull(snow.stream, cursor))
            assert {each for page in pages for each in page.gone} == {gone}
            snow.tool.drops = lambda term: term.startswith(("tablename=", "sys_created_on>"))
            snow.tool.tables.load(
                "sys_audit_delete",
                {
                    "sys_id": "0" * 32,
                    "tablename": "risk",
                    "documentkey": stays,
                    "sys_created_on": "2026-03-01 14:00:00",
                },
            )
            pages = list(connector.pull(snow.stream, pages[-1].cursor))
            assert not any(stays in page.gone for page in pages)
            asked = [params.get("sysparm_query", "") for _, _, params in snow.tool.requests]
            assert not any(query.startswith("sys_idIN") and stays in query for query in asked)
            snow.tool.tables.delete("pm_project", stays)
            snow.tool.drops = lambda _: False
            snow.tool.rights.closed.add("sys_audit_delete")
            assert not any(page.gone for page in connector.pull(snow.stream, pages[-1].cursor))
            assert stays not in (connector.census(snow.stream).ids or ())
            connector.close()

    def test_an_update_committed_late_is_not_missed(self) -> None:
        clock = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
        with running(lambda: clock[0]) as snow:
            connector = snow.connect(overlap_seconds=120)
            snow.load(1, at="2026-03-01 11:59:58")
            cursor = last(connector, snow.stream).cursor
            late = snow.load(2, at="2026-03-01 11:59:00")
            clock[0] += timedelta(hours=1)
            assert late in ids_of(connector, snow.stream, cursor)
            connector.close()

    def test_a_table_without_records_is_empty_and_complete(self, connector: ServiceNow) -> None:
        page = last(connector, Stream("risk", fields=("number",)))
        assert (page.records, page.last, page.complete) == ([], True, True)

    def test_a_second_that_is_not_kept_to_is_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        for number in range(9):
            snow.load(number, at="2026-01-05 09:00:00")
        snow.load(9, at="2026-01-05 09:00:01", sys_id="f" * 32)
        snow.tool.drops = lambda term: term.startswith("sys_updated_on=")
        with pytest.raises(ContractBroken):
            ids_of(connector, snow.stream)

    @pytest.mark.parametrize("dropped", ["sys_updated_on>", "ORDERBY"])
    def test_a_delta_that_is_not_kept_to_is_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow, dropped: str
    ) -> None:
        for second in (3, 5, 1, 4, 2):
            snow.load(second, at=f"2026-01-05 09:00:0{second}")
        cursor = last(connector, snow.stream).cursor
        snow.load(7, at="2026-01-05 09:00:07")
        snow.load(6, at="2026-01-05 09:00:06")
        snow.tool.drops = lambda term: term.startswith(dropped)
        with pytest.raises(ContractBroken):
            ids_of(connector, snow.stream, cursor)

    def test_the_last_second_given_again_is_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.load(1, at="2026-01-05 09:00:00")
        cursor = last(connector, snow.stream).cursor
        snow.tool.drops = lambda term: term.startswith("sys_updated_on>")
        with pytest.raises(ContractBroken):
            ids_of(connector, snow.stream, cursor)

    def test_ids_out_of_order_inside_a_second_are_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        for digit in "dbca":
            snow.load(0, at="2026-01-05 09:00:00", sys_id=digit * 32)
        assert len(ids_of(connector, snow.stream)) == 4
        snow.tool.drops = lambda term: term == "ORDERBYsys_id"
        with pytest.raises(ContractBroken):
            ids_of(connector, snow.stream)

    def test_a_census_that_starts_over_is_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.add(7)
        snow.tool.drops = lambda term: term.startswith("sys_id>")
        with pytest.raises(ContractBroken):
            connector.census(snow.stream)

    def test_times_in_another_shape_are_refused(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        snow.load(1, at="2026-01-05T09:00:00Z")
        with pytest.raises(ContractBroken, match="sys_updated_on"):
            ids_of(connector, snow.stream)

    def test_more_hidden_rows_than_a_page_can_hold_stop_the_read(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        hidden = [snow.load(number, at="2026-01-05 09:00:00") for number in range(10_001)]
        snow.load(10_001, at="2026-01-05 09:00:01")
        snow.tool.rights.hidden.update(hidden)
        with pytest.raises(ContractBroken, match="hidden") as caught:
            ids_of(connector, snow.stream)
        assert "read rights" in caught.value.fix

    def test_a_full_stream_starts_over(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        snow.load(1, at="2026-01-05 09:00:00")
        stream = replace(snow.stream, full=True)
        page = last(connector, stream, last(connector, stream).cursor)
        assert (len(page.records), page.replaces) == (1, True)

    @pytest.mark.parametrize("how", ["beside", "torn", "failed"])
    def test_a_page_given_up_inside_a_200_is_asked_for_in_smaller_pieces(
        self, snow: ServiceNowHarness, how: Literal["beside", "torn", "failed"]
    ) -> None:
        connector = snow.connect(page_size=80)
        ids = snow.add(50)
        snow.tool.rows_in_time, snow.tool.cancelled = 25, how
        assert sorted(ids_of(connector, snow.stream)) == sorted(ids)
        limits = [int(params["sysparm_limit"]) for _, _, params in snow.tool.requests]
        assert limits[:3] == [80, 40, 20], "each time half of it, without asking for the same page again"
        snow.tool.rows_in_time = 5
        with pytest.raises(Retry):
            ids_of(connector, snow.stream)
        connector.close()

    def test_a_quota_spent_in_the_middle_leaves_a_cursor_to_go_on(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        for number in range(9):
            snow.load(number, at=f"2026-01-05 09:00:0{number}")
        snow.tool.quota = 2
        pages: list[Page] = []
        with pytest.raises(RateLimited) as limited:  # noqa: PT012
            for page in connector.pull(snow.stream, None):
                pages.append(page)  # noqa: PERF402 - what came before the refusal counts
        assert limited.value.retry_after == 1800
        assert snow.requests == 3, "not asked again before its time"
        snow.tool.quota = None
        seen = {record.id for page in pages for record in page.records}
        assert seen
        assert seen | set(ids_of(connector, snow.stream, pages[-1].cursor)) == set(snow.truth())
        assert len(seen) + len(ids_of(connector, snow.stream, pages[-1].cursor)) == 9

    def test_an_instance_with_no_free_semaphore_is_asked_again(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        made = snow.add(1)
        snow.tool.busy = 2
        assert ids_of(connector, snow.stream) == made

    def test_a_dropped_term_of_the_scope_is_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.add(2)
        with pytest.raises(ContractBroken, match="activ"):
            ids_of(connector, replace(snow.stream, scope="activ=true"))

    @pytest.mark.parametrize(
        "scope",
        [
            "active=true",
            "active=true^priority=1^ORpriority=2",
            "priorityIN1,2",
            "priority!=3",
            "priorityNOT IN3,4",
            "numberSTARTSWITHold",
            "numberISNOTEMPTY",
            "u_rag_overallISEMPTY",
        ],
    )
    def test_a_row_that_the_scope_does_not_ask_for_is_noticed(
        self, snow: ServiceNowHarness, connector: ServiceNow, scope: str
    ) -> None:
        inside = snow.load(1, at="2026-01-05 09:00:01", priority="1")
        outside = {"priority": "3", "active": "false", "number": "", "u_rag_overall": "red", "u_tier": "1"}
        snow.load(2, at="2026-01-05 09:00:02", **outside)
        stream = replace(snow.stream, scope=scope)
        assert ids_of(connector, stream) == [inside]
        snow.tool.drops = lambda term: not term.startswith(("sys_", "ORDERBY"))
        with pytest.raises(ContractBroken, match="dropped a term"):
            ids_of(connector, stream)

    @pytest.mark.parametrize(
        "scope",
        ["sys_updated_on>=javascript:gs.beginningOfLastYear()", "short_descriptionLIKEold", "active=TRUE"],
    )
    def test_what_only_the_instance_can_judge_is_left_to_it(
        self, snow: ServiceNowHarness, connector: ServiceNow, scope: str
    ) -> None:
        row = snow.load(1, at="2026-01-05 09:00:01")
        snow.tool.drops = lambda term: not term.startswith(("sys_", "ORDERBY"))
        assert ids_of(connector, replace(snow.stream, scope=scope)) == [row]

    @pytest.mark.parametrize(
        "scope", ["active=true^NQpriority=1", "active=true^ORDERBYnumber", "active IS true", "Active=true"]
    )
    def test_a_scope_that_would_widen_the_read_is_refused_before_any_request(
        self, snow: ServiceNowHarness, connector: ServiceNow, scope: str
    ) -> None:
        asked = snow.requests
        with pytest.raises(ContractBroken):
            ids_of(connector, replace(snow.stream, scope=scope))
        with pytest.raises(ContractBroken):
            connector.census(replace(snow.stream, scope=scope))
        assert snow.requests == asked

    def test_a_scope_with_alternatives_keeps_its_meaning(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        inside = {snow.load(n, at=f"2026-01-05 09:00:0{n}", priority=str(1 + n % 2)) for n in range(6)}
        snow.load(7, at="2026-01-05 09:00:07", priority="3")
        snow.load(8, at="2026-01-05 09:00:08", priority="1", active="false")
        stream = replace(snow.stream, scope="active=true^priority=1^ORpriority=2")
        assert set(ids_of(connector, stream)) == inside

    def test_words_come_by_dot_walking(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        user = snow.tool.tables.load("sys_user", {"sys_id": sys_id("ada"), "name": "Ada Moreno"})["sys_id"]
        snow.load(1, at="2026-01-05 09:00:00", project_manager=user)
        stream = replace(snow.stream, fields=("project_manager.name", "state.value", "short_description"))
        (record,) = last(connector, stream).records
        assert record.body["project_manager"] == user
        assert record.body["project_manager.name"] == "Ada Moreno"
        assert {"state", "short_description"} <= record.body.keys()
        assert record.url is not None
        assert record.url.endswith(f"nav_to.do?uri=pm_project.do%3Fsys_id%3D{record.id}")

    def test_a_table_that_is_not_there_is_named(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        with pytest.raises(ContractBroken, match="im_idea_core") as caught:
            ids_of(connector, Stream("im_idea_core"))
        assert "plugin" in caught.value.fix
        snow.tool.rights.closed.add("incident")
        with pytest.raises(CredentialsRefused, match="incident") as closed:
            ids_of(connector, Stream("incident"))
        assert "ACL" in closed.value.fix

    def test_an_owned_column_that_may_not_be_read_is_not_shown_as_empty(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.add(1)
        snow.tool.rights.unreadable["pm_project"] = {"u_rag_overall"}
        stream = replace(snow.stream, owned=("u_rag_overall", "u_gate_status"))
        (record,) = last(connector, stream).records
        assert dict(record.owned) == {"u_gate_status": None}


class TestWriting:
    """200 is not yet a write."""

    def test_a_field_passed_over_is_refused_with_its_fix(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        snow.tool.rights.unwritable["pm_project"] = {"u_gate_status"}
        outcome = patched(connector, record, u_gate_status="G3", u_rag_overall="red")
        assert isinstance(outcome.error, Invalid)
        assert "u_gate_status" in outcome.error.text
        assert "u_rag_overall" not in outcome.error.text
        assert "ACL" in outcome.error.fix
        assert outcome.shown is not None
        assert dict(outcome.shown.values) == {"u_gate_status": None, "u_rag_overall": "red"}

    @pytest.mark.parametrize(
        ("name", "value", "fix"),
        [("u_rag_overall", "purple", "Choice Lists > New"), ("u_absent", "x", "Dictionary > New")],
    )
    def test_the_fix_is_what_the_dictionary_says(
        self, snow: ServiceNowHarness, connector: ServiceNow, name: str, value: str, fix: str
    ) -> None:
        (record,) = snow.add(1)
        outcome = patched(connector, record, **{name: value})
        assert isinstance(outcome.error, Invalid)
        assert fix in outcome.error.fix

    def test_values_shown_already_cost_no_write(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        (record,) = snow.add(1)
        for _ in range(2):
            assert patched(connector, record, **snow.values).error is None
        assert [method for method, _, _ in snow.tool.requests].count("PATCH") == 1

    def test_a_choice_cannot_be_emptied(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        (record,) = snow.add(1)
        patched(connector, record, u_rag_overall="red")
        outcome = patched(connector, record, u_rag_overall=None)
        assert isinstance(outcome.error, Invalid)
        assert "cannot be emptied" in outcome.error.fix

    def test_a_record_that_may_not_be_written(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        (record,) = snow.add(1)
        snow.tool.rights.frozen.add(record)
        outcome = patched(connector, record, u_gate_status="G3")
        assert isinstance(outcome.error, Invalid)
        assert "security constraints" in outcome.error.text
        assert (
            "Access Control (ACL) > New: Type record, Operation write, Name pm_project" in outcome.error.fix
        )

    def test_a_reshaped_value_is_shown_not_refused(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        outcome = patched(connector, record, u_budget_variance=Decimal("10.128"), u_explanation="late " * 300)
        assert outcome.error is None
        assert outcome.shown is not None
        assert outcome.shown.values["u_budget_variance"] == Decimal("10.13")
        text = outcome.shown.values["u_explanation"]
        assert isinstance(text, str)
        assert (len(text), text[-1]) == (1000, "…")

    def test_a_rule_that_overwrites_our_value_is_shown(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        (record,) = snow.add(1)
        snow.tool.drift = {"u_gate_status": "set by a rule"}
        outcome = patched(connector, record, u_gate_status="G3")
        assert outcome.error is None
        assert outcome.shown is not None
        assert outcome.shown.values["u_gate_status"] == "set by a rule"

    def test_by_number_and_by_key(self, snow: ServiceNowHarness, connector: ServiceNow) -> None:
        (record,) = snow.add(1)
        row = snow.tool.tables.find("pm_project", record)
        assert row is not None
        snow.edit(record, u_portico_key="OIT-001")
        targets = [
            Target("pm_project", row["number"], fields=("u_gate_status",)),
            Target("pm_project", key=(("u_portico_key", "OIT-001"),), fields=("u_gate_status",)),
            Target("pm_project", "PRJ9999999"),
            Target("pm_project", key=(("u_portico_key", "x^ORactive=true"),)),
        ]
        shown = {each.target: each for each in connector.look(targets)}
        assert [shown[each].id for each in targets] == [record, record, None, None]

    def test_a_name_that_two_records_share_names_none(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        for number in (1, 2):
            snow.load(number, at="2026-01-05 09:00:00", number="PRJ0000777")
        (shown,) = connector.look([Target("pm_project", "PRJ0000777")])
        assert not shown.exists

    def test_a_key_column_that_does_not_exist_never_finds_a_stranger(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.add(1)
        with pytest.raises(ContractBroken):
            list(connector.look([Target("pm_project", key=(("u_no_such_key", "OIT-001"),))]))


class TestSetUp:
    """What `check` and `fields` tell an administrator."""

    def test_check_names_account_instance_and_roles(self) -> None:
        city = build("small", date(2026, 11, 20))
        clock = datetime(2026, 11, 20, 15, tzinfo=UTC)
        with running(lambda: clock, tables_of(city, lambda: clock)) as snow:
            connector = snow.connect()
            identity = connector.check()
            assert identity.account == snow.tool.user
            assert identity.tenant == sys_id("instance", city.name)
            assert identity.product == "ServiceNow glide-sandbox"
            assert identity.server_time == clock
            assert any("it_project_manager" in each.text for each in identity.findings)
            snow.tool.rights.closed.update({"sys_user", "sys_properties"})
            identity = connector.check()
            assert (identity.account, identity.tenant) == ("unknown", "127.0.0.1")
            assert [each.severity for each in identity.findings] == ["warning"]
            connector.close()

    def test_an_account_that_may_do_everything_is_warned_of(self, snow: ServiceNowHarness) -> None:
        user = {"sys_id": sys_id("bot"), "user_name": snow.tool.user, "web_service_access_only": "true"}
        snow.tool.tables.load("sys_user", user)
        snow.tool.tables.load("sys_user_role", {"sys_id": sys_id("role"), "name": "admin"})
        held = {"sys_id": sys_id("held"), "user": sys_id("bot"), "role": sys_id("role")}
        snow.tool.tables.load("sys_user_has_role", held)
        connector = snow.connect()
        assert [each.severity for each in connector.check().findings] == ["info", "warning"]
        connector.close()

    def test_describe_tells_types_options_and_hints(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.add(1)
        snow.tool.rights.unreadable["pm_project"] = {"u_rag_cost"}
        fields = {each.id: each for each in connector.describe("pm_project")}
        assert fields["u_rag_overall"].options == ("green", "amber", "red", "approved_change", "unknown")
        assert fields["state"].options[-1] == "5"
        assert fields["u_rag_overall"].holds == "text"
        assert (fields["start_date"].type, fields["number"].type) == ("glide_date_time", "string")
        assert "ACL" in fields["u_rag_cost"].hint
        assert not fields["u_rag_cost"].writable
        assert not fields["sys_mod_count"].writable

    def test_without_the_dictionary_a_row_tells_the_names(
        self, snow: ServiceNowHarness, connector: ServiceNow
    ) -> None:
        snow.tool.rights.closed.update({"sys_dictionary", "sys_db_object", "sys_choice"})
        with pytest.raises(ContractBroken, match="pm_project"):
            connector.describe("pm_project")
        (record,) = snow.add(1)
        fields = {each.id: each for each in connector.describe("pm_project")}
        assert not fields["u_rag_overall"].writable
        assert "sys_dictionary" in fields["u_rag_overall"].hint
        assert (fields["u_rag_overall"].type, fields["u_rag_overall"].holds) == (UNDESCRIBED, None)
        assert patched(connector, record, u_computed_at="2026-11-20T13:00:00Z").error is None
        (shown,) = connector.look([Target("pm_project", record, fields=("u_computed_at",))])
        assert shown.values == {"u_computed_at": "2026-11-20T13:00:00Z"}


@pytest.mark.parametrize(
    ("scope", "shown", "denied"),
    [
        ("active=1", "true", False),
        ("active=0", "true", True),
        ("x=NULL", "", False),
        ("x=NULL", "a", True),
        ("x=5", "5.00", False),
        ("x=Ada", "ada", False),
        ("x=a^^b", "a^b", False),
        ("x=1^ORx=2", "2", False),
        ("x=1^ORx=2", "3", True),
        ("x=1^ORy=2", "3", False),
    ],
)
def test_what_a_row_denies(scope: str, shown: str, denied: bool) -> None:  # noqa: FBT001 - a table's column
    name = scope.partition("=")[0]
    assert (checked_scope(scope).denied_by({name: shown}) == name) == denied


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("decimal", Decimal("-1250.50"), "-1250.50"),
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("glide_date", "2026-12-01", "2026-12-01"),
        ("glide_date_time", "2026-11-20T13:00:00Z", "2026-11-20 13:00:00"),
        ("string", "2026-11-20T13:00:00Z", "2026-11-20T13:00:00Z"),
        ("string", None, ""),
    ],
)
def test_plain_values_and_stored_text(type_: str, value: Plain, text: str) -> None:
    column = Column("u_x", type=type_)
    assert column.encode(value) == text
    assert column.decode(text) == value
    assert column.decode({"link": "https://x", "value": text}) == value
