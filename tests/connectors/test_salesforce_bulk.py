"""Bulk API 2.0: large reads and writes as jobs, exact and with a verdict per record; and what a job may do wrong."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import responses

from connectors.auth import bearer
from connectors.base import Outcome, Page, Patch, Stream, Target
from connectors.errors import ContractBroken, Invalid, OutcomeUnknown, Unavailable
from connectors.http import Http
from connectors.salesforce import Salesforce
from connectors.salesforce_bulk import Bulk
from sandbox.city import build
from sandbox.faults import Faults, Rule
from sandbox.salesforce import TOKEN, Org, create_app
from sandbox.salesforce_bulk import Job
from sandbox.salesforce_objects import AMOUNTS
from sandbox.server import serve

CITY = build("small", date(2026, 11, 21))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINES = Stream("budget_line", "Budget_Line__c")
FIGURES = "Portico_Figure__c"
KEY = "Portico_Key__c"
EXACT = Decimal("999999999999999.99")


class Site:
    def __init__(self) -> None:
        app = create_app(CITY)
        self.org: Org = app.extensions["portico"]
        self.org.page_size = 10
        self.org.jobs.page_size = 20
        self.faults = Faults(app)
        self.server = serve(self.faults)
        self.naps: list[float] = []

    def connect(self, bulk_from: int = 10) -> Salesforce:
        http = Http(self.server.url, auth=bearer(TOKEN), sleep=lambda _seconds: None)
        return Salesforce(
            "sf", http, read_only=False, bulk_from=bulk_from, sleep=self.naps.append, now=lambda: NOW
        )


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.stop()


def bodies(pages: list[Page]) -> dict[str, Any]:
    return {record.id: dict(record.body) for page in pages for record in page.records}


def pushed(site: Site, count: int, **values: Any) -> list[Outcome]:
    patches = [
        Patch(Target(FIGURES, key=(("Portico_Key__c", f"K{number}"),)), {"Eac__c": EXACT, **values})
        for number in range(count)
    ]
    return list(site.connect().push(patches))


def test_a_large_read_is_a_job_and_holds_what_pages_hold(site: Site) -> None:
    some = site.org.put(
        "Budget_Line__c", {"Department__c": 'Fire "42", north\nand south', "Actual__c": EXACT}
    )
    large, paged = list(site.connect().pull(LINES, None)), list(site.connect(10**6).pull(LINES, None))
    assert [each["operation"] for each in site.org.jobs.started] == ["query"]
    assert len(site.naps) == 2
    assert bodies(large) == bodies(paged)
    assert bodies(large)[some]["Actual__c"] == EXACT
    for name, field in AMOUNTS.items():
        wanted = sum(
            (getattr(line, field) or Decimal(0) for line in CITY.budget_lines("salesforce")), Decimal(0)
        )
        wanted += EXACT if field == "actual" else 0
        assert sum((body[name] or Decimal(0) for body in bodies(large).values()), Decimal(0)) == wanted
    assert large[-1].complete
    assert large[-1].cursor == paged[-1].cursor


def test_a_job_comes_in_no_order_so_its_cursor_moves_at_its_end_only(site: Site) -> None:
    pages = list(site.connect().pull(LINES, None))
    assert len(pages) >= 3
    assert [dict(page.cursor) for page in pages[:-1]] == [{}] * (len(pages) - 1)
    assert list(pages[-1].cursor) == ["since"]


def test_without_the_bulk_api_pages_are_read(site: Site) -> None:
    site.org.jobs.switched_off = True
    assert len(bodies(list(site.connect().pull(LINES, None)))) == len(list(CITY.budget_lines("salesforce")))


def test_fields_of_a_parent_record_come_in_pages_however_many() -> None:
    scope = "SELECT Name, BudgetCategory.Budget.Name, Amount FROM BudgetCategoryValue"
    parent = {"attributes": {"type": "BudgetCategory"}, "Budget": {"Name": "CDBG 2027"}}
    rows = [
        {"attributes": {}, "Id": f"v{each}", "Name": f"V-{each}", "BudgetCategory": parent, "Amount": 1200.5}
        for each in range(11)
    ]
    described = [{"name": "Name", "type": "string"}, {"name": "Amount", "type": "currency", "scale": 2}]
    base = "https://city.example/services/data/v62.0"
    with responses.RequestsMock() as mock:
        mock.get(f"{base}/sobjects/BudgetCategoryValue/describe", json={"fields": described})
        mock.get(f"{base}/query/", json={"totalSize": 11, "done": True, "records": rows})
        http = Http("https://city.example", auth=bearer(TOKEN), sleep=lambda _seconds: None)
        crm = Salesforce("sf", http, read_only=True, bulk_from=10, now=lambda: NOW)
        found = bodies(list(crm.pull(Stream("budget_line", scope), None)))
    assert found["v10"]["BudgetCategory"]["Budget"]["Name"] == "CDBG 2027"
    assert str(found["v10"]["Amount"]) == "1200.50"


def test_a_job_that_fails_says_why(site: Site) -> None:
    site.org.jobs.fail = "InvalidBatch : Failed to process query"
    with pytest.raises(ContractBroken, match="Failed to process query"):
        list(site.connect().pull(LINES, None))


def test_a_job_without_end_is_left_for_the_next_run(site: Site) -> None:
    site.org.jobs.polls = 10**6
    bulk = Bulk(Http(site.server.url, auth=bearer(TOKEN)), "62.0", patience=60, sleep=site.naps.append)
    with pytest.raises(Unavailable, match="not done after"):
        list(bulk.results(bulk.start("SELECT Id FROM Budget_Line__c")))
    assert 60 <= sum(site.naps) < 80


def test_many_figures_are_one_job_with_a_verdict_each(site: Site) -> None:
    outcomes = pushed(site, 130, Rag_Cost__c="green")
    assert [each["operation"] for each in site.org.jobs.started] == ["upsert"]
    assert {each.error for each in outcomes} == {None}
    assert {dict(each.shown.values)["Eac__c"] for each in outcomes if each.shown} == {EXACT}
    assert len(site.org.tables[FIGURES].rows) == 130
    site.org.write_log.clear()
    assert {each.error for each in pushed(site, 130, Rag_Cost__c="green")} == {None}
    assert site.org.write_log == []


def test_a_field_is_emptied_and_others_are_left_alone(site: Site) -> None:
    pushed(site, 120, Rag_Cost__c="red", Corrective_Action__c='say "no", then\nact')
    outcomes = pushed(site, 120, Rag_Cost__c=None)
    assert {each.error for each in outcomes} == {None}
    rows = site.org.tables[FIGURES].rows.values()
    assert {(row["Rag_Cost__c"], row["Corrective_Action__c"]) for row in rows} == {
        (None, 'say "no", then\nact')
    }
    assert [each["operation"] for each in site.org.jobs.started] == ["upsert", "update"]


def test_a_refused_record_of_a_complete_job_harms_itself_only(site: Site) -> None:
    pushed(site, 120)
    site.org.locked.add((FIGURES, "Rag_Cost__c"))
    healthy = site.connect()
    fields = healthy._org.describe(FIGURES)
    for each in fields["fields"]:
        each["updateable"] = True
    patches = [
        Patch(
            Target(FIGURES, key=(("Portico_Key__c", f"K{number}"),)),
            {"Rag_Cost__c": "red"} if number == 7 else {"Eac__c": Decimal(number)},
        )
        for number in range(120)
    ]
    outcomes = {outcome.patch.target.key[0][1]: outcome for outcome in healthy.push(patches)}
    assert len(outcomes) == 120
    refused = {key for key, each in outcomes.items() if each.error is not None}
    assert refused == {"K7"}
    assert isinstance(outcomes["K7"].error, Invalid)
    assert "Rag_Cost__c" in str(outcomes["K7"].error)


@pytest.mark.parametrize("path", ["*/jobs/ingest/*", "*/successfulResults/", "*/failedResults/"])
def test_a_job_whose_end_is_not_known_is_unknown_and_found_by_the_next_run(site: Site, path: str) -> None:
    site.faults.use(Rule(path=path, status=503, times=None, methods=("GET",)))
    outcomes = pushed(site, 120)
    assert {type(each.error) for each in outcomes} == {OutcomeUnknown}
    site.faults.use()
    assert {each.error for each in pushed(site, 120)} == {None}
    assert len(site.org.tables[FIGURES].rows) == 120
    assert [each["field"] for each in site.org.write_log].count("Eac__c") == 120
    assert [each["operation"] for each in site.org.jobs.started] == ["upsert"]


def test_an_upload_cut_off_before_it_was_complete_has_no_effect(site: Site) -> None:
    site.faults.use(Rule(path="*/batches", do="drop", times=None))
    assert {type(each.error) for each in pushed(site, 120)} == {OutcomeUnknown}
    assert not site.org.tables[FIGURES].rows
    site.faults.use()
    assert {each.error for each in pushed(site, 120)} == {None}
    assert [each.state for each in site.org.jobs.kept.values()] == ["Aborted", "JobComplete"]


def test_an_open_job_of_someone_else_is_left_alone_and_a_running_one_is_waited_for(site: Site) -> None:
    jobs, order = site.org.jobs, {"object": FIGURES, "operation": "upsert", "externalIdFieldName": KEY}
    rows = [{KEY: f"K{number}", "Eac__c": "7"} for number in range(120)]
    jobs.page_size = 1
    jobs.kept["1"] = Job("1", order, "Open", 2, by="005000000000002AAA")
    jobs.kept["2"] = Job("2", order, "UploadComplete", 6, by="005000000000002AAA", waiting=rows)
    assert {each.error for each in pushed(site, 120)} == {None}
    assert [each.state for each in jobs.kept.values()] == ["Open", "JobComplete", "JobComplete"]
    assert {row["Eac__c"] for row in site.org.tables[FIGURES].rows.values()} == {EXACT}
