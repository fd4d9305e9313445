"""The way in for an instance that gives no right to its tables: a row in a staging table, and its transform map.

The administrator owns the map: which columns it takes, and the coalesce field `u_record` (the sys_id of the record to
change). All values are texts. The answer tells what became of the row, and the record is read again all the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from requests import codes

from connectors.errors import ContractBroken, CredentialsRefused, Invalid, OutcomeUnknown
from connectors.http import Http
from connectors.servicenow.table import refusal_of, text_of

RECORD = "u_record"
"""The staging column that holds the sys_id of the record to change, on which the map coalesces."""


def send_row(http: Http, staging: str, id_: str, body: Mapping[str, str]) -> None:
    """Hands the values over for the record `id_`.

    Raises `Invalid` where the map refused the row, `CredentialsRefused` where the staging table takes none, and
    `ContractBroken` where the map made a record instead of finding it: nothing more may be sent then.
    """
    answer = http.request(
        "POST", f"/api/now/import/{staging}", json={RECORD: id_, **body}, ok=(200, 201, 400, 403, 404)
    )
    document: Any = answer.json if isinstance(answer.json, dict) else {}
    if answer.status not in (codes.ok, codes.created):
        said = f"The instance takes no row for {staging} ({answer.status}: {refusal_of(document)})."
        fix = f"Create the staging table {staging} with its transform map, and let the account create rows there."
        raise CredentialsRefused(said, fix=fix)
    results = document.get("result")
    if not isinstance(results, list):
        raise OutcomeUnknown(
            f"{staging} did not tell what became of the row.",
            fix="Nothing to do: the next run reads the record.",
        )
    _judge(staging, id_, [each for each in results if isinstance(each, dict)])


def _judge(staging: str, id_: str, results: Sequence[Mapping[str, Any]]) -> None:
    if not results:
        fix = f"Give the account's role read and create rules (ACL) on {staging}, and check that its map is active."
        raise Invalid(f"{staging} took the row and told nothing of it.", fix=fix)
    for result in results:
        said = " ".join(text_of(result.get(key)) for key in ("status", "error_message")).strip()
        if text_of(result.get("status")) == "inserted" or text_of(result.get("sys_id")) not in ("", id_):
            raise ContractBroken(
                f"The transform map of {staging} made or changed {text_of(result.get('sys_id'))} instead of {id_}.",
                fix=f"Set coalesce on {RECORD} to Sys ID in the map, and delete the records that it made.",
            )
        if text_of(result.get("status")) == "error":
            raise Invalid(f"The transform map of {staging} refused the row: {said}.", fix="Correct the map.")
