"""The simulated organisation answers the public client library, simple-salesforce, as a real one does."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import requests
import simplejson
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceRefusedRequest

from sandbox.city import build
from sandbox.salesforce import CLIENT_ID, CLIENT_SECRET, Org, create_app
from sandbox.server import serve

CITY = build("small", date(2026, 11, 21))
EXACT = Decimal("999999999999999.99")
FIGURES = "Portico_Figure__c"


class Home(HTTPAdapter):
    """Sends every https address of the library to the sandbox: the library knows no other scheme."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        request.url = self.url + "/" + str(request.url).split("/", 3)[3]
        return super().send(request, *arguments, **options)


@pytest.fixture
def org() -> Iterator[tuple[Org, Salesforce]]:
    app = create_app(CITY)
    server = serve(app)
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Home(server.url))
    library = Salesforce(
        consumer_key=CLIENT_ID,
        consumer_secret=CLIENT_SECRET,
        domain="city.my",
        session=session,
        version="62.0",
        parse_float=Decimal,
    )
    state: Org = app.extensions["portico"]
    yield state, library
    session.close()
    server.stop()


def test_it_signs_in_reads_pages_and_the_bin(org: tuple[Org, Salesforce]) -> None:
    state, library = org
    state.page_size = 7
    rows = list(library.query_all_iter("SELECT Id, Actual__c FROM Budget_Line__c ORDER BY Id"))
    lines = list(CITY.budget_lines("salesforce"))
    assert len(rows) == len(lines) > 14
    total = sum((row["Actual__c"] or Decimal(0) for row in rows), Decimal(0))
    assert total == sum((line.actual or Decimal(0) for line in lines), Decimal(0))
    state.put("Budget_Line__c", {"IsDeleted": True}, rows[0]["Id"])
    soql = "SELECT Id FROM Budget_Line__c ORDER BY Id"
    assert len(list(library.query_all_iter(soql))) == len(rows) - 1
    assert len(list(library.query_all_iter(soql, include_deleted=True))) == len(rows)


def test_it_upserts_in_collections_and_shows_the_usage(org: tuple[Org, Salesforce]) -> None:
    state, library = org
    records = [
        {"attributes": {"type": FIGURES}, "Portico_Key__c": "K1", "Eac__c": EXACT},
        {"attributes": {"type": FIGURES}, "Portico_Key__c": "K2", "Rag_Cost__c": "purple"},
    ]
    body = simplejson.dumps({"allOrNone": False, "records": records}, use_decimal=True)
    verdicts: Any = library.restful(f"composite/sobjects/{FIGURES}/Portico_Key__c", method="PATCH", data=body)
    done, refused = verdicts
    assert (done["success"], done["created"], refused["success"]) == (True, True, False)
    assert refused["errors"][0]["statusCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    description: Any = library.restful(f"sobjects/{FIGURES}/describe")
    assert description["fields"]
    assert int(library.api_usage["api-usage"].used) == state.requests
    state.quota = 1
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        library.query("SELECT Id FROM Budget_Line__c")


def test_its_bulk_client_reads_and_writes(
    org: tuple[Org, Salesforce], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, library = org
    state.jobs.polls = 0
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda _seconds: None)
    bulk: Any = library.bulk2
    (page,) = bulk.Budget_Line__c.query("SELECT Id, Actual__c FROM Budget_Line__c")
    assert len(page.splitlines()) == 1 + len(list(CITY.budget_lines("salesforce")))
    figures = bulk.Portico_Figure__c
    rows = [{"Portico_Key__c": f"K{number}", "Eac__c": "1.50"} for number in range(2)]
    rows.append({"Portico_Key__c": "K2", "Eac__c": "much"})
    (job,) = figures.upsert(records=rows, external_id_field="Portico_Key__c")
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (3, 1)
    assert "JSON_PARSER_ERROR" in figures.get_failed_records(job["job_id"])
    assert sorted(row["Portico_Key__c"] for row in state.tables[FIGURES].rows.values()) == ["K0", "K1"]


def test_a_wrong_query_is_refused_in_its_own_words(org: tuple[Org, Salesforce]) -> None:
    _state, library = org
    with pytest.raises(SalesforceMalformedRequest, match="No such column"):
        library.query("SELECT Nope__c FROM Budget_Line__c")
