"""Keys of a scan file that nothing reads, each with the nearest that something does."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from rayscan.errors import nearest
from rayscan.results.names import VARIANTS
from rayscan.scan.config.scan import ScanConfig
from rayscan.yaml_text import Place


def unknown_keys(kind: Any, data: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Keys that no dataclass field has, with the nearest that one has."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(data, dict):
        yield from _unknown_fields(kind, data, place)
    elif typing.get_origin(kind) in {typing.Union, types.UnionType}:
        for option in typing.get_args(kind):
            yield from unknown_keys(option, data, place)
    else:
        for key, value, inner in elements(kind, data):
            yield from unknown_keys(inner, value, (*place, key))


def elements(kind: Any, data: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Key, value and type of what a tuple or a mapping holds."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and isinstance(data, list):
        yield from ((index, value, arguments[0]) for index, value in enumerate(data))
    elif len(arguments) == 2 and isinstance(data, dict):
        yield from ((key, value, arguments[1]) for key, value in data.items())


def _unknown_fields(
    kind: type, data: Mapping[Any, Any], place: Place
) -> Iterator[tuple[Place, str]]:
    hints = typing.get_type_hints(kind)
    # A key that is a word of Python has a field with a "_" more.
    types_of = {f.name.rstrip("_"): hints[f.name] for f in dataclasses.fields(kind) if f.init}
    known = [*types_of, *([VARIANTS] if kind is ScanConfig else [])]
    for key, value in data.items():
        if key in types_of:
            yield from unknown_keys(types_of[key], value, (*place, key))
        else:
            hint = nearest(str(key), known) or f" (known: {', '.join(known)})"
            yield (*place, key), f"unknown key{hint}"
