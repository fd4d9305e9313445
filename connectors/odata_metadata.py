"""What an OData service (V4, or V2) says about itself.

Entity sets, keys, types; and how values are written in its language.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from connectors import odata_v2
from connectors.base import FieldInfo, Plain
from connectors.errors import ContractBroken, Invalid
from connectors.instants import instant, instant_text
from connectors.keys import natural_id

_WHOLE = frozenset({"Edm.Byte", "Edm.SByte", "Edm.Int16", "Edm.Int32", "Edm.Int64"})
_FRACTIONS = frozenset({"Edm.Double", "Edm.Single"})
_ORDERED = (
    _WHOLE | _FRACTIONS | {"Edm.String", "Edm.Decimal", "Edm.Date", "Edm.DateTimeOffset", "Edm.DateTime"}
)
_AS_TEXT = frozenset({"Edm.Decimal", "Edm.Int64"})
"""The types that IEEE754Compatible=true sends as JSON strings."""
V2 = 2
_READ_ONLY_TERMS = ("Org.OData.Core.V1.Computed", "Org.OData.Core.V1.Immutable")
_SAP_UPDATABLE = "{http://www.sap.com/Protocols/SAPData}updatable"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an entity type as `$metadata` declares it; `scale` None: any number of places."""

    name: str
    type: str
    nullable: bool = True
    precision: int | None = None
    scale: int | None = None
    max_length: int | None = None
    read_only: bool = False
    version: int = 4

    @property
    def ordered(self) -> bool:
        """Whether `gt` works on it."""
        return self.type in _ORDERED

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers."""
        return self.type in _WHOLE

    def literal(self, text: str) -> str:
        """A value as it stands in a filter or a key."""
        if self.type == "Edm.String":
            return "'" + text.replace("'", "''") + "'"
        if not re.fullmatch(r"[\w.:+-]+", text):
            raise ContractBroken(f"{text!r} is no {self.type}, which {self.name} is")
        if self.version == V2:
            return odata_v2.literal(self.type, text)
        return text if self.type.startswith("Edm.") else f"{self.type}'{text}'"

    def text(self, value: Any) -> str:
        """A value of an answer as the text that `literal` takes."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return format(value, "f") if isinstance(value, Decimal) else str(value)

    def plain(self, value: Any) -> Plain:
        """A value of an answer as a plain value: instants in UTC with `Z`, numbers as Decimal."""
        if value is None or isinstance(value, bool):
            return value
        if self.type in _WHOLE | _FRACTIONS | {"Edm.Decimal"}:
            return Decimal(str(value))
        if self.type == "Edm.DateTimeOffset":
            return instant_text(instant(value))
        return str(value)

    def fitted(self, value: Plain) -> Plain:
        """The value as this property keeps it.

        Rounded half up to its scale. Raises Invalid where it does not fit.
        """
        if value is None:
            if not self.nullable:
                raise Invalid(f"{self.name} cannot be empty there", fix="make the property nullable")
            return None
        if isinstance(value, Decimal) and self.type == "Edm.Decimal" and self.scale is not None:
            value = value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP)
            if self.precision is not None and len(value.as_tuple().digits) > self.precision:
                raise Invalid(f"{self.name} holds {self.precision} digits, {value} has more")
        if self.type == "Edm.DateTimeOffset":
            return self.plain(value)
        if self.type == "Edm.String":
            value = self.text(value)
            if self.max_length is not None and len(value) > self.max_length:
                raise Invalid(f"{self.name} holds {self.max_length} characters, this value has {len(value)}")
        return value

    def wire(self, value: Plain, *, numbers_as_text: bool) -> Any:
        """The value as JSON for a request."""
        if (
            self.version == V2
            and isinstance(value, str)
            and self.type in ("Edm.DateTime", "Edm.DateTimeOffset")
        ):
            return odata_v2.date_of(value)
        if isinstance(value, Decimal) and numbers_as_text and self.type in _AS_TEXT:
            return format(value, "f")
        return int(value) if isinstance(value, Decimal) and self.type in _WHOLE else value

    def info(self, *, writable: bool) -> FieldInfo:
        """The property for `describe`."""
        size = f"({self.precision},{self.scale})" if self.precision else ""
        size = f"({self.max_length})" if self.max_length else size
        writable = writable and not self.read_only
        hint = "" if writable else "it is part of the key, or the service declares it read-only"
        shape = self.type.removeprefix("Edm.") + size
        return FieldInfo(
            self.name, self.name, shape, writable=writable, required=not self.nullable, hint=hint
        )


@dataclass(frozen=True, slots=True)
class EntitySet:
    """An entity set: its key and its properties by name."""

    name: str
    key: tuple[str, ...]
    properties: Mapping[str, Property]
    version: int = 4

    def identity(self, entity: Mapping[str, Any]) -> str:
        """The id of an entity: its key values joined (`natural_id`)."""
        return natural_id(self.properties[name].text(entity[name]) for name in self.key)

    def address(self, values: Mapping[str, str]) -> str:
        """The relative address of the entity with these key values."""
        literals = {name: quote(self.properties[name].literal(values[name]), safe="'") for name in self.key}
        if len(self.key) == 1:
            return f"{self.name}({literals[self.key[0]]})"
        return f"{self.name}({','.join(f'{name}={literal}' for name, literal in literals.items())})"


def entity_sets(document: bytes) -> Mapping[str, EntitySet]:
    """The entity sets of a `$metadata` document. Raises ContractBroken where it is none."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise ContractBroken("$metadata holds a DTD, which no OData service sends", fix="check url")
    try:
        root = ET.fromstring(document)  # noqa: S314 - without a DTD there are no entities to expand
    except ET.ParseError as error:
        raise ContractBroken(
            f"$metadata is not XML ({error})", fix="check url: it must be the service root"
        ) from None
    version = V2 if root.get("Version") in ("1.0", "2.0") else 4
    types: dict[str, ET.Element] = {}
    for schema in _all(root, "Schema"):
        for element in _all(schema, "EntityType"):
            for prefix in filter(None, (schema.get("Namespace"), schema.get("Alias"))):
                types[f"{prefix}.{element.get('Name')}"] = element
    found = {}
    for element in _all(root, "EntitySet"):
        name, kind = element.get("Name", ""), element.get("EntityType", "")
        if kind in types:
            found[name] = _entity_set(name, kind, types, version)
    return found


def _entity_set(name: str, kind: str, types: Mapping[str, ET.Element], version: int) -> EntitySet:
    key: tuple[str, ...] = ()
    properties: dict[str, Property] = {}
    current: str | None = kind
    while current is not None and current in types:
        element = types[current]
        own = [_property(each, version) for each in _all(element, "Property")]
        properties = {each.name: each for each in own} | properties
        key = tuple(each.get("Name", "") for each in _all(element, "PropertyRef")) or key
        current = element.get("BaseType")
    return EntitySet(name, key, properties, version)


def _property(element: ET.Element, version: int) -> Property:
    terms = {each.get("Term") for each in _all(element, "Annotation") if each.get("Bool", "true") == "true"}
    return Property(
        name=element.get("Name", ""),
        type=element.get("Type", "Edm.String"),
        nullable=element.get("Nullable", "true") == "true",
        precision=_number(element.get("Precision")),
        scale=0 if element.get("Scale") is None else _number(element.get("Scale")),
        max_length=_number(element.get("MaxLength")),
        read_only=not terms.isdisjoint(_READ_ONLY_TERMS) or element.get(_SAP_UPDATABLE) == "false",
        version=version,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in element.iter() if each.tag.rpartition("}")[2] == name]
