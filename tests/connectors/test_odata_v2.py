"""OData V2 as SAP Gateway speaks it: the contract, and the traps of its dates, literals, tokens, ETags and batches."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import flask
import pytest
import responses

from connectors.auth import basic
from connectors.base import Outcome, Page, Patch, Plain, Stream, Target
from connectors.errors import Conflict, ContractBroken, Invalid, OutcomeUnknown
from connectors.http import Http
from connectors.odata import OData
from connectors.odata_metadata import Property
from connectors.odata_v2 import date_of, row_of
from sandbox import odata, odata_v2
from sandbox.city import build
from sandbox.faults import Faults, Rule
from sandbox.odata import AMOUNTS, PASSWORD, USER, Service
from sandbox.server import serve
from tests.connectors.contract import ConnectorContract, Harness
from tests.connectors.test_odata_contract import ODataHarness

CITY = build("small", date(2026, 11, 21))
NOW = datetime(2030, 1, 1, tzinfo=UTC)
EXACT = Decimal("999999999999999.99")
LINES = Stream("budget_line", "BudgetLines", cursor_field="ModifiedAt")
APPS = {"v2": odata_v2.create_app, "v4": odata.create_app}


class Site:
    def __init__(self, version: str) -> None:
        self.app = APPS[version](CITY)
        self.service: Service = self.app.extensions["portico"]
        self.asked: list[str] = []
        self.meddle: Callable[[], None] = lambda: None
        self.app.before_request(self._note)
        self.faults = Faults(self.app)
        self.server = serve(self.faults)
        self.odata = self.connect()

    def _note(self) -> None:
        self.asked.append(f"{flask.request.path}?{flask.request.query_string.decode()}")
        self.meddle()

    def connect(self) -> OData:
        http = Http(self.server.url, auth=basic(USER, PASSWORD), sleep=lambda _seconds: None)
        return OData("erp", http, read_only=False, page_size=20, now=lambda: NOW)

    def push(self, count: int, **values: Plain) -> list[Outcome]:
        return list(self.odata.push([Patch(figure(f"14'0{number}"), values) for number in range(count)]))


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site("v2")
    yield site
    site.odata.close()
    site.server.stop()


@pytest.fixture(params=["v2", "v4"])
def either(request: pytest.FixtureRequest) -> Iterator[Site]:
    site = Site(request.param)
    yield site
    site.odata.close()
    site.server.stop()


def figure(code: str, fields: tuple[str, ...] = ("Eac", "RagCost")) -> Target:
    key = (("BudgetCode", code), ("FiscalYear", "2027"), ("Period", "003"))
    return Target("BudgetFigures", key=key, fields=fields)


def records(pages: list[Page]) -> list[Any]:
    return [record for page in pages for record in page.records]


class TestODataV2(ConnectorContract):
    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        harness = ODataHarness(CITY, odata_v2.create_app, "MERGE")
        yield harness
        harness.server.stop()


# reading


def test_the_citys_lines_come_to_the_cent_and_its_days_are_days(site: Site) -> None:
    pages = list(site.odata.pull(LINES, None))
    lines = {line.number: line for line in CITY.budget_lines("odata")}
    assert site.odata.check().product == "OData 2.0"
    assert {record.id for record in records(pages)} == set(lines)
    for name, field in AMOUNTS.items():
        total = sum((Decimal(record.body[name] or 0) for record in records(pages)), Decimal(0))
        assert total == sum((getattr(line, field) or Decimal(0) for line in lines.values()), Decimal(0))
    for record in records(pages):
        posted = lines[record.id].posted_on
        assert record.body["PostedOn"] == (posted.isoformat() if posted else None)
        assert record.updated_at == lines[record.id].updated_at
        assert not {"__metadata", "to_Lines"} & record.body.keys()
    assert pages[-1].complete
    census = site.odata.census(LINES)
    assert (census.ids, census.count) == (frozenset(lines), len(lines))


def test_a_cursor_of_days_without_zone_reads_the_day_again_and_ignores_the_future(site: Site) -> None:
    stream = Stream("budget_line", "BudgetLines?$filter=Fund eq 'z'", cursor_field="PostedOn")
    table = site.service.tables["BudgetLines"]
    for line, day in (("a", date(2029, 12, 30)), ("b", date(2030, 2, 1)), ("c", date(2029, 12, 1))):
        table.put({"Line": line, "Fund": "z", "PostedOn": day, "ModifiedAt": NOW})
    kinds = table.types
    table.rows = {
        place: {**row, "PostedOn": row["PostedOn"] and datetime.combine(row["PostedOn"], time(), UTC)}
        for place, row in table.rows.items()
    }
    assert kinds["PostedOn"][0] == "Edm.DateTime"
    first = list(site.odata.pull(stream, None))
    assert first[-1].cursor == {"since": "2029-12-30"}
    assert [each.id for each in records(list(site.odata.pull(stream, first[-1].cursor)))] == ["a", "b"]


@pytest.mark.parametrize(
    ("wire", "kind", "shown"),
    [
        ("/Date(1752537600000)/", "Edm.DateTime", "2025-07-15"),
        ("/Date(1752541200500)/", "Edm.DateTime", "2025-07-15T01:00:00.500000"),
        ("/Date(1752537600000+0060)/", "Edm.DateTimeOffset", "2025-07-15T00:00:00Z"),
        ("/Date(-86400000)/", "Edm.DateTime", "1969-12-31"),
        (None, "Edm.DateTime", None),
    ],
)
def test_dates_are_taken_in_utc_and_never_converted(wire: str | None, kind: str, shown: str | None) -> None:
    assert row_of({"D": wire}, {"D": kind})["D"] == shown


def test_a_date_of_another_form_stops() -> None:
    with pytest.raises(ContractBroken, match=r"no Edm\.DateTime"):
        row_of({"D": "2025-07-15"}, {"D": "Edm.DateTime"})


def test_a_day_is_written_as_it_is_read() -> None:
    assert date_of("2025-07-15") == "/Date(1752537600000)/"
    assert date_of("2025-07-15T00:00:00Z") == "/Date(1752537600000)/"


@pytest.mark.parametrize(
    ("kind", "text", "literal"),
    [
        ("Edm.Decimal", "10.5", "10.5M"),
        ("Edm.Int64", "5", "5L"),
        ("Edm.Int32", "5", "5"),
        ("Edm.DateTime", "2026-07-01", "datetime'2026-07-01T00:00:00'"),
        ("Edm.DateTimeOffset", "2026-07-01T00:00:00Z", "datetimeoffset'2026-07-01T00:00:00Z'"),
        ("Edm.Guid", "ab-12", "guid'ab-12'"),
        ("Edm.String", "it's", "'it''s'"),
    ],
)
def test_literals_are_typed(kind: str, text: str, literal: str) -> None:
    assert Property("P", kind, version=2).literal(text) == literal


GUIDS = (
    '<edmx:Edmx Version="1.0" xmlns:edmx="e"><edmx:DataServices><Schema Namespace="N">'
    '<EntityType Name="L"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.Guid"/></EntityType>'
    '<EntityContainer Name="C"><EntitySet Name="Ls" EntityType="N.L"/></EntityContainer>'
    "</Schema></edmx:DataServices></edmx:Edmx>"
)


def test_a_delta_link_gives_what_changed_and_what_was_deleted() -> None:
    base = "https://sap.example.gov/srv"
    links = [f"{base}/DeltaLinksOfLs('D{number}')/ChangesAfter" for number in (1, 2)]
    changed = [{"Id": "c", "ODQ_CHANGEMODE": "C"}, {"Id": "a", "ODQ_CHANGEMODE": "D"}]
    stream = Stream("budget_line", "Ls", cursor_field="delta")
    with responses.RequestsMock() as mock:
        mock.get(f"{base}/$metadata", body=GUIDS, content_type="application/xml")
        rows = [{"Id": "a"}, {"Id": "b"}]
        mock.get(f"{base}/Ls", json={"d": {"results": rows, "__count": "2", "__delta": links[0]}})
        mock.get(links[0], json={"d": {"results": changed, "__delta": links[1]}})
        odata = OData("erp", Http(base), read_only=True, now=lambda: NOW)
        first = list(odata.pull(stream, None))
        assert "odata.track-changes" in mock.calls[-1].request.headers["Prefer"]
        later = list(odata.pull(stream, first[-1].cursor))
    assert [each.id for each in records(first)] == ["a", "b"]
    assert (first[-1].cursor, first[-1].complete) == ({"delta": links[0]}, True)
    assert [each.id for each in records(later)] == ["c"]
    assert [sorted(page.gone) for page in later] == [["a"], []]
    assert later[-1].cursor == {"delta": links[1]}


def test_next_links_are_followed_where_the_key_has_no_order() -> None:
    base = "https://sap.example.gov/srv"
    with responses.RequestsMock() as mock:
        mock.get(f"{base}/$metadata", body=GUIDS, content_type="application/xml")
        following = f"{base}/Ls?$skiptoken=2"
        mock.get(
            f"{base}/Ls",
            json={"d": {"results": [{"Id": "a"}, {"Id": "b"}], "__count": "3", "__next": following}},
        )
        mock.get(following, json={"d": {"results": [{"Id": "c"}]}})
        odata = OData("erp", Http(base), read_only=True, now=lambda: NOW)
        pages = list(odata.pull(Stream("budget_line", "Ls"), None))
    assert [each.id for each in records(pages)] == ["a", "b", "c"]
    assert pages[-1].complete


# writing


def test_a_token_is_fetched_with_its_cookie_and_again_when_it_has_expired(site: Site) -> None:
    (created,) = site.push(1, Eac=EXACT, RagCost="red")
    assert created.error is None
    site.app.extensions["csrf"] = "another"
    (changed,) = site.push(1, Eac=Decimal("1.50"))
    assert changed.error is None
    (shown,) = site.odata.look([figure("14'00")])
    assert dict(shown.values) == {"Eac": Decimal("1.50"), "RagCost": "red"}


def test_a_right_that_is_missing_is_no_expired_token(site: Site) -> None:
    site.push(1, Eac=EXACT)
    site.faults.use(Rule(status=403, methods=("MERGE",), times=None))
    (outcome,) = site.push(1, Eac=Decimal(2))
    assert isinstance(outcome.error, Invalid)
    assert "does not allow" in outcome.error.text


def test_a_stale_etag_is_a_conflict(either: Site) -> None:
    (created,) = either.push(1, Eac=EXACT)
    assert created.shown is not None
    either.push(1, Eac=Decimal(1))
    patch = Patch(figure("14'00"), {"Eac": Decimal(2)}, version=created.shown.version)
    (outcome,) = either.odata.push([patch])
    assert isinstance(outcome.error, Conflict)


# batches


def test_many_figures_are_written_in_batches_exactly_and_once(either: Site) -> None:
    outcomes = either.push(100, Eac=EXACT, RagCost="red")
    assert {each.error for each in outcomes} == {None}
    assert {dict(each.shown.values)["Eac"] for each in outcomes if each.shown} == {EXACT}
    table = either.service.tables["BudgetFigures"]
    assert [row["Eac"] for row in table.rows.values()] == [EXACT] * 100
    either.service.write_log.clear()
    assert {each.error for each in either.push(100, Eac=EXACT, RagCost="red")} == {None}
    assert either.service.write_log == []


def test_a_batch_takes_few_requests(either: Site) -> None:
    either.push(2, Eac=EXACT)
    before = either.service.requests
    list(either.odata.look([figure(f"14'0{number}") for number in range(40)]))
    assert either.service.requests - before == 41  # forty within one


def test_a_refused_change_of_a_batch_harms_itself_only(either: Site) -> None:
    either.push(5, Eac=EXACT)
    table = either.service.tables["BudgetFigures"]
    looked = list(either.odata.look([figure(f"14'0{number}") for number in range(5)]))
    table.put({**table.rows["14'02", 2027, "003"], "RagCost": "by hand"})
    patches = [
        Patch(figure(f"14'0{number}"), {"Eac": Decimal(number)}, version=looked[number].version)
        for number in range(5)
    ]
    outcomes = {outcome.patch.target.key[0][1]: outcome.error for outcome in either.odata.push(patches)}
    assert {key: type(error) for key, error in outcomes.items() if error} == {"14'02": Conflict}
    assert table.rows["14'02", 2027, "003"]["Eac"] == EXACT


def test_a_change_between_look_and_write_is_a_conflict_for_its_own_part(either: Site) -> None:
    either.push(3, Eac=EXACT)
    table = either.service.tables["BudgetFigures"]
    either.asked.clear()

    def meddle() -> None:
        if either.asked[-1] == "/$batch?" and either.asked.count("/$batch?") == 2:
            table.put({**table.rows["14'01", 2027, "003"], "RagCost": "by hand"})

    either.meddle = meddle
    outcomes = {each.patch.target.key[0][1]: each.error for each in either.push(3, Eac=Decimal(1))}
    assert {key: type(error) for key, error in outcomes.items() if error} == {"14'01": Conflict}


@pytest.mark.parametrize("after_work", [True, False])
def test_a_batch_that_is_cut_off_is_unknown_and_the_next_run_ends_in_the_same_state(
    either: Site, *, after_work: bool
) -> None:
    either.push(45, Eac=EXACT)
    patches = [Patch(figure(f"14'0{number}"), {"Eac": Decimal(number)}) for number in range(45)]
    either.faults.use(Rule(path="/$batch", do="drop", after_work=after_work, after=1, times=1))
    errors = [outcome.error for outcome in either.odata.push(patches)]
    assert {type(error) for error in errors} == {OutcomeUnknown, type(None)}
    assert {outcome.error for outcome in either.connect().push(patches)} == {None}
    rows = either.service.tables["BudgetFigures"].rows.values()
    assert sorted(row["Eac"] for row in rows) == [Decimal(number) for number in range(45)]
    written = [entry for entry in either.service.write_log if entry["before"] == EXACT]
    assert len(written) == 45


def test_a_service_without_batches_is_written_one_by_one(either: Site) -> None:
    either.faults.use(Rule(path="/$batch", status=501, times=None))
    assert {each.error for each in either.push(3, Eac=EXACT)} == {None}
    assert len(either.service.tables["BudgetFigures"].rows) == 3


def test_a_scope_of_another_company_keeps_its_option_when_written(either: Site) -> None:
    target = Target("BudgetFigures?cross-company=true", key=figure("x").key, fields=("Eac",))
    (outcome,) = either.odata.push([Patch(target, {"Eac": EXACT})])
    assert outcome.error is None
    asked = [each for each in either.asked if each.startswith("/BudgetFigures")]
    assert len(asked) == 3
    assert all("cross-company=true" in each for each in asked)


def test_a_late_change_is_read_with_the_overlap(site: Site) -> None:
    cursor = list(site.odata.pull(LINES, None))[-1].cursor
    since = datetime.fromisoformat(cursor["since"])
    site.service.tables["BudgetLines"].put({"Line": "late", "ModifiedAt": since - timedelta(minutes=4)})
    assert "late" in {each.id for each in records(list(site.odata.pull(LINES, cursor)))}
