"""ServiceNow's own bad days, through the whole program."""

from pathlib import Path

from tests.end_to_end.office import Office, by

BAD_ROW = "finance/in/budget_example_of_a_bad_row.csv"


def test_a_spent_quota_stops_its_connection_alone_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with Office(tmp_path) as office:
        (office.folder / BAD_ROW).unlink()
        snow = office.state("snow")
        snow.quota, snow.retry_after = 20, 1800
        limited = office.sync()
        connections = by(limited.json["connections"], "connection")
        assert limited.code == 1
        assert {name for name, each in connections.items() if not each["ok"]} == {"snow"}
        assert "1800 s" in connections["snow"]["error"]
        assert office.writes()["snow"] == 0
        assert office.writes()["jira"] > 0
        kept = len(office.rows("source_record"))
        asked = len(snow.requests)

        snow.quota = None
        healed = office.sync()
        assert healed.code == 0, healed.out
        assert len(office.rows("source_record")) > kept
        assert asked < len(snow.requests)
        assert office.writes()["snow"] > 0
        assert office.sync().json["counts"]["planned"] == 0
