"""The exit kit: the whole portfolio in open formats."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio.model import COMMON, ENTITIES, Entity
from portfolio.store import entities, links, manual, snapshots
from portfolio.store.tables import PULLED
from portfolio.store.types import instant_text
from sync.wiring import declared_projects

FORMAT = "portico.export/1"
OWN = "portico"
"""The connection named by what Portico itself keeps: gates, actions, metrics, and projects declared in the configuration."""


OF_TIME = frozenset({"schedule_variance_days", "percent_complete", "spi", "spi_t"})
"""Metrics that the schedule's reason explains; the cost's explains the others."""


def _plain(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "money":
        return f"{value:.2f}"
    if kind in {"share", "number"}:
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if kind == "texts" else value


def _line(entity: Entity, row: Mapping[str, Any]) -> dict[str, Any]:
    return {each.name: _plain(row.get(each.name), each.type) for each in (*COMMON, *entity.fields)}


def _projects(db: Connection, names: links.Registry) -> Iterator[Mapping[str, Any]]:
    for key, project in names.projects.items():
        row = project.defined_by
        sources = [{"connection": row["connection"], "external_key": row["external_key"]}] if row else []
        own = {} if row else {"connection": OWN, "kind": "project", "external_id": key, "external_key": key}
        yield {
            **project.values,
            **own,
            "key": key,
            "budget_codes": sorted(project.budget_codes),
            "sources": sources,
        }
    yield from (
        row
        for row in entities.read_all(db, "project")
        if row["deleted_at"] is not None and row["key"] not in names.projects
    )


def _gates(judged: Mapping[str, snapshots.Judged]) -> Iterator[Mapping[str, Any]]:
    for key, each in judged.items():
        for gate in each.body["gates"]:
            yield {
                **_own("gate", f"{key}/{gate['gate']}"),
                "project_key": key,
                **{
                    name: gate.get(name)
                    for name in ("gate", "position", "status", "decided_by", "note", "conditions", "criteria")
                },
                "due_on": _day(gate.get("due_on")),
                "decided_on": _day(gate.get("decided_on")),
            }


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _own(kind: str, key: str) -> dict[str, Any]:
    return {"connection": OWN, "kind": kind, "external_id": key, "external_key": key}


def _actions(db: Connection) -> Iterator[Mapping[str, Any]]:
    for each in manual.actions(db):
        yield {**_own("action", str(each["id"])), **each}


def _metrics(
    snapshot_id: str, as_of: date, judged: Mapping[str, snapshots.Judged]
) -> Iterator[Mapping[str, Any]]:
    for key, each in judged.items():
        for name, unit, value in _figures(each.body):
            yield {
                **_own("metric", f"{key}/{name}"),
                "project_key": key,
                "name": name,
                "value": Decimal(str(value)),
                "unit": unit,
                "as_of": as_of,
                "snapshot_id": snapshot_id,
                "because": each.body["status"]["schedule" if name in OF_TIME else "cost"]["because"],
            }


def _figures(body: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    schedule, cost, earned = body["schedule"], body["cost"], body["earned_value"]
    named = [
        ("schedule_variance_days", "days", schedule["variance_days"]),
        ("percent_complete", "share", schedule["percent_complete"]),
        ("budget_variance", "money", cost["variance"]),
        ("budget_variance_share", "share", cost["variance_share"]),
        ("available_budget", "money", cost["available"]),
        *((name, "index", earned.get(name)) for name in ("cpi", "spi", "spi_t")),
        *((name, "money", earned.get(name)) for name in ("bac", "pv", "ev", "ac", "eac")),
    ]
    return ((name, unit, value) for name, unit, value in named if value is not None)


def export_to(db: Connection, settings: Settings, folder: Path) -> dict[str, Any]:
    """Writes one file per entity and `manifest.json` into `folder`; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    names = links.registry(db, *declared_projects(settings))
    last = snapshots.newest(db)
    judged = snapshots.judgements(db, last.number) if last else {}
    rows: dict[str, Iterable[Mapping[str, Any]]] = {name: entities.read_all(db, name) for name in PULLED}
    rows |= {
        "project": _projects(db, names),
        "gate": _gates(judged),
        "action": _actions(db),
        "metric": _metrics(last.id, last.as_of, judged) if last else (),
    }
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "portfolio": settings.portfolio.name,
        "currency": settings.portfolio.currency,
        "snapshot": last.id if last else None,
        "files": {},
    }
    for name, entity in ENTITIES.items():
        text = "".join(json.dumps(_line(entity, row), ensure_ascii=False) + "\n" for row in rows[name])
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        manifest["files"][f"{name}.jsonl"] = {
            "count": text.count("\n"),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest
