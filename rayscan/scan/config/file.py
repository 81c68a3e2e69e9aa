"""A scan file -> ScanConfig, or everything that is wrong with it at once, with line numbers."""

from __future__ import annotations

import copy
import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rayscan import yaml_text
from rayscan.errors import ConfigError, Problem, nearest
from rayscan.events.observables import names as observables
from rayscan.events.spectra import Spectrum, spelled
from rayscan.models.architectures.registry import architectures
from rayscan.results.names import VARIANTS
from rayscan.results.storage import from_folder
from rayscan.scan.config import own_architectures, own_recipes, search_space
from rayscan.scan.config.fitting import fitting_problems
from rayscan.scan.config.given import Given, dump, lines_of, path_of
from rayscan.scan.config.heads.registry import head_problems
from rayscan.scan.config.process import Process
from rayscan.scan.config.ranges import Found, name_problems, short, value_problems, without
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.config.unknown_keys import unknown_keys
from rayscan.yaml_text import Node, Place, YamlError, regular

_REFUSED = object()
"""Stands where a value is that cannot be, and of which that was said."""


def load_scan(scan: Given) -> ScanConfig:
    """The scan that a file or its keys describe, without its variants.

    Args:
        scan: Path of a YAML scan file (``rayscan init`` writes one to start from), or a mapping
            with its keys.

    Returns:
        The scan, frozen, every key with its value.

    Raises:
        ConfigError: with every problem found, each with its line and what to do.
    """
    with lines_of(scan):
        return parse_scan(read_text(scan), path=path_of(scan))


def read_text(scan: Given) -> str:
    """The text of a scan file, or of the file that a scan or its keys would be.

    Raises:
        ConfigError: it cannot be read, or written.
    """
    if isinstance(scan, Mapping | ScanConfig):
        return dump(scan)
    try:
        return regular(scan).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not a text file"
        problem = Problem(where="file", what=f"cannot be read ({why}); write one: rayscan init")
        raise ConfigError(path=str(scan), problems=(problem,)) from error


def parse_scan(text: str, *, path: str = "") -> ScanConfig:
    """The scan a YAML text describes; see `load_scan`."""
    node, data = parse_keys(text, path=path)
    base = {key: value for key, value in data.items() if key != VARIANTS}
    config, problems = structured(base, Path(path).parent)
    problems = with_faults(node, problems)
    if config is None or problems:
        raise told(problems, node, path)
    return config


def parse_keys(text: str, *, path: str = "") -> tuple[Node, dict[Any, Any]]:
    """The nodes of a scan file, which know their lines, and its keys.

    Raises:
        ConfigError: it is not YAML, or no mapping.
    """
    try:
        node, data = yaml_text.parse(text)
    except YamlError as error:
        problem = Problem(where="YAML syntax", what=error.what, line=error.line)
        raise ConfigError(path=path, problems=(problem,)) from error
    if not isinstance(data, dict) or node is None:
        problem = Problem(where="file", what="expected a mapping of keys; write one: rayscan init")
        raise ConfigError(path=path, problems=(problem,))
    return node, data


def with_faults(node: Node, problems: Sequence[Found]) -> list[Found]:
    """Problems with those of the text itself, which come first where both say something."""
    faults = list(yaml_text.faults(node))
    said = {place for place, _ in faults}
    return [*faults, *(each for each in problems if each[0] not in said)]


def structured(data: dict[Any, Any], folder: Path) -> tuple[ScanConfig | None, list[Found]]:
    """The scan that keys describe, None if it cannot be, and everything that is wrong with them."""
    data = copy.deepcopy(data)
    if "spectra" in data:
        data["spectra"] = spelled(data["spectra"])
    problems = [*unknown_keys(ScanConfig, data), *own_recipes.read_into(data, folder)]
    problems += own_architectures.read_into(data, folder)
    refused = list(value_problems(data))
    for place, _ in refused:
        without(data, place, _REFUSED)
    problems += [*refused, *name_problems(data)]
    sections = _sections(data, problems)
    problems += _meaning(sections)
    for key in ("storage", "cache"):
        if sections.get(key) is not None:
            sections[key] = from_folder(sections[key], folder)
    return None if problems else ScanConfig(**sections), problems


def told(problems: Sequence[Found], node: Node, path: str) -> ConfigError:
    """Problems as the error a user sees, sorted by their lines."""
    found = [
        Problem(
            where=".".join(_shown(str(part)) for part in place) or "file",
            what=what,
            line=yaml_text.line_of(node, place),
        )
        for place, what in dict.fromkeys(problems)
    ]
    return ConfigError(path=path, problems=tuple(sorted(found, key=lambda p: p.line or 0)))


def _sections(data: dict[Any, Any], problems: list[Found]) -> dict[str, Any]:
    """The top-level keys that can be used, typed; what is wrong with the others joins a list."""
    sections = {}
    hints = typing.get_type_hints(ScanConfig)
    for each in dataclasses.fields(ScanConfig):
        if each.name in data:
            try:
                sections[each.name] = TypeAdapter(hints[each.name]).validate_python(data[each.name])
            except ValidationError as error:
                problems += [
                    _pointed(_place((each.name, *e["loc"]), data), message, data)
                    for e in error.errors(include_url=False)
                    if e["input"] is not _REFUSED
                    for message in _messages(e)
                ]
        elif each.default is each.default_factory is dataclasses.MISSING:
            problems.append(((each.name,), "missing; this key is required"))
    return sections


def with_lines(path: str | Path, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems found later, with the lines of the scan file they are about, sorted by them."""
    if not str(path):
        return tuple(problems)
    node, _ = yaml_text.parse(Path(path).read_text(encoding="utf-8"))
    found = [
        dataclasses.replace(p, line=p.line or yaml_text.line_of(node, tuple(p.where.split("."))))
        for p in problems
    ]
    return tuple(sorted(found, key=lambda p: p.line or 0))


def _place(location: Sequence[str | int], data: Any) -> Place:
    """Pydantic's location without the names of union branches and validators.

    A part belongs to the file if the file has it, or if it is the last (a key that is missing).
    """
    found: list[str | int] = []
    for number, part in enumerate(location, start=1):
        if _has(data, part):
            data = data[part]
        elif number < len(location) or not (isinstance(part, str) and part.isidentifier()):
            continue
        found.append(part)
    return tuple(found)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _pointed(place: Place, what: str, data: Any) -> Found:
    """The place of the very key, where a message begins with the name of one: ``bins: 0, ...``."""
    named = re.match(r"(\w+)(?:\[(\d+)\])?: ", what)
    for part in place:
        data = data[part] if _has(data, part) else None
    if named is None or not isinstance(data, dict) or named[1] not in data:
        return place, what
    deeper = (named[1],) if named[2] is None else (named[1], int(named[2]))
    return (*place, *deeper), what[named.end() :]


def _messages(error: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong: a constructor that finds several things raises one error with all of them."""
    if error["type"] == "value_error":
        return tuple(map(str, error["ctx"]["error"].args))
    if error["type"] == "missing":
        return ("missing; this key is required",)
    text = str(error["msg"]).replace("Input should be", "expected")
    if error["type"] in {"dataclass_type", "mapping_type", "dict_type"}:
        text = "expected a mapping of keys"
    elif error["type"] == "tuple_type":
        text = "expected a list"
    text = text.replace("valid integer", "whole number").replace("valid ", "")
    return (f"found {short(error['input'])}, {text}",)


def _shown(key: str) -> str:
    """A key on one line."""
    return key if key.isprintable() and len(key) < 80 else f"{ascii(key)[:76]} ..."


def _meaning(sections: Mapping[str, Any]) -> Iterator[Found]:
    """What the types cannot say: names that must exist and fit together."""
    if "processes" in sections:
        yield from _roles(sections["processes"])
    for index, axis in enumerate(sections["binning"].axes if "binning" in sections else ()):
        if why := _refused(axis.observable):
            yield ("binning", "axes", index, "observable"), why
    yield from _spectra(sections.get("spectra", ()))
    if "architectures" in sections:
        yield from _architectures(sections["architectures"])
    yield from head_problems(sections)
    yield from fitting_problems(sections)


def _roles(processes: Mapping[str, Process]) -> Iterator[Found]:
    for role in ("background", "signal"):
        if all(process.role != role for process in processes.values()):
            yield ("processes",), f"no process has role: {role}"


def _spectra(spectra: Sequence[Spectrum]) -> Iterator[Found]:
    names = [each.observable for each in spectra]
    for index, name in enumerate(names):
        if why := _refused(name):
            yield ("spectra", index, "observable"), why
        if names.index(name) < index:
            yield ("spectra", index, "observable"), f"'{name}' is named twice, expected each once"


def _architectures(choices: Sequence[ArchitectureChoice]) -> Iterator[Found]:
    keys = [choice.key for choice in choices]
    for index, choice in enumerate(choices):
        yield from _architecture(choice, ("architectures", index))
        if keys.index(choice.key) < index:
            what = f"'{choice.key}' is named twice; give one a 'label'"
            yield ("architectures", index), what
    if not choices:
        yield ("architectures",), "empty; name at least one, for example mlp"


def _refused(observable: str) -> str:
    try:
        observables.check(observable)
    except ValueError as error:
        return str(error)
    return ""


def _architecture(choice: ArchitectureChoice, place: Place) -> Iterator[Found]:
    known = architectures()
    if choice.name not in known and choice.from_ is None:
        hint = nearest(choice.name, known) or f" (known: {', '.join(known)})"
        yield (*place, "name"), f"unknown architecture '{choice.name}'{hint}"
    if not choice.is_known:
        return
    for index, feature in enumerate(choice.features):
        if why := _refused(feature):
            yield (*place, "features", index), why
    if choice.features and not choice.sees_features:
        yield (*place, "features"), f"'{choice.name}' sees histograms, not single events; remove"
    try:
        search_space.check(choice)
    except ValueError as error:
        yield _pointed_knob(choice, place, str(error))


def _pointed_knob(choice: ArchitectureChoice, place: Place, what: str) -> Found:
    """The place of the knob, or of the key of the architecture, that a message begins with."""
    name, _, rest = what.partition(": ")
    if name in choice.hyperparameters:
        return (*place, "hyperparameters", name), rest
    if name in {"preset", "search"}:
        return (*place, name), rest
    return (*place, "hyperparameters"), what
