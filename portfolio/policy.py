"""What projects are judged by: the rules, packs, calendars and terms that the settings declare."""

import json
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from config.fiscal import FiscalCalendar
from config.judging import ActionTerms, ComplianceTerms, EarnedValueTerms, RiskTerms, ServiceTerms
from config.presets import GatePack, StatusRules, load_pack, load_rules
from config.settings import Portfolio
from portfolio.budget import LedgerTerms


@dataclass(frozen=True, slots=True)
class Policy:
    """What projects are judged by. Money is in `currency`; days are counted in `timezone`."""

    rules: StatusRules
    pack: GatePack
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str = "USD"
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    ledgers: LedgerTerms = field(default_factory=LedgerTerms)
    earned_value: EarnedValueTerms = field(default_factory=EarnedValueTerms)
    actions: ActionTerms = field(default_factory=ActionTerms)
    service: ServiceTerms = field(default_factory=ServiceTerms)
    compliance: ComplianceTerms = field(default_factory=ComplianceTerms)
    risks: RiskTerms = field(default_factory=RiskTerms)

    @classmethod
    def of(cls, portfolio: Portfolio, ledgers: LedgerTerms | None = None) -> "Policy":
        """The policy that the settings declare. Raises PresetError."""
        rules = load_rules(portfolio.status_rules)
        return cls(
            rules=rules.model_copy(update={"obligations": rules.obligations + portfolio.obligations}),
            pack=load_pack(portfolio.gates),
            timezone=portfolio.zone,
            currency=portfolio.currency,
            calendar=portfolio.calendar,
            ledgers=ledgers or LedgerTerms(),
            earned_value=portfolio.earned_value,
            actions=portfolio.actions,
            service=portfolio.service,
            compliance=portfolio.compliance,
            risks=portfolio.risks,
        )

    @property
    def fingerprint(self) -> str:
        """A text that changes with anything that could change a judgement."""
        terms = (sorted(self.ledgers.amounts.items()), sorted(self.ledgers.project_basis))
        calendar = (self.calendar.start_month, self.calendar.start_day, self.calendar.label)
        rest = [str(self.timezone), self.currency, calendar, terms]
        models = [
            each.model_dump(mode="json")
            for each in (
                self.rules,
                self.pack,
                self.earned_value,
                self.actions,
                self.service,
                self.compliance,
                self.risks,
            )
        ]
        return json.dumps([*models, rest])
