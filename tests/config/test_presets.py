"""Packaged presets and packs load, carry id and version, and refuse what is wrong."""

from decimal import Decimal
from pathlib import Path

import pytest

from config.names import packaged
from config.presets import PresetError, load_pack, load_rules

D = Decimal


@pytest.mark.parametrize("name", packaged("rules"))
def test_every_rule_preset_is_complete_and_named_after_its_file(name: str) -> None:
    rules = load_rules(name)
    assert (rules.id, rules.version) == (name, 1)
    assert rules.overall.measure in ("worst_of", "percent_green")


@pytest.mark.parametrize("name", packaged("gates"))
def test_every_gate_pack_is_named_after_its_file(name: str) -> None:
    pack = load_pack(name)
    assert (pack.id, pack.version) == (name, 1)
    assert pack.sources


def test_the_presets_that_the_documentation_names() -> None:
    assert set(packaged("rules")) == {
        "federal_10_30",
        "state_15_25",
        "california_10",
        "strict_5",
        "evm_95_85",
        "worst_of",
        "percent_green",
    }
    assert set(packaged("gates")) == {
        "city_default",
        "california_pal",
        "texas_framework",
        "oregon_endorsements",
        "federal_life_cycle",
    }


def test_what_a_preset_does_not_say_comes_from_the_default_and_keeps_its_name() -> None:
    rules = load_rules("federal_10_30")
    assert (rules.schedule.name, rules.scope.name) == ("federal_10_30@1", "state_15_25@1")
    assert rules.schedule.unconfirmed == "the red edge at 30 percent"


def test_a_mapping_takes_each_dimension_from_its_own_preset() -> None:
    rules = load_rules({"schedule": "evm_95_85", "cost": "california_10", "overall": "percent_green"})
    assert [rules.schedule.measure, rules.cost.green, rules.overall.measure] == [
        "spi_t",
        D("0.10"),
        "percent_green",
    ]
    assert [duty.dimension for duty in rules.obligations] == ["cost"]
    assert rules.id == "schedule evm_95_85@1, cost california_10@1, overall percent_green@1"
    assert rules.version == 1


def test_a_rule_of_ones_own_may_have_no_amber_and_a_small_hysteresis() -> None:
    own = {"measure": "cpi", "green": "1", "amber": "1", "hysteresis": "0.01"}
    rule = load_rules({"cost": own}).cost
    assert (rule.name, rule.green, rule.amber, rule.hysteresis) == ("own@1", D(1), D(1), D("0.01"))


def test_an_empty_mapping_is_the_default() -> None:
    assert load_rules({}).schedule == load_rules("state_15_25").schedule


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("state_15_2", "did you mean 'state_15_25'"),
        ("nothing-like-it", "Accepted: california_10"),
        ("missing.yaml", "cannot read missing.yaml"),
        ({"budget": "strict_5"}, "unknown dimension 'budget'"),
        ({"schedule": {"measure": "cpi", "green": "1", "amber": "0.9"}}, "cannot be judged by cpi"),
        (
            {"schedule": {"measure": "variance_share", "green": "0.2", "amber": "0.1"}},
            "better than the green limit",
        ),
        ({"cost": {"measure": "cpi", "green": "0.8", "amber": "0.9"}}, "better than the green limit"),
        ({"cost": {"measure": "cpi"}}, "needs the limits"),
        (
            {"cost": {"measure": "cpi", "green": "1", "amber": "1", "hysteresis": "-0.01"}},
            "greater than or equal to 0",
        ),
        ({"cost": {"measure": "cpi", "green": "1"}}, "needs the limits"),
        ({"cost": {"measure": "cpi", "amber": "0.9"}}, "needs the limits"),
        ({"cost": {"measure": "variance_share", "green": "0.1", "amber": "0.2", "red": "0.3"}}, "red"),
    ],
)
def test_wrong_rules_are_refused_with_what_is_accepted(choice: object, words: str) -> None:
    with pytest.raises(PresetError, match=words):
        load_rules(choice)  # type: ignore[arg-type]


GATE = {
    "key": "G1",
    "name": "One",
    "criteria": [{"key": "k", "text": "t", "kind": "field", "field": "sponsor"}],
}


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ([], "at least 1 item"),
        ([GATE, GATE], "same key"),
        ([GATE | {"criteria": []}], "at least 1 item"),
        ([GATE | {"criteria": [{"key": "k", "text": "t", "kind": "deliverable"}]}], "needs type"),
        (
            [GATE | {"criteria": [{"key": "k", "text": "t", "kind": "metric", "metric": "cpi"}]}],
            "at_least or at_most",
        ),
        ([GATE | {"criteria": [{"key": "k", "text": "t", "kind": "hope"}]}], "kind"),
    ],
)
def test_wrong_packs_are_refused(gates: object, words: str) -> None:
    with pytest.raises(PresetError, match=words):
        load_pack({"id": "own", "version": 1, "title": "Own", "sources": ["us"], "gates": gates})


def test_rules_and_packs_can_stand_in_a_file_of_ones_own(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text('{id: ours, version: 3, cost: {measure: variance_share, green: "0.02", amber: "0.04"}}')
    assert load_rules(str(rules)).cost.name == "ours@3"
    rules.write_text("{id: plain, version: 7}")
    bare = load_rules(str(rules.rename(tmp_path / "plain.yaml")))
    assert (bare.id, bare.version, bare.cost) == ("plain", 7, load_rules("state_15_25").cost)
    broken = tmp_path / "broken.yaml"
    broken.write_text("- no mapping")
    with pytest.raises(PresetError, match="an id and a version"):
        load_pack(str(broken))
