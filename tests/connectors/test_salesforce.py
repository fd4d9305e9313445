"""Salesforce: exact amounts, the quota, field security, a verdict per record, and sign-in."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.auth import AuthBase

from connectors.auth import ClientCredentials, JwtBearer, bearer
from connectors.base import Outcome, Page, Patch, Plain, Stream, Target
from connectors.errors import (
    Conflict,
    ContractBroken,
    CredentialsRefused,
    Invalid,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from connectors.http import Http
from connectors.salesforce import Salesforce
from connectors.salesforce_fields import SalesforceField, fields_of
from connectors.salesforce_soql import parse
from sandbox.city import build
from sandbox.faults import Faults, Rule
from sandbox.salesforce import CLIENT_ID, CLIENT_SECRET, ORGANIZATION, TOKEN, USER, Org, create_app
from sandbox.salesforce_objects import AMOUNTS
from sandbox.server import serve
from tests.conftest import missing

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
CITY = build("city", date(2026, 11, 21))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIGURES = "Portico_Figure__c"
LINES = Stream("budget_line", "Budget_Line__c")


class Site:
    """The simulated organisation and connectors to it."""

    def __init__(self) -> None:
        app = create_app(CITY)
        self.org: Org = app.extensions["portico"]
        self.org.page_size = 50
        self.faults = Faults(app)
        self.server = serve(self.faults)
        self.sf = self.connect(bearer(TOKEN))

    def connect(self, auth: AuthBase) -> Salesforce:
        http = Http(self.server.url, auth=auth, sleep=lambda _seconds: None)
        return Salesforce("sf", http, read_only=False, now=lambda: NOW)

    def push(self, target: Target, **values: Plain) -> Outcome:
        (outcome,) = self.sf.push([Patch(target, values)])
        return outcome


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.sf.close()
    site.server.stop()


def pages_of(site: Site, stream: Stream, cursor: Any = None) -> list[Page]:
    return list(site.sf.pull(stream, cursor))


def ids(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


# reading


def test_the_citys_lines_come_to_the_cent(site: Site) -> None:
    pages = pages_of(site, LINES)
    lines = list(CITY.budget_lines("salesforce"))
    assert len(pages) > 3
    assert len(ids(pages)) == len(lines)
    for name, field in AMOUNTS.items():
        values = [record.body[name] for page in pages for record in page.records]
        assert all(
            value is None or (isinstance(value, Decimal) and value.as_tuple().exponent == -2)
            for value in values
        )
        assert sum((value or Decimal(0) for value in values), Decimal(0)) == sum(
            (getattr(line, field) or Decimal(0) for line in lines), Decimal(0)
        )
    census = site.sf.census(LINES)
    assert (census.ids, census.count) == (frozenset(ids(pages)), len(lines))


def test_only_what_changed_is_read_again_with_five_minutes_of_overlap(site: Site) -> None:
    cursor = pages_of(site, LINES)[-1].cursor
    late = datetime.fromisoformat(cursor["since"]) - timedelta(minutes=4)
    record = site.org.put("Budget_Line__c", {"SystemModstamp": late})
    assert record in ids(pages_of(site, LINES, json.loads(json.dumps(dict(cursor)))))


def test_a_cursor_of_ones_own_brings_empty_and_future_ones_every_time(site: Site) -> None:
    site.org.tables["Budget_Line__c"].shapes = {
        **site.org.tables["Budget_Line__c"].shapes,
        "At__c": {"type": "datetime"},
    }
    stream = Stream(
        "budget_line", "SELECT Fund__c FROM Budget_Line__c WHERE Fund__c = 'zz'", cursor_field="At__c"
    )
    stamps = [None, NOW - timedelta(days=9), NOW - timedelta(days=1), NOW + timedelta(days=9)]
    made = [site.org.put("Budget_Line__c", {"Fund__c": "zz", "At__c": stamp}) for stamp in stamps]
    first = pages_of(site, stream)
    assert ids(first) == made
    assert datetime.fromisoformat(first[-1].cursor["since"]) == NOW - timedelta(days=1)
    assert ids(pages_of(site, stream, first[-1].cursor)) == [made[0], made[2], made[3]]


@pytest.mark.parametrize(
    "scope",
    [
        "SELECT Id FROM Budget_Line__c ORDER BY Name",
        "SELECT Id FROM Budget_Line__c LIMIT 5",
        "SELECT Id FROM Budget_Line__c WHERE Fund__c = 'x' ORDER BY Name",
        "SELECT Id FROM Budget_Line__c WHERE Fund__c = 'x' ALL ROWS",
        "SELECT COUNT() FROM Budget_Line__c",
        "SELECT Id, (SELECT Id FROM Notes) FROM Budget_Line__c",
        "SELECT FIELDS(ALL) FROM Budget_Line__c",
        "DELETE FROM Budget_Line__c",
        "",
    ],
)
def test_only_a_plain_query_is_a_scope(scope: str) -> None:
    with pytest.raises(ContractBroken, match="is no scope"):
        parse(scope)


def test_words_inside_texts_are_texts() -> None:
    query = parse(r"select Id from A__c where Name = 'it\'s order by ; limit' and Limit__c > 5")
    assert query.where == r"Name = 'it\'s order by ; limit' and Limit__c > 5"


def test_an_expired_locator_is_left_for_the_next_run(site: Site) -> None:
    pages = site.sf.pull(LINES, None)
    next(pages)
    site.org.locators.clear()
    with pytest.raises(Unavailable, match="expired"):
        list(pages)


def test_a_used_up_quota_is_no_missing_right(site: Site) -> None:
    site.org.quota = site.org.requests
    with pytest.raises(RateLimited, match="REQUEST_LIMIT_EXCEEDED"):
        pages_of(site, LINES)


def test_a_hidden_field_names_its_fix(site: Site) -> None:
    site.org.hidden.add(("Budget_Line__c", "Actual__c"))
    with pytest.raises(ContractBroken, match="Actual__c"):
        site.sf._org.records("SELECT Actual__c FROM Budget_Line__c")
    stream = Stream("budget_line", "SELECT Actual__c FROM Budget_Line__c")
    with pytest.raises(ContractBroken, match="Actual__c") as failure:
        pages_of(site, stream)
    assert "field-level security" in failure.value.fix


# writing


def figure(code: str = "1402", field: str = "Portico_Key__c") -> Target:
    return Target(FIGURES, key=((field, code),), fields=("Budget_Variance__c", "Rag_Cost__c"))


def test_a_record_is_created_under_its_external_id_then_changed(site: Site) -> None:
    created = site.push(figure("14'02\\x"), Budget_Variance__c=Decimal("-1.50"), Rag_Cost__c="red")
    assert created.shown is not None, created.error
    assert created.shown.values == {"Budget_Variance__c": Decimal("-1.50"), "Rag_Cost__c": "red"}
    changed = site.push(figure("14'02\\x"), Budget_Variance__c=Decimal("2.00"))
    assert changed.shown is not None
    assert changed.shown.id == created.shown.id
    assert len(site.org.tables[FIGURES].rows) == 1


def test_several_fields_can_be_the_key(site: Site) -> None:
    key = (("Budget_Code__c", "1402"), ("Fiscal_Year__c", "2027"), ("Period__c", ""))
    target = Target(FIGURES, key=key, fields=("Rag_Cost__c",))
    assert site.push(target, Rag_Cost__c="red").error is None
    assert site.push(target, Rag_Cost__c="green").error is None
    (row,) = site.org.tables[FIGURES].rows.values()
    assert (row["Fiscal_Year__c"], row["Period__c"], row["Rag_Cost__c"]) == (Decimal(2027), None, "green")
    site.org.put(FIGURES, {"Budget_Code__c": "1402", "Fiscal_Year__c": Decimal(2027)})
    assert isinstance(site.push(target, Rag_Cost__c="red").error, Invalid)


def test_many_figures_take_few_calls(site: Site) -> None:
    site.org.page_size = 2000
    asked = site.org.requests
    outcomes = list(site.sf.push([Patch(figure(f"{n:04}"), {"Rag_Cost__c": "red"}) for n in range(250)]))
    assert [outcome.error for outcome in outcomes] == [None] * 250
    assert site.org.requests - asked == 1 + 1 + 3 * 3


def test_each_record_gets_its_own_verdict(site: Site) -> None:
    patches = [
        Patch(figure("a"), {"Rag_Cost__c": "red"}),
        Patch(figure("b"), {"Rag_Cost__c": "purple"}),
        Patch(figure("c"), {"Nothing__c": "x"}),
        Patch(figure("d"), {"CreatedDate": "2026-01-01T00:00:00Z"}),
        Patch(figure("e"), {"Budget_Variance__c": Decimal(10) ** 16}),
        Patch(figure("f"), {"Corrective_Action__c": "x" * 1001}),
    ]
    outcomes = {dict(each.patch.target.key)["Portico_Key__c"]: each.error for each in site.sf.push(patches)}
    assert outcomes["a"] is None
    assert {type(outcomes[each]) for each in "bcdef"} == {Invalid}
    assert len(site.org.tables[FIGURES].rows) == 1


def test_a_verdict_of_the_organisation_names_the_field_right(site: Site) -> None:
    site.push(figure(), Rag_Cost__c="red")
    site.sf.describe(FIGURES)
    site.org.locked.add((FIGURES, "Rag_Cost__c"))
    outcome = site.push(figure(), Rag_Cost__c="green")
    assert isinstance(outcome.error, Invalid)
    assert "field-level security" in outcome.error.fix
    fresh = {each.id: each for each in site.connect(bearer(TOKEN)).describe(FIGURES)}
    assert not fresh["Rag_Cost__c"].writable
    assert "field-level security" in fresh["Rag_Cost__c"].hint


def test_a_missing_verdict_is_unknown(site: Site) -> None:
    site.faults.use(Rule(path="*/composite/*", status=200, body="[]"))
    assert isinstance(site.push(figure(), Rag_Cost__c="red").error, OutcomeUnknown)


def test_a_write_that_cannot_be_read_back_is_unknown(site: Site) -> None:
    site.sf.describe(FIGURES)
    site.faults.use(Rule(path="*/query/*", after=1, times=None))
    assert isinstance(site.push(figure(), Rag_Cost__c="red").error, OutcomeUnknown)
    assert site.org.tables[FIGURES].rows


def test_a_figure_is_rounded_to_the_places_of_its_field(site: Site) -> None:
    for _ in range(2):
        outcome = site.push(figure(), Budget_Variance_Share__c=Decimal("0.12345"))
        assert outcome.shown is not None
        assert outcome.shown.values == {"Budget_Variance_Share__c": Decimal("0.1235")}
    assert len([entry for entry in site.org.write_log if entry["field"] == "Budget_Variance_Share__c"]) == 1


def test_a_stale_stamp_is_a_conflict(site: Site) -> None:
    site.push(figure(), Rag_Cost__c="red")
    (seen,) = site.sf.look([figure()])
    site.push(figure(), Rag_Cost__c="green")
    (outcome,) = site.sf.push([Patch(figure(), {"Rag_Cost__c": "amber"}, {}, seen.version)])
    assert isinstance(outcome.error, Conflict)


# sign-in and checks


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.mark.parametrize("flow", ["client_credentials", "jwt_bearer"])
def test_both_flows_sign_in_and_renew(site: Site, flow: str) -> None:
    url = f"{site.server.url}/services/oauth2/token"
    auth: AuthBase
    if flow == "jwt_bearer":
        auth = JwtBearer(url, CLIENT_ID, USER, private_key(), audience="https://login.salesforce.com")
    else:
        auth = ClientCredentials(url, CLIENT_ID, CLIENT_SECRET)
    sf = site.connect(auth)
    identity = sf.check()
    assert (identity.account, identity.tenant) == (USER, ORGANIZATION)
    assert identity.server_time is not None
    site.org.token = "00D000000000001!renewed"
    assert sf.check().tenant == ORGANIZATION
    sf.close()


def test_a_wrong_secret_is_refused(site: Site) -> None:
    auth = ClientCredentials(f"{site.server.url}/services/oauth2/token", CLIENT_ID, "wrong")
    with pytest.raises(CredentialsRefused) as failure:
        site.connect(auth).check()
    assert "wrong" not in str(failure.value).replace("wrong secret", "")


def test_a_nearly_used_quota_is_a_finding(site: Site) -> None:
    site.org.quota = site.org.requests + 2
    assert [finding.subject for finding in site.sf.check().findings] == ["API calls"]


def test_nothing_of_the_library_is_asked_but_over_our_session(site: Site) -> None:
    assert list(site.sf._org._sf.session.adapters) == ["https://", "http://"]
    assert type(site.sf._org._sf.session.adapters["https://"]).__name__ == "_ThroughHttp"


# real answers


@pytest.mark.parametrize("name", ["Account", "Opportunity", "Case"])
def test_real_descriptions_are_understood(name: str) -> None:
    if not FIXTURES.is_dir():
        missing(f"the recorded data at {FIXTURES} (set PORTICO_FIXTURES)")
    path = FIXTURES / f"salesforce/cumulusci/GET_sobjects_{name}_describe.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    fields = fields_of(description)
    assert len(fields) == len(description["fields"])
    assert fields["Id"].type == "id"
    assert not fields["Id"].updateable


def test_numbers_keep_the_places_of_their_field() -> None:
    money = SalesforceField("Amount", "Amount", "currency", precision=18, scale=2)
    assert [str(money.exact(each)) for each in (100000, Decimal("1.23E12"), Decimal("7.1"), 0)] == [
        "100000.00",
        "1230000000000.00",
        "7.10",
        "0.00",
    ]
    assert str(money.exact(Decimal("1.239"))) == "1.239"


def test_the_usage_of_the_quota_is_always_told(site: Site) -> None:
    (finding,) = site.sf.check().findings
    assert (finding.severity, finding.fix) == ("info", "")
    assert finding.text == f"{site.org.requests} of 100000 API calls of the last 24 hours are used"


def test_a_deleted_record_is_found_in_the_bin_and_is_not_there(site: Site) -> None:
    kept, binned = (site.org.put("Budget_Line__c", {"Fund__c": fund}) for fund in ("a", "b"))
    site.org.put("Budget_Line__c", {"IsDeleted": True}, binned)
    list(site.sf.pull(LINES, None))
    shown = {
        each.target.id: each
        for each in site.sf.look([Target("budget_line", kept), Target("budget_line", binned)])
    }
    assert (shown[kept].exists, shown[binned].exists) == (True, False)
    assert shown[binned].updated_at is not None
    (purged,) = site.sf.look([Target("budget_line", "a0B000000999999AAA")])
    assert (purged.exists, purged.updated_at) == (False, None)


def test_an_assertion_of_another_key_is_refused(site: Site) -> None:
    ours, theirs = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    site.org.public_key = ours.public_key()

    def signed_in(key: rsa.RSAPrivateKey) -> str:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        url = f"{site.server.url}/services/oauth2/token"
        sf = site.connect(JwtBearer(url, CLIENT_ID, USER, pem, audience=site.server.url))
        return sf.check().account

    assert signed_in(ours) == USER
    with pytest.raises(CredentialsRefused):
        signed_in(theirs)


def test_an_amount_of_seventeen_digits_survives_every_way(site: Site) -> None:
    exact = Decimal("999999999999999.99")
    made = site.org.put("Budget_Line__c", {"Actual__c": exact})
    bodies = {record.id: record.body for page in site.sf.pull(LINES, None) for record in page.records}
    assert bodies[made]["Actual__c"] == exact
    outcome = site.push(Target(FIGURES, key=(("Portico_Key__c", "K"),)), Eac__c=exact)
    assert outcome.shown is not None
    assert outcome.shown.values["Eac__c"] == exact
    assert next(iter(site.org.tables[FIGURES].rows.values()))["Eac__c"] == exact
