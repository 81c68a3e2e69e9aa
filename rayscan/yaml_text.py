"""YAML texts to values and back, with the line of each key."""

from __future__ import annotations

import errno
import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from rayscan.yaml_nodes import (
    LONGEST,
    Node,
    Place,
    YamlError,
    composed,
    faults,
    line_of,
    scalar,
    takes,
)

__all__ = ["Node", "Place", "YamlError", "dump", "faults", "line_of", "load", "parse", "values"]

_TWO_WAYS = re.compile(
    r"(?i:yes|no|on|off)"  # YAML 1.1: true or false
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"  # YAML 1.1: to the base 60
    r"|[-+]?0b[01_]+|[-+]?[0-9.][0-9_.]*([eE][-+]?[0-9]+)?|[-+]?0x[0-9a-fA-F_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|=|<<"
)
"""Words that readers of YAML 1.1 take for something else; `dump` quotes them."""


def parse(text: str) -> tuple[Node | None, Any]:
    """The nodes of a YAML text, which know their lines, and its values (keys are always text).

    Raises:
        YamlError: it is not YAML, or too much.
    """
    node = composed(text)
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
        if takes(key):
            sources = value.items if value.kind == "list" else [value]
            for source in reversed(sources):
                found = _value(source)
                if not isinstance(found, dict):
                    raise YamlError("'<<' takes the keys of a mapping, found none", key.line)
                taken |= found
        else:
            own[key.text] = _value(value)
    return taken | own


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
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # declared as None
    writer.width = LONGEST
    out = io.StringIO()
    writer.dump(value, out)
    return out.getvalue()
