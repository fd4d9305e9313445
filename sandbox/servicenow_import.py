"""Import sets: rows go into a staging table, and its transform map changes the record that they name.

- values are texts, anything else is refused
- a map without a coalesce field makes a new record of every row
- an account that may not read the staging table gets 201 with an empty result
"""

from dataclasses import dataclass
from typing import Any

from sandbox.servicenow_tables import Row, Tables, stored

Result = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class TransformMap:
    """A staging table's map: the table that it changes, the columns that it takes (None: all), its coalesce field."""

    name: str
    table: str
    columns: frozenset[str] | None = None
    coalesce: str | None = "u_record"
    silent: bool = False
    """The account may not read the staging table."""
    refuses: str = ""
    """What the map's script says of every row."""


def transform(tables: Tables, made: TransformMap, body: dict[str, Any], by: str) -> Result:
    """What became of one row, as the interface tells it. Raises ValueError for a value that is no text."""
    if not all(isinstance(value, str) for value in body.values()):
        raise ValueError("every value of an import row is a text")
    if made.refuses:
        return [_result(made, "error", None) | {"error_message": made.refuses}]
    columns = tables.columns(made.table)
    values: dict[str, str] = {}
    for name, value in body.items():
        column = columns.get(name)
        taken = made.columns is None or name in made.columns
        kept = stored(column, value) if column is not None and taken and not column.read_only else None
        if kept is not None:
            values[name] = kept
    found = tables.find(made.table, body.get(made.coalesce, "")) if made.coalesce else None
    if found is None:
        status, row = "inserted", tables.insert(made.table, values, by)
    else:
        before = found["sys_mod_count"]
        row = tables.edit(made.table, found["sys_id"], by, **values)
        status = "ignored" if row["sys_mod_count"] == before else "updated"
    return [] if made.silent else [_result(made, status, row)]


def _result(made: TransformMap, status: str, row: Row | None) -> dict[str, str]:
    result = {"transform_map": made.name, "table": made.table, "status": status}
    if row is not None:
        result |= {
            "display_name": "number",
            "display_value": row.get("number", ""),
            "sys_id": row["sys_id"],
            "record_link": f"/api/now/table/{made.table}/{row['sys_id']}",
        }
    return result
