"""What `check` says of fields that cannot hold their figures."""

import pytest

from connectors.base import FieldInfo
from connectors.jira_fields import WRITABLE
from sync.fitting import misfits


def found(figure: str, type_: str, options: tuple[str, ...] = (), **values: str) -> list[str]:
    info = FieldInfo("customfield_1", "Field", type_, options, True, holds=WRITABLE[type_])
    return [f"{each.severity}: {each.text}" for each in misfits(figure, values, info)]


@pytest.mark.parametrize(
    ("figure", "type_"),
    [
        ("budget_variance", "number"), ("gate_due", "date"), ("computed_at", "datetime"), ("rag_overall", "text"),
        ("budget_variance", "text"), ("explanation", "rich text"), ("computed_at", "text"),
    ],
)  # fmt: skip
def test_a_field_that_fits_is_silent(figure: str, type_: str) -> None:
    assert found(figure, type_) == []


@pytest.mark.parametrize(
    ("figure", "type_"),
    [
        ("rag_overall", "number"), ("computed_at", "date"), ("gate_due", "datetime"), ("gate_due", "number"),
        ("budget_variance", "date"), ("explanation", "user"), ("rag_overall", "array of user"),
    ],
)  # fmt: skip
def test_a_type_that_cannot_hold_the_figure_is_an_error(figure: str, type_: str) -> None:
    (said,) = found(figure, type_)
    assert said == f"error: customfield_1 (Field) is a {type_} field, which cannot hold {figure}"


def test_words_with_values_may_go_to_people_and_numbers() -> None:
    assert found("rag_overall", "user", red="712020:5f1c") == []
    assert found("rag_overall", "number", red="3", amber="2", green="1") == []


def test_each_word_that_is_no_option_is_warned_of() -> None:
    colours = ("Green", "Amber", "Red")
    assert found("rag_overall", "option", colours, green="Green", amber="Amber", red="Red") == []
    (said,) = found("rag_overall", "option", colours, green="Green", amber="Amber")
    assert said == "warning: customfield_1 (Field) has no option 'red', as which rag_overall would be written"
    assert len(found("rag_overall", "option", colours)) == 4
    assert found("rag_overall", "option", ("green", "amber", "red", "approved_change")) == []
    assert found("finish_forecast", "option", colours) == []


def test_a_field_whose_connector_cannot_tell_what_it_holds_is_silent() -> None:
    assert (
        list(misfits("rag_overall", {}, FieldInfo("Status__c", "Status", "picklist", ("Red",), True))) == []
    )
