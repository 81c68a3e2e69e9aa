"""Pools on their way: parts come in any order and are summed in theirs; every problem is said."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from functools import reduce
from operator import add

import numpy as np
import pytest

from rayscan.cluster.filling import Filling, _Sum
from rayscan.errors import ConfigError
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow, Step
from rayscan.events.weights import Weights
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.pools.events import EventPool
from rayscan.scan.pools.filling import Filled

SCAN = """
name: filling
storage: {storage}
processes:
  z: {{role: background, files: [z.root], cross_section: 1}}
  x: {{role: signal, files: [x.root], cross_section: 1}}
binning: {{axes: [{{observable: jet1_pt, bins: 4, low: 130, high: 800}}]}}
mixtures: {{background: 200, s_over_sqrt_b: [1]}}
architectures: [{{name: mlp}}]
"""


def test_parts_are_summed_in_their_order_whichever_comes_first(tmp_path):
    rng, cache = np.random.default_rng(2), Storage(str(tmp_path))
    parts = [
        Filled(
            inside=Step.of("binning", rng.exponential(1, 10)),
            selected=rng.integers(9, size=3),
            counts=rng.integers(9, size=(3, 4)),
            events={"train": EventPool(cache, (f"part {k}",), (k + 1,))},
        )
        for k in range(4)
    ]
    expected = reduce(add, parts)
    for order in itertools.permutations(range(4)):
        found = _Sum(plan=None)
        for number in order:
            found.add(number, parts[number])
        assert found.total.inside == expected.inside  # sums of weights to the last bit
        assert found.total.events == expected.events
        np.testing.assert_array_equal(found.total.counts, expected.counts)
        np.testing.assert_array_equal(found.total.selected, expected.selected)
        assert not found.early


def test_what_is_wrong_with_the_weights_of_every_process_is_said_at_the_end(tmp_path):
    cache, config = Storage(str(tmp_path)), parse_scan(SCAN.format(storage=tmp_path))
    filling = Filling(config, cache)
    for process, weights in (("x", [1.0, -2.0, 2.0]), ("z", [0.0, 0.0])):
        every = Weights.of(np.array(weights), np.arange(len(weights)))
        step = Step.of("all", np.array(weights))
        flow = CutFlow(process=process, steps=(step,), weights=every, selected=every)
        cache.write(f"events/{process}.json", json.dumps(asdict(flow)).encode())
        piece = Slice(process=process, path="p", file="p", first=0, last=1)
        filling.begin(process, {f"events/{process}": piece})
    with pytest.raises(ConfigError) as caught:
        filling.finish({"x": 1.0, "z": 1.0}, advance=lambda count: None)
    first, second = (problem.what for problem in caught.value.problems)
    assert first.startswith("process 'z': the largest event weight is 0")
    assert second.startswith("process 'x': 1 of 3 event weights are negative")
