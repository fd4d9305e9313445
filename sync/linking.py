"""What is linked, what is not, and what might be."""

from typing import Any

from sqlalchemy import Connection, func, select

from config.settings import Settings
from portfolio.store import links
from portfolio.store.live import stands
from portfolio.store.tables import PULLED, entity_tables
from sync.wiring import declared_projects


def overview(db: Connection, settings: Settings, *, suggest: bool) -> dict[str, Any]:
    """Per project its records by connection and entity; what is unlinked; suggestions where asked."""
    names = links.registry(db, *declared_projects(settings))
    counted: dict[str, list[dict[str, Any]]] = {key: [] for key in names.projects}
    for entity in PULLED:
        table = entity_tables[entity]
        if "project_key" not in table.c:
            continue
        rows = db.execute(
            select(table.c.project_key, table.c.connection, func.count())
            .where(table.c.project_key.is_not(None), stands(table))
            .group_by(table.c.project_key, table.c.connection)
            .order_by(table.c.project_key, table.c.connection)
        )
        for key, name, count in rows:
            counted.setdefault(key, []).append({"connection": name, "entity": entity, "count": count})
    return {
        "projects": [
            {"key": key, "name": project.values.get("name") or key, "records": counted[key]}
            for key, project in names.projects.items()
        ],
        "unlinked": links.unlinked(db),
        "doubts": list(names.doubts),
        "suggestions": _suggestions(db, names) if suggest else [],
    }


def _suggestions(db: Connection, names: links.Registry) -> list[dict[str, Any]]:
    """Containers of unlinked records whose name is a project's name or key."""
    by_name = {(project.values.get("name") or "").casefold(): key for key, project in names.projects.items()}
    by_name |= {key.casefold(): key for key in names.projects}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entity in PULLED:
        table = entity_tables[entity]
        if "project_key" not in table.c:
            continue
        rows = db.execute(
            select(table.c.connection, table.c.container).where(table.c.project_key.is_(None), stands(table))
        )
        for connection, container in rows:
            for text in container or ():
                key = by_name.get(text.casefold())
                if key:
                    found[(connection, text)] = {
                        "connection": connection,
                        "name": text,
                        "project": key,
                        "because": "its name is the project's",
                    }
    return list(found.values())
