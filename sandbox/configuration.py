"""The text of a complete, commented `portico.yaml` for the simulated tools."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from textwrap import dedent, indent

from sandbox.city import City, Project
from sandbox.city.plots import DEPENDS_ON

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
  earned_value:                   # how work earns value: by the share done, in small projects half when it is started
    method: percent_complete
    by_tier: {{small: 50/50, large: weighted_milestones}}
    by_type: {{bug: 0/100, task: physical_percent}}       # single work packages by their type
    cost_per_hour: 300            # a team's hour with everything that comes with it, for estimates of the rest
  service:                        # clocks where the tool tells none, and who is called when time runs out
    calendars:
      office: {{begin: "08:00", end: "17:00", holidays: [2026-11-26, 2026-12-25, 2027-01-01]}}
    targets:
      - {{type: incident, priority: [1 - Critical], resolve: 4h}}
      - {{resolve: 45h, calendar: office}}
    escalation: [{{at: 0.75, to: Team lead}}, {{at: 1, to: Service manager}}, {{at: 1.5, to: Chief information officer}}]
  capacity:                       # what a ticket takes, where no tool measures it; and what the office wants to know
    hours_per_ticket: {{incident: 3, service_request: 2, problem: 8, change: 6}}
    scenarios:
      Billing slips and a records mandate:
        slips: [{{project: OIT-021, months: 3}}]
        mandates: [{{name: Public records act, department: Licenses & Inspections, hours: {mandate}, from: {mandate_from}}}]
        leaves: [{{person: {leaver}, on: {leaves_on}}}]
  priority:                       # what comes first: the board's criteria, invented like the city
    criteria:
      need: {{of: priority, weight: 40, values: {{high: 1, medium: 0.5, low: 0,
             1 - Critical: 1, 2 - High: 1, 3 - Moderate: 0.5, 4 - Low: 0, 5 - Planning: 0}}}}
      size: {{of: tier, weight: 20, values: {{large: 1, medium: 0.6, small: 0.3}}}}
      schedule at risk: {{of: schedule, weight: 25, values: {{red: 1, amber: 0.5, approved_change: 0.3, green: 0}}}}
      money at stake: {{of: revised_budget, weight: 15, zero: 0, full: 1000000}}
  obligations:                    # a duty that a variance opens, with its clock; invented, like the city
    - {{dimension: schedule, at_least: 0.25, duty: Change report to the steering committee, due_days: 30,
       source: Fairhaven project policy 4}}
    - {{dimension: cost, at_least: 0.25, duty: Change report to the steering committee, due_days: 30, owner: sponsor,
       source: Fairhaven project policy 4}}
    - {{dimension: cost, at_least: 0.3, duty: Notice to the finance office, due_days: 10, owner: sponsor,
       source: Fairhaven budget manual 12}}

store: sqlite:///portico.db       # beside this file

connections:
"""

_JIRA = """\
jira:                             # half of the teams work here; issue KEY-1 carries the project's fields
  tool: jira
  url: {url}
  auth: {{type: basic, user: portico@fairhaven.example, token: "${{JIRA_TOKEN}}"}}
  requests_per_second: 50         # the sandbox has no neighbours; a real site wants 5
  read:
    - kind: issue
      scope: {scope}
  map:
    issue:
      due_on: fields.customfield_10300
      blocked_reason: fields.customfield_10302
  write:
    project:
      gate_status: customfield_10201
      gate_due: customfield_10202
      rag_overall: {{field: customfield_10203, values: {{green: Green, amber: Amber, red: Red}}}}
      budget_variance: customfield_10204
      computed_at: customfield_10205
"""

_SNOW = """\
snow:                             # defines most projects; holds the service desk and the registers
  tool: servicenow
  url: {url}
  auth: {{type: basic, user: portico.bot, password: "${{SNOW_PASSWORD}}"}}
  requests_per_second: 50         # the sandbox has no neighbours; a real instance wants 5
  read:
    - {{kind: pm_project}}
    - {{kind: pm_project_task, scope: milestone=false}}
    - {{kind: project_status}}
    - {{kind: incident}}
    - {{kind: sc_req_item}}
    - {{kind: change_request}}
    - {{kind: problem}}
    - {{kind: dmn_demand}}
    - {{kind: cmdb_ci_outage}}
    - {{kind: risk}}
    - {{kind: issue}}
    - {{kind: dmn_decision}}
    - {{kind: project_action}}
    - {{kind: project_change_request}}
  map:                            # columns and codes that the city's administrators added
    pm_project:
      key: u_portico_key
      tier: u_tier
      budget_codes: {{from: u_budget_codes, convert: texts}}
      finish_forecast: u_forecast_end_date
      state: {{values: {{"5": on_hold}}}}
    pm_project_task:
      blocked: {{from: u_blocked, convert: flag}}
      blocked_reason: u_blocked_reason
    dmn_demand:
      state_category:
        values:
          {{"1": new, "2": new, "3": in_progress, "4": in_progress, "5": resolved, "6": closed, "7": on_hold}}
  write:
    project:
      gate_status: u_gate_status
      gate_due: u_gate_due
      rag_overall: {{field: u_rag_overall, values: {{unknown: unknown}}}}   # a choice cannot be emptied
      rag_cost: {{field: u_rag_cost, values: {{unknown: unknown}}}}
      budget_variance: u_budget_variance
      explanation: u_explanation
      computed_at: u_computed_at
"""

SNOW_KINDS = (
    "incident",
    "sc_req_item",
    "change_request",
    "problem",
    "dmn_demand",
    "risk",
    "issue",
    "dmn_decision",
    "project_action",
    "project_change_request",
)

_PLANNER = """\
planner:                          # a third of the teams keep their tasks in Microsoft Planner
  tool: planner
  url: {url}/v1.0
  authority: {url}
  web_url: {url}/webui
  requests_per_second: 50         # the sandbox has no neighbours; Graph wants 5
  auth: {{type: bearer, token: "${{GRAPH_TOKEN}}"}}
  read:
{reads}
  map:
    task:                         # teams here mark what is stuck with the label Blocked
      blocked: {{from: "contains(labels, 'Blocked') && 'true'", default: false}}
      blocked_reason: details.description
  write:
    project:                      # on the plan's own status task
      rag_overall: {{categories: {{green: category10, amber: category11, red: category12}}}}
      explanation: details.description
"""

_LEDGER = """\
ledger:                           # finance's drop folder: last year as CSV, this year as a workbook
  tool: files
  path: finance/in                # figures go to finance/out
  read:
    - {{kind: budget_line, scope: "budget_*.csv", key: [line], amounts: year_to_date, basis: annual,
       chargebacks: [account:5900]}}      # what other offices paid back: the cost counts where it was spent
    - {{kind: budget_line, scope: "budget_*.xlsx", key: [line], amounts: year_to_date, basis: annual,
       chargebacks: [account:5900]}}
  write:
    budget_line: [budget_variance, available_budget, eac, rag_cost]
"""

_SQL = """\
sql:                              # the departments that keep their ledger in a database
  tool: sql
  url: sqlite:///finance/ledger.db
  read:
    - {{kind: budget_line, scope: SELECT * FROM v_budget, key: [line], cursor: updated_at,
       amounts: year_to_date, basis: annual}}
  write:
    budget_line:
      to: portico_variance
      key: [budget_code, fiscal_year, period]
      budget_variance: budget_variance
      available_budget: available_budget
      eac: eac
      rag_cost: rag_cost
"""

_ODATA = """\
odata:                            # the departments whose ledger is the ERP system
  tool: odata
  url: {url}
  auth: {{type: basic, user: portico.bot, password: "${{ODATA_PASSWORD}}"}}
  requests_per_second: 50
  read:
    - {{kind: budget_line, scope: BudgetLines, cursor: ModifiedAt, amounts: year_to_date, basis: annual}}
  write:
    budget_line:
      to: BudgetFigures
      key: {{budget_code: BudgetCode, fiscal_year: FiscalYear, period: Period}}
      budget_variance: BudgetVariance
      available_budget: AvailableBudget
      eac: Eac
      rag_cost: RagCost
"""

_SALESFORCE = """\
salesforce:                       # police and fire keep their budget there
  tool: salesforce
  url: {url}
  auth: {{type: bearer, token: "${{SALESFORCE_TOKEN}}"}}
  requests_per_second: 50
  read:
    - kind: budget_line
      scope: >-
        SELECT Name, Budget_Code__c, Fund__c, Department__c, Cost_Center__c, Account__c, Fiscal_Year__c, Period__c,
        Currency__c, Original_Budget__c, Revised_Budget__c, Pre_Encumbered__c, Encumbered__c, Actual__c, Forecast__c
        FROM Budget_Line__c
      amounts: year_to_date
      basis: annual
  write:
    budget_line:
      to: Portico_Figure__c
      key: {{budget_code: Budget_Code__c, fiscal_year: Fiscal_Year__c, period: Period__c}}
      budget_variance: Budget_Variance__c
      available_budget: Available_Budget__c
      eac: Eac__c
      rag_cost: Rag_Cost__c
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
    if "jira" in urls:
        keys = ", ".join(sorted(each.jira_key for each in city.projects if each.jira_key))
        blocks.append(_JIRA.format(url=urls["jira"], scope=_quoted(f"project in ({keys})")))
    if "snow" in urls:
        blocks.append(_SNOW.format(url=urls["snow"]))
    if "planner" in urls:
        blocks.append(_PLANNER.format(url=urls["planner"], reads=_lines(_plan_reads(city))))
    blocks += [_LEDGER.format(), _SQL.format()]
    if "odata" in urls:
        blocks.append(_ODATA.format(url=urls["odata"]))
    if "salesforce" in urls:
        blocks.append(_SALESFORCE.format(url=urls["salesforce"]))
    if registers:
        reads = [f"{{kind: {entity}, scope: {entity}.csv, full: true}}" for entity in registers]
        blocks.append(_PMO.format(reads=_lines(reads)))
    head = _HEAD.format(
        city=city.name,
        today=city.today,
        count=len(city.projects),
        timezone=city.timezone,
        mandate=2 * len(city.people),
        mandate_from=f"{_months_on(city.today, 1):%Y-%m}",
        leaver=_quoted(_leaver(city)),
        leaves_on=_months_on(city.today, 2).replace(day=15),
    )
    return (
        head
        + indent("\n".join(blocks), "  ")
        + "\n"
        + _projects(city, urls, registers)
        + (_REPORTS if "planner" in urls else "")
        + _TAIL
    )


def _leaver(city: City) -> str:
    """The second in the team of Park reservations, which stands in every size of the city."""
    return next(each.team[1].name for each in city.projects if each.key == "OIT-007")


def _months_on(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _plan_reads(city: City) -> list[str]:
    if city.size == "small":
        return [f"{{kind: task, scope: {_quoted(each.plan)}}}" for each in city.projects if each.plan]
    names = sorted({each.department.name for each in city.projects if each.plan})
    return [f"{{kind: task, scope: {_quoted('group:' + name)}}}" for name in names]


def _projects(city: City, urls: Mapping[str, str], registers: Iterable[str]) -> str:
    lines = ["projects:"]
    rules = []
    if "snow" in urls:
        lines.append("  from: [{connection: snow, kind: pm_project}]")
        named = dict.fromkeys(SNOW_KINDS, "u_project_key") | {"cmdb_ci_outage": "u_project_keys"}
        rules += [
            f"{{connection: snow, kind: {kind}, value: {column}, equals: key}}"
            for kind, column in named.items()
        ]
    rules += [f"{{connection: pmo, kind: {entity}, value: project_key, equals: key}}" for entity in registers]
    lines.append("  list:                           # links, and projects that no tool defines")
    lines += [f"    - {entry}" for entry in (_declared(each, urls) for each in city.projects) if entry]
    lines.append("  rules:                          # records that name their project themselves")
    lines += [f"    - {each}" for each in rules]
    return "\n".join(lines) + "\n"


def _declared(project: Project, urls: Mapping[str, str]) -> str:
    defined = project.in_servicenow and "snow" in urls
    parts = [] if defined else [f"{name}: {value}" for name, value in _own(project).items()]
    if project.key in DEPENDS_ON:
        parts.append(f"depends_on: {json.dumps(list(DEPENDS_ON[project.key]))}")
    links = _links(project, urls)
    if links:
        parts.append(f"links: [{', '.join(links)}]")
    return "{" + ", ".join([f"key: {project.key}", *parts]) + "}" if parts else ""


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


_REPORTS = dedent("""\

    reports:
      weekly:                         # what the manager of the project office receives each Monday
        format: html
        delivery:
          mail: {to: [pmo@fairhaven.example], from: portico@fairhaven.example, through: planner}
          sharepoint: {through: planner, drive: pmo, path: Reports/portfolio.html}
    """)

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
