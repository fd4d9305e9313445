"""What OData V2 (SAP Gateway) writes otherwise than V4, turned into V4's forms and back.

V2 wraps an answer in `d`, gives Decimal and Int64 as text, types its literals (`10.5M`, `datetime'…'`), and writes
instants as `/Date(milliseconds)/`. An Edm.DateTime has no zone: its day is the one that UTC shows, never converted.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.errors import ContractBroken
from connectors.instants import instant_text

_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUFFIX = {"Edm.Decimal": "M", "Edm.Int64": "L", "Edm.Double": "d", "Edm.Single": "f"}
_PREFIX = {
    "Edm.DateTime": "datetime",
    "Edm.DateTimeOffset": "datetimeoffset",
    "Edm.Guid": "guid",
    "Edm.Time": "time",
}
_MIDNIGHT = "T00:00:00"
_DAY_SIGNS = len("2026-07-01")


def rows_of(body: Any) -> tuple[Any, Any, Any, Any]:
    """A collection answer taken apart: its rows, the next link, the count, the delta link."""
    inner = body.get("d") if isinstance(body, dict) else None
    if isinstance(inner, list):
        return inner, None, None, None
    if not isinstance(inner, dict):
        return None, None, None, None
    return inner.get("results"), inner.get("__next"), inner.get("__count"), inner.get("__delta")


def row_of(raw: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """An entity in V4's forms: its ETag as `@odata.etag`, days and instants as ISO 8601, nothing deferred."""
    row: dict[str, Any] = {}
    etag = (raw.get("__metadata") or {}).get("etag")
    if etag is not None:
        row["@odata.etag"] = etag
    for name, value in raw.items():
        if name == "__metadata" or (isinstance(value, dict) and "__deferred" in value):
            continue
        row[name] = _moment(value, types[name]) if name in types else value
    return row


def literal(kind: str, text: str) -> str:
    """A value, already proved to break out of nothing, as it stands in a filter or a key."""
    if kind in _SUFFIX:
        return text + _SUFFIX[kind]
    if kind == "Edm.DateTime" and len(text) == _DAY_SIGNS:
        text += _MIDNIGHT
    return f"{_PREFIX[kind]}'{text}'" if kind in _PREFIX else text


def date_of(text: str) -> str:
    """An ISO day or instant as V2's JSON has it."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"/Date({(moment - _EPOCH) // timedelta(milliseconds=1)})/"


def _moment(value: Any, kind: str) -> Any:
    if kind not in ("Edm.DateTime", "Edm.DateTimeOffset") or not isinstance(value, str):
        return value
    match = _DATE.fullmatch(value)
    if match is None:
        raise ContractBroken(f"{value!r} is no {kind} of OData V2", fix="report it to the service's owner")
    moment = _EPOCH + timedelta(milliseconds=int(match[1]))
    if kind == "Edm.DateTimeOffset":
        return instant_text(moment)
    return moment.replace(tzinfo=None).isoformat().removesuffix(_MIDNIGHT)
