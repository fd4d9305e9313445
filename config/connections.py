"""One model per tool: where it is, who we are there, what is read, how it maps, what is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, SecretStr, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from config.auth import ApiKey, Basic, Bearer, Certificate, ClientCredentials, JwtBearer, ManagedIdentity
from config.parts import (
    Duration,
    FilePath,
    Flag,
    HttpUrl,
    OnDrift,
    Part,
    ProxyUrl,
    Quiet,
    Share,
    SqlUrl,
    Text,
    Texts,
)

Amounts = Literal["period", "year_to_date", "inception_to_date"]
Basis = Literal["annual", "project"]
Convert = Literal[
    "amount",
    "number",
    "integer",
    "share",
    "percent",
    "hours",
    "period",
    "fiscal_year",
    "month",
    "date",
    "datetime",
    "flag",
    "text",
    "texts",
]


class Read(Part):
    """One declared read: a kind of record within a scope."""

    kind: Text
    scope: str = ""
    entity: Text | None = Field(
        default=None,
        description="the entity that a kind without a shipped one fills: a ServiceNow table, Jira's components and boards",
    )
    key: Texts = Field(
        default=(), description="the fields that identify a record, where the tool does not say"
    )
    cursor: Text | None = Field(default=None, description="the field that tells what changed")
    full: Flag = Field(default=False, description="each read is the whole truth of its scope")
    amounts: Amounts | None = Field(default=None, description="what the amounts of a ledger row count")
    basis: Basis | None = Field(
        default=None, description="whether a budget lives a year or as long as its project"
    )
    chargebacks: tuple[Annotated[str, Field(pattern=r"^(account|fund|cost_center|budget_code):.+")], ...] = (
        Field(
            default=(),
            description="lines of a ledger that bill a cost counted elsewhere, as account:69* or fund:0520; not counted",
        )
    )


class MapRule(Part):
    """How one field of an entity is filled: an expression over the record, and what becomes of its value."""

    source: Text | None = Field(default=None, alias="from", description="a JMESPath expression")
    values: Mapping[str, Any] | None = Field(default=None, description="source words to our words")
    default: Any = Field(default=None, description="used where the source has nothing")
    convert: Convert | None = None
    form: Text | None = Field(default=None, alias="format", description="of text dates, as in strptime")
    on_unknown: Literal["quarantine", "pass"] = "quarantine"


def _rule(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


Rule = Annotated[MapRule, BeforeValidator(_rule, json_schema_input_type=str | MapRule)]


class GateRules(Part):
    """Which fields of a project's record hold the decision about one gate."""

    decision: Rule
    decided_on: Rule
    decided_by: Rule
    note: Rule | None = None
    valid_until: Rule | None = None

    @model_validator(mode="after")
    def _told_by_the_record(self) -> "GateRules":
        if any(rule.source is None or rule.default is not None for rule in self.rules.values()):
            raise ValueError(
                "each part with an expression (from) and without a default: nobody decides by default"
            )
        return self

    @property
    def rules(self) -> dict[str, MapRule]:
        """The rule of each part that is given."""
        return {name: rule for name, rule in self if rule is not None}


class FieldTarget(Part):
    """Where one figure goes: a field of the tool, or labels of which one is set."""

    field: Text | None = None
    categories: Mapping[str, Text] | None = Field(
        default=None, description="Planner labels: word to category1..category25"
    )
    values: Mapping[str, Text | None] = Field(
        default_factory=dict, description="our words to the tool's options"
    )
    on_drift: OnDrift | None = Field(default=None, description="what happens to a value changed by hand here")

    @property
    def name(self) -> str:
        """The field as the connector knows it; labels are `categories:ID,ID,...` (each id once, in order)."""
        if self.field is not None:
            return self.field
        return "categories:" + ",".join(dict.fromkeys((self.categories or {}).values()))


def _target(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


Target = Annotated[FieldTarget, BeforeValidator(_target, json_schema_input_type=str | FieldTarget)]


def _key_columns(value: Any) -> Any:
    if isinstance(value, str):
        return {value: value}
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return {each: each for each in value}
    return value


KeyColumns = Annotated[
    Mapping[str, Text],
    BeforeValidator(_key_columns, json_schema_input_type=str | tuple[str, ...] | Mapping[str, str]),
]
"""Our key (budget_code, fiscal_year, period, key) to the tool's column; a bare name stands for both."""


class WriteBlock(Part):
    """The figures of one sort (per project, per budget line) and where they go.

    Written as `{figure: field}` or `[figure, ...]`; `to` and `key` may stand beside the figures and go before
    those of `write`.
    """

    to: Text | None = None
    key: KeyColumns = Field(default_factory=dict)
    figures: Mapping[str, Target] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: Any) -> Any:
        if isinstance(data, list | tuple):
            return {"figures": {each: each for each in data if isinstance(each, str)}}
        if not isinstance(data, dict) or "figures" in data:
            return data
        own = {key: data[key] for key in ("to", "key") if key in data}
        return own | {"figures": {key: value for key, value in data.items() if key not in own}}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        shape = handler.resolve_ref_schema(handler(core))["properties"]
        beside = {"to": shape["to"], "key": shape["key"]}
        figures = shape["figures"]["additionalProperties"]
        by_figure = {"type": "object", "properties": beside, "additionalProperties": figures}
        listed = {"type": "array", "items": {"type": "string"}}
        return {"anyOf": [by_figure, listed], "description": cls.__doc__}


class Write(Part):
    """What Portico writes there, and to nothing else."""

    to: Text | None = Field(
        default=None,
        description="JQL (Jira); object, entity set or table (Salesforce, OData, SQL); title (Planner)",
    )
    key: KeyColumns = Field(
        default_factory=dict, description="the key field(s) of that object, entity set or table"
    )
    project: WriteBlock | None = None
    budget_line: WriteBlock | None = None

    def to_of(self, block: WriteBlock) -> str | None:
        """Where a block's figures go: its own `to`, else the one for all."""
        return block.to or self.to

    def key_of(self, block: WriteBlock) -> Mapping[str, str]:
        """A block's key columns: its own, else those for all."""
        return block.key or self.key


class SafetyOverride(Part):
    """The safety limits that a connection sets for itself."""

    write: Flag | None = None
    max_changes: Annotated[int, Field(ge=0, strict=True)] | None = None
    max_share: Share | None = None
    max_missing: Share | None = None
    stale_after: Duration | None = None
    on_drift: OnDrift | None = None
    quiet: Quiet | None = None


class Webhook(Part):
    """The tool announces changes at `/webhooks/CONNECTION` of `portico serve`, signed with this secret."""

    secret: Annotated[SecretStr, Field(min_length=16)]


class _Connection(Part):
    read: tuple[Read, ...] = ()
    map: Mapping[str, Mapping[str, Rule]] = Field(
        default_factory=dict, description="per kind: overrides of the shipped mapping"
    )
    gate_decisions: Mapping[str, Mapping[str, GateRules]] = Field(
        default_factory=dict,
        description="per kind that fills projects: gate to the fields that hold the decision about it",
    )
    write: Write = Field(default_factory=Write)
    safety: SafetyOverride = Field(default_factory=SafetyOverride)
    webhook: Webhook | None = Field(
        default=None, description="announcements of changes, which make a read soon; reading goes on without"
    )


class _Http(_Connection):
    ca_file: FilePath | None = Field(default=None, description="a bundle of the authorities to trust")
    proxy: ProxyUrl | None = None
    timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        default=60, description="seconds to wait for an answer"
    )
    max_workers: Annotated[int, Field(ge=1, le=32, strict=True)] = Field(
        default=4, description="requests under way to one host at a time; half as many after an answer 429"
    )
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 5


class Jira(_Http):
    """Jira Cloud or Data Center (the server says which)."""

    tool: Literal["jira"]
    url: HttpUrl
    auth: Annotated[Basic | Bearer | ClientCredentials, Field(discriminator="type")]
    notify: Flag = Field(default=True, description="false: ask Jira not to mail watchers of Portico's writes")
    create_options: Flag = Field(
        default=False, description="on Cloud, make an option that values: names and a choice lacks"
    )
    machine_copy: Annotated[str, Field(pattern=r"^[\w.-]*$", max_length=255)] = Field(
        default="",
        description="an issue property that gets a copy of what was written, for programs; and the project property in which a "
        "Jira project carries its figures",
    )


class ServiceNow(_Http):
    """A ServiceNow instance, or a tool that speaks its Table API."""

    tool: Literal["servicenow"]
    url: HttpUrl
    timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        default=75, description="seconds to wait for an answer; the instance itself gives up after 60"
    )
    import_table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = Field(
        default=None,
        description="write through this staging table and its transform map instead of the tables themselves",
    )
    work_notes: Flag = Field(default=False, description="each write leaves a work note on its record")
    auth: Annotated[Basic | Bearer | ApiKey | ClientCredentials | JwtBearer, Field(discriminator="type")]


CLOUDS = {
    "global": ("https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com"),
    "gcc": ("https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com"),
    "gcc_high": ("https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us"),
    "dod": ("https://dod-graph.microsoft.us/v1.0", "https://login.microsoftonline.us"),
}
"""Graph and sign-in addresses per cloud (Microsoft's national cloud deployments page)."""


class Planner(_Http):
    """Microsoft 365 Planner (basic plans) through Microsoft Graph."""

    tool: Literal["planner"]
    cloud: Literal["global", "gcc", "gcc_high", "dod"] = "global"
    url: HttpUrl = CLOUDS["global"][0]
    authority: HttpUrl = CLOUDS["global"][1]
    web_url: HttpUrl = Field(
        default="https://planner.cloud.microsoft/webui", description="where people open a task in the browser"
    )
    tenant: Text | None = None
    auth: Annotated[ClientCredentials | Certificate | ManagedIdentity | Bearer, Field(discriminator="type")]

    @model_validator(mode="before")
    @classmethod
    def _addresses(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        url, authority = CLOUDS.get(str(data.get("cloud", "global")), CLOUDS["global"])
        return {"url": url, "authority": authority} | data

    @property
    def tenant_id(self) -> str | None:
        """The tenant, wherever it was written."""
        return self.tenant or getattr(self.auth, "tenant", None)


class Salesforce(_Http):
    """A Salesforce organisation, by its My Domain address."""

    tool: Literal["salesforce"]
    url: HttpUrl
    auth: Annotated[ClientCredentials | JwtBearer | Bearer, Field(discriminator="type")]
    api_version: Annotated[str, Field(pattern=r"^\d\d\.0$")] | None = None
    bulk_from: Annotated[int, Field(ge=1)] = Field(
        default=10_000,
        description="more records of one object than this are read and written as a Bulk API job",
    )


class OData(_Http):
    """An OData service, V4 or V2; `url` is its root."""

    tool: Literal["odata"]
    url: HttpUrl
    auth: Annotated[Basic | Bearer | ApiKey | ClientCredentials, Field(discriminator="type")] | None = None


class Sql(_Connection):
    """A database; `scope` of a read is a SELECT."""

    tool: Literal["sql"]
    url: SqlUrl = Field(repr=False)


class Files(_Connection):
    """A drop folder of CSV and XLSX files; writing goes to `out`."""

    tool: Literal["files"]
    path: FilePath
    out: FilePath | None = None
    ready: Literal["settled", "marker", "manifest"] = Field(
        default="settled",
        description="what tells that a file is whole: it holds still, NAME.ok, or NAME.manifest.json beside it",
    )
    archive: FilePath | None = Field(
        default=None,
        description="a folder that takes files in (accepted/, rejected/); without it they are read where they lie",
    )

    @property
    def outbox(self) -> Path:
        """Where written files go: `out`, else the folder `out` beside `path`."""
        return self.out or self.path.parent / "out"


Connection = Annotated[
    Jira | ServiceNow | Planner | Salesforce | OData | Sql | Files, Field(discriminator="tool")
]
