"""Nodes of a YAML 1.2 text with their lines, and all that readers could take in two ways.

Words, numbers and nothing else: the core schema (yaml.org/spec/1.2.2, 10.3.2), so that 0100 is a
hundred and 1:30 a word. A text is refused, before it is turned into values, that refers to itself,
is nested deeper than `DEEPEST`, or stands for more than `MOST` values through its anchors.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

Place: TypeAlias = tuple[str | int, ...]

DEEPEST = 50
MOST = 100_000
LONGEST = 1_000_000
"""Characters of a text."""

_DIGITS = 40  # of a whole number: 64 bits need 20
_CORE: Mapping[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "null": (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    "int": (re.compile(r"[-+]?[0-9]+"), int),
    "octal": (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    "hexadecimal": (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    "float": (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    "infinity": (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    "nan": (re.compile(r"\.(nan|NaN|NAN)"), lambda _: math.nan),
}
_WORDS = re.compile(r"(?i:yes|no|on|off)")
_TAGS = frozenset({"str", "null", "bool", "int", "float", "map", "seq"})


class YamlError(ValueError):
    """A text that is no YAML, or that no scan can need; knows its line."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


@dataclass(slots=True, eq=False)
class Node:
    """A value where it is written.

    Attributes:
        line: Its line, from 1.
        kind: ``scalar``, ``list`` or ``mapping``.
        text: Of a scalar.
        plain: Whether a scalar is without quotes: then it may be a number.
        items: Elements of a list, or keys and values of a mapping in turn.
        size: Values it stands for, those of its aliases included.
        open: Whether its end was not seen yet.
    """

    line: int
    kind: str
    text: str = ""
    plain: bool = False
    items: list[Node] = field(default_factory=list)
    size: int = 1
    open: bool = False

    @property
    def pairs(self) -> list[tuple[Node, Node]]:
        """Keys and values of a mapping."""
        return list(zip(self.items[::2], self.items[1::2], strict=True))


def composed(text: str) -> Node | None:
    """The one document of a text, without recursion: a text may nest as deep as it is long."""
    if len(text) > LONGEST:
        raise YamlError(f"the file has {len(text):,} characters, expected at most {LONGEST:,}")
    root = Node(line=1, kind="list", open=True)
    stack, anchors = [root], dict[str, Node]()
    try:
        for event in YAML(typ="safe", pure=True).parse(io.StringIO(text)):
            _take(event, stack, anchors)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "cannot be read"
        raise YamlError(str(what), None if mark is None else mark.line + 1) from error
    except (YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(" ".join(str(error).split()) or "cannot be read") from error
    if len(root.items) > 1:
        raise YamlError("expected one document, but found another document", root.items[1].line)
    return root.items[0] if root.items else None


def _take(event: Any, stack: list[Node], anchors: dict[str, Node]) -> None:
    """One event of the parser, put where it belongs."""
    line = event.start_mark.line + 1
    if isinstance(event, events.AliasEvent):
        _add(_known(event.anchor, anchors, line), stack, line)
    elif isinstance(event, events.ScalarEvent):
        plain = event.implicit[0] and event.style is None
        node = Node(line=line, kind="scalar", text=event.value, plain=plain)
        _named(event, node, anchors)
        _add(node, stack, line)
    elif isinstance(event, events.CollectionStartEvent):
        if len(stack) > DEEPEST:
            raise YamlError(f"nested more than {DEEPEST} levels deep", line)
        kind = "mapping" if isinstance(event, events.MappingStartEvent) else "list"
        node = Node(line=line, kind=kind, open=True)
        _named(event, node, anchors)
        stack.append(node)
    elif isinstance(event, events.CollectionEndEvent):
        node = stack.pop()
        node.open = False
        _add(node, stack, node.line)


def _known(name: str, anchors: Mapping[str, Node], line: int) -> Node:
    if name not in anchors:
        raise YamlError(f"found undefined alias '{name:.40}'", line)
    if anchors[name].open:
        raise YamlError(f"'*{name:.40}' stands inside of what it refers to", line)
    return anchors[name]


def _named(event: Any, node: Node, anchors: dict[str, Node]) -> None:
    """Take an anchor, and the word of a tag of the core schema; no other can mean anything here."""
    if event.anchor is not None:
        anchors[event.anchor] = node
    tag = None if event.tag is None else str(event.tag)
    if tag is None or tag == "!":
        return
    name = tag.removeprefix("tag:yaml.org,2002:")
    if name == tag or name not in _TAGS:
        raise YamlError(f"could not determine a constructor for the tag '{tag:.60}'", node.line)
    if node.kind == "scalar" and name != "str":
        node.plain = True


def _add(node: Node, stack: list[Node], line: int) -> None:
    top = stack[-1]
    is_key = top.kind == "mapping" and len(top.items) % 2 == 0
    if is_key and node.kind != "scalar":
        raise YamlError(f"a {node.kind} as the name of a key (unhashable); quote it", line)
    top.items.append(node)
    top.size += node.size
    if top.size > MOST:
        raise YamlError(f"stands for more than {MOST:,} values; write fewer anchors", line)


def scalar(text: str) -> Any:
    """What a word without quotes is.

    >>> scalar("0100"), scalar("1e3"), scalar("0o10"), scalar("1:30"), scalar("on")
    (100, 1000.0, 8, '1:30', 'on')
    """
    for kind, (pattern, read) in _CORE.items():
        if pattern.fullmatch(text):
            return float(text) if kind == "int" and len(text) > _DIGITS else read(text)
    return text


def takes(key: Node) -> bool:
    """Whether a key takes the keys of other mappings."""
    return key.plain and key.text == "<<"


def faults(node: Node | None, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Keys written twice, and what is no name, no finite number or a word of two meanings."""
    if node is None:
        return
    if node.kind == "mapping":
        yield from _faults_of_keys(node, place)
    elif node.plain and (why := _no_value(node.text)):
        yield place, why
    for index, value in enumerate(node.items if node.kind == "list" else ()):
        yield from faults(value, (*place, index))


def _faults_of_keys(node: Node, place: Place) -> Iterator[tuple[Place, str]]:
    seen: set[str] = set()
    for key, value in node.pairs:
        here = (*place, key.text)
        if key.text in seen and not takes(key):
            yield here, "is named twice; remove or rename one"
        elif why := _no_name(key):
            yield here, why
        seen.add(key.text)
        yield from faults(value, here)


def _no_name(key: Node) -> str:
    """Why a key is no name; the key ``null`` is one (`rayscan.ensembles.mixture.Mixtures`)."""
    found = scalar(key.text) if key.plain and key.text != "null" else key.text
    if not isinstance(found, str):
        kinds = {type(None): "nothing", bool: "true or false"}
        kind = kinds.get(type(found), "a number")
        return f"'{key.text:.40}' is {kind} and no name; quote it: '{key.text:.40}'"
    return _two_meanings(key.text) if key.plain else ""


def _no_value(text: str) -> str:
    found = scalar(text)
    if isinstance(found, float) and not math.isfinite(found):
        return f"{text:.40} is no finite number; write one"
    return _two_meanings(text)


def _two_meanings(text: str) -> str:
    if not _WORDS.fullmatch(text):
        return ""
    return (
        f"'{text}' is a word to some readers and true or false to others; quote it: '{text}', or "
        "write true or false"
    )


def line_of(node: Node | None, place: Place) -> int | None:
    """The line of the deepest part of a place that the file has."""
    line = None
    for part in place:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Node | None, part: str | int) -> tuple[int, Node] | None:
    """Line and node of a key or of an element."""
    if node is not None and node.kind == "mapping":
        # Of a key written twice the last: it is the one to remove, and the one whose value counts.
        for key, value in reversed(node.pairs):
            if key.text == str(part):
                return key.line, value
    elif node is not None and node.kind == "list" and str(part).isdecimal():
        index = int(part)
        if index < len(node.items):
            return node.items[index].line, node.items[index]
    return None
