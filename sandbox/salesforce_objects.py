"""The objects of the simulated organisation: the shape of their fields as `describe` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = Mapping[str, Any]


def _text(length: int = 255, **more: Any) -> Shape:
    return {"type": "string", "length": length, **more}


def _number(kind: str, digits: int, places: int) -> Shape:
    return {"type": kind, "precision": digits, "scale": places}


_AUDIT: Mapping[str, Shape] = {
    "Id": {"type": "id", "length": 18, "updateable": False, "createable": False},
    "Name": _text(80),
    "IsDeleted": {"type": "boolean", "updateable": False, "createable": False},
    "CreatedDate": {"type": "datetime", "updateable": False, "createable": False},
    "SystemModstamp": {"type": "datetime", "updateable": False, "createable": False},
}
_MONEY = _number("currency", 18, 2)
LINE: Mapping[str, Shape] = {
    **_AUDIT,
    "Budget_Code__c": _text(20),
    "Fund__c": _text(20),
    "Department__c": _text(80),
    "Cost_Center__c": _text(20),
    "Account__c": _text(20),
    "Fiscal_Year__c": _number("double", 4, 0),
    "Period__c": _text(3),
    "Currency__c": _text(3),
    "Original_Budget__c": _MONEY,
    "Revised_Budget__c": _MONEY,
    "Pre_Encumbered__c": _MONEY,
    "Encumbered__c": _MONEY,
    "Actual__c": _MONEY,
    "Forecast__c": _MONEY,
    "Posted_On__c": {"type": "date"},
}
FIGURE: Mapping[str, Shape] = {
    **_AUDIT,
    "Portico_Key__c": _text(60, externalId=True),
    "Budget_Code__c": _text(20),
    "Fiscal_Year__c": _number("double", 4, 0),
    "Period__c": _text(3),
    "Budget_Variance__c": _MONEY,
    "Available_Budget__c": _MONEY,
    "Eac__c": _MONEY,
    "Budget_Variance_Share__c": _number("double", 9, 4),
    "Rag_Cost__c": {"type": "picklist", "length": 20, "restrictedPicklist": True, "picklistValues": [
        {"value": word, "label": word, "active": True} for word in ("green", "amber", "red")
    ]},
    "Corrective_Action__c": {"type": "textarea", "length": 1000},
}  # fmt: skip
ORG: Mapping[str, Shape] = {**_AUDIT}
AMOUNTS = {name: name.removesuffix("__c").lower() for name, shape in LINE.items() if shape is _MONEY}
"""The amount fields of a budget line, and the city's word for each."""


@dataclass
class Table:
    """An object: the shape of its fields, its records by id."""

    prefix: str
    shapes: Mapping[str, Shape]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
