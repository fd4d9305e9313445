"""What must fit together in `write:`: known figures, a place to write to, one owner per field."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from config import names
from config.raw import Raw, connections, items_at, mapping_at
from config.yaml_text import Fault, Loc

BESIDE = ("to", "key")
_CATEGORY = re.compile(r"category([1-9]|1\d|2[0-5])")
_BLOCKS = {"project": names.PROJECT_FIGURES, "budget_line": (*names.BUDGET_FIGURES, *names.STAMPS)}


def _blocks(document: Raw) -> Iterator[tuple[Loc, str, str, Raw, dict[str, Any]]]:
    """Place, tool, sort, the whole `write` and the targets by figure of every block."""
    for name, tool, connection in connections(document):
        write = mapping_at(connection, "write")
        for sort in _BLOCKS:
            block = write.get(sort)
            loc: Loc = ("connections", name, "write", sort)
            if isinstance(block, list):
                yield loc, tool, sort, write, {each: each for each in block if isinstance(each, str)}
            elif isinstance(block, dict):
                yield (
                    loc,
                    tool,
                    sort,
                    write,
                    {key: value for key, value in block.items() if key not in BESIDE},
                )


def figures(document: Raw) -> Iterator[Fault]:
    """Only figures that can be written back are asked for, and only finance tools hold budget lines."""
    for loc, tool, sort, write, targets in _blocks(document):
        accepted = _BLOCKS[sort]
        if sort == "budget_line" and tool not in names.LEDGER_TOOLS:
            yield Fault(
                loc,
                f"budget lines written to {tool}",
                f"write.project here; budget lines for: {', '.join(names.LEDGER_TOOLS)}",
            )
        for figure in targets:
            if figure not in accepted:
                near = get_close_matches(figure, accepted, 1)
                hint = f"{near[0]}? One of " if near else "one of: "
                place = (*loc, write[sort].index(figure)) if isinstance(write[sort], list) else (*loc, figure)
                yield Fault(place, f"the figure '{figure}'", hint + ", ".join(accepted))


def places(document: Raw) -> Iterator[Fault]:
    """Tools without a fixed kind of record are told which records, and by which key."""
    for loc, tool, sort, write, _ in _blocks(document):
        block = write[sort] if isinstance(write[sort], dict) else {}
        if tool not in {"salesforce", "odata", "sql"}:
            continue
        what = {"salesforce": "object", "odata": "entity set", "sql": "table"}[tool]
        if not (block.get("to") or write.get("to")):
            yield Fault((*loc, "to"), "nothing", f"the {what} to write to (to:)")
        linked = sort == "project" and str(loc[1]) in _linked_connections(document)
        if not (block.get("key") or write.get("key") or linked):
            yield Fault((*loc, "key"), "nothing", f"the key field(s) of that {what} (key:)")
        keys = block.get("key") or write.get("key")
        if sort == "budget_line" and isinstance(keys, dict) and "key" in keys and len(keys) > 1:
            yield Fault((*loc, "key"), "`key` beside other columns", "`key` alone, or the columns without it")


def _linked_connections(document: Raw) -> set[str]:
    """Connections in which a project names the very record that carries its fields."""
    found = set()
    for _, project in items_at(document, "projects", "list"):
        found |= {
            str(link.get("connection"))
            for _, link in items_at(project, "links")
            if link.keys() & {"record", "write_to"}
        }
    return found


def targets(document: Raw) -> Iterator[Fault]:
    """A figure goes to one field, or to labels where there are labels; its words are known."""
    for loc, tool, _, _, by_figure in _blocks(document):
        for figure, target in by_figure.items():
            if not isinstance(target, dict):
                continue
            place = (*loc, figure)
            categories = target.get("categories")
            if ("field" in target) == ("categories" in target):
                yield Fault(
                    place,
                    "both field and categories" if "field" in target else "neither",
                    "one of: field, categories",
                )
            if categories is not None and tool != "planner":
                yield Fault((*place, "categories"), f"labels in {tool}", "field: (only Planner has labels)")
            for word, label in mapping_at(categories).items():
                if not _CATEGORY.fullmatch(str(label)):
                    yield Fault((*place, "categories", word), f"'{label}'", "category1 to category25")
            for part in ("values", "categories"):
                yield from _words((*place, part), figure, mapping_at(target, part))


def _words(loc: Loc, figure: str, words: Raw) -> Iterator[Fault]:
    accepted = names.words_of(figure)
    for word in words:
        if word not in accepted:
            yield Fault((*loc, word), f"'{word}'", f"for {figure}, one of: {', '.join(accepted)}")


def owners(document: Raw) -> Iterator[Fault]:
    """Each field of a record is written by one figure only."""
    taken: dict[tuple[Any, ...], str] = {}
    for loc, _, sort, write, by_figure in _blocks(document):
        block = write[sort] if isinstance(write[sort], dict) else {}
        to = str(block.get("to") or write.get("to") or sort)
        for figure, target in by_figure.items():
            for field in _fields(target):
                owner = taken.setdefault((loc[1], to, field), figure)
                if owner != figure or (loc[1], to, field, sort) in taken:
                    yield Fault(
                        (*loc, figure),
                        f"'{field}', which '{owner}' is written to as well",
                        "one figure per field",
                    )
        taken |= {
            (loc[1], to, field, sort): figure
            for figure, target in by_figure.items()
            for field in _fields(target)
        }


def _fields(target: Any) -> tuple[str, ...]:
    if isinstance(target, dict):
        if isinstance(target.get("field"), str):
            return (target["field"],)
        return tuple(dict.fromkeys(str(each) for each in mapping_at(target, "categories").values()))
    return (target,) if isinstance(target, str) else ()


ALL = (figures, places, targets, owners)
