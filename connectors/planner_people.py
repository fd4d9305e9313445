"""Who the people of a task are: Planner names them by id only."""

from collections.abc import Iterable
from urllib.parse import quote

from connectors.planner_graph import Graph, Json

FORMER = "former user"


class People:
    """The people of one tenant, each looked up once. Needs User.ReadBasic.All; without it they stay ids."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, Json] = {}

    def find(self, ids: Iterable[str]) -> None:
        """Looks up those not known yet, in batches."""
        paths = {_path(each): each for each in dict.fromkeys(ids) if each not in self._known}
        for path, user in self._graph.many(list(paths)):
            self._known[paths[path]] = _person(paths[path], user)

    def named(self, ids: Iterable[str]) -> list[Json]:
        """`{id, name, mail}` of each, in order; one that is gone from the tenant is a former user."""
        return [self._known.get(each) or _person(each, {}) for each in ids]


def _path(user_id: str) -> str:
    return f"/users/{quote(user_id)}?$select=id,displayName,mail"


def _person(user_id: str, user: Json | None) -> Json:
    if user is None:
        return {"id": user_id, "name": FORMER, "mail": None}
    return {"id": user_id, "name": user.get("displayName") or user_id, "mail": user.get("mail")}
