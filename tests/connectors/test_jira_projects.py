"""Figures that a Jira project itself carries, in a property for programs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Outcome, Patch, Plain, Shown, Target
from connectors.errors import Conflict, Invalid, NotFound, OutcomeUnknown
from connectors.jira import Jira
from sandbox.faults import Rule
from tests.connectors.jira_served import Served

KEY = "portico.status"
FIGURES: Mapping[str, Plain] = {
    "gate_status": "approved",
    "budget_variance": Decimal("-1250.50"),
    "rag_overall": "Amber",
}


def put(
    jira: Jira, values: Mapping[str, Plain], before: Mapping[str, Plain] | None = None, project: str = "CON"
) -> Outcome:
    (outcome,) = jira.push([Patch(Target("project", id=project, fields=tuple(values)), values, before or {})])
    return outcome


def looked(jira: Jira, *names: str, project: str = "CON") -> Shown:
    (shown,) = jira.look([Target("project", id=project, fields=names)])
    return shown


def held(served: Served) -> Any:
    return served.site.properties["CON"][KEY]


def test_a_project_carries_its_figures_in_a_property(either: Served) -> None:
    jira = either.connect(property_key=KEY)
    assert looked(jira, *FIGURES).values == dict.fromkeys(FIGURES)
    outcome = put(jira, FIGURES)
    assert outcome.shown is not None
    assert outcome.shown.values == FIGURES
    written = {"fields": {"gate_status": "approved", "budget_variance": -1250.5, "rag_overall": "Amber"}}
    assert held(either) == {**written, "written_at": "2026-07-01T12:00:00Z"}
    assert looked(either.connect(property_key=KEY), *FIGURES).values == FIGURES
    either.tick(60)
    assert put(jira, FIGURES).error is None
    assert len(either.site.write_log) == 1
    assert put(jira, {"gate_status": None, "rag_overall": "Red"}, {"gate_status": "approved"}).error is None
    assert held(either)["fields"] == {"gate_status": None, "budget_variance": -1250.5, "rag_overall": "Red"}
    assert held(either)["written_at"] == "2026-07-01T12:01:00Z"


def test_what_somebody_else_wrote_since_is_a_conflict(either: Served) -> None:
    jira = either.connect(property_key=KEY)
    put(jira, {"rag_overall": "Green"})
    held(either)["fields"]["rag_overall"] = "by hand"
    assert isinstance(put(jira, {"rag_overall": "Red"}, {"rag_overall": "Green"}).error, Conflict)
    assert held(either)["fields"] == {"rag_overall": "by hand"}


@pytest.mark.parametrize("theirs", [["a list"], {"fields": "x", "written_at": "y"}, {"rag": "red"}, 7])
def test_a_property_of_others_is_left_as_it_is(either: Served, theirs: object) -> None:
    either.site.properties["CON"] = {KEY: theirs}
    jira = either.connect(property_key=KEY)
    assert looked(jira, "rag_overall").values == {"rag_overall": None}
    outcome = put(jira, {"rag_overall": "Red"})
    assert isinstance(outcome.error, Invalid)
    assert "another name" in outcome.error.fix
    assert held(either) == theirs


def test_a_project_that_is_not_there_or_not_ours_to_administer_is_refused(either: Served) -> None:
    jira = either.connect(property_key=KEY, carriers=["CON", "NOPE"])
    assert not looked(jira, "rag_overall", project="NOPE").exists
    assert isinstance(put(jira, {"rag_overall": "Red"}, project="NOPE").error, NotFound)
    either.site.quiet_refused = True
    refused = put(jira, {"rag_overall": "Red"}).error
    assert isinstance(refused, Invalid)
    assert "Administer projects in CON" in refused.fix
    assert either.site.write_log == []
    found = {each.subject: each for each in jira.check().findings if each.severity == "error"}
    assert "Administer projects in CON" in found["CON"].fix
    assert "shows no project" in found["NOPE"].text


def test_a_project_whose_properties_may_not_be_read_is_hidden_and_stops_nothing(either: Served) -> None:
    jira = either.connect(property_key=KEY)
    either.site.forbidden = "/properties/"
    assert not looked(jira, "rag_overall").exists
    assert isinstance(put(jira, {"rag_overall": "Red"}).error, NotFound)


def test_without_a_name_for_the_property_nothing_is_asked(either: Served) -> None:
    jira = either.connect(carriers=["CON"])
    assert looked(jira, "rag_overall").values == {"rag_overall": None}
    refused = put(jira, {"rag_overall": "Red"}).error
    assert isinstance(refused, Invalid)
    assert "machine_copy" in refused.fix
    assert ["machine_copy" in each.fix for each in jira.check().findings] == [True]
    assert not [path for _, path in either.site.requests if "/properties/" in path]


def test_an_unanswered_write_of_a_property_is_unknown_and_not_repeated(either: Served) -> None:
    jira = either.connect(property_key=KEY)
    jira.check()
    either.faults.use(Rule(do="drop", methods=("PUT",), after_work=True, times=None))
    assert isinstance(put(jira, {"rag_overall": "Red"}).error, OutcomeUnknown)
    assert len(either.site.write_log) == 1
    either.faults.use()
    assert put(jira, {"rag_overall": "Red"}).error is None
    assert len(either.site.write_log) == 1


def test_too_much_for_a_property_is_refused(either: Served) -> None:
    refused = put(either.connect(property_key=KEY), {"explanation": "x" * 40_000}).error
    assert isinstance(refused, Invalid)
    assert either.site.properties == {"CON": {}}
