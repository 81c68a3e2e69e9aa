"""Every number, word and name of a scan file has a type and a range: a walk over all of them."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from rayscan import yaml_text
from rayscan.errors import ConfigError
from rayscan.generator.recipes import Recipe
from rayscan.models.architectures.registry import architectures
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.merging import merged
from rayscan.scan.config.ranges import RANGES
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import parse_study

SCAN: dict[str, Any] = yaml_text.load("""
name: toy
storage: results/toy
processes:
  zvv: {role: background, files: [b.root], cross_section: 10}
  sig: {role: signal, files: [s.root], cross_section: 1}
binning:
  axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]
mixtures: {background: 100, s_over_sqrt_b: [1]}
architectures: [{name: mlp}]
""")
ABSURD: dict[Any, tuple[Any, ...]] = {
    int: (math.nan, math.inf, -math.inf, 1e300, -1e300, 10**30, -1, 1.5, True, "3", [], {}, "on"),
    float: (math.nan, math.inf, -math.inf, 1e300, -1e300, -1e16, True, "3", "1:30", [], {}),
    bool: (0, 1, "yes", "true", "on", [], {}, 0.5),
    str: (1, 1.5, True, [], {}, "", "a\nb", "a\tb", "\x1b[31m", "x" * 5000),
}
NO_BOUND = {"Axis.low", "Axis.high"}
"""Numbers of either sign."""
EMPTY = {"ArchitectureChoice.label"}
"""Words that may be left out."""


def leaves(kind: Any, place: tuple[Any, ...], key: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Place, type and ``class.field`` of every number and word that a type may hold."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        yield from of_fields(kind, place)
    elif origin in {typing.Union, types.UnionType}:
        for option in arguments:
            yield from leaves(option, place, key)
    elif origin is tuple:
        yield from leaves(arguments[0], (*place, 0), key)
    elif len(arguments) == 2 and origin is not typing.Literal:
        yield from leaves(arguments[1], (*place, "sig"), key)
    elif kind in ABSURD or origin is typing.Literal:
        yield place, kind, key


def of_fields(kind: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, Any, str]]:
    hints = typing.get_type_hints(kind)
    for each in dataclasses.fields(kind):
        name = f"{kind.__name__}.{each.name}"
        inner = Recipe if name == "Generate.recipe" else hints[each.name]
        if name != "Recipe.name":
            yield from leaves(inner, (*place, each.name), name)


LEAVES = list(leaves(ScanConfig, ()))


def spoiled(place: tuple[Any, ...], value: Any) -> str:
    """A sound scan file with a value at a place."""
    for part in reversed(place):
        value = [value] if part == 0 else {part: value}
    return yaml_text.dump(merged(SCAN, value) if isinstance(value, dict) else SCAN)


def test_the_walk_sees_the_whole_scan() -> None:
    numbers = {key for _, kind, key in LEAVES if kind in {int, float}}
    assert len(numbers) > 55
    assert set(RANGES) <= numbers  # no range of a key that is gone


@pytest.mark.parametrize(
    ("place", "kind", "key"), LEAVES, ids=[".".join(map(str, place)) for place, *_ in LEAVES]
)
def test_no_key_takes_what_it_cannot_mean(place: Any, kind: Any, key: str) -> None:
    for value in ABSURD.get(kind, (True, False, 10**30, "", "\n", [], {})):
        if (value == -1 and key in NO_BOUND) or (value == "" and key in EMPTY):
            continue
        with pytest.raises(ConfigError) as caught:
            parse_scan(spoiled(place, value))
        assert ".".join(map(str, place)) in [p.where for p in caught.value.problems], value


@pytest.mark.parametrize("name", architectures())
def test_no_knob_takes_what_it_cannot_mean(name: str) -> None:
    for knob, default in architectures()[name].knobs.defaults().items():
        numbers = (math.nan, math.inf, 1e300, 10**40, -1e300, -1)
        strange: tuple[Any, ...] = (*numbers, True, [], {}, None)
        for value in strange:
            with pytest.raises(ValueError, match=knob):
                architectures()[name].valued({knob: value})
        if not isinstance(default, str):
            with pytest.raises(ConfigError, match=knob):
                parse_scan(spoiled(("architectures", "mlp", "hyperparameters", knob), "3"))


NAMES = ["", " ", "a b", "a/b", "..", "a\nb", "é", "x" * 65, "[red]", "a+b", "a,b", "a.b"]


@pytest.mark.parametrize("name", NAMES)
def test_names_have_one_alphabet_and_a_length(name: str) -> None:
    process = SCAN["processes"]["sig"]
    for over in (
        {"processes": {name: process}},
        {"architectures": [{"name": "mlp", "label": name}]},
        {"variants": {name: {"seed": 2}}},
        {"name": f"{name}*" if name == "a.b" else name if len(name) < 65 else name * 2},
    ):
        if over == {"architectures": [{"name": "mlp", "label": ""}]}:
            continue  # as if there were none
        with pytest.raises(ConfigError) as caught:
            parse_study(yaml_text.dump(merged(SCAN, over)))
        (problem,) = caught.value.problems
        assert "a name may have letters a-z" in problem.what or "characters" in problem.what


def test_every_problem_is_said_at_once_and_once() -> None:
    over = {"seed": -1, "name": "a b", "limits": {"referee": -1, "luminosity": [math.inf, 3]}}
    over["processes"] = {"sig": {"cross_section": True, "role": "singal"}}
    with pytest.raises(ConfigError) as caught:
        parse_scan(yaml_text.dump(merged(SCAN, over)))
    assert sorted(p.where for p in caught.value.problems) == [
        "limits.luminosity.0",
        "limits.referee",
        "name",
        "processes.sig.cross_section",
        "processes.sig.role",
        "seed",
    ]


@pytest.mark.parametrize("value", ["1e5", "100000", "100000.0"])
def test_a_whole_number_may_be_written_as_one_would(value: Any) -> None:
    config = parse_scan(spoiled(("ensembles", "train"), yaml_text.load(value)))
    assert config.ensembles.train == 100_000
    assert "train: 100000\n" in dump(config)


@pytest.mark.parametrize(
    "text",
    [
        "limits: {methods: []}",
        "limits: {luminosity: []}",
        "selection: {cuts: []}",
        "processes: {sig: {held_out: true}}",
        "resources: {workers: null}",
        "architectures: [{name: mlp, features: [], hyperparameters: {}}]",
    ],
)
def test_what_is_stored_is_what_was_read(text: str) -> None:
    config = parse_scan(yaml_text.dump(merged(SCAN, yaml_text.load(text))))
    assert parse_scan(dump(config)) == config


@pytest.mark.parametrize("key", ["cpus_per_trial", "gpus_per_trial"])
def test_no_machine_has_room_for_endlessly_many_trials(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        parse_scan(spoiled(("resources", key), 5e-324))
