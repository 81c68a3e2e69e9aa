"""A scan file as YAML: its values, and the line of each key, which the values alone do not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

Place = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Reads ``1e-3`` as a number; YAML 1.1 wants a dot in it and would take it for a word.

    The key ``null`` is a word: the scan file has one (`rayscan.ensembles.mixture.Mixtures`).
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping; its key ``null`` is not None."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:null" and key.value == "null":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    """Quotes the words that `_Loader` would take for numbers."""


for _end in (_Loader, _Dumper):
    _end.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a YAML text, which know their lines, and its values.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return yaml.compose(text, Loader=_Loader), yaml.load(text, Loader=_Loader)


def dump(value: Any) -> str:
    """Plain values as YAML, which `parse` reads back."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


def duplicates(node: yaml.Node | None, place: Place = ()) -> Iterator[Place]:
    """Keys written twice; YAML itself would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*place, str(key.value))
            if key.value in seen:
                yield here
            seen.add(key.value)
            yield from duplicates(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from duplicates(value, (*place, index))


def line_of(node: yaml.Node | None, place: Place) -> int | None:
    """The line of the deepest part of a place that the file has."""
    line = None
    for part in place:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    """Line and node of a key or of an element."""
    if isinstance(node, yaml.MappingNode):
        # Of a key written twice the last: it is the one to remove, and the one whose value counts.
        for key, value in reversed(node.value):
            if key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and str(part).isdecimal():
        index = int(part)
        if index < len(node.value):
            return node.value[index].start_mark.line + 1, node.value[index]
    return None
