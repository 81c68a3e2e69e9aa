"""A scan file -> ScanConfig, or everything that is wrong with it at once, with line numbers."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from rayscan.errors import ConfigError, Problem, nearest
from rayscan.events import observables
from rayscan.models import architecture
from rayscan.scan import search_space
from rayscan.scan.config import ArchitectureChoice, ScanConfig

Place = tuple[str | int, ...]


def load_scan(path: str | Path) -> ScanConfig:
    """The scan a file describes.

    Args:
        path: A YAML scan file; ``rayscan init`` writes one to start from.

    Raises:
        ConfigError: with every problem found, each with its line and what to do.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not a text file"
        problem = Problem(where="file", what=f"cannot be read ({why}); write one: rayscan init")
        raise ConfigError(path=str(path), problems=(problem,)) from error
    return parse_scan(text, path=str(path))


def parse_scan(text: str, *, path: str = "") -> ScanConfig:
    """The scan a YAML text describes; see `load_scan`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(path=path, problems=(_syntax(error),)) from error
    if not isinstance(data, dict) or node is None:
        problem = Problem(where="file", what="expected a mapping of keys; write one: rayscan init")
        raise ConfigError(path=path, problems=(problem,))
    problems = [
        *_duplicates(node, ()),
        *_unknown_keys(ScanConfig, data, ()),
    ]
    config: ScanConfig | None = None
    try:
        config = TypeAdapter(ScanConfig).validate_python(data)
    except ValidationError as error:
        problems += [(_place(e["loc"]), _message(e)) for e in error.errors(include_url=False)]
    if config is not None:
        problems += list(_meaning(config))
    if problems or config is None:
        unique = dict.fromkeys(problems)
        found = [Problem(where=_dotted(w), what=t, line=_line(node, w)) for w, t in unique]
        raise ConfigError(path=path, problems=tuple(sorted(found, key=lambda p: p.line or 0)))
    return config


def _syntax(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error)
    return Problem(
        where="YAML syntax", what=str(what), line=mark.line + 1 if mark is not None else None
    )


def _duplicates(node: yaml.Node, place: Place) -> Iterator[tuple[Place, str]]:
    """Keys written twice; YAML itself would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*place, str(key.value))
            if key.value in seen:
                yield here, "is named twice; remove or rename one"
            seen.add(key.value)
            yield from _duplicates(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicates(value, (*place, index))


def _unknown_keys(kind: Any, data: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Keys that no dataclass field has, with the nearest that one has."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(data, dict):
        hints = typing.get_type_hints(kind)
        known = [f.name for f in dataclasses.fields(kind) if f.init]
        for key, value in data.items():
            if key not in known:
                hint = nearest(str(key), known) or f" (known: {', '.join(known)})"
                yield (*place, key), f"unknown key{hint}"
            else:
                yield from _unknown_keys(hints[key], value, (*place, key))
        return
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        for option in arguments:
            yield from _unknown_keys(option, data, place)
    elif origin is not None and isinstance(data, dict) and len(arguments) == 2:
        for key, value in data.items():
            yield from _unknown_keys(arguments[1], value, (*place, key))
    elif origin is tuple and isinstance(data, list):
        for index, value in enumerate(data):
            yield from _unknown_keys(arguments[0], value, (*place, index))


def _place(loc: Sequence[str | int]) -> Place:
    """Pydantic's location without the names of union branches and validators."""
    return tuple(p for p in loc if isinstance(p, int) or not p[:1].isupper() or p.isidentifier())


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "missing; this key is required"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    text = str(error["msg"]).replace("Input should be", "expected").replace("valid ", "")
    return f"found {error['input']!r}, {text}"


def _dotted(place: Place) -> str:
    return ".".join(str(p) for p in place) or "file"


def _line(node: yaml.Node | None, place: Place) -> int | None:
    """The line of the deepest part of a place that the file has."""
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(part)]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _meaning(config: ScanConfig) -> Iterator[tuple[Place, str]]:
    """What the types cannot say: names that must exist and fit together."""
    yield from _roles(config)
    yield from _names(config)
    for index, choice in enumerate(config.architectures):
        yield from _architecture(choice, ("architectures", index))
    keys = [choice.key for choice in config.architectures]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield ("architectures", index), f"'{key}' is named twice; give one a 'label'"
    if not config.architectures:
        yield ("architectures",), "empty; name at least one, for example mlp"


def _roles(config: ScanConfig) -> Iterator[tuple[Place, str]]:
    if not config.backgrounds:
        yield ("processes",), "no process has role: background"
    if not config.benchmarks:
        yield ("processes",), "no process has role: signal"
    for name in config.processes:
        if not name.replace("_", "").replace("-", "").isalnum():
            yield ("processes", name), "a name may have letters, digits, '_' and '-' only"


def _names(config: ScanConfig) -> Iterator[tuple[Place, str]]:
    for index, axis in enumerate(config.binning.axes):
        if why := _refused(axis.observable):
            yield ("binning", "axes", index, "observable"), why
    for number, choice in enumerate(config.architectures):
        for index, feature in enumerate(choice.features):
            if why := _refused(feature):
                yield ("architectures", number, "features", index), why
    for index, cut in enumerate(config.selection.parsed):
        if why := _refused(cut.observable):
            yield ("selection", "cuts", index), why


def _refused(observable: str) -> str:
    try:
        observables.check(observable)
    except ValueError as error:
        return str(error)
    return ""


def _architecture(choice: ArchitectureChoice, place: Place) -> Iterator[tuple[Place, str]]:
    known = architecture.architectures()
    if choice.name not in known:
        hint = nearest(choice.name, known) or f" (known: {', '.join(known)})"
        yield (*place, "name"), f"unknown architecture '{choice.name}'{hint}"
        return
    try:
        search_space.check(choice)
    except ValueError as error:
        yield (*place, "hyperparameters"), str(error)


def dump(config: ScanConfig) -> str:
    """The resolved scan as YAML, every key written out; loads to an equal scan."""
    return yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if f.init]
        items = ((f.name, getattr(value, f.name)) for f in fields)
        return {name: _plain(item) for name, item in items if item is not None and item != ()}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
