"""What every record that carries Portico's fields should hold, by the newest judgement."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select

from connectors.base import Stream
from connectors.errors import ConnectorError
from portfolio.judge import Policy, ledger_figures
from portfolio.store import budget_lines
from portfolio.store import records as raw
from portfolio.store.tables import entity_tables
from sync import wishes
from sync.assess import Assessed, today_of
from sync.errand import Errand
from sync.ledgers import own_lines
from sync.plan import Refusal
from sync.wishes import Stamp, Wanted


def wanted(
    errand: Errand, policy: Policy, assessed: Assessed, names: Sequence[str]
) -> tuple[list[Wanted], list[Refusal]]:
    """What the records of the named connections should hold, and the projects that have no record there.

    A connection that cannot be asked which records carry the fields is noted in the report as unread.
    """
    stamp = Stamp(assessed.snapshot_id, assessed.taken_at)
    found: list[Wanted] = []
    refused: list[Refusal] = []
    with errand.store.reading() as db:
        lines = budget_lines.ledger(db, errand.settings.portfolio.currency)
    for name in names:
        try:
            carriers = _carriers(errand, name)
        except ConnectorError as error:
            errand.report.unread[name] = error.text
            continue
        some, without = wishes.of_projects(
            errand.settings, name, assessed.names.projects, assessed.judged, stamp, carriers
        )
        found += some
        refused += without
        if errand.settings.connections[name].write.budget_line is not None:
            figures = ledger_figures(
                own_lines(errand.settings, name, lines),
                policy,
                today_of(errand.settings, errand.now),
                _corrective(assessed),
            )
            found += wishes.of_ledger(errand.settings, name, figures, stamp)
    return found, refused


def _carriers(errand: Errand, name: str) -> dict[str, list[str]]:
    """Per project the records that a `to` query names (Jira)."""
    connection = errand.settings.connections[name]
    block = connection.write.project
    query = connection.write.to_of(block) if block is not None else None
    if connection.tool != "jira" or not query:
        return {}
    ids = errand.connector(name).census(Stream("issue", query)).ids or frozenset()
    item = entity_tables["work_item"]
    found: dict[str, list[str]] = defaultdict(list)
    with errand.store.reading() as db:
        for some in raw.batches(sorted(ids)):
            rows = db.execute(
                select(item.c.project_key, item.c.external_id).where(
                    item.c.connection == name,
                    item.c.external_id.in_(some),
                    item.c.project_key.is_not(None),
                )
            )
            for key, external_id in rows:
                found[key].append(external_id)
    return found


def _corrective(assessed: Assessed) -> dict[str, str]:
    """The standing corrective action per budget code, as the judgements name it."""
    rows = (row for judged in assessed.judged.values() for row in judged.outcome["budget_figures"])
    return {row["budget_code"]: row["corrective_action"] for row in rows if row["corrective_action"]}
