"""Scan files made at random from the types of the scan: each ends in a sentence, or is a scan."""

from __future__ import annotations

import dataclasses
import math
import resource
import signal
import sys
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rayscan import yaml_text
from rayscan.errors import ConfigError
from rayscan.results.names import BASE as SCAN
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.merging import merged
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import parse_study
from rayscan.scan.cost.capacity import problems
from rayscan.scan.cost.study import costs
from rayscan.scan.cost.workload import workload

BASE: dict[str, Any] = yaml_text.load("""
name: toy
storage: results/toy
processes:
  zvv: {role: background, files: [b.root], cross_section: 10}
  alp: {role: signal, generate: {process: spin1_on, events: 1000, source: density}}
  sig: {role: signal, files: [s.root], cross_section: 1e-2, tree: Delphes}
selection: {cuts: [jet1_pt > 130], objects: {jets: {pt_min: 20, abs_eta_max: 4}}}
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log}
    - {observable: jet1_eta, bins: 6, low: -4, high: 4}
mixtures: {background: 100, s_over_sqrt_b: [1, 2]}
ensembles: {uncertainty: {background: 0.1}}
architectures:
  - {name: mlp, hyperparameters: {learning_rate: {low: 1e-3, high: 1e-1, log: true}}}
  - {name: cnn, label: second, hyperparameters: {units: 30}}
  - {name: event_mlp, features: [jet1_pt]}
limits: {luminosity: [1, 139]}
variants:
  coarse: {binning: {axes: {jet1_pt: {bins: 5}}}}
""")

HOSTILE: list[Any] = [
    *(None, True, False, "", " ", "on", "no", "1e3", "0100", "1:30", ".inf", "null", "~", "<<"),
    *(-1, 0, 1, 2, 3.5, 1e6, 1e9, 1e12, 1e300, -1e300, 5e-324, 2**31, 2**63, 10**30, -(10**30)),
    *(math.inf, -math.inf, math.nan),
    *("x" * 5000, "a\nb", "\x00", "\u2028", "é", "[red]", "../..", "/", "a b", "{", "*", "mlp"),
    *([], {}, [[]], [None], [math.nan], {"": 1}, {"a": {"b": [1]}}, {"low": 1, "high": math.inf}),
    *({"choices": []}, {"choices": [[1]]}, {"low": 10**400, "high": 10**401}, {"null": None}),
]
WORDS = [
    "mlp",
    "cnn",
    "linear_svm",
    "jet1_pt",
    "met",
    "zvv",
    "sig",
    "alp",
    "met > 10",
    "a",
    "b.root",
]


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as a scan file may hold them, most of them sensible."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return of_fields(hint)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of(*(of_type(each) for each in arguments))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(of_type(arguments[0]), max_size=3)
    if len(arguments) == 2:
        return st.dictionaries(st.sampled_from(WORDS), of_type(arguments[1]), max_size=2)
    kinds = {
        int: st.integers(0, 200),
        float: st.floats(0, 200),
        bool: st.booleans(),
        str: st.sampled_from(WORDS),
        type(None): st.none(),
    }
    return kinds.get(hint, st.sampled_from([0, 1, 0.1, 20, "standard", {"low": 1, "high": 9}]))


def of_fields(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    hints = typing.get_type_hints(kind)
    chosen = {f.name: of_type(hints[f.name]) for f in dataclasses.fields(kind) if f.init}
    return st.fixed_dictionaries({}, optional=chosen)


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a value."""
    for key, inner in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*place, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*place, key))


def put(data: Any, place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> None:
    for part in place[:-1]:
        data = data[part]
    change(data, place[-1])


def copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: copied(value) for key, value in data.items()}
    return [copied(each) for each in data] if isinstance(data, list) else data


@st.composite
def scans(draw: st.DrawFn) -> str:
    """A scan file: sensible keys over a sound one, and up to three places spoiled."""
    sections = draw(st.lists(st.sampled_from(dataclasses.fields(ScanConfig)), max_size=2))
    hints = typing.get_type_hints(ScanConfig)
    over = {each.name: draw(of_type(hints[each.name])) for each in sections}
    data = copied(merged(BASE, {key: value for key, value in over.items() if value is not None}))
    for _ in range(draw(st.integers(0, 3))):
        known = list(places(data))
        if not known:
            break
        value = copied(draw(st.sampled_from(HOSTILE)))
        name = draw(st.sampled_from([*WORDS, "", "on", "500", "x" * 500, "a\nb", "name", "<<"]))
        spoil = draw(
            st.sampled_from(
                [
                    lambda where, key, value=value: where.__setitem__(key, value),  # type: ignore[misc]
                    lambda where, key: where.__delitem__(key),
                    lambda where, key, name=name: (  # type: ignore[misc]
                        where.update({name: where.pop(key)}) if isinstance(where, dict) else None
                    ),
                ]
            )
        )
        put(data, draw(st.sampled_from(known)), spoil)
    return yaml_text.dump(data)


SNIPPETS = [
    *("&a ", "*a", "<<: *a\n", "!!int ", "!x ", "- ", "? ", "[", "{", "}", "]", "\t", "\n", "'"),
    *('"', "#", "%", "---\n", "...\n", ": ", "|\n", ">\n", "\x00", "\ufeff", "0x", ".inf", "~"),
    *("\u2028", "{a: " * 60, "[" * 3000, "9" * 5000, "&a [*a, *a]", "on: 1\n"),
]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """The text of a sound scan file with a few pieces put in, or cut out."""
    text = yaml_text.dump(BASE)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 1, 5, 40]))
        piece = draw(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=3)))
        text = text[:at] + piece + text[at + cut :]
    return text


def outcome(text: str) -> str:
    """What becomes of a scan file; anything but a sentence or a scan is raised."""
    try:
        study = parse_study(text, path="scan.yaml")
    except ConfigError as error:
        lines = [str(problem).splitlines() for problem in error.problems]
        return "refused" if lines and {len(each) for each in lines} == {1} else f"said: {error}"
    for config in study.scans.values():
        assert parse_scan(dump(config)) == config
        load = workload(config)
        fits = not list(problems(load, 16_000_000_000))
        if fits and sum(len(kind.points) for kind in load.kinds) < 100:
            costs({SCAN: load})
    return "read"


@contextmanager
def awake(seconds: int) -> Iterator[None]:
    """Ends a test that hangs."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"one example took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz(texts: st.SearchStrategy[str], examples: int, *, fixed: bool) -> Counter[str]:
    """How often what came out."""
    found: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=fixed,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(texts)
    def each(text: str) -> None:
        with awake(60):
            found[outcome(text)] += 1

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    each()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1_000_000  # kB: no example may take a gigabyte
    return found


KINDS = {"values": scans(), "text": edited()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_scan_file_at_random_is_a_scan_or_a_sentence(kind: str, capsys: Any) -> None:
    found = fuzz(KINDS[kind], 120, fixed=True)
    with capsys.disabled():
        sys.stdout.write(f"\nscan files ({kind}): {dict(found)}\n")
    assert set(found) == {"refused", "read"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_scan_files_at_random_are_scans_or_sentences(kind: str, capsys: Any) -> None:
    found = fuzz(KINDS[kind], 20_000, fixed=False)
    with capsys.disabled():
        sys.stdout.write(f"\nscan files ({kind}): {dict(found)}\n")
    assert set(found) == {"refused", "read"}
