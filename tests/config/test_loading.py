"""Reading `portico.yaml`: what is accepted, and that every problem is named at once with its line."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import config
import mapping
from config.connections import Files, Jira, Planner, Sql

HERE = Path(__file__).parent
ENVIRON = {"JIRA_TOKEN": "jira-token-1", "SNOW_PASSWORD": "snow-password-1", "GRAPH_SECRET": "graph-secret-1"}
WHOLE = """
version: 1
portfolio: {name: OIT Operations, timezone: America/New_York, currency: USD, fiscal_year_start: "07-01",
            fiscal_year_label: end, status_rules: state_15_25, gates: city_default}
store: sqlite:///portico.db
connections:
  jira:
    tool: jira
    url: https://example.atlassian.net
    auth: {type: basic, user: bot@example.gov, token: "${JIRA_TOKEN}"}
    read: [{kind: issue, scope: "project in (PERMIT, PARKS)"}]
    map: {issue: {due_on: fields.customfield_10300}}
    write: {project: {gate_status: customfield_10201,
                      rag_overall: {field: customfield_10203,
                                    values: {green: Green, amber: Amber, red: Red}}}}
    safety: {max_changes: 5, stale_after: 90m}
  snow:
    tool: servicenow
    url: https://example.service-now.com
    auth: {type: basic, user: portico.bot, password: "${SNOW_PASSWORD}"}
    read: [{kind: pm_project}, {kind: incident, scope: "active=true"}]
    write: {project: {gate_status: u_gate_status, gate_due: u_gate_due}}
  planner:
    tool: planner
    url: https://graph.microsoft.com/v1.0
    auth: {type: oauth2_client_credentials, tenant: "t", client_id: "c", client_secret: "${GRAPH_SECRET}"}
    read: [{kind: task, scope: "Permit rollout"}]
    write: {project: {rag_overall: {categories: {green: category10, amber: category11, red: category12}},
                      explanation: details.description}}
  ledger:
    tool: files
    path: finance/in
    read: [{kind: budget_line, scope: "budget_*.csv"}]
    map: {budget_line: {fund: '"Fund Code"', account: "join(':', [type, category])",
                        actual: {from: Actual, convert: amount}}}
    write: {budget_line: [budget_variance, available_budget, eac, rag_cost]}
  warehouse:
    tool: sql
    url: sqlite:///warehouse.db
    write: {to: variance, key: [budget_code, fiscal_year, period], budget_line: {eac: eac_usd}}
projects:
  from: [{connection: snow, kind: pm_project}]
  list: [{key: OIT-014, name: Permit portal, department: Licenses & Inspections, budget_codes: ["1402"],
          links: [{connection: jira, project: PERMIT, write_to: PERMIT-1},
                  {connection: planner, plan: Permit rollout}]}]
  rules: [{connection: jira, kind: issue, value: fields.customfield_10301, equals: key}]
people: {}
schedule: {sync: every 15 minutes, census: daily at 02:00, report: monday at 07:00}
reports: {}
safety: {write: true, max_changes: 1000, max_share: 0.2, max_missing: 0.2, stale_after: 24h,
         on_drift: restore}
"""


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> config.Settings:
    file = folder / "portico.yaml"
    file.write_text(text, encoding="utf-8")
    return config.load(file, ENVIRON if environ is None else environ, [mapping.problems])


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(config.ConfigurationError) as raised:
        load(folder, text, environ)
    return [str(each) for each in raised.value.problems]


def test_the_documented_file_loads(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    jira, planner = settings.connections["jira"], settings.connections["planner"]
    assert isinstance(jira, Jira)
    assert isinstance(planner, Planner)
    assert jira.write.project is not None
    assert jira.write.project.figures["gate_status"].name == "customfield_10201"
    assert jira.write.project.figures["rag_overall"].values == {
        "green": "Green",
        "amber": "Amber",
        "red": "Red",
    }
    assert planner.write.project is not None
    assert planner.write.project.figures["rag_overall"].name == "categories:category10,category11,category12"
    assert planner.authority == "https://login.microsoftonline.com"
    assert planner.tenant_id == "t"
    assert settings.projects.declared[0].links[0].what == "project"
    assert settings.projects.declared[0].links[0].write_to == "PERMIT-1"
    assert settings.projects.declared[0].budget_codes[0].share == 1


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    ledger, warehouse = settings.connections["ledger"], settings.connections["warehouse"]
    assert isinstance(ledger, Files)
    assert isinstance(warehouse, Sql)
    assert ledger.path == tmp_path / "finance/in"
    assert ledger.outbox == tmp_path / "finance/out"
    assert settings.store == f"sqlite:///{tmp_path}/portico.db"
    assert warehouse.url == f"sqlite:///{tmp_path}/warehouse.db"


def test_figures_of_budget_lines_as_list_and_as_mapping(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    listed = settings.connections["ledger"].write
    mapped = settings.connections["warehouse"].write
    assert listed.budget_line is not None
    assert mapped.budget_line is not None
    assert {name: each.name for name, each in listed.budget_line.figures.items()} == {
        name: name for name in ("budget_variance", "available_budget", "eac", "rag_cost")
    }
    assert mapped.budget_line.figures["eac"].name == "eac_usd"
    assert mapped.to_of(mapped.budget_line) == "variance"
    assert list(mapped.key_of(mapped.budget_line)) == ["budget_code", "fiscal_year", "period"]


def test_a_connections_own_limits_go_first(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    own = settings.safety_of("jira")
    assert (own.max_changes, own.stale_after, own.max_share) == (5, timedelta(minutes=90), Decimal("0.2"))
    assert settings.safety_of("snow").max_changes == 1000


def test_write_false_for_all_is_not_lifted_by_a_connection(tmp_path: Path) -> None:
    text = WHOLE.replace("safety: {max_changes: 5,", "safety: {write: true,").replace(
        "safety: {write: true, max_changes: 1000", "safety: {write: false, max_changes: 1000"
    )
    settings = load(tmp_path, text)
    assert settings.safety_of("jira").write is False


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, (HERE / "broken.yaml").read_text(encoding="utf-8"), {})
    text = "\n".join(found).replace(str(tmp_path), "FOLDER") + "\n"
    golden = HERE / "broken.txt"
    assert text == golden.read_text(encoding="utf-8")


def test_no_problem_prints_a_secret(tmp_path: Path) -> None:
    text = "\n".join(problems(tmp_path, (HERE / "broken.yaml").read_text(encoding="utf-8"), {}))
    assert "plain-text-token" not in text
    assert "s3cret-word" not in text


def test_settings_never_show_a_secret(tmp_path: Path) -> None:
    settings = load(
        tmp_path, WHOLE.replace("sqlite:///portico.db", "postgresql+psycopg://u:${JIRA_TOKEN}@db/p")
    )
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "jira-token-1" not in repr(settings) + str(settings)
    assert "graph-secret-1" not in shown
    assert {each.get_secret_value() for each in settings.secrets} == set(ENVIRON.values())


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("version: 1\nversion: 1\n", 2, "a second time (first on line 1)"),
        ("version: 2\n", 1, "found 2; accepted: 1"),
        ("- a\n", 1, "a mapping that begins with version: 1"),
        ("", 1, "a mapping that begins with version: 1"),
        ("version: 1\nsafety: {write: yes}\n", 2, "true or false"),
        ("version: 1\nsafety: {max_changes: -1}\n", 2, "greater than equal 0"),
        ("version: 1\nsafety: {max_share: .inf}\n", 2, "a finite decimal number"),
        ("version: 1\nstore: !!python/object:os.system x\n", 2, "plain YAML without tags"),
        ("version: 1\n? [a, b]\n: c\n", 2, "text keys"),
        ("version: 1\nreports: {x: {format: docx}}\n", 2, "html, xlsx, json, csv, md"),
        ("version: 1\nschedule: {sync: daily at 25:00}\n", 2, "every N minutes"),
        ("version: 1\nstore: {\n", 3, "one YAML 1.2 document"),
        ("version: 1\n---\nversion: 1\n", 2, "one YAML 1.2 document"),
        ("version: 1\nportfolio: {gates: nowhere.yaml}\n", 2, "cannot read"),
        ("version: 1\nportfolio: {status_rules: {schedul: worst_of}}\n", 2, "unknown dimension"),
        ("version: 1\nconnections: {9x: {tool: files, path: a}}\n", 2, "text like"),
        ("version: 1\npeople: {ada: {jirra: x}}\n", 2, "one of: mail"),
    ],
)
def test_single_faults(tmp_path: Path, text: str, line: int, expected: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith(f"portico.yaml:{line}: ")
    assert expected in found[0]


def test_aliases_cannot_blow_up(tmp_path: Path) -> None:
    lines = ["version: 1", "a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("too many aliases" in each for each in problems(tmp_path, "\n".join(lines)))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "version: 1\npeople: " + "[" * 5000 + "]" * 5000)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    assert "at most" in problems(tmp_path, "#" * 1_000_001)[0]


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigurationError, match="no such file"):
        config.load(tmp_path / "none.yaml", {})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_plain_http_is_for_loopback(tmp_path: Path, host: str) -> None:
    text = WHOLE.replace("https://example.atlassian.net", f"http://{host}:8080")
    assert load(tmp_path, text).connections["jira"]


@pytest.mark.parametrize(
    "host", ["jira.example.gov", "127.0.0.1.example.gov", "localhost.example.gov", "10.0.0.1"]
)
def test_plain_http_is_refused_elsewhere(tmp_path: Path, host: str) -> None:
    found = problems(tmp_path, WHOLE.replace("https://example.atlassian.net", f"http://{host}"))
    assert len(found) == 1
    assert "https://" in found[0]


def test_a_field_has_one_owner(tmp_path: Path) -> None:
    text = WHOLE.replace("gate_due: u_gate_due", "gate_due: u_gate_status")
    assert "one figure per field" in problems(tmp_path, text)[0]


def test_labels_have_one_owner_too(tmp_path: Path) -> None:
    text = WHOLE.replace(
        "explanation: details.description", "rag_cost: {categories: {green: category1, red: category12}}"
    )
    (found,) = problems(tmp_path, text)
    assert "'category12'" in found


def test_shares_of_a_budget_code(tmp_path: Path) -> None:
    shared = (
        "version: 1\nprojects: {{list: [{{key: A, budget_codes: [{a}]}}, {{key: B, budget_codes: [{b}]}}]}}\n"
    )
    part = '{{budget_code: "1402", share: {}}}'
    load(tmp_path, shared.format(a=part.format("0.4"), b=part.format("0.4")))
    load(tmp_path, shared.format(a=part.format("0.4"), b=part.format("0.6")))
    assert "add up to 1.1" in problems(tmp_path, shared.format(a=part.format("0.4"), b=part.format("0.7")))[0]
    assert "add up to 2" in problems(tmp_path, shared.format(a='"1402"', b='"1402"'))[0]


def test_an_unquoted_code_is_refused_with_the_reason(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "version: 1\nprojects: {list: [{key: A, budget_codes: [0140]}]}\n")
    assert "put it in quotes" in found


@pytest.mark.parametrize("missing", ["to", "key"])
def test_a_table_to_write_to_needs_a_name_and_a_key(tmp_path: Path, missing: str) -> None:
    line = {"to": "to: variance, ", "key": "key: [budget_code, fiscal_year, period], "}[missing]
    (found,) = problems(tmp_path, WHOLE.replace(line, ""))
    assert f"budget_line.{missing}: found nothing" in found


def test_the_whole_key_in_one_column_stands_alone(tmp_path: Path) -> None:
    columns = "key: [budget_code, fiscal_year, period], "
    load(tmp_path, WHOLE.replace(columns, "key: {key: Portico_Key__c}, "))
    (found,) = problems(tmp_path, WHOLE.replace(columns, "key: {key: K__c, period: P__c}, "))
    assert "accepted: `key` alone" in found


@pytest.mark.parametrize(
    ("cloud", "graph", "login"),
    [
        ("global", "https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com"),
        ("gcc", "https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com"),
        ("gcc_high", "https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us"),
        ("dod", "https://dod-graph.microsoft.us/v1.0", "https://login.microsoftonline.us"),
    ],
)
def test_a_planner_cloud_sets_its_addresses(tmp_path: Path, cloud: str, graph: str, login: str) -> None:
    text = WHOLE.replace("url: https://graph.microsoft.com/v1.0", f"cloud: {cloud}")
    planner = load(tmp_path, text).connections["planner"]
    assert isinstance(planner, Planner)
    assert (planner.url, planner.authority) == (graph, login)


def test_lines_of_problems_are_those_of_the_text(tmp_path: Path) -> None:
    """The line that a problem names holds the last word of its key."""
    lines = (HERE / "broken.yaml").read_text(encoding="utf-8").splitlines()
    for problem in problems(tmp_path, "\n".join(lines), {}):
        found = re.match(r"portico\.yaml:(\d+): (\S+): found (.*); accepted", problem)
        assert found, problem
        word = re.sub(r"\[\d+\]$", "", found[2]).split(".")[-1]
        assert word in lines[int(found[1]) - 1] or "nothing" in found[3], problem
