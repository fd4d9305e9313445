"""OData: exact decimals in both forms, nothing missed at page edges, guarded writes; and a real server."""

import importlib.util
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
import responses
from werkzeug.test import Client

from connectors.auth import basic
from connectors.base import Outcome, Page, Patch, Plain, Stream, Target
from connectors.errors import Conflict, ContractBroken, Invalid, OutcomeUnknown, Unavailable
from connectors.http import Http
from connectors.odata import OData
from connectors.odata_metadata import Property, entity_sets
from connectors.odata_scope import parse
from sandbox.city import build
from sandbox.faults import Faults, Rule
from sandbox.odata import AMOUNTS, PASSWORD, USER, Service, create_app
from sandbox.server import serve
from tests.conftest import missing

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures")).parent / "servers/odata_v4"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CITY = build("city", date(2026, 11, 21))
BASE = "https://erp.example.gov/odata"


class Site:
    """The simulated service and a connector to it."""

    def __init__(self) -> None:
        app = create_app(CITY)
        self.service: Service = app.extensions["portico"]
        self.faults = Faults(app)
        self.server = serve(self.faults)
        http = Http(self.server.url, auth=basic(USER, PASSWORD), sleep=lambda _seconds: None)
        self.odata = OData("erp", http, read_only=False, page_size=40, now=lambda: NOW)

    def put(self, line: str, **values: object) -> None:
        with self.service.lock:
            self.service.tables["BudgetLines"].put(
                {"Line": line, "ModifiedAt": self.service.clock(), **values}
            )


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.odata.close()
    site.server.stop()


def pages_of(odata: OData, stream: Stream, cursor: Any = None) -> list[Page]:
    return list(odata.pull(stream, cursor))


def ids(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


LINES = Stream("budget_line", "BudgetLines", cursor_field="ModifiedAt")


def test_the_citys_lines_come_to_the_cent(site: Site) -> None:
    pages = pages_of(site.odata, LINES)
    lines = list(CITY.budget_lines("odata"))
    assert len(ids(pages)) == len(set(ids(pages))) == len(lines) > 40
    for name, field in AMOUNTS.items():
        total = sum((Decimal(r.body[name] or 0) for page in pages for r in page.records), Decimal(0))
        assert total == sum((getattr(line, field) or Decimal(0) for line in lines), Decimal(0))
    census = site.odata.census(LINES)
    assert (census.ids, census.count) == (frozenset(ids(pages)), len(lines))


def test_a_filter_of_the_scope_and_one_of_the_cursor_both_count(site: Site) -> None:
    stream = Stream(
        "budget_line", "BudgetLines?$filter=Fund eq 'a' or Fund eq 'b'", cursor_field="ModifiedAt"
    )
    site.put("x1", Fund="a")
    cursor = pages_of(site.odata, stream)[-1].cursor
    site.put("x2", Fund="b")
    site.put("x3", Fund="c")
    assert ids(pages_of(site.odata, stream, cursor)) == ["x1", "x2"]
    site.service.tables["BudgetLines"].put({"Line": "x2", "ModifiedAt": NOW + timedelta(days=-300)})
    assert ids(pages_of(site.odata, stream, cursor)) == ["x1"]


def test_a_late_commit_is_read_with_the_overlap(site: Site) -> None:
    site.put("x1", ModifiedAt=NOW)
    cursor = pages_of(site.odata, LINES)[-1].cursor
    site.put("x2", ModifiedAt=NOW - timedelta(minutes=4))
    assert "x2" in ids(pages_of(site.odata, LINES, cursor))


def test_a_change_in_the_future_never_moves_the_cursor(site: Site) -> None:
    site.put("x1", ModifiedAt=NOW + timedelta(days=400))
    cursor = pages_of(site.odata, LINES)[-1].cursor
    assert datetime.fromisoformat(cursor["since"]) < NOW
    site.put("x2")
    assert {"x1", "x2"} <= set(ids(pages_of(site.odata, LINES, cursor)))


def test_many_lines_of_one_second_are_not_missed(site: Site) -> None:
    for number in range(100):
        site.put(f"same{number:03}", ModifiedAt=NOW)
    assert len(set(ids(pages_of(site.odata, LINES)))) == 100 + len(list(CITY.budget_lines("odata")))


def test_a_short_read_keeps_its_cursor(site: Site) -> None:
    cursor = pages_of(site.odata, LINES)[-1].cursor
    for number in range(5):
        site.put(f"x{number}")
    site.service.withhold = 2
    last = pages_of(site.odata, LINES, cursor)[-1]
    assert (last.complete, last.cursor) == (False, cursor)


@pytest.mark.parametrize("scope", ["BudgetLines?$top=5", "BudgetLines?$orderby=Fund", "../x", "", "A B"])
def test_order_and_paging_are_not_part_of_a_scope(site: Site, scope: str) -> None:
    with pytest.raises(ContractBroken, match="is no scope"):
        pages_of(site.odata, Stream("budget_line", scope))


def test_a_wrong_scope_stops_with_the_services_words(site: Site) -> None:
    for scope in ("Nowhere", "BudgetLines?$filter=Nothing eq 1"):
        with pytest.raises(ContractBroken, match=r"Nowhere|Nothing"):
            pages_of(site.odata, Stream("budget_line", scope))


def test_options_of_the_service_survive_and_ampersands_in_texts_too() -> None:
    scope = parse("Lines?cross-company=true&$filter=Name eq 'R&D' and Note eq '50%25'")
    assert (scope.entity_set, scope.options) == ("Lines", {"cross-company": "true"})
    assert scope.condition == "Name eq 'R&D' and Note eq '50%'"


# writing


def figure(code: str = "14'02/x", period: str = "003") -> Target:
    key = (("BudgetCode", code), ("FiscalYear", "2027"), ("Period", period))
    return Target("BudgetFigures", key=key, fields=("BudgetVariance", "RagCost"))


def push(site: Site, values: Mapping[str, Plain], target: Target | None = None, **more: Any) -> Outcome:
    (outcome,) = site.odata.push([Patch(target or figure(), values, **more)])
    return outcome


def test_an_entity_is_created_under_its_key_then_changed(site: Site) -> None:
    created = push(site, {"BudgetVariance": Decimal("-1.50"), "RagCost": "red"})
    assert created.shown is not None, created.error
    assert created.shown.id == "14'02%2Fx/2027/003"
    changed = push(site, {"BudgetVariance": Decimal("2.25")}, version=created.shown.version)
    assert changed.error is None
    (shown,) = site.odata.look([figure()])
    assert shown.values == {"BudgetVariance": Decimal("2.25"), "RagCost": "red"}


def test_an_entity_is_found_by_a_key_that_is_not_the_sets_own(site: Site) -> None:
    push(site, {"RagCost": "red"})
    other = Target(
        "BudgetFigures", key=(("BudgetCode", "14'02/x"), ("FiscalYear", "2027")), fields=("RagCost",)
    )
    assert push(site, {"RagCost": "amber"}, other).error is None
    push(site, {"RagCost": "red"}, figure(period="004"))
    assert isinstance(push(site, {"RagCost": "green"}, other).error, Invalid)


@pytest.mark.parametrize("accepts_text", [True, False])
def test_decimals_are_sent_in_the_form_the_service_speaks(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, accepts_text: bool
) -> None:
    if not accepts_text:
        monkeypatch.setattr("sandbox.odata._numbers_as_text", lambda: False)
    exact = Decimal("999999999999999.99")
    outcome = push(site, {"BudgetVariance": exact})
    assert outcome.shown is not None, outcome.error
    assert outcome.shown.values == {"BudgetVariance": exact}
    assert site.service.write_log[-1]["after"] == exact


def test_a_figure_is_rounded_to_the_places_the_service_keeps(site: Site) -> None:
    value = {"BudgetVarianceShare": Decimal("0.12345678")}
    first, again = push(site, value), push(site, value)
    assert first.shown is not None
    assert again.shown is not None
    assert first.shown.values == again.shown.values == {"BudgetVarianceShare": Decimal("0.1235")}
    assert len(site.service.write_log) == 1


def test_what_does_not_fit_is_refused_before_it_is_sent(site: Site) -> None:
    asked = site.service.requests
    for values in ({"RagCost": "x" * 21}, {"BudgetVariance": Decimal(10) ** 16}, {"Nothing": "x"}):
        assert isinstance(push(site, values).error, Invalid)
    assert not site.service.write_log
    assert site.service.requests - asked < 5


def test_a_stale_etag_is_a_conflict_even_if_the_change_comes_between_look_and_write(site: Site) -> None:
    push(site, {"RagCost": "red"})
    site.faults.use(Rule(status=412, methods=("PATCH",)))
    assert isinstance(push(site, {"RagCost": "green"}).error, Conflict)


def test_a_refused_write_harms_this_record_only(site: Site) -> None:
    push(site, {"RagCost": "red"})
    site.faults.use(Rule(status=403, methods=("PATCH",)))
    assert isinstance(push(site, {"RagCost": "green"}).error, Invalid)


# what other services do


GUIDS = """<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="N" Alias="A" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EntityType Name="Base"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.Guid"/></EntityType>
<EntityType Name="Line" BaseType="A.Base"><Property Name="At" Type="Edm.DateTimeOffset"/>
<Property Name="Any" Type="Edm.Decimal" Scale="variable"/><Property Name="None" Type="Edm.Decimal"/>
</EntityType>
<EntityContainer Name="C"><EntitySet Name="Lines" EntityType="N.Line"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""


def other(page_size: int = 2) -> OData:
    return OData(
        "erp", Http(BASE, sleep=lambda _s: None), read_only=True, page_size=page_size, now=lambda: NOW
    )


def answers(mock: responses.RequestsMock, *bodies: dict[str, Any], path: str = "Lines") -> None:
    mock.get(f"{BASE}/$metadata", body=GUIDS, content_type="application/xml")
    for body in bodies:
        mock.get(f"{BASE}/{path}", json=body)


def test_metadata_knows_base_types_aliases_and_scales() -> None:
    lines = entity_sets(GUIDS.encode())["Lines"]
    assert lines.key == ("Id",)
    assert (lines.properties["Any"].scale, lines.properties["None"].scale) == (None, 0)


def test_next_links_are_followed_where_the_key_has_no_order() -> None:
    with responses.RequestsMock() as mock:
        answers(mock, {"value": [{"Id": "a1"}, {"Id": "a2"}], "@nextLink": "Lines?$skiptoken=2", "@count": 3})
        mock.get(f"{BASE}/Lines?$skiptoken=2", json={"value": [{"Id": "a3"}]})
        pages = pages_of(other(), Stream("budget_line", "Lines"))
    assert ids(pages) == ["a1", "a2", "a3"]
    assert pages[-1].complete


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://elsewhere.example.gov/L?x=2", "another place"),
        (f"{BASE}/Lines?x=1", "repeats|twice"),
    ],
)
def test_a_link_to_another_host_or_in_a_circle_stops(link: str, reason: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        answers(mock, *[{"value": [{"Id": "a"}], "@odata.nextLink": link}] * 3)
        with pytest.raises(ContractBroken, match=reason):
            pages_of(other(), Stream("budget_line", "Lines"))
        assert not [call for call in mock.calls if "elsewhere" in str(call.request.url)]


def test_links_that_go_round_in_a_circle_stop_even_if_the_rows_differ() -> None:
    with responses.RequestsMock() as mock:
        answers(mock, {"value": [{"Id": "a1"}], "@odata.nextLink": "Lines?x=1"})
        for each in ("a2", "a3"):
            mock.get(f"{BASE}/Lines?x=1", json={"value": [{"Id": each}], "@odata.nextLink": "Lines?x=1"})
        mock.assert_all_requests_are_fired = False
        with pytest.raises(ContractBroken, match="repeats a next link"):
            pages_of(other(), Stream("budget_line", "Lines"))


@pytest.mark.parametrize("status", [404, 410])
def test_an_expired_next_link_is_left_for_the_next_run(status: int) -> None:
    with responses.RequestsMock() as mock:
        answers(mock, {"value": [{"Id": "a"}], "@odata.nextLink": "Lines?$skiptoken=9"})
        mock.get(f"{BASE}/Lines?$skiptoken=9", status=status, json={})
        with pytest.raises(Unavailable, match="expired"):
            pages_of(other(), Stream("budget_line", "Lines"))


def test_a_service_that_knows_plain_json_only_is_asked_for_it() -> None:
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/$metadata", body=GUIDS, content_type="application/xml")
        mock.get(f"{BASE}/Lines", status=406, json={})
        plain = '{"value": [{"Id": "a", "Any": 999999999999999.99}]}'
        mock.get(f"{BASE}/Lines", body=plain, content_type="application/json")
        (record,) = [
            record for page in pages_of(other(), Stream("budget_line", "Lines")) for record in page.records
        ]
        assert mock.calls[-1].request.headers["Accept"] == "application/json"
    assert record.body["Any"] == Decimal("999999999999999.99")


@pytest.mark.parametrize("body", [{"d": {"results": []}}, {"value": {}}, {"value": [1]}])
def test_json_that_is_no_collection_stops(body: dict[str, Any]) -> None:
    with responses.RequestsMock() as mock:
        answers(mock, body)
        with pytest.raises(ContractBroken, match="no collection"):
            pages_of(other(), Stream("budget_line", "Lines"))


@pytest.mark.parametrize("document", [b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"<html", b""])
def test_metadata_that_is_none_stops(document: bytes) -> None:
    with pytest.raises(ContractBroken):
        entity_sets(document)


@pytest.mark.parametrize("text", ["1 or 1 eq 1", "x' or '", "2026-07-01T00:00:00Z) or (1"])
def test_no_value_breaks_out_of_a_literal(text: str) -> None:
    with pytest.raises(ContractBroken):
        Property("N", "Edm.Int32").literal(text)
    assert Property("N", "Edm.String").literal(text).count("'") % 2 == 0


# a real server


class Between:
    """Stands before the real server: may let a colleague write first, or take the guard off a write."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.colleague_writes: Sequence[str] = ()
        self.guarded = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PATCH" or environ["PATH_INFO"].endswith("/$batch"):
            for place in self.colleague_writes:
                theirs = {"Authorization": environ["HTTP_AUTHORIZATION"], "If-Match": "*"}
                answer = Client(self.app).patch(
                    f"/BudgetActuals({place})", json={"actual": 6.5}, headers=theirs
                )
                assert answer.status_code in (200, 204), answer.text
            if not self.guarded:
                del environ["HTTP_IF_MATCH"]
        return self.app(environ, start_response)


def real_server(tmp_path: Path, rows: int) -> tuple[Any, threading.Thread, Between]:
    spec = importlib.util.spec_from_file_location("odata_v4_server", REAL / "server.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = [name for name, *_ in module.columns()]
    lines = [",".join(names)]
    for number in range(rows):
        stamp = (NOW - timedelta(seconds=number // 7)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        cells = {
            "lineId": number,
            "postedOn": "2026-07-01",
            "modifiedAt": stamp,
            "fund": "0010",
            "currency": "USD",
        }
        cells |= dict.fromkeys(module.MONEY, f"{number}.01")
        lines.append(",".join(str(cells.get(name, "x")) for name in names))
    module.CSV = tmp_path / "rows.csv"
    module.CSV.write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = module.InMemoryDataStore()
    odata = module.OData.new_instance()
    handler = odata.create_handler(odata.create_service_metadata(module.Provider()))
    assert module.load(store) == rows
    handler.register(module.InMemoryProcessor(store, page_size=50))
    app = Between(module.with_basic_auth(module.ODataWSGIApp(handler)))
    httpd = module.make_server("127.0.0.1", 0, app, server_class=module.Server, handler_class=module.Quiet)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    return httpd, thread, app


@pytest.fixture
def real_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[OData, Between]]:
    monkeypatch.setattr(sys, "argv", ["server.py"])
    if not REAL.is_dir():
        missing(f"the OData server at {REAL} (set PORTICO_FIXTURES)")
    httpd, thread, between = real_server(tmp_path, 330)
    http = Http(f"http://127.0.0.1:{httpd.server_address[1]}", auth=basic("writer", "writer-pw"))
    odata = OData("real", http, read_only=False, page_size=100, now=lambda: NOW)
    yield odata, between
    odata.close()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def real(real_site: tuple[OData, Between]) -> OData:
    return real_site[0]


ACTUALS = Stream("budget_line", "BudgetActuals?$filter=currency eq 'USD'", cursor_field="modifiedAt")


def test_a_real_server_is_read_whole_and_then_only_what_changed(real: OData) -> None:
    pages = pages_of(real, ACTUALS)
    assert len(ids(pages)) == len(set(ids(pages))) == 330
    assert pages[-1].complete
    total = sum((Decimal(record.body["actual"]) for page in pages for record in page.records), Decimal(0))
    assert total == sum((Decimal(f"{number}.01") for number in range(330)), Decimal(0))
    assert real.census(ACTUALS).ids == frozenset(ids(pages))
    assert len(ids(pages_of(real, ACTUALS, json.loads(json.dumps(dict(pages[-1].cursor)))))) <= 330


def test_a_real_server_takes_guarded_writes(real: OData) -> None:
    target = Target("BudgetActuals", id="7", fields=("actual",))
    (before,) = real.look([target])
    assert before.values == {"actual": Decimal("7.01")}
    exact = {"actual": Decimal("999999999999999.99")}
    (done,) = real.push([Patch(target, exact, before.values, before.version)])
    assert done.error is None
    (after,) = real.look([target])
    assert dict(after.values) == exact
    assert after.version != before.version
    (stale,) = real.push([Patch(target, {"actual": Decimal("1.00")}, {}, before.version)])
    assert isinstance(stale.error, Conflict)
    (gone,) = real.look([Target("BudgetActuals", id="4711")])
    assert not gone.exists


@pytest.mark.parametrize("count", [1, 3])
def test_a_real_servers_412_is_a_conflict_alone_and_in_a_batch(
    real_site: tuple[OData, Between], count: int
) -> None:
    real, between = real_site
    targets = [Target("BudgetActuals", id=str(number), fields=("actual",)) for number in range(7, 7 + count)]
    patches = [Patch(target, {"actual": Decimal("5.00")}) for target in targets]
    between.colleague_writes = [str(target.id) for target in targets]
    assert [type(each.error) for each in real.push(patches)] == [Conflict] * count
    assert [each.values["actual"] for each in real.look(targets)] == [Decimal("6.5")] * count
    between.colleague_writes = ()
    assert [each.error for each in real.push(patches)] == [None] * count
    assert [each.values["actual"] for each in real.look(targets)] == [Decimal("5.00")] * count


def test_a_real_servers_428_is_met_with_its_etag_and_harms_nothing_without(
    real_site: tuple[OData, Between],
) -> None:
    real, between = real_site
    target = Target("BudgetActuals", id="7", fields=("actual",))
    between.guarded = False
    (outcome,) = real.push([Patch(target, {"actual": Decimal("5.00")})])
    assert isinstance(outcome.error, Conflict)
    assert "wants an ETag" in outcome.error.text
    (shown,) = real.look([target])
    assert shown.values == {"actual": Decimal("7.01")}


def test_a_real_servers_delta_link_gives_only_what_changed(real: OData) -> None:
    stream = Stream("budget_line", "BudgetActuals?$filter=currency eq 'USD'", cursor_field="delta")
    first = pages_of(real, stream)
    assert len(set(ids(first))) == 330
    cursor = json.loads(json.dumps(dict(first[-1].cursor)))
    assert list(cursor) == ["delta"]
    assert [dict(page.cursor) for page in first[:-1]] == [{}] * (len(first) - 1)
    assert ids(pages_of(real, stream, cursor)) == []
    target = Target("BudgetActuals", id="7", fields=("actual",))
    (done,) = real.push([Patch(target, {"actual": Decimal("5.00")})])
    assert done.error is None
    changed = pages_of(real, stream, cursor)
    assert ids(changed) == ["7"]
    assert ids(pages_of(real, stream, changed[-1].cursor)) == []


def test_what_a_delta_tells_as_deleted_is_gone_and_what_left_the_scope_is_not() -> None:
    rows = [
        {"Id": "a", "@removed": {"reason": "deleted"}},
        {"Id": "b", "@odata.removed": {"reason": "changed"}},
        {"Id": "c", "ODQ_CHANGEMODE": "D"},
        {"Id": "d", "ODQ_CHANGEMODE": "D"},
        {"Id": "d", "ODQ_CHANGEMODE": "C"},
        {"@id": "Lines('e')", "@removed": {"reason": "deleted"}},
        {"Id": "f"},
    ]
    with responses.RequestsMock() as mock:
        answers(mock, {"value": rows, "@odata.deltaLink": "Lines?$deltatoken=2"})
        cursor = {"delta": f"{BASE}/Lines?$deltatoken=1"}
        pages = pages_of(other(), Stream("budget_line", "Lines", cursor_field="delta"), cursor)
    assert ids(pages) == ["d", "f"]
    assert [sorted(page.gone) for page in pages] == [["a", "c"], []]


def test_a_throttled_read_waits_as_told_and_a_throttled_write_is_left_to_the_next_run(site: Site) -> None:
    naps: list[float] = []
    http = Http(site.server.url, auth=basic(USER, PASSWORD), sleep=naps.append)
    odata = OData("erp", http, read_only=False, page_size=400, now=lambda: NOW)
    site.service.page_size = 400
    site.faults.use(Rule(path="/BudgetLines", status=429, retry_after=17))
    throttled = Stream("budget_line", "BudgetLines?cross-company=true", cursor_field="ModifiedAt")
    pages = pages_of(odata, throttled)
    assert pages[-1].complete
    assert set(ids(pages)) == {line for (line,) in site.service.tables["BudgetLines"].rows}
    assert max(naps) >= 16
    patches = [Patch(figure(code), {"RagCost": "red"}) for code in ("14", "15")]
    site.faults.use(Rule(path="/$batch", status=429, retry_after=17, after=1))
    assert [type(each.error) for each in odata.push(patches)] == [OutcomeUnknown] * 2
    assert site.service.tables["BudgetFigures"].rows == {}
    assert [each.error for each in odata.push(patches)] == [None, None]


def test_a_delta_that_is_none_or_expired_and_what_was_removed() -> None:
    stream = Stream("budget_line", "Lines", cursor_field="delta")
    with responses.RequestsMock() as mock:
        answers(mock, {"value": [{"Id": "a"}], "@odata.deltaLink": "Lines?$deltatoken=1"})
        first = pages_of(other(), stream)
        assert "track-changes" in mock.calls[-1].request.headers["Prefer"]
    assert first[-1].cursor == {"delta": f"{BASE}/Lines?$deltatoken=1"}
    rows = [{"Id": "b"}, {"Id": "a", "@removed": {"reason": "deleted"}}, {"Id": "c", "ODQ_CHANGEMODE": "D"}]
    with responses.RequestsMock() as mock:
        answers(mock, {"value": rows, "@odata.deltaLink": "Lines?$deltatoken=2"})
        assert ids(pages_of(other(), stream, first[-1].cursor)) == ["b"]
    with responses.RequestsMock() as mock:
        answers(mock, {"value": [{"Id": "a"}]})
        with pytest.raises(ContractBroken, match="no delta link"):
            pages_of(other(), stream)
    with responses.RequestsMock() as mock:
        mock.get(f"{BASE}/$metadata", body=GUIDS, content_type="application/xml")
        mock.get(f"{BASE}/Lines", status=410, json={})
        mock.get(f"{BASE}/Lines", json={"value": [{"Id": "z"}], "@odata.deltaLink": "Lines?$deltatoken=3"})
        again = pages_of(other(), stream, first[-1].cursor)
    assert (ids(again), again[-1].cursor) == (["z"], {"delta": f"{BASE}/Lines?$deltatoken=3"})
