"""Pools of any slices are those of one table that is held whole, binned event by event."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest
from toy_scan import BINNING, by_pool, fill_pools, make_config

from rayscan.errors import StorageError, WeightError
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow, Step
from rayscan.events.split import Pools, uniform
from rayscan.events.table import schema
from rayscan.events.weights import Weights
from rayscan.results.storage import Storage
from rayscan.scan.pools.filling import EVENTS_OF_A_PART, fill, planned
from rayscan.scan.pools.reading import keep
from rayscan.seeds import stream

SEED = 5
NAMES = ("jet1_pt", "jet1_eta", "met")
KINDS = {
    "equal": lambda rng, size: np.ones(size),
    "weighted": lambda rng, size: rng.exponential(1.7, size),
    "one kind heavy": lambda rng, size: np.where(np.arange(size) % 3, 0.1, 0.7),
}
SPLITS = {
    "pools": Pools(),
    "folds": Pools(folds=3),
    "one pool for all": Pools(split="histograms"),
}


def event_table(kind, events=1500):
    """Two files, of which the second has weights of another scale; some events lack the jet."""
    rng = stream(SEED, "events", kind)
    pt, eta = 100 + rng.exponential(150, events), rng.normal(0, 2, events)
    pt[::7] = np.nan
    columns = [
        pa.repeat("sig", events),
        pa.array(np.where(np.arange(events) < 900, "a.root", "b.root")),
        pa.array(3 * np.arange(events)),
        pa.array(KINDS[kind](rng, events) * np.where(np.arange(events) < 900, 1, 4.0)),
        *(pa.array(each.astype(np.float32)) for each in (pt, eta, pt + eta)),
    ]
    return pa.Table.from_arrays(columns, schema=schema(NAMES))


def flow_of(weights):
    step = {
        "events": len(weights),
        "sum_weights": float(weights.sum()),
        "sum_weights_squared": float((weights**2).sum()),
    }
    return CutFlow(process="sig", steps=(Step(cut="all", **step),))


def whole(table, split, factors):
    """Counts, selected events and single events of each pool; weights of all in the ranges."""
    files, entries = np.array(table["file"].to_pylist()), table["entry"].to_numpy()
    weights = table["weight"].to_numpy() * [factors[file] for file in files]
    place = table.set_column(3, "weight", pa.array(weights))
    numbers = {f: uniform("sig", f, entries, seed=SEED, salt="unweight") for f in factors}
    stays = np.where(files == "a.root", *numbers.values()) * weights.max() < weights
    found = {}
    for name, part in by_pool(place.filter(pa.array(stays)), split, seed=SEED).items():
        columns = {each: part[each].to_numpy() for each in NAMES}
        there = BINNING.index(columns) >= 0
        matrix = np.stack([columns["met"][there], columns["jet1_pt"][there]], axis=1)
        found[name] = BINNING.counts(columns), part.num_rows, matrix
    columns = {each: place[each].to_numpy() for each in NAMES}
    return found, weights, weights[BINNING.index(columns) >= 0]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", KINDS)
def test_pools_of_any_slices_are_those_of_one_table(tmp_path, kind, split):
    table, split = event_table(kind), SPLITS[split]
    per_file = kind == "equal"  # then all weights are equal only by the factor of each file
    factors = {"a.root": 1.0, "b.root": 0.25 if per_file else 1.0}
    expected, weights, inside = whole(table, split, factors)
    flow = flow_of(table["weight"].to_numpy())
    for slices in (1, 3, 17):
        found = fill_pools(
            table,
            flow,
            slices=slices,
            folder=tmp_path / str(slices),
            pools=split,
            seed=SEED,
            features=("met", "jet1_pt"),
            per_file=per_file,
        )
        assert list(found.counts) == list(expected)
        for name, (counts, selected, matrix) in expected.items():
            np.testing.assert_array_equal(found.counts[name], counts)
            assert found.selected[name] == selected
            pool = found.events[name]
            np.testing.assert_array_equal(pool.matrix(("met", "jet1_pt")), matrix)
            assert all(pool.sizes)
        total, last = float(weights.sum()), found.flow[-1]
        exact = 0 if kind == "equal" else 1e-12
        assert last["events"] == len(inside)
        assert last["sum_weights"] == pytest.approx(inside.sum(), rel=exact, abs=0)
        assert last["sum_weights_squared"] == pytest.approx((inside**2).sum(), rel=exact, abs=0)
        kept = sum(each[1] for name, each in expected.items() if name not in SHARED[split.split])
        size = total**2 / (weights**2).sum()
        assert found.unweighting == (kept, len(weights), pytest.approx(size, rel=max(exact, 1e-15)))
        assert found.heaviest == pytest.approx(weights.max() / total, rel=max(exact, 1e-15))


SHARED = {"events": (), "histograms": ("validation", "test")}


@pytest.fixture
def cache(tmp_path):
    return Storage(str(tmp_path))


def read(cache, weights, number):
    """A slice as reading leaves it."""
    table = event_table("equal", events=len(weights))
    table = table.set_column(3, "weight", pa.array(weights))
    every = Weights.of(weights, table["entry"].to_numpy())
    flow = CutFlow(process="hard", steps=flow_of(weights).steps, weights=every, selected=every)
    keep(cache, f"events/{number}", table, flow)


def plan(cache, slices, features=(), **changes):
    pieces = {
        f"events/{k}": Slice(process="hard", path="p", file=f"{k}.root", first=0, last=1)
        for k in range(slices)
    }
    return planned(make_config(**changes), "hard", pieces, cache, features)


def test_slices_are_taken_together_as_far_as_a_task_holds_their_events(cache):
    """The first pass needs no event table: here is none."""
    many = replace(Weights.of(np.ones(2), np.arange(2)), events=EVENTS_OF_A_PART * 2 // 5)
    for number in range(5):
        step = Step(cut="all", events=many.events, sum_weights=1.0, sum_weights_squared=1.0)
        flow = CutFlow(process="hard", steps=(step,), weights=many, selected=many)
        cache.write(f"events/{number}.json", json.dumps(asdict(flow)).encode())
    parts = plan(cache, 5).parts
    assert [[table.stem for table in part.tables] for part in parts] == [
        ["events/0", "events/1"],
        ["events/2", "events/3"],
        ["events/4"],
    ]
    assert sum(part.events for part in parts) == 5 * many.events


def test_event_pools_are_made_once_and_named_by_what_they_depend_on(cache, tmp_path):
    read(cache, np.ones(400), 0)
    one = plan(cache, 1, features=("met",))
    filled = fill(one.parts[0], one.rules, cache)
    made = set(cache.names(one.parts[0].name.rpartition("/")[0]))
    assert made == {part.rpartition("/")[2] for p in filled.events.values() for part in p.parts}
    assert len(made) == 3
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "pools").rglob("*.parquet")}
    again = plan(cache, 1, features=("met",))
    assert fill(again.parts[0], again.rules, cache).events == filled.events
    assert written == {path: path.stat().st_mtime_ns for path in written}
    others = (
        plan(cache, 1, features=("met", "jet1_pt")),
        plan(cache, 1, features=("met",), seed=8),
        plan(cache, 1, features=("met",), pools=Pools(folds=3)),
    )
    assert len({each.parts[0].name for each in (one, *others)}) == 4
    assert all(not each.parts[0].made for each in others)
    assert fill(one.parts[0], plan(cache, 1).rules, cache).events == {}


def test_a_damaged_event_pool_is_made_anew(cache, tmp_path):
    read(cache, np.ones(400), 0)
    one = plan(cache, 1, features=("met",))
    pool = fill(one.parts[0], one.rules, cache).events["train"]
    expected = pool.matrix(("met",))
    (tmp_path / pool.parts[0]).write_bytes(b"PAR1")
    with pytest.raises(StorageError, match="damaged"):
        pool.matrix(("met",))
    again = plan(cache, 1, features=("met",))
    found = fill(again.parts[0], again.rules, cache).events["train"]
    np.testing.assert_array_equal(found.matrix(("met",)), expected)


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (np.array([1.0, -1.0, 1.0]), "2 of 6 event weights are negative"),
        (np.array([1.0, np.nan, 1.0]), "2 event weights are not finite numbers"),
        (np.zeros(3), "at least one weight must be above 0"),
    ],
)
def test_weights_of_all_slices_are_refused_together_before_any_is_binned(cache, weights, why):
    for number in range(2):
        read(cache, weights, number)
    with pytest.raises(WeightError, match=f"process 'hard': .*{why}"):
        plan(cache, 2)


def test_the_event_that_outweighs_all_others_is_named_with_its_file(cache):
    for number in range(3):
        read(cache, np.array([1.0, 1.0, 50.0 if number == 1 else 1.0]), number)
    with pytest.raises(WeightError, match=r"selected entry 6 of 1\.root: 50, the others 1 on"):
        plan(cache, 3)
