"""A worker and a node that vanish while pools are filled: each slice counts once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import reduce
from operator import add

import numpy as np
import psutil
import pyarrow as pa
import pytest
import ray
from ray.cluster_utils import Cluster

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


def fills() -> list[psutil.Process]:
    """Workers that fill pools at this moment."""
    return [
        p for p in psutil.process_iter(["cmdline"]) if "ray::fill pools: z" in p.info["cmdline"]
    ]


@pytest.mark.slow
def test_a_worker_and_a_node_lost_while_pools_are_filled(tmp_path, nodes):
    cache, config = Storage(str(tmp_path)), parse_scan(SCAN.format(storage=tmp_path))
    pieces = slices(cache)
    filling = Filling(config, cache)
    filling.begin("z", pieces)
    part = filling.total // SLICES
    while filling.done < 10 * part:
        filling.step(wait=True)
    fills()[0].kill()
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
