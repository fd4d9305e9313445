"""What keeps a run from writing: an automation that fights it, quiet hours, another tenant, the kill switch."""

from datetime import timedelta

from sync.engine import Caps
from tests.reliability.town import Town


def test_a_field_that_an_automation_keeps_rewriting_is_parked_with_an_alarm(town: Town) -> None:
    town.snow.automation = (("u_rag", "Purple"),)
    town.run()
    restored = []
    for _ in range(6):
        town.automate()
        restored.append(town.run())
    values = {row.values["u_rag"] for row in town.snow.rows.values()}

    assert [report.records_written for report in restored] == [5, 5, 5, 0, 0, 0]
    assert values == {"Purple"}
    assert restored[-1].outcome == "findings"
    assert "ID0 u_rag (shows 'Purple')" in town.alarms()["snow", "ping_pong"]


def test_approval_restores_a_parked_field_and_ends_its_alarm(town: Town) -> None:
    town.snow.automation = (("u_rag", "Purple"),)
    town.run()
    for _ in range(4):
        town.automate()
        town.run()
    approved = town.run(caps=Caps(approve=True))
    quiet = town.run()

    assert approved.records_written == 5
    assert {row.values["u_rag"] for row in town.snow.rows.values()} == {"Unknown"}
    assert quiet.outcome == "done"
    assert town.alarms() == {}


def test_hand_edits_weeks_apart_are_never_parked(town: Town) -> None:
    town.run()
    for _ in range(5):
        town.snow.set("id0", {"u_rag": "Purple"})
        assert town.run().records_written == 1
        town.now += timedelta(days=8)
        town.run()

    assert town.snow.rows["id0"].values["u_rag"] == "Unknown"
