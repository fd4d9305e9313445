"""YAML 1.2 text to plain data that knows the line of every key.

Only plain data comes out: mappings with text keys (as written), lists, text, int, Decimal, bool, None.
Days and times stay text, so nothing is reshaped behind the writer's back. Aliases cannot blow up memory, tags
cannot make objects.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES = 1_000_000
MAX_NODES = 200_000
MAX_DEPTH = 40
Loc = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a place of the document: what stands there and what is accepted."""

    loc: Loc
    found: str
    accepted: str
    line: int | None = None


@dataclass(slots=True)
class Document:
    """The data, the line of each place in it (1-based), and what was already wrong with the text."""

    data: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, loc: Loc) -> int:
        """The line of the nearest place at or above `loc`."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)


def parse(text: str) -> Document:
    """Reads one YAML document; whatever is wrong is in `faults`, the rest is in `data`."""
    document = Document()
    if len(text.encode()) > MAX_BYTES:
        document.faults.append(Fault((), f"{len(text)} characters", f"a file of at most {MAX_BYTES} bytes"))
        return document
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        document.faults.append(Fault((), what, "one YAML 1.2 document", mark.line + 1 if mark else 1))
        return document
    except (YAMLError, ValueError, RecursionError) as error:
        document.faults.append(Fault((), str(error) or type(error).__name__, "one YAML 1.2 document", 1))
        return document
    if root is not None:
        document.data = _Builder(document).build(root, ())
    return document


class _Builder:
    """Turns composed nodes into data, with a budget of nodes that aliases cannot multiply past."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def build(self, node: Node, loc: Loc) -> Any:
        self.nodes += 1
        self.document.lines.setdefault(loc, node.start_mark.line + 1)
        if self.nodes > MAX_NODES or len(loc) > MAX_DEPTH:
            if self.nodes != MAX_NODES + 2:
                self._fault(
                    loc,
                    "too much nesting or too many aliases",
                    f"at most {MAX_DEPTH} levels and {MAX_NODES} values",
                )
            self.nodes = MAX_NODES + 1
            return None
        if isinstance(node, MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, loc)
        if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(each, (*loc, index)) for index, each in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc)
        self._fault(loc, f"the tag {node.tag}", "plain YAML without tags")
        return None

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if self.nodes > MAX_NODES:
                break
            if not isinstance(key_node, ScalarNode):
                line = key_node.start_mark.line + 1
                self.document.faults.append(Fault(loc, "a key that is no text", "text keys", line))
                continue
            key = str(key_node.value)
            place = (*loc, key)
            line = key_node.start_mark.line + 1
            if key in data:
                first = self.document.lines[place]
                self.document.faults.append(
                    Fault(
                        place, f"the key '{key}' a second time (first on line {first})", "each key once", line
                    )
                )
                continue
            self.document.lines[place] = line
            data[key] = self.build(value_node, place)
        return data

    def _scalar(self, node: ScalarNode, loc: Loc) -> Any:
        text = str(node.value)
        try:
            match str(node.tag).removeprefix("tag:yaml.org,2002:"):
                case "str" | "timestamp":
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(
                        text.replace("_", ""), 0 if text.lstrip("+-").lower().startswith(("0x", "0o")) else 10
                    )
                case "float":
                    return self._decimal(text.replace("_", ""))
        except (ValueError, ArithmeticError):
            self._fault(loc, f"the number {text}", "a finite decimal number")
            return None
        self._fault(loc, f"the tag {node.tag}", "plain YAML without tags")
        return None

    def _decimal(self, text: str) -> Decimal:
        value = Decimal(text)
        if not value.is_finite():
            raise ValueError(text)
        return value

    def _fault(self, loc: Loc, found: str, accepted: str) -> None:
        self.document.faults.append(Fault(loc, found, accepted))
