"""Filling pools: by slices that are summed, against one table of a whole process.

Slices of 20,000 selected events with ten observables, 30 x 30 bins, as reading leaves them in the
cache. The plain way is what a task did that held its process whole: all tables joined, identities
as columns of texts, events of a pool by filters of the table.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ray

from rayscan.cluster.connection import WORKER_ENVIRONMENT
from rayscan.cluster.filling import Filling
from rayscan.ensembles.binning import Axis, Binning
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow, Step
from rayscan.events.split import uniform
from rayscan.events.table import cached
from rayscan.events.weights import Weights
from rayscan.results import seal
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.events import sound
from rayscan.scan.pools.filling import fill, planned

EVENTS, SLICES = 20_000, 25
SEED = 1
JETS = [f"jet{k}_{what}" for k in (1, 2, 3) for what in ("pt", "eta")]
NAMES = [*JETS, "jet1_mass", "jet2_mass", "met", "ht"]
SCAN = """
name: filling
seed: 1
storage: {folder}
processes:
  z: {{role: background, files: [z.root], cross_section: 1}}
  x: {{role: signal, files: [x.root], cross_section: 1}}
binning:
  axes:
    - {{observable: jet1_pt, bins: 30, low: 130, high: 2000, scale: log}}
    - {{observable: jet1_eta, bins: 30, low: -4, high: 4}}
mixtures: {{background: 100, s_over_sqrt_b: [1]}}
architectures: [{{name: mlp}}]
resources: {{workers: {workers}}}
"""


def slices(folder: Path, weighted: bool, number: int = SLICES) -> dict[str, Slice]:
    """Event tables and cut flows of slices of one file, by their names in the cache."""
    cache, rng, found = Storage(str(folder)), np.random.default_rng(SEED), {}
    for k in range(number):
        first, weights = k * EVENTS, rng.exponential(1, EVENTS) if weighted else np.ones(EVENTS)
        entries = np.arange(first, first + EVENTS)
        values = {name: rng.exponential(100, EVENTS) for name in NAMES}
        values |= {"jet1_pt": 130 + values["jet1_pt"], "jet1_eta": rng.normal(0, 1.5, EVENTS)}
        columns = [
            *(pa.repeat(text, EVENTS) for text in ("z", "z.root")),
            pa.array(entries),
            pa.array(weights),
            *(pa.array(values[name].astype(np.float32)) for name in NAMES),
            pa.array(rng.integers(0, 2**63, EVENTS).astype(np.uint64)),
            pa.array(rng.integers(0, 60, EVENTS).astype(np.uint8)),
        ]
        every = Weights.of(weights, entries)
        step = Step(
            cut="all",
            events=EVENTS,
            sum_weights=every.total,
            sum_weights_squared=every.squares,
        )
        flow = CutFlow(process="z", steps=(step,), weights=every, selected=every)
        table = pa.Table.from_arrays(columns, schema=cached(NAMES))
        cache.write(f"events/{k}.parquet", seal.encode(table), lasting=False)
        cache.write(f"events/{k}.json", json.dumps(asdict(flow)).encode(), lasting=False)
        found[f"events/{k}"] = Slice(
            process="z", path="z", file="z.root", first=first, last=first + EVENTS
        )
    return found


def settings(folder: Path, workers: int = 1) -> ScanConfig:
    return parse_scan(SCAN.format(folder=folder, workers=workers))


def numbers(table: pa.Table, salt: str) -> np.ndarray:
    names = pc.dictionary_encode(table["file"].combine_chunks())
    entries, found = table["entry"].to_numpy(), np.empty(table.num_rows)
    for code, name in enumerate(names.dictionary.to_pylist()):
        rows = np.flatnonzero(names.indices.to_numpy() == code)
        found[rows] = uniform("z", name, entries[rows], seed=SEED, salt=salt)
    return found


def searched(axis: Axis, values: np.ndarray) -> np.ndarray:
    exact = np.asarray(values, dtype=np.float64)
    place = np.searchsorted(axis.edges, exact, side="right") - 1
    place[exact == axis.high] = axis.bins - 1
    place[(place >= axis.bins) | np.isnan(exact)] = -1
    return place


def cells(binning: Binning, table: pa.Table) -> np.ndarray:
    one, two = (searched(axis, table[axis.observable].to_numpy()) for axis in binning.axes)
    return np.where((one < 0) | (two < 0), -1, one * binning.axes[1].bins + two)


def whole(cache: Storage, stems: Sequence[str], config: ScanConfig) -> dict[str, np.ndarray]:
    names = ["process", "file", "entry", "weight", *NAMES[:2]]
    table = pa.concat_tables([sound(cache, f"{stem}.parquet", names) for stem in stems])
    weights = table["weight"].to_numpy()
    inside = cells(config.binning, table) >= 0
    assert weights[inside].sum() > 0
    if not np.all(weights == weights.max()):
        table = table.filter(pa.array(numbers(table, "unweight") * weights.max() < weights))
    edges = [config.pools.train, config.pools.train + config.pools.validation]
    pool = np.searchsorted(edges, numbers(table, "pool"), side="right")
    found = {}
    for k, name in enumerate(("train", "validation", "test")):
        index = cells(config.binning, table.filter(pa.array(pool == k)))
        found[name] = np.bincount(index[index >= 0], minlength=config.binning.bins)
    return found


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_filling_by_slices(table, medians, tmp_path, weighted):
    cache, config, pieces = Storage(str(tmp_path)), settings(tmp_path), slices(tmp_path, weighted)
    plan = planned(config, "z", pieces, cache, ())

    def ours() -> dict[str, np.ndarray]:
        each = [fill(part, plan.rules, cache).counts for part in plan.parts]
        return dict(zip(("train", "validation", "test"), np.sum(each, axis=0), strict=True))

    found, expected = ours(), whole(cache, list(pieces), config)
    for name, counts in expected.items():
        np.testing.assert_array_equal(found[name], counts)
    mine, plain = medians(ours, lambda: whole(cache, list(pieces), config))
    each = 1e9 / (EVENTS * SLICES)
    what = f"pools of {'weighted' if weighted else 'equal'} events, reading of the cache included"
    table.add(what, plain=plain * each, product=mine * each, unit="ns an event", equal="all counts")
    table.add(f"{what}: 5 million a second", product=mine * each, unit="ns an event", goal=200)


@pytest.mark.slow
def test_two_workers_fill_against_one(table, tmp_path):
    """Twenty million events, of which many are the same under other names."""
    made, pieces = slices(tmp_path, False, 50), {}
    for k in range(1000):
        stem = f"more/{k}"
        (tmp_path / "more").mkdir(exist_ok=True)
        for kind in ("parquet", "json"):
            os.link(tmp_path / f"events/{k % 50}.{kind}", tmp_path / f"{stem}.{kind}")
        pieces[stem] = replace(made[f"events/{k % 50}"], first=0, last=EVENTS)
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": WORKER_ENVIRONMENT},
    )
    taken: dict[int, list[float]] = {1: [], 2: []}
    pools = {}
    try:
        for workers in (2, 1, 2, 1, 2, 1, 2):  # the first starts the workers
            filling = Filling(settings(tmp_path, workers), Storage(str(tmp_path)))
            filling.begin("z", pieces)
            start = time.perf_counter()
            pools[workers] = filling.finish({"z": 1.0}, advance=lambda count: None)["z"]
            taken[workers].append(time.perf_counter() - start)
    finally:
        ray.shutdown()
    for name, counts in pools[1].counts.items():
        np.testing.assert_array_equal(counts, pools[2].counts[name])
    one, two = np.median(taken[1]), np.median(taken[2][1:])
    table.add(
        "filling of 20 million events, 2 workers against 1 (wall time)",
        plain=one,
        product=two,
        unit="s",
        goal=1.8,
        equal="all counts",
    )
