"""What each value of a scan file may be: its type, its range, and the alphabet of names.

Said before the values become a scan, so that none that is absurd is ever worked with. Types are
strict (``true`` is no number, ``"3"`` is text); a whole number may be written as 1e5.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from rayscan.generator.recipes import Recipe
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.unknown_keys import elements
from rayscan.yaml_text import Place

Found: TypeAlias = tuple[Place, str]
"""A place in a scan file and what is wrong with it."""

NAME = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_NAME = 64
_SCAN_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST_SCAN_NAME = 2 * LONGEST_NAME + 1  # a variant is called scan.variant
_LONGEST_TEXT = 1000
ALPHABET = f"a name may have letters a-z, digits, '_' and '-' only, at most {LONGEST_NAME} of them"

_UNLISTED = (-1e15, 1e15)
_ANY_COUNT, _ANY_EVENTS = (1, 10_000), (0, 1e9)
_SHARE = (0, 1e15)  # its constructor says how much at most
_STRENGTH = (-1e9, 1e9)  # its constructor names every one that is not above 0
RANGES: Mapping[str, tuple[float, float]] = {
    "ScanConfig.seed": (0, 2**63 - 1),
    "ScanConfig.energy": (1, 1e6),  # GeV
    "Process.cross_section": (0, 1e12),  # pb
    "Generate.events": (1, 1e9),
    "ObjectCuts.pt_min": (0, 1e6),
    "ObjectCuts.abs_eta_max": (0, 100),
    "Axis.bins": (1, 100_000),
    "Axis.low": (-1e12, 1e12),
    "Axis.high": (-1e12, 1e12),
    "Spectrum.bins": (1, 10_000),
    "Spectrum.low": (-1e12, 1e12),
    "Spectrum.high": (-1e12, 1e12),
    "Pools.min_pool_count": _ANY_EVENTS,
    "Pools.train": _SHARE,
    "Pools.validation": _SHARE,
    "Pools.test": _SHARE,
    "Uncertainty.background": _SHARE,
    "ShapeUncertainty.slope": _SHARE,
    "Limits.background_uncertainty": _SHARE,
    "Limits.signal_uncertainty": _SHARE,
    "Limits.luminosity_uncertainty": _SHARE,
    "Mixtures.s_over_b": _STRENGTH,
    "Mixtures.s_over_sqrt_b": _STRENGTH,
    "Mixtures.signal": _ANY_EVENTS,
    "Mixtures.cross_section": (0, 1e12),
    "Mixtures.background": _ANY_EVENTS,
    "Mixtures.total": _ANY_EVENTS,
    "Mixtures.luminosity": (0, 1e9),  # fb^-1
    "EnsembleSizes.train": (10, 1e7),
    "EnsembleSizes.validation": (10, 1e7),
    "EnsembleSizes.test": (10, 1e7),
    "Training.repeats": _ANY_COUNT,
    "Training.pack": _ANY_COUNT,
    "Validation.folds": _ANY_COUNT,
    "Validation.repeats": _ANY_COUNT,
    "Search.trials": (1, 100_000),
    "Search.batch": _ANY_COUNT,
    "Search.population": _ANY_COUNT,
    "Search.startup": _ANY_COUNT,
    "Limits.luminosity": (0, 1e9),
    "Limits.ensembles": (1, 1e7),
    "Limits.channels": _ANY_COUNT,
    "Limits.min_pool_count": (0, 1e9),
    "Limits.referee": (0, 1e6),
    "Resources.cpus_per_trial": (0.01, 10_000),
    "Resources.gpus_per_trial": (0, 1000),
    "Resources.workers": (1, 100_000),
    # A user's own recipe [GeV].
    "Recipe.pt_hat_min": (0, 1e6),
    "Recipe.cross_section_scale": (1e-30, 1e30),
    "Preselection.jet1_pt_min": (0, 1e6),
    "Preselection.jet1_abs_eta_max": (0, 100),
    "Preselection.met_min": (0, 1e6),
    "Count.pt_min": (0, 1e6),
    "Count.abs_eta_max": (0, 100),
    "Count.at_least": (0, 1000),
    "Count.at_most": (0, 1000),
    "DarkMatter.mass": (0, 1e6),
    "Propagator.mass": (0, 1e6),
    "Propagator.width": (1e-30, 1e6),
    "Propagator.generated_mass": (0, 1e6),
    "Propagator.generated_width": (1e-30, 1e6),
    "Propagator.mass_min": (0, 1e6),
    "FiniteTop.mass_min": (1, 1e6),
    "FiniteTop.mass_max": (1, 1e6),
    "Labels.individual": (0, 1),
    "Labels.multimodel": (0, 1),
    "Benchmark.mediator_mass": (0, 1e6),
    "Benchmark.dark_matter_mass": (0, 1e6),
    "Labels.multiclass": (0, 1000),
}
"""Least and most of every number, where a constructor says nothing narrower: ``class.field``."""

_RECIPE = ("Generate", "recipe")
_CODE = ("ArchitectureChoice", "code")  # a text of many lines


def value_problems(data: Mapping[str, Any]) -> Iterator[Found]:
    """Values of a scan file that no key of their kind can have."""
    return _of_fields(ScanConfig, data, ())


def without(data: Any, place: Place, sign: Any) -> None:
    """Put a sign where a value is that cannot be; changes the data."""
    for part in place[:-1]:
        data = data[part]
    data[place[-1]] = sign


def _of_fields(kind: Any, data: Mapping[str, Any], place: Place) -> Iterator[Found]:
    """The keys of a dataclass; one that holds its default is as if it were not there."""
    hints = typing.get_type_hints(kind)
    for each in dataclasses.fields(kind):
        key = each.name.rstrip("_")  # of a word of Python
        if key not in data or _same(data[key], each.default) or (kind.__name__, key) == _CODE:
            continue
        value, here = data[key], (*place, key)
        if (kind.__name__, each.name) == _RECIPE and isinstance(value, dict):
            yield from _of_fields(Recipe, value, here)
            continue
        yield from _of_value(hints[each.name], value, here, f"{kind.__name__}.{each.name}")


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _of_value(hint: Any, value: Any, place: Place, key: str) -> Iterator[Found]:
    """A value of a type, and the values in it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        yield from _of_union(arguments, value, place, key)
    elif origin is typing.Literal:
        yield from _of_options(arguments, value, place)
    elif isinstance(value, dict) and dataclasses.is_dataclass(hint):
        yield from _of_fields(hint, value, place)
    elif hint in _LEAVES:
        if why := _LEAVES[hint](value, key):
            yield place, why
    else:
        for name, each, inner in elements(hint, value):
            yield from _of_value(inner, each, (*place, name), key)


def _of_options(options: tuple[Any, ...], value: Any, place: Place) -> Iterator[Found]:
    if not any(_same(value, each) for each in options):
        *others, last = map(repr, options)
        known = " or ".join(filter(None, (", ".join(others), last)))
        yield place, f"found {short(value)}, expected {known}"


def _of_union(options: tuple[Any, ...], value: Any, place: Place, key: str) -> Iterator[Found]:
    """The first option that fits, or what is wrong with the first that there is."""
    if value is None and type(None) in options:
        return
    tried = [list(_of_value(o, value, place, key)) for o in options if o is not type(None)]
    if all(tried):
        yield from tried[0]


def _whole(value: Any, key: str) -> str:
    if isinstance(value, float) and value.is_integer():
        return _range(value, key)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return _range(value, key) if is_whole else f"found {short(value)}, expected a whole number"


def _number(value: Any, key: str) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _range(value, key) if is_number else f"found {short(value)}, expected a number"


def _range(value: float, key: str) -> str:
    low, high = RANGES.get(key, _UNLISTED)
    if not math.isfinite(value):
        return "expected a finite number"
    if value < low:
        return f"{value:g}, expected at least {low:g}"
    if value > high:
        return f"{value:g}, expected at most {high:g}"
    return ""


def _text(value: Any, _: str) -> str:
    if not isinstance(value, str):
        quote = "" if isinstance(value, list | dict) else "; quote it if it is one"
        return f"found {short(value)}, expected a string{quote}"
    if not value or not value.isprintable() or len(value) > _LONGEST_TEXT:
        return f"found {short(value)}, expected 1 to {_LONGEST_TEXT} characters on one line"
    return ""


def _truth(value: Any, _: str) -> str:
    return "" if isinstance(value, bool) else f"found {short(value)}, expected true or false"


_LEAVES: Mapping[Any, Callable[[Any, str], str]] = {
    int: _whole,
    float: _number,
    str: _text,
    bool: _truth,
}


def name_problems(data: Mapping[str, Any]) -> Iterator[Found]:
    """Names that cannot be parts of tables, points and places."""
    name, named, listed = (data.get(key) for key in ("name", "processes", "architectures"))
    if isinstance(name, str) and name:
        fits = _SCAN_NAME.fullmatch(name) and len(name) <= _LONGEST_SCAN_NAME
        yield from () if fits else [(("name",), ALPHABET)]
    for each in named if isinstance(named, dict) else ():
        yield from _named(each, ("processes", each))
    for index, each in enumerate(listed if isinstance(listed, list) else ()):
        label = each.get("label") if isinstance(each, dict) else None
        if isinstance(label, str) and label:
            yield from _named(label, ("architectures", index, "label"))


def _named(name: str, place: Place) -> Iterator[Found]:
    if not is_name(name):
        yield place, ALPHABET


def is_name(name: str) -> bool:
    """Whether it can name a process, an architecture or a variant."""
    return bool(NAME.fullmatch(name)) and len(name) <= LONGEST_NAME


def short(value: Any) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) < 60 else f"{text[:56]} ..."
