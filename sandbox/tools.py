"""Starts every simulated tool over one city, and writes the configuration that reaches them."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flask import Flask

from sandbox import finance, graph, jira, odata, salesforce, servicenow
from sandbox.city import City
from sandbox.configuration import configuration
from sandbox.faults import Faults, Rule
from sandbox.pages import Pages
from sandbox.register import write_register
from sandbox.server import Server, serve

ENVIRONMENT = {
    "GRAPH_TOKEN": "sandbox-graph",
    "JIRA_TOKEN": "sandbox-jira",
    "ODATA_PASSWORD": "sandbox-erp",
    "SALESFORCE_TOKEN": "sandbox-crm",
    "SNOW_PASSWORD": "sandbox-snow",
}
"""What the variables that the configuration names must hold. It opens nothing but this sandbox."""

_SECRETS = {
    "jira": "JIRA_TOKEN",
    "snow": "SNOW_PASSWORD",
    "odata": "ODATA_PASSWORD",
    "salesforce": "SALESFORCE_TOKEN",
    "planner": "GRAPH_TOKEN",
}

_APPS: Mapping[str, Callable[[City], Flask]] = {
    "jira": lambda city: jira.create_app(city, token=ENVIRONMENT["JIRA_TOKEN"]),
    "snow": lambda city: servicenow.create_app(city, password=ENVIRONMENT["SNOW_PASSWORD"]),
    "odata": lambda city: odata.create_app(city, password=ENVIRONMENT["ODATA_PASSWORD"]),
    "salesforce": lambda city: salesforce.create_app(city, token=ENVIRONMENT["SALESFORCE_TOKEN"]),
    "planner": lambda city: graph.create_app(city, token=ENVIRONMENT["GRAPH_TOKEN"]),
}


BAD_ROW = {"line": "EXAMPLE-OF-A-BAD-ROW", "budget_code": "0000", "actual": "n/a"}
"""One ledger row with an amount that is no number, so that the quarantine has something to show."""


class Sandbox:
    """The running tools, by connection name: `apps` (edit their state), `urls`, `faults` (make them fail).

    `folder` holds the files: `finance/in`, `finance/ledger.db` and `pmo/in`. `environment` is what the
    configuration's `${NAMES}` stand for.
    Stop it once; also a context manager.
    """

    def __init__(
        self, city: City, folder: Path, *, port_base: int | None = None, faults: Iterable[Rule] = ()
    ) -> None:
        self.city = city
        self.folder = folder
        self.environment = dict(ENVIRONMENT)
        self.apps: dict[str, Flask] = {}
        self.faults: dict[str, Faults] = {}
        self.urls: dict[str, str] = {}
        self._servers: list[Server] = []
        rules = tuple(faults)
        self.registers = write_register(city, folder / "pmo" / "in")
        finance.write_drop_folder(city, folder / "finance" / "in")
        finance.write_database(city, folder / "finance" / "ledger.db")
        _write_bad_row(folder / "finance" / "in" / "budget_example_of_a_bad_row.csv")
        try:
            for place, (tool, make) in enumerate(_APPS.items()):
                self.apps[tool] = make(city)
                self.faults[tool] = Faults(self.apps[tool], rules, tool=tool)
                pages = Pages(self.faults[tool], tool, self.apps[tool], ENVIRONMENT[_SECRETS[tool]])
                server = serve(pages, port_base + place if port_base else 0)
                self._servers.append(server)
                self.urls[tool] = server.url
        except BaseException:
            self.stop()
            raise

    def configuration(self) -> str:
        """The text of a complete `portico.yaml` for these tools; it belongs into `folder`."""
        return configuration(self.city, self.urls, self.registers)

    def writes(self) -> dict[str, list[dict[str, Any]]]:
        """What each tool was written so far: its `write_log`."""
        return {tool: list(app.extensions["portico"].write_log) for tool, app in self.apps.items()}

    def save(self, path: Path) -> None:
        """Writes addresses, day and everything written so far as JSON, for people and scripts to look at."""
        state = {
            "today": self.city.today.isoformat(),
            "size": self.city.size,
            "seed": self.city.seed,
            "urls": self.urls,
            "writes": self.writes(),
        }
        path.write_text(json.dumps(state, indent=2, default=str) + "\n", encoding="utf-8")

    def stop(self) -> None:
        """Stops all servers; files stay."""
        for server in self._servers:
            server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _write_bad_row(path: Path) -> None:
    cells = [BAD_ROW.get(column, "") for column in finance.COLUMNS]
    path.write_text(",".join(finance.COLUMNS) + "\n" + ",".join(cells) + "\n", encoding="utf-8")


def start(city: City, folder: Path, *, port_base: int | None = None, faults: Iterable[Rule] = ()) -> Sandbox:
    """Starts the tools on consecutive ports from `port_base` (None: free ones), with their files in `folder`.

    `faults` are rules by tool (the connection's name), see `sandbox.faults`. Raises OSError when a port is
    taken; then nothing is left running.
    """
    return Sandbox(city, folder, port_base=port_base, faults=faults)
