"""The text of a complete, commented `portico.yaml` for the simulated tools."""

import json
from collections.abc import Iterable, Mapping
from textwrap import dedent, indent

from sandbox.city import City, Project

_HEAD = """\
# Portico over the sandbox: {city} on {today}, {count} projects. Everything in it is invented.
# Secrets come from the environment; `portico sandbox` prints the variables to set.
version: 1

portfolio:
  name: {city} OIT
  timezone: {timezone}
  currency: USD
  fiscal_year_start: "07-01"      # fiscal year 2027 starts on 1 July 2026
  fiscal_year_label: end
  status_rules: state_15_25       # up to 15 % green, up to 25 % amber, above red
  gates: city_default             # G0 intake to G6 benefits review

store: sqlite:///portico.db       # beside this file

connections:
"""

_PLANNER = """\
planner:                          # a third of the teams keep their tasks in Microsoft Planner
  tool: planner
  url: {url}/v1.0
  authority: {url}
  auth: {{type: bearer, token: "${{GRAPH_TOKEN}}"}}
  read:
{reads}
  write:
    project:                      # on the plan's own status task
      rag_overall: {{categories: {{green: category10, amber: category11, red: category12}}}}
      explanation: details.description
"""

_PMO = """\
pmo:                              # the project office's own register
  tool: files
  path: pmo/in
  read:
{reads}
"""


def configuration(city: City, urls: Mapping[str, str], registers: Iterable[str]) -> str:
    """The configuration for the tools at `urls` (by connection name) and the register's entities."""
    registers = tuple(registers)
    blocks = []
    if "planner" in urls:
        blocks.append(_PLANNER.format(url=urls["planner"], reads=_lines(_plan_reads(city))))
    if registers:
        reads = [f"{{kind: {entity}, scope: {entity}.csv, full: true}}" for entity in registers]
        blocks.append(_PMO.format(reads=_lines(reads)))
    head = _HEAD.format(city=city.name, today=city.today, count=len(city.projects), timezone=city.timezone)
    return head + indent("\n".join(blocks), "  ") + "\n" + _projects(city, urls, registers) + _TAIL


def _plan_reads(city: City) -> list[str]:
    if city.size == "small":
        return [f"{{kind: task, scope: {_quoted(each.plan)}}}" for each in city.projects if each.plan]
    names = sorted({each.department.name for each in city.projects if each.plan})
    return [f"{{kind: task, scope: {_quoted('group:' + name)}}}" for name in names]


def _projects(city: City, urls: Mapping[str, str], registers: Iterable[str]) -> str:
    lines = ["projects:"]
    rules = []
    rules += [f"{{connection: pmo, kind: {entity}, value: project_key, equals: key}}" for entity in registers]
    lines.append("  list:                           # links, and projects that no tool defines")
    lines += [f"    - {_declared(each, urls)}" for each in city.projects]
    lines.append("  rules:                          # records that name their project themselves")
    lines += [f"    - {each}" for each in rules]
    return "\n".join(lines) + "\n"


def _declared(project: Project, urls: Mapping[str, str]) -> str:
    entry = {"key": project.key}
    parts = [f"{name}: {_quoted(value)}" for name, value in entry.items()]
    if not (project.in_servicenow and "snow" in urls):
        parts += [f"{name}: {value}" for name, value in _own(project).items()]
    links = _links(project, urls)
    if links:
        parts.append(f"links: [{', '.join(links)}]")
    return "{" + ", ".join(parts) + "}"


def _own(project: Project) -> dict[str, str]:
    values = {
        "name": project.name,
        "description": project.description,
        "department": project.department.name,
        "program": project.program,
        "sponsor": project.sponsor.name,
        "manager": project.manager.name,
        "state": project.state,
        "stage": project.stage,
        "priority": project.priority,
        "tier": project.tier,
        "declared_status": project.declared_status,
    }
    days = {
        "start_planned": project.start_planned,
        "finish_planned": project.finish_planned,
        "start_baseline": project.start_baseline,
        "finish_baseline": project.finish_baseline,
        "start_actual": project.start_actual,
        "finish_actual": project.finish_actual,
        "finish_forecast": project.finish_forecast,
    }
    found = {name: _quoted(value) for name, value in values.items() if value}
    found |= {name: day.isoformat() for name, day in days.items() if day}
    if project.budget_codes:
        found["budget_codes"] = json.dumps(list(project.budget_codes))
    return found


def _links(project: Project, urls: Mapping[str, str]) -> list[str]:
    links = []
    if project.jira_key and "jira" in urls:
        links.append(f"{{connection: jira, project: {project.jira_key}, write_to: {project.carrier}}}")
    if project.plan and "planner" in urls:
        links.append(f"{{connection: planner, plan: {_quoted(project.plan)}}}")
    return links


def _quoted(text: str | None) -> str:
    return json.dumps(text, ensure_ascii=False)


def _lines(items: Iterable[str]) -> str:
    return "\n".join(f"    - {item}" for item in items)


_TAIL = dedent("""\

    schedule: {sync: every 15 minutes, census: daily at 02:00, report: monday at 07:00}

    safety:
      write: true
      max_changes: 1000               # a run that would change more waits for --approve
      max_share: 0.2
      max_missing: 0.2
      stale_after: 24h
      on_drift: restore               # a value of ours changed by hand is put back
    """)
