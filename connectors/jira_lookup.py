"""Issues by id or key: a hundred per request where the product can, one by one where a request was refused."""

import re
from collections.abc import Sequence

from connectors.base import BadRow
from connectors.errors import ContractBroken, Invalid, NotFound, SkipRecord
from connectors.jira_site import Json, Site, segment

AT_ONCE = 100
KEY = re.compile(r"\w+-\d+")
_LONGEST_LIST = 2000
"""So many letters of field ids go into an address; a longer list would make some servers refuse it."""


def fetched(site: Site, ids: Sequence[str], fields: Sequence[str]) -> tuple[Sequence[Json], list[BadRow]]:
    """Issues of Cloud in bulk, and those that Jira could not give; hidden and unknown ones are in neither."""
    if not ids:
        return [], []
    body = {"issueIdsOrKeys": list(ids), "fields": list(fields)}
    try:
        answer = site.ask("POST", f"{site.api}/issue/bulkfetch", json=body, idempotent=True)
    except (NotFound, ContractBroken):
        return [each for each in (one(site, id_, fields) for id_ in ids) if each is not None], []
    except SkipRecord as error:
        raise site.refused(error) from None
    found = site.document(answer)
    errors = [
        BadRow(str(each.get("id")), None, None, str(each.get("errorMessage") or "not given by Jira"))
        for each in site.rows(found.get("issueErrors") or [], "issue errors")
    ]
    return site.rows(found.get("issues"), "issues"), errors


def bulk(site: Site, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Json]:
    """Those of at most a hundred issues, by id or key, that the account sees; a key that moved may be missing."""
    if site.server.cloud:
        return fetched(site, ids, fields)[0]
    numbers = [each for each in ids if each.isdigit()]
    keys = [f'"{each}"' for each in ids if KEY.fullmatch(each)]
    parts = [f"{name} in ({', '.join(some)})" for name, some in (("id", numbers), ("key", keys)) if some]
    if not parts:
        return []
    body = {
        "jql": " OR ".join(parts),
        "maxResults": len(ids),
        "fields": list(fields),
        "validateQuery": False,
    }
    try:
        answer = site.ask("POST", f"{site.api}/search", json=body, idempotent=True)
    except Invalid:
        return [each for each in (one(site, id_, fields) for id_ in ids) if each is not None]
    return site.rows(site.document(answer).get("issues"), "issues")


def one(site: Site, id_or_key: str, fields: Sequence[str]) -> Json | None:
    """One issue, also under a key that it had before; None if there is none to be seen."""
    asked = ",".join(fields)
    params = {"fields": asked if len(asked) <= _LONGEST_LIST else "*all"}
    try:
        answer = site.ask("GET", f"{site.api}/issue/{segment(id_or_key)}", params=params)
    except NotFound:
        return None
    return site.document(answer)
