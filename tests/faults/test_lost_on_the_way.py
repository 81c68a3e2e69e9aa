"""Workers and nodes that vanish on the way of the events: each slice and shard counts once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial, reduce
from operator import add
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pytest
import ray
from fault_scan import tasks_on
from ray._private.node import Node
from ray.cluster_utils import Cluster
from small_scan import Silent
from toy_scan import make_config, make_pools

from rayscan.cluster import drawing
from rayscan.cluster.comparing import compare
from rayscan.cluster.connection import WORKER_ENVIRONMENT
from rayscan.cluster.filling import Filling
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow, Step
from rayscan.events.table import schema
from rayscan.events.weights import Weights
from rayscan.results import seal
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.pools.filling import EVENTS_OF_A_PART, fill, planned
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.reading import keep
from rayscan.scan.steps.shards import Wanted

T = TypeVar("T")
EVENTS, SLICES = 50_000, 60
SCAN = """
name: filling
storage: {storage}
processes:
  z: {{role: background, files: [z.root], cross_section: 1}}
  x: {{role: signal, files: [x.root], cross_section: 1}}
binning: {{axes: [{{observable: jet1_pt, bins: 20000, low: 130, high: 800}}]}}
mixtures: {{background: 200, s_over_sqrt_b: [1]}}
architectures: [{{name: event_mlp}}]
"""


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head that fills nothing and two nodes of one core, all on this machine."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    made = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 0})
    for _ in range(2):
        made.add_node(num_cpus=1)
    runtime = {"env_vars": WORKER_ENVIRONMENT}
    ray.init(address=made.address, log_to_driver=False, runtime_env=runtime)
    yield made
    ray.shutdown()
    made.shutdown()


def slices(cache: Storage) -> dict[str, Slice]:
    """Weighted events in slices that say to be large, so that each is a part of its own."""
    rng, found = np.random.default_rng(3), {}
    for k in range(SLICES):
        entries, weights = np.arange(k * EVENTS, (k + 1) * EVENTS), rng.random(EVENTS)
        pt = (100 + rng.exponential(150, EVENTS)).astype(np.float32)
        text = [pa.repeat("z", EVENTS), pa.repeat("z.root", EVENTS)]
        columns = [*text, *map(pa.array, (entries, weights, pt))]
        table = pa.Table.from_arrays(columns, schema=schema(["jet1_pt"]))
        every = replace(Weights.of(weights, entries), events=EVENTS_OF_A_PART)
        step = Step(cut="all", events=EVENTS, sum_weights=1.0, sum_weights_squared=1.0)
        flow = CutFlow(process="z", steps=(step,), weights=every, selected=every)
        cache.write(f"events/{k}.parquet", seal.encode(table), lasting=False)
        cache.write(f"events/{k}.json", json.dumps(asdict(flow)).encode(), lasting=False)
        found[f"events/{k}"] = Slice(process="z", path="z", file="z.root", first=0, last=1)
    return found


def busy(nodes: Cluster, title: str) -> Node:
    """A node that has a task of that name, waited for."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for node in nodes.worker_nodes:
            if tasks_on(node, title):
                return node
        time.sleep(0.01)
    raise AssertionError(f"no node came to '{title}'")


def with_a_node_lost(nodes: Cluster, title: str, work: Callable[[], T]) -> T:
    """What it gives, with a node that vanishes as soon as it has a task of that name."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(work)
        nodes.remove_node(busy(nodes, title), allow_graceful=False)
        return pending.result()


@pytest.mark.slow
def test_a_worker_and_a_node_lost_while_pools_are_filled(tmp_path, nodes):
    cache, config = Storage(str(tmp_path)), parse_scan(SCAN.format(storage=tmp_path))
    pieces = slices(cache)
    filling = Filling(config, cache)
    filling.begin("z", pieces)
    part = filling.total // SLICES
    while filling.done < 10 * part:
        filling.step(wait=True)
    title = "ray::fill pools: z"
    for worker in tasks_on(busy(nodes, title), title):
        worker.kill()
    while filling.done < 20 * part:
        filling.step(wait=True)
    nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
    found = filling.finish({"z": 1.0}, advance=lambda count: None)["z"]
    assert filling.done == filling.total

    plan = planned(config, "z", pieces, Storage(str(tmp_path)), ("jet1_pt",))
    alone = reduce(add, (fill(each, plan.rules, cache) for each in plan.parts))
    assert found.unweighting[0] == alone.selected.sum()
    for number, (name, counts) in enumerate(found.counts.items()):
        np.testing.assert_array_equal(counts, alone.counts[number])
        matrix = found.events[name].matrix(("jet1_pt",))
        assert found.events[name] == alone.events[name]
        assert len(matrix) == counts.sum()


def contents(cache: Storage) -> dict[str, Slice]:
    """What events are known by, a file a slice; the last repeats ten of the first."""
    rng, found = np.random.default_rng(4), {}
    step = Step(cut="all", events=EVENTS, sum_weights=1.0, sum_weights_squared=1.0)
    hashes = rng.integers(0, 2**64, (SLICES, EVENTS), dtype=np.uint64)
    hashes[-1, :10] = hashes[0, :10]
    for k, content in enumerate(hashes):
        bits = np.full(EVENTS, 90, dtype=np.uint8)
        columns = {"entry": np.arange(EVENTS), "content": content, "content_bits": bits}
        keep(cache, f"events/{k}", pa.table(columns), CutFlow(process="z", steps=(step,)))
        name = f"{k}.root"
        found[f"events/{k}"] = Slice(process="z", path=name, file=name, first=0, last=EVENTS)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["read contents", "compare events"])
def test_a_node_lost_while_events_are_compared(tmp_path, nodes, stage):
    cache = Storage(str(tmp_path))
    pieces = contents(cache)
    work = partial(compare, pieces, cache, most=4 * EVENTS)
    found = with_a_node_lost(nodes, f"ray::{stage}", work)
    (repeated,) = found.repeated
    assert (repeated.first, repeated.second) == ("0.root of 'z'", "59.root of 'z'")
    assert (repeated.events, found.compared) == (10, SLICES * EVENTS)


@pytest.mark.slow
def test_a_node_lost_while_histograms_are_written(tmp_path, nodes):
    pooled = PooledScan(make_config(architectures=("mlp",)), make_pools())
    asked = {"pool": "train", "benchmark": "hard", "strength": 3}
    wanted = Wanted.of(pooled.config, **asked, number=40 * pooled.config.ensembles.train)

    def written(name: str) -> list[bytes]:
        drawing._write(pooled, wanted, Storage(str(tmp_path / name)), Silent())
        return [path.read_bytes() for path in sorted((tmp_path / name).iterdir())]

    found = with_a_node_lost(nodes, "ray::Map(draw ensembles)", lambda: written("lost"))
    nodes.add_node(num_cpus=1)
    assert len(found) == wanted.shards
    assert found == written("whole")
