"""Pools seen another way: with every event in the test pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rayscan.scan.binned import POOL_NAMES, BinnedPools, ProcessPools


def every_event(binned: BinnedPools) -> BinnedPools:
    """The pools with every event in the test pool: for what nothing was trained for.

    Pools that share their events hold each of them already.
    """
    if binned.mode == "shared_pool":
        return binned
    processes = {name: _all_tested(part) for name, part in binned.processes.items()}
    return replace(binned, processes=processes)


def _all_tested(part: ProcessPools) -> ProcessPools:
    everything = np.sum([part.counts[name] for name in POOL_NAMES], axis=0)
    return replace(part, counts={**part.counts, "test": everything})
