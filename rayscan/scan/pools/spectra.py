"""Spectra of all processes on common bins, as rows of `spectra`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rayscan.arrays import Floats
from rayscan.events.observables import names as named
from rayscan.events.spectra import STAGES, shown
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import BinnedPools, ProcessPools


def spectrum_rows(config: ScanConfig, binned: BinnedPools) -> list[dict[str, Any]]:
    """Rows of the table `spectra`: of each observable all processes, on the same bins."""
    rows: list[dict[str, Any]] = []
    processes = binned.processes.values()
    for spectrum in config.shown:
        name = spectrum.observable
        edges, found = shown(spectrum, [each.spectra[name] for each in processes])
        head = {"observable": name, "unit": named.describe(name)[0]}
        for process, counts in zip(processes, found, strict=True):
            rows += (head | row for row in _rows(process, edges, counts))
    return rows


def _rows(process: ProcessPools, edges: Floats, counts: Floats) -> Iterator[dict[str, Any]]:
    """Of one process, both stages: ``counts`` (2, 3, bins) between edges (bins + 1,)."""
    first = process.flow[0]
    cross_section = first["cross_section"] / first["sum_weights"]  # of an event of weight 1
    for stage, (events, weights, squares) in zip(STAGES, counts, strict=True):
        errors = np.sqrt(squares)
        for k, number in enumerate(events):
            yield {
                "process": process.process,
                "role": process.role,
                "stage": stage,
                "bin": k,
                "low": float(edges[k]),
                "high": float(edges[k + 1]),
                "events": int(number),
                "sum_weights": float(weights[k]),
                "error": float(errors[k]),
                "cross_section": float(weights[k] * cross_section),
                "cross_section_error": float(errors[k] * cross_section),
            }
