"""The parts of which a screen of the command line is made."""

from rich.table import Table
from rich.text import Text

from reports.wording import printable


def grid(*titles: str) -> Table:
    """A table without lines; a long text goes on below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def printed(value: str, style: str = "") -> Text:
    """A text of which no markup is read, and that cannot steer a terminal."""
    return Text(printable(value), style)
