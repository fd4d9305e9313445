"""The whole of `portico.yaml` as frozen models, made by `config.load` and by nothing else."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from config import phrases
from config.connections import Connection, SafetyOverride
from config.delivery import Delivery
from config.fiscal import FiscalCalendar
from config.judging import ActionTerms, ComplianceTerms, EarnedValueTerms, Method, RiskTerms, ServiceTerms
from config.names import packaged
from config.parts import (
    QUOTE,
    Duration,
    Flag,
    OnDrift,
    Part,
    Quiet,
    Share,
    SqlUrl,
    Text,
    Texts,
    Zone,
    base_folder,
)
from config.planning import CapacityTerms, PriorityTerms
from config.presets import Obligation, PresetError, load_pack, load_rules


def _month_day(value: str) -> str:
    try:
        date.fromisoformat(f"2001-{value}")
    except ValueError:
        raise ValueError('a day of the year such as "07-01"') from None
    return value


def _phrase(value: str) -> str:
    phrases.parse(value)
    return value


Choice = str | Mapping[str, Any]


def _chosen(folder: str, read: Callable[[Choice], object]) -> Callable[[Choice, ValidationInfo], Choice]:
    """A check that a shipped preset, a file or a mapping can be read; a file's path comes out absolute."""

    def check(value: Choice, info: ValidationInfo) -> Choice:
        if isinstance(value, str):
            known = packaged(folder)
            if value in known:
                return value
            if not value.endswith((".yaml", ".yml")):
                raise ValueError(f"one of {', '.join(known)}; or a .yaml file; or a mapping")
            value = str(base_folder(info) / value)
        try:
            read(value)
        except PresetError as error:
            raise ValueError(str(error)) from None
        return value

    return check


class Portfolio(Part):
    """What the portfolio is called and how it counts time and money."""

    name: Text = "Portfolio"
    timezone: Zone = "UTC"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    fiscal_year_start: Annotated[str, AfterValidator(_month_day)] = "07-01"
    fiscal_year_label: Literal["end", "start"] = "end"
    status_rules: Annotated[Choice, AfterValidator(_chosen("rules", load_rules))] = "state_15_25"
    gates: Annotated[Choice, AfterValidator(_chosen("gates", load_pack))] = "city_default"
    earned_value: EarnedValueTerms = Field(default_factory=EarnedValueTerms)
    obligations: tuple[Obligation, ...] = Field(
        default=(), description="duties of your own that a variance opens, beside those of the status rules"
    )
    actions: ActionTerms = Field(default_factory=ActionTerms)
    service: ServiceTerms = Field(default_factory=ServiceTerms)
    compliance: ComplianceTerms = Field(default_factory=ComplianceTerms)
    risks: RiskTerms = Field(default_factory=RiskTerms)
    capacity: CapacityTerms = Field(default_factory=CapacityTerms)
    priority: PriorityTerms = Field(default_factory=PriorityTerms)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that days are counted in."""
        return ZoneInfo(self.timezone)

    @property
    def calendar(self) -> FiscalCalendar:
        """The fiscal calendar."""
        month, day = self.fiscal_year_start.split("-")
        return FiscalCalendar(int(month), int(day), self.fiscal_year_label)


class Safety(Part):
    """The brakes."""

    write: Flag = True
    max_changes: Annotated[int, Field(ge=0, strict=True)] = 1000
    max_share: Share = Decimal("0.2")
    max_missing: Share = Decimal("0.2")
    stale_after: Duration = Field(default="24h", validate_default=True)
    on_drift: OnDrift = "restore"
    quiet: Quiet | None = None


class Retention(Part):
    """How long what is no longer current is kept; unset: for ever. History and snapshots always stay."""

    raw: Duration | None = Field(
        default=None, description="the raw bodies of records that are gone from their tool"
    )
    audit: Duration | None = Field(default=None, description="the beginning of the audit log")
    hold: Texts = Field(
        default=(), description="projects under a legal hold: nothing of them goes, and none of the audit log"
    )


class Link(Part):
    """A tool's record that belongs to a project: exactly one name, and where the figures go if not there."""

    connection: Text
    project: Text | None = None
    issue: Text | None = None
    record: Text | None = None
    plan: Text | None = None
    task: Text | None = None
    budget_code: Text | None = None
    write_to: Text | None = Field(
        default=None, description="the one record that carries the project's fields"
    )

    @model_validator(mode="after")
    def _one_name(self) -> "Link":
        if len(self.names) != 1:
            raise ValueError("exactly one of project, issue, record, plan, task, budget_code")
        return self

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """The given names as (what, value)."""
        given = (
            (what, getattr(self, what))
            for what in ("project", "issue", "record", "plan", "task", "budget_code")
        )
        return tuple((what, value) for what, value in given if value is not None)

    @property
    def what(self) -> str:
        """What the value names: project, issue, record, plan, task or budget_code."""
        return self.names[0][0]

    @property
    def value(self) -> str:
        """The name of the linked record."""
        return self.names[0][1]


class BudgetCode(Part):
    """A budget code and the part of it that is the project's."""

    budget_code: Text
    share: Share = Decimal(1)


def _budget_code(value: Any) -> Any:
    if isinstance(value, int | Decimal):
        raise ValueError(QUOTE)  # noqa: TRY004 - pydantic turns only ValueError into a problem
    return {"budget_code": value} if isinstance(value, str) else value


Day = Annotated[date, Field(description="YYYY-MM-DD")]


class DeclaredProject(Part):
    """A portfolio project declared in the file. What stands here goes before what tools say."""

    key: Text
    name: Text | None = None
    description: Text | None = None
    department: Text | None = None
    program: Text | None = None
    sponsor: Text | None = None
    manager: Text | None = None
    state: Literal["proposed", "active", "on_hold", "completed", "cancelled"] | None = None
    stage: Text | None = None
    priority: Text | None = None
    tier: Text | None = None
    declared_status: Text | None = None
    start_planned: Day | None = None
    finish_planned: Day | None = None
    start_baseline: Day | None = None
    finish_baseline: Day | None = None
    start_actual: Day | None = None
    finish_actual: Day | None = None
    finish_forecast: Day | None = None
    percent_complete: Share | None = None
    earned_value_method: Method | None = Field(
        default=None, description="how this project's work earns value, where it differs from its tier"
    )
    depends_on: Texts = Field(
        default=(), description="keys of the projects that have to finish before this one"
    )
    aliases: Texts = ()
    budget_codes: tuple[
        Annotated[BudgetCode, BeforeValidator(_budget_code, json_schema_input_type=str | BudgetCode)], ...
    ] = ()
    links: tuple[Link, ...] = ()


class ProjectSource(Part):
    """Records that define portfolio projects."""

    connection: Text
    kind: Text


class LinkRule(Part):
    """Records belong to the project whose `equals` is the value of the expression."""

    connection: Text
    kind: Text
    value: Text = Field(description="a JMESPath expression over the source record")
    equals: Literal["key", "budget_code", "alias", "name"]


class Projects(Part):
    """Where projects come from and what belongs to them."""

    sources: tuple[ProjectSource, ...] = Field(default=(), alias="from")
    declared: tuple[DeclaredProject, ...] = Field(default=(), alias="list")
    rules: tuple[LinkRule, ...] = ()


Phrase = Annotated[str, AfterValidator(_phrase), Field(description=phrases.ACCEPTED)]


class Schedule(Part):
    """When the jobs run, in the portfolio's time zone."""

    sync: Phrase = "every 4 minutes"
    census: Phrase = "daily at 02:00"
    report: Phrase = "monday at 07:00"


class Filters(Part):
    """Which projects a report shows; empty: all."""

    department: Texts = ()
    program: Texts = ()
    project: Texts = ()
    state: Texts = ()


class Report(Part):
    """A named report."""

    format: Literal["html", "xlsx", "json", "csv", "md"] = "html"
    audience: Text | None = None
    filters: Filters = Field(default_factory=Filters)
    delivery: Delivery | None = None


class Settings(Part):
    """Everything that `portico.yaml` says. `file` and `secrets` are set by `config.load`."""

    version: Literal[1]
    portfolio: Portfolio = Field(default_factory=Portfolio)
    store: Annotated[SqlUrl, Field(repr=False)] = Field(default="sqlite:///portico.db", validate_default=True)
    connections: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")], Connection] = Field(
        default_factory=dict
    )
    projects: Projects = Field(default_factory=Projects)
    people: Mapping[str, Mapping[str, Texts]] = Field(
        default_factory=dict,
        description="per person: connection name (or mail) to that person's identities there",
    )
    schedule: Schedule = Field(default_factory=Schedule)
    reports: Mapping[str, Report] = Field(default_factory=dict)
    safety: Safety = Field(default_factory=Safety)
    retention: Retention = Field(default_factory=Retention)

    _file: Path = PrivateAttr(default=Path("portico.yaml"))
    _secrets: tuple[SecretStr, ...] = PrivateAttr(default=())

    @property
    def file(self) -> Path:
        """The file that these settings were read from."""
        return self._file

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every resolved secret, for `config.secrets.redact`."""
        return self._secrets

    def safety_of(self, connection: str) -> Safety:
        """A connection's limits: its own, else those for all; `write: false` for all is never lifted."""
        override: SafetyOverride = self.connections[connection].safety
        own = {key: value for key, value in override if value is not None}
        write = self.safety.write and own.get("write", True)
        return self.safety.model_copy(update=own | {"write": write})
