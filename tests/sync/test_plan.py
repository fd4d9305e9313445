"""The plan: what is written, what is left, what is held."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sync.plan import Change, Drift, Limits, Plan, Sight, Wish, Written, brakes, make, same

PLACE = ("snow", "r1")
plain = st.one_of(
    st.none(),
    st.text(min_size=1, max_size=5),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.booleans(),
)


def wish(field: str = "rag", value: object = "Red", **more: object) -> Wish:
    given_ = {
        "connection": "snow",
        "record": "r1",
        "label": "PRJ1",
        "project": "P1",
        "figure": field,
        "why": "because",
    }
    return Wish(**{**given_, "field": field, "value": value, **more})  # type: ignore[arg-type]


def planned(*wishes: Wish, shown: dict[str, object], written: dict[str, Written] | None = None) -> Plan:
    sights = {PLACE: Sight(True, shown)}  # type: ignore[arg-type]
    return make(wishes, sights, {(*PLACE, name): each for name, each in (written or {}).items()})


def test_a_value_that_the_tool_shows_is_not_written() -> None:
    assert planned(wish(value="Red"), shown={"rag": "Red"}).changes == ()


def test_a_first_fill_is_a_change_with_before_after_and_why() -> None:
    (change,) = planned(wish(value="Red"), shown={"rag": None}).changes

    assert (change.before, change.after, change.why, change.first) == (None, "Red", "because", True)


def test_a_record_that_was_not_seen_is_not_written() -> None:
    assert make([wish()], {}, {}).changes == ()


def test_companions_never_move_alone() -> None:
    stamp = wish("stamp", "now", companion=True)

    assert planned(wish(value="Red"), stamp, shown={"rag": "Red", "stamp": "before"}).changes == ()
    assert {each.field for each in planned(wish(value="Red"), stamp, shown={}).changes} == {"rag", "stamp"}


def test_a_value_changed_by_hand_is_restored_kept_or_reported() -> None:
    written = {"rag": Written("Red", "Red")}

    (restored,) = planned(wish(value="Red"), shown={"rag": "Green"}, written=written).changes
    kept = planned(wish(value="Red", on_drift="keep"), shown={"rag": "Green"}, written=written)
    reported = planned(wish(value="Red", on_drift="report"), shown={"rag": "Green"}, written=written)

    assert "changed by hand to 'Green'" in restored.why
    assert kept.changes == () == reported.changes
    assert kept.drift == (Drift("snow", "PRJ1", "rag", "Red", "Green", "keep"),)
    assert reported.drift[0].policy == "report"


def test_a_number_that_was_changed_by_hand_is_told_in_digits() -> None:
    written = {"done": Written(Decimal("0.3"), Decimal("0.3"))}
    (restored,) = planned(
        wish("done", Decimal("0.3")), shown={"done": Decimal("0.50")}, written=written
    ).changes

    assert restored.why == "restored, it was changed by hand to 0.50; because"


def test_a_value_put_back_too_often_is_parked_until_the_wish_changes() -> None:
    def after(flips: int, value: str = "Red") -> Plan:
        return planned(
            wish(value=value), shown={"rag": "Green"}, written={"rag": Written("Red", "Red", flips)}
        )

    assert [each.flips for each in after(2).changes] == [3]
    assert after(3).changes == ()
    assert after(3).drift == (Drift("snow", "PRJ1", "rag", "Red", "Green", "parked"),)
    assert [each.flips for each in after(3, "Amber").changes] == [0]


def test_a_changed_wish_is_no_drift() -> None:
    made = planned(
        wish(value="Amber", on_drift="keep"), shown={"rag": "Red"}, written={"rag": Written("Red", "Red")}
    )

    assert [(each.before, each.after) for each in made.changes] == [("Red", "Amber")]
    assert made.drift == ()


def test_a_value_that_the_tool_reshaped_is_not_written_again() -> None:
    made = planned(wish(value="a  b"), shown={"rag": "a b"}, written={"rag": Written("a  b", "a b")})

    assert made.changes == ()


def test_numbers_are_equal_by_value_and_instants_by_moment() -> None:
    assert same(Decimal("12.50"), "12.5")
    assert same("2026-11-21T10:00:00Z", "2026-11-21T05:00:00-05:00")
    assert same("", None)
    assert not same("12.50", "12.5")
    assert not same("Red", None)


@given(st.dictionaries(st.sampled_from("abcd"), plain), st.dictionaries(st.sampled_from("abcd"), plain))
def test_what_a_plan_wrote_is_not_planned_again(wanted: dict[str, object], shown: dict[str, object]) -> None:
    wishes = [wish(name, value) for name, value in wanted.items()]
    changes = planned(*wishes, shown=shown).changes
    after = {**shown, **{each.field: each.after for each in changes}}
    written = {each.field: Written(each.after, each.after) for each in changes}

    assert planned(*wishes, shown=after, written=written).changes == ()


def change(record: str, *, first: bool) -> Change:
    return Change("snow", record, record, None, "rag_cost", "rag", None, "Red", "because", first)


def limits(
    max_changes: int = 1000, max_share: str = "0.2", max_records: int | None = None
) -> dict[str, Limits]:
    return {"snow": Limits(max_changes, Decimal(max_share), max_records)}


def test_first_fills_are_not_held() -> None:
    assert brakes([change(str(n), first=True) for n in range(5000)], {}, limits()) == []


def test_more_changed_records_than_the_cap_hold_the_connection() -> None:
    changes = [change(str(n), first=False) for n in range(11)]

    assert brakes(changes, {"snow": 1000}, limits(max_changes=11)) == []
    assert brakes(changes, {"snow": 1000}, limits(max_changes=10))[0].connection == "snow"


def test_the_share_counts_records_not_fields_and_applies_from_twenty() -> None:
    changes = [change(str(n), first=False) for n in range(5)] * 3

    assert brakes(changes, {"snow": 25}, limits()) == []
    assert "21%" in brakes(changes, {"snow": 24}, limits())[0].reason
    assert brakes(changes, {"snow": 19}, limits()) == []


def test_a_cap_given_for_this_run_counts_first_fills_too() -> None:
    changes = [change("1", first=True), change("2", first=True)]

    assert brakes(changes, {}, limits(max_records=2)) == []
    assert "--max-changes is 1" in brakes(changes, {}, limits(max_records=1))[0].reason
