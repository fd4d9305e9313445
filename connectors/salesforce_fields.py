"""A Salesforce object's fields: what `describe` says of them, and their values as plain ones and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.base import FieldInfo, Plain
from connectors.errors import ContractBroken, Invalid
from connectors.instants import instant, instant_text

_NUMBERS = frozenset({"currency", "double", "percent", "int", "long"})
_UNQUOTED = _NUMBERS | {"boolean", "date", "datetime"}


@dataclass(frozen=True, slots=True)
class SalesforceField:
    """One field of an object. `precision` counts all digits of a number, `scale` those after the point."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    updateable: bool = False
    createable: bool = False
    required: bool = False
    external_id: bool = False
    options: tuple[str, ...] = ()

    @property
    def number(self) -> bool:
        """Whether it holds numbers."""
        return self.type in _NUMBERS

    def exact(self, value: Any) -> Any:
        """A value of an answer; a number as Decimal with the field's own places (JSON drops the zeros)."""
        if not self.number or value is None:
            return value
        number = Decimal(str(value))
        return (
            number.quantize(Decimal(1).scaleb(-self.scale)) if -self.scale <= _last_place(number) else number
        )

    def from_csv(self, text: str) -> Any:
        """A cell of a bulk result as JSON would have shown it: an empty cell is an empty field."""
        if not text:
            return None
        return text == "true" if self.type == "boolean" else text

    def plain(self, value: Any) -> Plain:
        """A value of an answer as a plain value."""
        if value is None or isinstance(value, bool):
            return value
        if self.number:
            exact: Decimal = self.exact(value)
            return exact
        return instant_text(instant(value)) if self.type == "datetime" else str(value)

    def fitted(self, value: Plain) -> Plain:
        """The value as this field keeps it, rounded half up to its scale.

        Raises Invalid where it does not fit.
        """
        if isinstance(value, Decimal) and self.number:
            value = value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP)
            if self.precision and len(value.as_tuple().digits) > self.precision:
                raise Invalid(f"{self.name} holds {self.precision} digits, {value} has more")
        elif isinstance(value, Decimal):
            value = format(value, "f")
        elif isinstance(value, str) and self.number:
            raise Invalid(f"{self.name} holds numbers, not {value!r}")
        if isinstance(value, str) and self.length and len(value) > self.length:
            raise Invalid(f"{self.name} holds {self.length} characters, this value has {len(value)}")
        if isinstance(value, str) and self.options and value not in self.options:
            raise Invalid(f"{self.name} has no value {value!r}", fix=f"it takes: {', '.join(self.options)}")
        return value

    def parsed(self, text: str) -> Plain:
        """A key part's text as a plain value; the empty text is an empty field."""
        if not text:
            return None
        return Decimal(self.literal(text)) if self.number else text

    def same(self, value: Any, text: str) -> bool:
        """Whether a value of an answer is what `literal` looked for (text regardless of case, as SOQL compares)."""
        if value is None:
            return not text
        if self.number:
            return Decimal(str(value)) == Decimal(text)
        return str(value).casefold() == text.casefold()

    def literal(self, text: str) -> str:
        """A value as it stands in SOQL. Raises Invalid where it is none of this type."""
        from simple_salesforce.format import format_soql  # noqa: PLC0415 - heavy

        if self.type not in _UNQUOTED:
            return str(format_soql("{}", text))
        if self.number:
            try:
                return format(Decimal(text), "f")
            except InvalidOperation:
                raise Invalid(f"{self.name} holds numbers, not {text!r}") from None
        if not text.replace("-", "").replace(":", "").replace("+", "").replace(".", "").isalnum():
            raise Invalid(f"{self.name} holds a {self.type}, not {text!r}")
        return text

    def info(self) -> FieldInfo:
        """The field for `describe`."""
        size = (
            f"({self.precision},{self.scale})"
            if self.precision
            else f"({self.length})"
            if self.length
            else ""
        )
        hint = "" if self.updateable else "grant the integration user edit on it (field-level security)"
        return FieldInfo(
            self.name,
            self.label,
            self.type + size,
            options=self.options,
            writable=self.updateable,
            required=self.required,
            hint=hint,
        )


def fields_of(description: Mapping[str, Any]) -> dict[str, SalesforceField]:
    """The fields of a `describe` answer by name. Raises ContractBroken where it is none."""
    try:
        return {each["name"]: _field(each) for each in description["fields"]}
    except (KeyError, TypeError):
        raise ContractBroken(
            "describe answered JSON without fields", fix="check url and api_version"
        ) from None


def _last_place(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _field(each: Mapping[str, Any]) -> SalesforceField:
    is_choice = each["type"] == "picklist" and each.get("restrictedPicklist", True)
    active = [entry["value"] for entry in each.get("picklistValues", []) if entry.get("active", True)]
    needed = each.get("createable") and not each.get("nillable", True) and not each.get("defaultedOnCreate")
    return SalesforceField(
        name=each["name"],
        label=each.get("label", each["name"]),
        type=each["type"],
        length=int(each.get("length", 0)),
        precision=int(each.get("precision", 0)),
        scale=int(each.get("scale", 0)),
        updateable=bool(each.get("updateable")),
        createable=bool(each.get("createable")),
        required=bool(needed),
        external_id=bool(each.get("externalId")),
        options=tuple(active) if is_choice else (),
    )
