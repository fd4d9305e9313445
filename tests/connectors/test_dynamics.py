"""Dynamics 365 Finance as an OData service: one company is shown unless all are asked for; keys hold the company; 429."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.auth import basic
from connectors.base import Page, Patch, Stream, Target
from connectors.http import Http
from connectors.odata import OData
from sandbox.city import build
from sandbox.faults import Faults, Rule
from sandbox.odata import PASSWORD, USER, Service, Table, create_app
from sandbox.server import serve

OURS, THEIRS = "usmf", "dat"
EVERY = "BudgetLines?cross-company=true"


class Site:
    """A service of two companies; every second line and figure is of the other one."""

    def __init__(self) -> None:
        app = create_app(build("city", date(2026, 11, 21)))
        self.service: Service = app.extensions["portico"]
        for table in self.service.tables.values():
            table.types = {**table.types, "dataAreaId": ("Edm.String", {"MaxLength": "4"})}
        for number, row in enumerate(self.lines.rows.values()):
            row["dataAreaId"] = (OURS, THEIRS)[number % 2]
        self.figures.key = ("dataAreaId", *self.figures.key)
        self.service.company = OURS
        self.service.page_size = 7
        self.naps: list[float] = []
        self.faults = Faults(app)
        self.server = serve(self.faults)
        http = Http(self.server.url, auth=basic(USER, PASSWORD), sleep=self.naps.append)
        self.odata = OData(
            "d365", http, read_only=False, page_size=7, now=lambda: datetime(2026, 11, 21, tzinfo=UTC)
        )
        self.lines_of = {
            company: {key for (key,), row in self.lines.rows.items() if row["dataAreaId"] == company}
            for company in (OURS, THEIRS)
        }

    @property
    def lines(self) -> Table:
        return self.service.tables["BudgetLines"]

    @property
    def figures(self) -> Table:
        return self.service.tables["BudgetFigures"]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.odata.close()
    site.server.stop()


def ids(pages: list[Page]) -> set[str]:
    return {record.id for page in pages for record in page.records}


def test_one_company_is_read_unless_all_are_asked_for_on_every_page(site: Site) -> None:
    both = site.lines_of[OURS] | site.lines_of[THEIRS]
    for scope, wanted in (
        ("BudgetLines", site.lines_of[OURS]),
        (EVERY, both),
        (f"{EVERY}&$filter=dataAreaId eq '{THEIRS}'", site.lines_of[THEIRS]),
    ):
        stream = Stream("budget_line", scope, cursor_field="ModifiedAt")
        pages = list(site.odata.pull(stream, None))
        assert ids(pages) == wanted
        assert pages[-1].complete
        assert set(site.odata.census(stream).ids or ()) == wanted
        again = list(site.odata.pull(stream, pages[-1].cursor))
        assert ids(again) < wanted
        changed = min(wanted - ids(again))
        site.lines.put({"Line": changed, "ModifiedAt": datetime(2026, 11, 20, 23, tzinfo=UTC)})
        assert changed in ids(list(site.odata.pull(stream, pages[-1].cursor)))
    assert len(both) > 4 * 7


def test_a_throttled_page_of_all_companies_waits_as_told(site: Site) -> None:
    site.faults.use(
        Rule(path="/BudgetLines", query="cross-company=true", status=429, retry_after=11, after=2)
    )
    pages = list(site.odata.pull(Stream("budget_line", EVERY, cursor_field="ModifiedAt"), None))
    assert ids(pages) == site.lines_of[OURS] | site.lines_of[THEIRS]
    assert max(site.naps) >= 11


@pytest.mark.parametrize("company", [OURS, THEIRS])
def test_a_figure_is_written_into_the_company_that_its_key_names(site: Site, company: str) -> None:
    key = (("dataAreaId", company), ("BudgetCode", "14"), ("FiscalYear", "2027"), ("Period", "003"))
    target = Target("BudgetFigures?cross-company=true", key=key, fields=("Eac",))
    for amount in (Decimal("1.10"), Decimal("2.20")):
        (shown,) = site.odata.look([target])
        (outcome,) = site.odata.push([Patch(target, {"Eac": amount}, shown.values, shown.version)])
        assert outcome.error is None
    ((place, row),) = site.figures.rows.items()
    assert (place[0], row["Eac"]) == (company, Decimal("2.20"))
