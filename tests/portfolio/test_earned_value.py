"""Every published example of the reference, the identities, and the answers at the edges."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.earned_value import Baseline, earned_schedule, measure, to_complete

D = Decimal

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
PUBLISHED = FIXTURES.parent / "reference/evm_published_examples.json"

LINEAR = [D(10_000) * n for n in range(11)]
MILLIONTH = D("1e-6")


def published(case: str) -> tuple[Any, Any]:
    if not PUBLISHED.exists():
        pytest.skip(f"the published examples are not at {PUBLISHED}")
    found = next(each for each in json.loads(PUBLISHED.read_text())["cases"] if each["id"] == case)
    return found["in"], found["published"]


def close(found: D | None, wanted: str, tolerance: D = MILLIONTH) -> bool:
    assert found is not None
    return abs(found - D(wanted)) <= tolerance


def plan(given_: Any) -> list[D]:
    return [D(0), *(D(value) for value in given_["pv_cum"])]


def test_g1_linear_ten_periods() -> None:
    inputs, wanted = published("G1")
    found = measure(
        bac=D(inputs["bac"]),
        pv=plan(inputs)[int(inputs["at"])],
        ev=D(inputs["ev"]),
        ac=D(inputs["ac"]),
        plan=plan(inputs),
        at=D(inputs["at"]),
    )
    ours = {"eac_cpi": found.eac, "tcpi_bac": found.tcpi, "es": found.earned_schedule}
    for name, value in wanted.items():
        assert close(ours[name] if name in ours else getattr(found, name), value), name
    assert close(found.eac_cpi_spi, "143888.888889")


def test_g2_earned_schedule_interpolates() -> None:
    inputs, wanted = published("G2")
    assert earned_schedule(plan(inputs), D(inputs["ev"])) == D(wanted["es"])


def test_g3_time_phased() -> None:
    inputs, wanted = published("G3")
    found = measure(
        bac=D(inputs["bac"]),
        pv=plan(inputs)[3],
        ev=D(inputs["ev"]),
        ac=sum((D(each) for each in inputs["ac_period"]), D(0)),
        plan=plan(inputs),
        at=D(3),
    )
    assert found.ac == D(inputs["ac"])
    assert (found.pv, found.sv, found.cv) == (D(wanted["pv"]), D(wanted["sv"]), D(wanted["cv"]))
    assert (found.eac, found.eac_budget_rate) == (D(725_000), D(wanted["eac_budget_rate"]))
    half = D("0.0005")
    for value, text in (
        (found.spi, wanted["spi"]),
        (found.cpi, wanted["cpi"]),
        (found.tcpi, wanted["tcpi_bac"]),
        (found.tcpi_eac, wanted["tcpi_eac"]),
    ):
        assert close(value, text, half)
    # 833,750 = 290,000 + 300,000 / (0.689... x 0.8).
    assert close(found.eac_cpi_spi, wanted["eac_cpi_spi"], D(1))
    assert close(found.etc, wanted["etc"])
    assert close(found.vac, wanted["vac"])
    assert close(found.earned_schedule, "2.6")
    assert close(found.sv_t, "-0.4")


def test_g4_reference_pages() -> None:
    inputs, wanted = published("G4")
    bac, ev, ac = D(inputs["bac"]), D(inputs["ev"]), D(inputs["ac"])
    found = measure(bac=bac, pv=None, ev=ev, ac=ac)
    assert found.eac_budget_rate == D(wanted["eac_budget_rate"])
    assert close(found.tcpi, wanted["tcpi_bac"], D("0.005"))
    assert close(to_complete(bac, ev, ac, D(120_482))[0], wanted["tcpi_eac_at_120482"], D("0.005"))
    at_83 = measure(bac=bac, pv=None, ev=D(83), ac=D(100))
    assert close(at_83.eac, wanted["eac_at_cpi_0.83"], D("0.05"))


def test_g5_status_table() -> None:
    inputs, wanted = published("G5")
    bac = D(inputs["bac"])
    rows = [
        measure(bac=bac, pv=D(pv), ev=D(ev), ac=D(ac))
        for pv, ev, ac in zip(inputs["pv_cum"], inputs["ev_cum"], inputs["ac_cum"], strict=True)
    ]
    half = D("0.005")
    for row, spi, done in zip(rows, wanted["spi"], wanted["pct_complete"], strict=True):
        assert close(row.spi, spi, half)
        assert close((row.ev or D(0)) / bac, done, half)
    for row, cpi in zip(rows[:-1], wanted["cpi"][:-1], strict=True):
        assert close(row.cpi, cpi, half)
    assert (rows[-1].cv, rows[-1].sv) == (D(wanted["cv_w12"]), D(wanted["sv_w12"]))
    assert close(rows[-1].eac, wanted["eac_cpi_w12"], D("0.5"))
    assert close(rows[-1].vac, wanted["vac_w12"], D("0.5"))
    assert measure(bac=bac, pv=None, ev=D(148), ac=D(210), bottom_up_etc=D(90)).eac_bottom_up == D(300)


def test_g6_value_from_tasks() -> None:
    inputs, wanted = published("G6")
    ev = sum((D(b) * D(p) for b, p in zip(inputs["task_budgets"], inputs["task_pct"], strict=True)), D(0))
    found = measure(bac=D(inputs["bac"]), pv=D(inputs["pv"]), ev=ev, ac=D(inputs["ac"]))
    assert found.ev == D(wanted["ev"])
    assert found.cv == D(wanted["cv"])
    assert close(found.cpi, wanted["cpi"], D("0.001"))


def test_g7_to_complete_identities() -> None:
    inputs, wanted = published("G7")
    bac, ac = D(inputs["bac"]), D(inputs["ac"])
    ev = ac + D(inputs["cv"])
    found = measure(bac=bac, pv=None, ev=ev, ac=ac)
    assert (found.ev, found.cpi) == (D(wanted["ev"]), D(wanted["cpi"]))
    assert close(found.eac, "311111.111111")
    assert close(found.tcpi_eac, wanted["tcpi_eac"], D("1e-9"))
    assert found.eac_budget_rate == D(wanted["eac_budget_rate"])
    assert to_complete(bac, ev, ac, D(wanted["eac_budget_rate"]))[0] == 1


def test_g8_to_complete_to_budget() -> None:
    inputs, wanted = published("G8")
    for case, answer in zip(inputs, wanted, strict=True):
        found = measure(bac=D(case["bac"]), pv=None, ev=D(case["ev"]), ac=D(case["ac"]))
        assert close(found.tcpi, answer["tcpi_bac"], D("0.005"))


def test_g9_earned_schedule_in_months() -> None:
    inputs, wanted = published("G9")
    months = [D(n) for n in range(int(inputs["planned_months"]) + 1)]
    ev = months[-1] * D(inputs["pct_complete"])
    found = measure(bac=months[-1], pv=D(3), ev=ev, ac=D(3), plan=months, at=D(inputs["at"]))
    assert (found.earned_schedule, found.sv_t) == (D(wanted["es"]), D(wanted["sv_t"]))
    assert close(found.spi_t, wanted["spi_t"], D("0.005"))


def test_g10_earned_schedule_in_weeks() -> None:
    inputs, wanted = published("G10")
    weeks = [D(n) for n in range(31)]
    found = [
        measure(bac=D(30), pv=D(1), ev=D(each["es"]), ac=D(1), plan=weeks, at=D(each["at"]))
        for each in inputs
    ]
    assert [each.sv_t for each in found] == [D(each["sv_t"]) for each in wanted]
    assert found[0].spi_t == D(wanted[0]["spi_t"])


def test_g11_lipke_formula() -> None:
    inputs, _ = published("G11")
    values = [D(n) for n in (0, 4, 9, 15, 22, 30, 39, 49)]  # January to July; the end of May is 5
    ev = D(33)
    found = measure(bac=D(49), pv=D(49), ev=ev, ac=D(1), plan=values, at=D(inputs["at"]))
    assert found.earned_schedule == 5 + (ev - values[5]) / (values[6] - values[5])


def test_g12_between_unequal_values() -> None:
    inputs, wanted = published("G12")
    assert earned_schedule(plan(inputs), D(inputs["ev"])) == D(wanted["es"])


@pytest.mark.parametrize(
    ("ev", "ac", "name", "reason"),
    [
        (D(0), D(0), "cpi", "no actual cost yet"),
        (D(0), D(0), "eac", "no actual cost yet"),
        (D(40), D(0), "cpi", "no actual cost yet"),
        (D(40), D(-1), "cpi", "actual cost is negative"),
        (D(0), D(10), "eac", "nothing is earned yet"),
        (D(0), D(10), "eac_cpi_spi", "nothing is earned yet"),
        (D(100), D(120), "tcpi", "the work is done"),
        (D(90), D(100), "tcpi", "the budget is exhausted"),
        (None, D(10), "ev", "percent complete is unknown"),
        (None, D(10), "cpi", "percent complete is unknown"),
        (D(10), None, "cpi", "actual cost is unknown"),
        (D(10), None, "tcpi", "actual cost is unknown"),
    ],
)
def test_a_figure_that_cannot_be_computed_says_why(
    ev: D | None, ac: D | None, name: str, reason: str
) -> None:
    found = measure(bac=D(100), pv=D(50), ev=ev, ac=ac)
    assert getattr(found, name) is None
    assert found.reasons[name] == reason


@pytest.mark.parametrize("bac", [None, D(0)])
def test_without_a_baseline_there_is_no_earned_value(bac: D | None) -> None:
    found = measure(bac=bac, pv=D(1), ev=D(1), ac=D(1))
    assert (found.bac, found.pv, found.ev, found.cpi, found.spi, found.eac) == (None,) * 6
    assert found.reasons["cpi"] == "no baseline"


def test_edges_that_have_an_answer() -> None:
    costly = measure(bac=D(100), pv=D(0), ev=D(0), ac=D(10))
    assert (costly.cpi, costly.eac_budget_rate, costly.sv) == (D(0), D(110), D(0))
    assert costly.spi is None
    done = measure(bac=D(100), pv=D(100), ev=D(100), ac=D(120))
    assert (done.eac, done.etc, done.vac) == (D(120), D(0), D(-20))
    spent = measure(bac=D(100), pv=D(100), ev=D(80), ac=D(100))
    assert spent.tcpi is None
    assert spent.tcpi_eac == D("0.8")


def test_a_late_finish_shows_in_spi_t_only() -> None:
    found = measure(bac=D(100_000), pv=D(100_000), ev=D(100_000), ac=D(1), plan=LINEAR, at=D(12))
    assert found.spi == 1
    assert close(found.spi_t, "0.833333")


@pytest.mark.parametrize(
    ("values", "ev", "wanted"),
    [
        ([0, 10, 20], 1, "0.1"),
        ([0, 1], 1, "1"),
        ([0, 10, 20], 5, "0.5"),  # less than the first period's value: the plan starts at time 0
        ([0, 0, 10, 10, 20], 10, "3"),  # a flat period counts as earned
        ([0, 0, 10], 0, "0"),  # nothing earned is time 0
        ([0, 0, 10, 10, 20, 20], 20, "4"),  # a plateau at the end: the first time the plan is there
        ([0, 10, 20], 25, "2"),  # more than planned is the end
        ([0, D("19.99"), 20], 20, "2"),  # a cent short of the end is not the end
    ],
)
def test_earned_schedule_at_the_edges(values: list[D | int], ev: int, wanted: str) -> None:
    assert earned_schedule([D(each) for each in values], D(ev)) == D(wanted)


@pytest.mark.parametrize(
    ("pv", "ev", "ac", "words"),
    [
        (50, "50", "50", None),
        (50, "0", "0", None),
        (50, "0.01", "0", "without cost"),
        (50, "100", "90", None),
        (50, "100.01", "90", "More is earned"),
        (50, "1", "-0.01", "negative"),
        (50, "0", "0.01", "nothing is earned"),
        (50, "0.01", "0.01", None),
        (0, "0", "0", None),
        (0, "0.01", "1", "before any was planned"),
        (1, "0.01", "1", None),
        (None, "1", "1", None),
    ],
)
def test_what_looks_wrong_is_a_finding(pv: int | None, ev: str, ac: str, words: str | None) -> None:
    planned = None if pv is None else D(pv)
    found = measure(bac=D(100), pv=planned, ev=D(ev), ac=D(ac)).findings
    assert [words in each for each in found if words] == ([True] if words else [])
    assert len(found) == (1 if words else 0)


@pytest.mark.parametrize(
    ("plan_", "at", "ev", "name", "reason"),
    [
        ([0, 50], 1, 0, "ieac_t", "nothing is earned yet"),
        ([0, 50], 0, 10, "spi_t", "the baseline has not begun"),
        ([0, 50], 0, 10, "ieac_t", "the baseline has not begun"),
        ([0, 50], None, 10, "spi_t", "the start of the baseline is unknown"),
        ([0, 50], None, 10, "sv_t", "the start of the baseline is unknown"),
        ([0, 50], 1, None, "earned_schedule", "percent complete is unknown"),
        ([0, 0], 1, 10, "earned_schedule", "no baseline"),
        ([], 1, 10, "earned_schedule", "no baseline"),
        (None, 1, 10, "spi_t", "no baseline"),
    ],
)
def test_a_figure_of_time_that_cannot_be_computed_says_why(
    plan_: list[int] | None, at: int | None, ev: int | None, name: str, reason: str
) -> None:
    found = measure(
        bac=D(100),
        pv=D(50),
        ev=None if ev is None else D(ev),
        ac=D(1),
        plan=None if plan_ is None else [D(each) for each in plan_],
        at=None if at is None else D(at),
    )
    assert (getattr(found, name), found.reasons[name]) == (None, reason)


@pytest.mark.parametrize(("plan_", "earned"), [([0, 1], "1"), ([0, 0, 20], "1.5"), ([0, 20, 20], "0.5")])
def test_a_plan_has_a_time_for_what_is_earned_wherever_its_value_lies(plan_: list[int], earned: str) -> None:
    found = measure(bac=D(100), pv=D(1), ev=D(10), ac=D(1), plan=[D(each) for each in plan_], at=D(1))
    assert found.earned_schedule == D(earned)


def test_planned_value_of_a_day_that_the_plan_leaves_out_says_so() -> None:
    assert measure(bac=D(100), pv=None, ev=D(1), ac=D(1)).reasons["pv"] == "the plan says nothing of this day"
    assert measure(bac=None, pv=None, ev=None, ac=None).reasons["pv"] == "no baseline"


amounts = st.decimals(min_value=1, max_value=10**9, places=2)


@given(bac=amounts, share=st.decimals(min_value="0.01", max_value="0.99", places=2), ac=amounts)
def test_identities_of_the_estimates(bac: D, share: D, ac: D) -> None:
    ev = bac * share
    found = measure(bac=bac, pv=ev, ev=ev, ac=ac)
    assert found.eac is not None
    assert found.cpi is not None
    assert found.etc is not None
    assert found.vac is not None
    tolerance = D("1e-12") * (bac + found.eac)
    assert abs(found.eac - (ac + (bac - ev) / found.cpi)) <= tolerance
    assert abs(found.etc + ac - found.eac) <= tolerance
    assert abs(found.vac + found.eac - bac) <= tolerance
    assert found.tcpi_eac is not None
    assert abs(found.tcpi_eac - found.cpi) <= D("1e-9") * found.cpi
    rest_at_budget = to_complete(bac, ev, ac, ac + bac - ev)[0]
    assert rest_at_budget is not None
    assert abs(rest_at_budget - 1) <= D("1e-9")
    assert found.eac_cpi_spi is not None
    assert abs(found.eac_cpi_spi - found.eac) <= tolerance  # SPI is 1 here


@given(steps=st.lists(st.integers(0, 1000), min_size=1, max_size=20), share=st.decimals(0, 1, places=3))
def test_earned_schedule_gives_back_the_planned_value(steps: list[int], share: D) -> None:
    values = [D(0)]
    for step in steps:
        values.append(values[-1] + step)
    if values[-1] == 0:
        return
    ev = values[-1] * share
    at = earned_schedule(values, ev)
    baseline = Baseline(tuple([None] * len(values)), tuple(values))
    assert abs(baseline.planned_value(at) - ev) <= D("1e-9") * values[-1]


@given(low=st.integers(0, 100_000), high=st.integers(0, 100_000))
def test_more_value_is_never_earlier(low: int, high: int) -> None:
    low, high = sorted((low, high))
    assert earned_schedule(LINEAR, D(low)) <= earned_schedule(LINEAR, D(high))
