"""Which knobs of an architecture are fixed, and over which ranges the others are searched."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rayscan.errors import nearest
from rayscan.models.knobs import Choice, Float, Integer, Range, Value
from rayscan.models.losses.registry import LOSSES
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.scan import ArchitectureChoice

_KEYS = ("low", "high", "log", "choices")


def starting_knobs(choice: ArchitectureChoice) -> dict[str, Value]:
    """Every knob: the preset's values, overridden by the fixed ones of the scan file."""
    return {**choice.architecture.preset(choice.preset), **_fixed(choice)}


def search_ranges(choice: ArchitectureChoice) -> dict[str, Range]:
    """The knobs a search chooses, with their ranges."""
    given = {k: v for k, v in choice.hyperparameters.items() if isinstance(v, Mapping)}
    default = choice.architecture.knobs.ranges() if choice.search else {}
    free = {k: r for k, r in default.items() if k not in _fixed(choice)}
    return {**free, **{k: _range(choice, k, v) for k, v in given.items()}}


def _corners(allowed: Range) -> tuple[Value, ...]:
    return allowed.options if isinstance(allowed, Choice) else (allowed.low, allowed.high)


def check(choice: ArchitectureChoice) -> None:
    """Raise ValueError, saying which knob and why, unless every knob and range can be used."""
    for values in _tried(choice):
        choice.architecture.valued(values)
        loss = values.get("loss")
        if loss and not (head_of(choice).two_classes or LOSSES[str(loss)].several):
            what = f"'{loss}' tells two classes apart, and the head {choice.head} has more"
            raise ValueError(f"loss: {what}")
    if choice.searches and not search_ranges(choice):
        raise ValueError(f"search: '{choice.name}' has no knob to search")


def unfit(choice: ArchitectureChoice, shape: tuple[int, ...]) -> str:
    """What bins an architecture needs where it cannot see those of a shape; empty where it can."""
    if wanted := choice.architecture.fits(shape):
        return wanted
    try:
        tried = [choice.architecture.valued(values) for values in _tried(choice)]
    except ValueError:
        return ""  # `check` says what a knob cannot be
    return next(filter(None, (choice.architecture.fits_with(shape, each) for each in tried)), "")


def _tried(choice: ArchitectureChoice) -> Iterator[dict[str, Value]]:
    """The knobs that are fixed, and each end of what is searched."""
    start = starting_knobs(choice)
    yield start
    for knob, allowed in search_ranges(choice).items():
        yield from ({**start, knob: value} for value in _corners(allowed))


def _fixed(choice: ArchitectureChoice) -> dict[str, Value]:
    return {k: v for k, v in choice.hyperparameters.items() if not isinstance(v, Mapping)}


def _range(choice: ArchitectureChoice, knob: str, given: Mapping[str, Any]) -> Range:
    _check_keys(knob, given)
    if "choices" in given:
        return _choice(knob, given)
    low, high, log = given["low"], given["high"], given.get("log", False)
    if not (_is_number(low) and _is_number(high) and isinstance(log, bool)):
        raise ValueError(f"{knob}: expected numbers 'low' and 'high', and 'log' true or false")
    if not low < high or (log and low <= 0):
        raise ValueError(f"{knob}: low {low:g} and high {high:g}, expected low < high, > 0 if log")
    if not isinstance(choice.architecture.knobs.defaults().get(knob), int):
        return Float(float(low), float(high), log)
    if low != int(low) or high != int(high):
        raise ValueError(f"{knob}: low {low:g} and high {high:g}, expected whole numbers")
    return Integer(int(low), int(high), log)


def _check_keys(knob: str, given: Mapping[str, Any]) -> None:
    for key in given:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise ValueError(f"{knob}: unknown key '{key}'{nearest(str(key), _KEYS)}: {known}")
    if not ("choices" in given or {"low", "high"} <= set(given)):
        raise ValueError(f"{knob}: expected 'low' and 'high', or 'choices'")


def _choice(knob: str, given: Mapping[str, Any]) -> Choice:
    options = given["choices"]
    if len(given) > 1 or not isinstance(options, list | tuple) or not options:
        raise ValueError(f"{knob}: expected 'choices' alone, a list of at least one value")
    return Choice(tuple(options))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
