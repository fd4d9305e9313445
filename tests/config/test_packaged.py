"""What is packaged, written down a second time from the published sources: every limit of a preset, every question of a gate.

The numbers stand here as the reference states them; where it states none (when a gate is due), as the packs declare them.
"""

from decimal import Decimal

from config.names import packaged
from config.presets import Criterion, Gate, load_pack, load_rules

D = Decimal

# preset, dimension, measure, green limit, amber limit, fewest counted things
RULES = """
california_10  schedule  variance_share  0.10  0.10   0
california_10  cost      variance_share  0.10  0.10   0
evm_95_85      schedule  spi_t           0.95  0.85   0
evm_95_85      cost      cpi             0.95  0.85   0
federal_10_30  schedule  variance_share  0.10  0.30   0
federal_10_30  cost      variance_share  0.10  0.30   0
percent_green  overall   percent_green   0.90  0.80   0
state_15_25    schedule  variance_share  0.15  0.25   0
state_15_25    cost      variance_share  0.15  0.25   0
state_15_25    scope     growth_share    0.15  0.25  20
state_15_25    quality   breach_share    0.15  0.25  20
state_15_25    overall   worst_of        None  None   0
strict_5       schedule  variance_share  0.05  0.05   0
strict_5       cost      variance_share  0.05  0.05   0
worst_of       overall   worst_of        None  None   0
"""

# pack, gate, when it is due, who approves, what it asks: deliverables by their type, other kinds by their name.
# `!` must be signed by a named person, `?` is not confirmed by the reference, `*` is asked of large and medium projects only.
GATES = """
california_pal | S1BA | 0.10 | Agency CIO, CDT | field sponsor, business_analysis, decision Reportability, \
    business_analysis!
california_pal | S2AA | 0.20 | CDT | market_research, mid_level_requirements, alternatives_analysis, \
    cost_estimate, procurement_assessment
california_pal | S3SA | 0.30 | CDT | detailed_requirements, procurement_roadmap, solicitation
california_pal | S4PRA | 0.40 | CDT | solicitation_results, readiness_assessment, field start_baseline, \
    field finish_baseline, bac >= 0.01, risk_register
city_default | G0 | 0 | PMO manager | field description, field department, field manager
city_default | G1 | 0.10 | Sponsor, PMO manager | field sponsor, business_case
city_default | G2 | 0.20 | Sponsor, Finance | alternatives_analysis*, field budget_codes, \
    revised_budget >= 0.01
city_default | G3 | 0.35 | Procurement, PMO manager | requirements, procurement_plan!*
city_default | G4 | 0.45 | Sponsor, PMO manager | project_plan, field start_baseline, \
    field finish_baseline, risk_register*
city_default | G5 | 0.95 | Sponsor, Operations | test_report, acceptance!, percent_complete >= 0.95
city_default | G6 | 180 days after | Sponsor | field finish_actual, benefits_review
federal_life_cycle | concept | 0.05 | | business_needs_statement?
federal_life_cycle | initiation | 0.10 | | business_case?, charter?, risk_assessment?
federal_life_cycle | planning | 0.20 | | project_plan?, field finish_baseline?, security_categorisation?, \
    acquisition_strategy?, process_agreement
federal_life_cycle | requirements | 0.30 | | requirements?
federal_life_cycle | design | 0.40 | | design?, test_strategy?
federal_life_cycle | development | 0.65 | | built_product?, training_plan?
federal_life_cycle | test | 0.85 | | test_report?
federal_life_cycle | transition | 0.95 | | authority_to_operate!?, operational_readiness?
federal_life_cycle | operations | 365 days after | | operational_analysis?
federal_life_cycle | disposition | never | | disposition_plan?, decision Records transfer?
oregon_endorsements | E1 | 0.10 | EIS, LFO | business_case, risk_assessment, project_plan
oregon_endorsements | E2 | 0.25 | State CIO | detailed_business_case, charter, initial_risk_assessment, \
    preferred_solution!
oregon_endorsements | E3? | 0.40 | EIS, LFO | field start_baseline?, field finish_baseline?, management_plan?
oregon_endorsements | E4? | 1 | EIS, LFO | closeout_report?
texas_framework | G1 | 0.10 | Quality Assurance Team | business_case filed, statewide_impact_analysis filed
texas_framework | G2 | 0.20 | Quality Assurance Team | project_plan filed, change_control_plan?, \
    performance_plan?, spent_share <= 0.10
texas_framework | G3 | 0.35 | Quality Assurance Team, Procurement | procurement_plan
texas_framework | G4 | 0.90 | Stakeholders | test_plan, deployment_plan, operations_plan, acceptance!
texas_framework | G5 | 180 days after | Quality Assurance Team | post_implementation_review
"""


def test_every_limit_of_the_packaged_rules() -> None:
    found = [
        [preset, dimension, rule.measure, str(rule.green), str(rule.amber), str(rule.minimum)]
        for preset in packaged("rules")
        for dimension in ("schedule", "cost", "scope", "quality", "overall")
        if (rule := getattr(load_rules(preset), dimension)).preset == preset
    ]
    assert found == [line.split() for line in RULES.strip().splitlines()]


def test_no_packaged_rule_holds_a_colour_and_only_california_carries_a_duty() -> None:
    for preset in packaged("rules"):
        rules = load_rules(preset)
        assert {getattr(rules, each).hysteresis for each in ("schedule", "cost", "scope", "quality")} == {0}
        assert bool(rules.obligations) == (preset == "california_10")


def test_californias_duty_is_a_report_within_thirty_days_of_ten_percent_and_of_cost_either_way() -> None:
    duties = load_rules("california_10").obligations
    assert [
        (each.dimension, each.at_least, each.either_way, each.due_days, each.duty, each.owner)
        for each in duties
    ] == [
        ("schedule", D("0.10"), False, 30, "Special Project Report", "manager"),
        ("cost", D("0.10"), True, 30, "Special Project Report", "manager"),
    ]
    assert {each.unconfirmed for each in duties} == {"the 30 days"}


def test_every_question_of_the_packaged_gates() -> None:
    found = [
        [pack, _marked(gate.key, gate), _when(gate), ", ".join(gate.approvers), ", ".join(map(_asked, gate.criteria))]
        for pack in packaged("gates")
        for gate in load_pack(pack).gates
    ]  # fmt: skip
    assert found == [
        [" ".join(cell.split()) for cell in line.split("|")] for line in GATES.strip().splitlines()
    ]


def _when(gate: Gate) -> str:
    if gate.after_finish is not None:
        return f"{gate.after_finish} days after"
    return "never" if gate.at is None else str(gate.at)


def _marked(name: str, asked: Gate | Criterion) -> str:
    return f"{name}{'*' if asked.tiers == ('large', 'medium') else ''}{'?' if asked.unconfirmed else ''}"


def _asked(criterion: Criterion) -> str:
    if criterion.kind == "metric":
        limits = (("<=", criterion.at_most), (">=", criterion.at_least))
        return " ".join([str(criterion.metric), *(f"{sign} {value}" for sign, value in limits if value)])
    names = {
        "deliverable": f"{criterion.type}{' filed' if criterion.states == ('submitted', 'approved') else ''}",
        "approval": f"{criterion.type}!",
        "field": f"field {criterion.field}",
        "attestation": f"decision {criterion.decision}",
    }
    return _marked(names[criterion.kind], criterion)
