"""What histograms look like: one of each class at a few strengths, as rows of `examples`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rayscan.ensembles.binning import Axis, Binning
from rayscan.ensembles.mixture import Mixture
from rayscan.events.observables import names as named
from rayscan.scan.plan.points import Mixtures, mixture_columns
from rayscan.scan.pools.pooled import PooledScan

STRENGTHS = 4
_AXES = ("first", "second")


def example_rows(scan: PooledScan, strengths: Mixtures) -> list[dict[str, Any]]:
    """A histogram of each class for each benchmark, at up to four strengths of its list.

    They are drawn from the test pool (of the first fold), each strength from a stream of its own.
    """
    axes = _axes(scan.binned.binning)
    return [
        row | axes
        for benchmark, mixtures in strengths.items()
        for mixture in _spread(mixtures)
        for row in _rows(scan, benchmark, mixture)
    ]


def _spread(mixtures: tuple[Mixture, ...]) -> list[Mixture]:
    """The weakest, the strongest and others evenly between them."""
    ordered = sorted(mixtures, key=lambda each: each.signal / max(each.background, 1))
    places = np.linspace(0, len(ordered) - 1, min(STRENGTHS, len(ordered))).round()
    return [ordered[int(place)] for place in places]


def _rows(scan: PooledScan, benchmark: str, mixture: Mixture) -> Iterator[dict[str, Any]]:
    sampler = scan.ensembles(benchmark, mixture, "test")
    rng = scan.stream("examples", benchmark, mixture.signal, mixture.background)
    for true_class, drawn in enumerate((sampler.null(rng, 1), sampler.alternative(rng, 1))):
        yield {
            "test_benchmark": benchmark,
            **mixture_columns("test", mixture),
            "true_class": true_class,
            "counts": drawn[0].astype(np.float64).tolist(),
        }


def _axes(binning: Binning) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for which, axis in zip(_AXES, binning.axes, strict=False):
        found |= {f"{which}_{name}": value for name, value in _axis(axis).items()}
    return found


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "observable": axis.observable,
        "unit": named.describe(axis.observable)[0],
        "edges": axis.edges.tolist(),
    }
