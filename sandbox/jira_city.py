"""Fills a simulated Jira from the city: the projects whose teams work there, each with its carrier issue."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.city import City, Person, Project, WorkItem
from sandbox.jira_site import Issue, Json, Site, Worklog
from sandbox.jira_values import FieldType, custom, system

POINTS, SPRINT, FLAGGED, BLOCKED_WHY = (
    "customfield_10016", "customfield_10020", "customfield_10021", "customfield_10302",
)  # fmt: skip
START = "customfield_10015"
DUE, PORTFOLIO_KEY, EPIC_LINK = "customfield_10300", "customfield_10301", "customfield_10014"
_STATUS = {
    "todo": ("10000", "To Do", 2, "new", "To Do"),
    "in_progress": ("10001", "In Progress", 4, "indeterminate", "In Progress"),
    "done": ("10002", "Done", 3, "done", "Done"),
    "cancelled": ("10003", "Cancelled", 3, "done", "Done"),
}
_TYPES = {
    "epic": ("10001", "Epic", 1),
    "story": ("10002", "Story", 0),
    "task": ("10003", "Task", 0),
    "bug": ("10004", "Bug", 0),
}
_PRIORITIES = {"high": ("2", "High"), "medium": ("3", "Medium"), "low": ("4", "Low")}


def fields_of_the_city() -> tuple[FieldType, ...]:
    """The fields of the city's Jira; those from 10201 to 10206 are there for Portico to write."""
    return (
        *(system(id_, id_.capitalize(), type_) for id_, type_ in (
            ("summary", "string"), ("description", "string"), ("labels", "array"), ("duedate", "date"),
            ("assignee", "user"), ("reporter", "user"), ("priority", "priority"), ("parent", "issuelink"),
        )),
        *(system(id_, id_.capitalize(), type_, editable=False) for id_, type_ in (
            ("status", "status"), ("issuetype", "issuetype"), ("project", "project"), ("created", "datetime"),
            ("updated", "datetime"), ("resolution", "resolution"), ("resolutiondate", "datetime"), ("timespent", "number"),
            ("timeoriginalestimate", "number"), ("statuscategorychangedate", "datetime"), ("issuelinks", "array"),
        )),
        custom(10014, "Epic Link", "any", "com.pyxis.greenhopper.jira:gh-epic-link"),
        custom(10015, "Start date", "date", "datepicker"),
        custom(10016, "Story points", "number", "float"),
        custom(10020, "Sprint", "array", "com.pyxis.greenhopper.jira:gh-sprint"),
        custom(10021, "Flagged", "array", "multicheckboxes", ("Impediment",)),
        custom(10201, "Gate status", "string", "textfield"),
        custom(10202, "Gate due", "date", "datepicker"),
        custom(10203, "RAG", "option", "select", ("Green", "Amber", "Red")),
        custom(10204, "Budget variance", "number", "float"),
        custom(10205, "Portico computed at", "datetime", "datetime"),
        custom(10206, "Portico explanation", "string", "textarea"),
        custom(10300, "Due date (city)", "date", "datepicker"),
        custom(10301, "Portfolio key", "string", "textfield"),
        custom(10302, "Blocked reason", "string", "textfield"),
    )  # fmt: skip


def statuses_of_the_city() -> dict[str, Json]:
    """The statuses of the city's workflow by id."""
    return {each["id"]: each for each in map(_status, _STATUS)}


def fill(site: Site, city: City) -> None:
    """Puts the Jira teams' projects into an empty site."""
    site.fields = {each.id: each for each in fields_of_the_city()}
    site.statuses = statuses_of_the_city()
    for number, project in enumerate((each for each in city.projects if each.jira_key), start=1):
        _project(site, project, number)


def _project(site: Site, project: Project, number: int) -> None:
    key = str(project.jira_key)
    site.projects[key] = {
        "id": str(10_000 + number),
        "key": key,
        "name": project.name,
        "description": project.description,
        "projectTypeKey": "software",
        "archived": False,
        "lead": person(site, project.manager),
        "projectCategory": {"id": "1", "name": project.program, "description": ""},
    }
    first = number * 10_000
    created = project.created_at
    carrier = Issue(first + 1, f"{key}-1", key, _carrier(site, project), created, created)
    site.issues[carrier.id] = carrier
    keys = {item.number: f"{key}-{item.number}" for item in project.work}
    for item in project.work:
        issue = Issue(
            first + item.number,
            keys[item.number],
            key,
            _fields(site, project, item, keys, first),
            item.created_at,
            item.updated_at,
        )
        site.issues[issue.id] = issue
        issue.moves = _moves(item)
        if item.spent_hours:
            at = item.done_at or item.updated_at
            seconds = int(item.spent_hours * 3600)
            author = (item.assignee or item.reporter).id
            site.worklogs[issue.id] = Worklog(
                issue.id, issue.id, author, seconds, at - timedelta(hours=1), at
            )
    site.versions[key] = [_version(site, project, place, number) for place in range(len(project.milestones))]
    site.boards.append(
        {"id": number, "name": f"{key} board", "type": "scrum", "location": {"projectKey": key}}
    )
    site.sprints[number] = _sprints(project, number)


def person(site: Site, someone: Person) -> Json:
    """A user as the product shows one: Cloud by account id, Data Center by key and name."""
    if site.product == "cloud":
        return {
            "accountId": f"712020:{someone.id}",
            "accountType": "atlassian",
            "displayName": someone.name,
            "active": True,
        }
    return {
        "key": f"JIRAUSER{someone.id}",
        "name": someone.id,
        "emailAddress": someone.email,
        "displayName": someone.name,
        "active": True,
    }


def _status(word: str) -> Json:
    id_, name, category, key, category_name = _STATUS[word]
    return {"id": id_, "name": name, "statusCategory": {"id": category, "key": key, "name": category_name}}


def _type(word: str) -> Json:
    id_, name, level = _TYPES[word]
    return {"id": id_, "name": name, "subtask": False, "hierarchyLevel": level}


def _resolution(word: str) -> Json | None:
    name = {"done": "Done", "cancelled": "Won't Do"}.get(word)
    return {"id": "10000" if name == "Done" else "10001", "name": name} if name else None


def _carrier(site: Site, project: Project) -> Json:
    state = {"proposed": "todo", "completed": "done", "cancelled": "cancelled"}.get(
        project.state, "in_progress"
    )
    return {
        "summary": project.name,
        "description": _text(site, project.description),
        "issuetype": _type("epic"),
        "status": _status(state),
        "priority": _priority(project.priority),
        "assignee": person(site, project.manager),
        "reporter": person(site, project.sponsor),
        "labels": ["portfolio"],
        "duedate": project.finish_planned.isoformat(),
        "resolution": _resolution(state),
        "resolutiondate": None,
        "parent": None,
        PORTFOLIO_KEY: project.key,
        DUE: project.finish_planned.isoformat(),
    }


def _fields(site: Site, project: Project, item: WorkItem, keys: dict[int, str], first: int) -> Json:
    due = item.due_on.isoformat() if item.due_on else None
    found: Json = {
        "summary": item.title,
        "description": _text(site, item.title),
        "issuetype": _type(item.type),
        "status": _status(item.status),
        "priority": _priority(item.priority),
        "assignee": person(site, item.assignee) if item.assignee else None,
        "reporter": person(site, item.reporter),
        "labels": list(item.labels),
        "duedate": due,
        START: item.start_planned.isoformat() if item.start_planned else None,
        "resolution": _resolution(item.status),
        "resolutiondate": site.printed(item.done_at) if item.done_at else None,
        "statuscategorychangedate": site.printed(item.done_at or item.started_at or item.created_at),
        "timeoriginalestimate": int(item.estimate_hours * 3600) if item.estimate_hours is not None else None,
        "timespent": int(item.spent_hours * 3600) if item.spent_hours is not None else None,
        POINTS: float(item.points) if item.points is not None else None,
        FLAGGED: [{"value": "Impediment", "id": "10019"}] if item.blocked else None,
        BLOCKED_WHY: item.blocked_reason,
        DUE: due,
        PORTFOLIO_KEY: project.key,
    }
    if site.product == "cloud":
        found["parent"] = _parent(item, keys, first)
    else:
        found[EPIC_LINK] = keys.get(item.parent) if item.parent else None
    return found


def _moves(item: WorkItem) -> list[tuple[datetime, Json, Json]]:
    """The way to where the item stands now."""
    found, at = [], _status("todo")
    if item.started_at is not None:
        found.append((item.started_at, at, _status("in_progress")))
        at = _status("in_progress")
    if item.done_at is not None and item.status in ("done", "cancelled"):
        found.append((item.done_at, at, _status(item.status)))
    return found


def _parent(item: WorkItem, keys: dict[int, str], first: int) -> Json | None:
    if item.parent not in keys:
        return None
    return {"id": str(first + item.parent), "key": keys[item.parent]}


def _priority(word: str) -> Json:
    id_, name = _PRIORITIES[word]
    return {"id": id_, "name": name}


def _text(site: Site, text: str) -> Any:
    if site.product == "datacenter":
        return text
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


def _version(site: Site, project: Project, place: int, number: int) -> Json:
    milestone = project.milestones[place]
    released = milestone.achieved_on is not None
    return {
        "id": str(20_000 + number * 100 + place),
        "name": milestone.name,
        "projectId": int(site.projects[str(project.jira_key)]["id"]),
        "archived": False,
        "released": released,
        "startDate": milestone.baseline_on.isoformat(),
        "releaseDate": (milestone.achieved_on or milestone.forecast_on).isoformat(),
    }


def _sprints(project: Project, board: int) -> list[Json]:
    start = project.start_actual or project.start_planned
    found = []
    for place in range(3):
        begin = start + timedelta(days=14 * place)
        sprint: Json = {
            "id": board * 100 + place,
            "name": f"{project.jira_key} Sprint {place + 1}",
            "originBoardId": board,
        }
        if place < 2:
            sprint |= {
                "startDate": f"{begin}T13:00:00.000Z",
                "endDate": f"{begin + timedelta(days=13)}T21:00:00.000Z",
            }
        sprint["state"] = ("closed", "active", "future")[place]
        if place == 0:
            sprint["completeDate"] = f"{begin + timedelta(days=14)}T13:00:00.000Z"
        found.append(sprint)
    return found
