"""What an administrator clicks and types, word for word: columns, choices, access rules."""

from collections.abc import Sequence

_TYPES = {
    "gate_due": ("Date", ""),
    "finish_forecast": ("Date", ""),
    "computed_at": ("Date/Time", ""),
    "schedule_variance_days": ("Integer", ""),
    "explanation": ("String", "1000"),
}
_DECIMALS = (
    "budget_variance",
    "budget_variance_share",
    "available_budget",
    "cpi",
    "spi",
    "eac",
    "percent_complete",
)
_COLOURS = ("green", "amber", "red", "approved_change")


def create_column(table: str, column: str, figure: str, words: Sequence[str]) -> str:
    """How to create the column that holds a figure; `words` are those that the configuration writes there.

    Money is a decimal: a currency column is converted to the reader's locale on its way out.
    """
    kind, length = _TYPES.get(figure, ("Decimal", "") if figure in _DECIMALS else ("String", "40"))
    label = figure.replace("_", " ").capitalize().replace("Rag", "RAG")
    size = f", Max length {length}" if length else ""
    text = (
        f"System Definition > Dictionary > New: Table {table}, Type {kind}, Column label {label},"
        f" Column name {column}{size}"
    )
    choices = list(words) or (list(_COLOURS) if figure.startswith("rag_") else [])
    if not choices:
        return f"{text}."
    listed = ", ".join(dict.fromkeys([*choices, "unknown"] if figure.startswith("rag_") else choices))
    return f"{text}, Choice Dropdown with -- None --; then choices {listed}."


def add_choice(table: str, column: str, value: str) -> str:
    """How to add a choice to a column."""
    label = value.replace("_", " ").capitalize()
    return (
        f"System Definition > Choice Lists > New: Table {table}, Element {column}, Value {value},"
        f" Label {label}, Language en, Inactive not ticked."
    )


def access_rule(table: str, operation: str, column: str = "") -> str:
    """How to let the account's role read or write a table or one of its columns."""
    return (
        f"System Security > Access Control (ACL) > New: Type record, Operation {operation},"
        f" Name {table}{'.' + column if column else ''}, Requires role the account's role."
    )
