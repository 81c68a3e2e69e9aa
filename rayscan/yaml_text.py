"""YAML 1.2 as values, with the line of each key and all that a reader could take in two ways.

Words, numbers and nothing else: the core schema (yaml.org/spec/1.2.2, 10.3.2), so that 0100 is a
hundred and 1:30 a word. A text is refused, before it is turned into values, that refers to itself,
is nested deeper than `DEEPEST`, or stands for more than `MOST` values through its anchors.
"""

from __future__ import annotations

import errno
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.representer import SafeRepresenter

Place: TypeAlias = tuple[str | int, ...]

DEEPEST = 50
MOST = 100_000
LONGEST = 1_000_000
"""Characters of a text."""

_DIGITS = 18  # of a whole number: more do not fit into 64 bits
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
_TWO_WAYS = re.compile(
    r"(?i:yes|no|on|off)"  # YAML 1.1: true or false
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"  # YAML 1.1: to the base 60
    r"|[-+]?0b[01_]+|[-+]?[0-9.][0-9_.]*([eE][-+]?[0-9]+)?|[-+]?0x[0-9a-fA-F_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|=|<<"
)
"""Words that readers of YAML 1.1 take for something else; `dump` quotes them."""
_WORDS = re.compile(r"(?i:yes|no|on|off)")
_TAGS = {
    "str": str,
    "null": None,
    "bool": bool,
    "int": int,
    "float": float,
    "map": dict,
    "seq": list,
}


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


def parse(text: str) -> tuple[Node | None, Any]:
    """The nodes of a YAML text, which know their lines, and its values (keys are always text).

    Raises:
        YamlError: it is not YAML, or too much.
    """
    node = _composed(text)
    return node, None if node is None else _value(node)


def load(text: str) -> Any:
    """The values of a YAML text in which nothing is said twice or can be read in two ways.

    Raises:
        YamlError: the first thing that is wrong.
    """
    node, value = parse(text)
    for place, what in faults(node):
        raise YamlError(f"{'.'.join(map(str, place))}: {what}", line_of(node, place))
    return value


def regular(path: str | Path) -> Path:
    """A path that can be read to its end: no device, pipe or socket.

    Raises:
        OSError: it is one of these.
    """
    file = Path(path)
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError(errno.EINVAL, "is a pipe, socket or device, and no file")
    if file.is_file() and file.stat().st_size > 4 * LONGEST:  # bytes of a character, at most
        raise OSError(errno.EFBIG, f"has more than {LONGEST:,} characters")
    return file


def values(text: str) -> Any:
    """The values of a YAML text of our own, such as a stored scan file.

    Raises:
        YamlError: it is not YAML, or too much.
    """
    return parse(text)[1]


def _composed(text: str) -> Node | None:
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
        _anchor(event, node, anchors)
        _tagged(event, node)
        _add(node, stack, line)
    elif isinstance(event, events.CollectionStartEvent):
        if len(stack) > DEEPEST:
            raise YamlError(f"nested more than {DEEPEST} levels deep", line)
        kind = "mapping" if isinstance(event, events.MappingStartEvent) else "list"
        node = Node(line=line, kind=kind, open=True)
        _anchor(event, node, anchors)
        _tagged(event, node)
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


def _anchor(event: Any, node: Node, anchors: dict[str, Node]) -> None:
    if event.anchor is not None:
        anchors[event.anchor] = node


def _tagged(event: Any, node: Node) -> None:
    """Take the word of a tag of the core schema; no other can mean anything here."""
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


def _value(node: Node) -> Any:
    if node.kind == "list":
        return [_value(each) for each in node.items]
    if node.kind == "mapping":
        return _mapping(node)
    return scalar(node.text) if node.plain else node.text


def _mapping(node: Node) -> dict[str, Any]:
    """The keys of a mapping over those that its key ``<<`` takes from others."""
    taken: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in node.pairs:
        if _takes(key):
            sources = value.items if value.kind == "list" else [value]
            for source in reversed(sources):
                found = _value(source)
                if not isinstance(found, dict):
                    raise YamlError("'<<' takes the keys of a mapping, found none", key.line)
                taken |= found
        else:
            own[key.text] = _value(value)
    return taken | own


def _takes(key: Node) -> bool:
    return key.plain and key.text == "<<"


def scalar(text: str) -> Any:
    """What a word without quotes is.

    >>> scalar("0100"), scalar("1e3"), scalar("0o10"), scalar("1:30"), scalar("on")
    (100, 1000.0, 8, '1:30', 'on')
    """
    for kind, (pattern, read) in _CORE.items():
        if pattern.fullmatch(text):
            return float(text) if kind == "int" and len(text) > _DIGITS else read(text)
    return text


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
        if key.text in seen and not _takes(key):
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


class _Quoting(SafeRepresenter):
    """Quotes every word that any reader of YAML takes for something else."""

    def text(self, value: str) -> Any:
        """A word as a node."""
        quoted = not isinstance(scalar(value), str) or _TWO_WAYS.fullmatch(value)
        return self.represent_scalar("tag:yaml.org,2002:str", value, style="'" if quoted else None)


_Quoting.add_representer(str, _Quoting.text)


def dump(value: Any) -> str:
    """Plain values as YAML, which `load` reads back."""
    writer = YAML(typ="safe", pure=True)
    writer.Representer = _Quoting
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.sort_base_mapping_type_on_output = False
    writer.width = LONGEST
    out = io.StringIO()
    writer.dump(value, out)
    return out.getvalue()
