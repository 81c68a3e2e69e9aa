"""Ensembles of several strengths at once: each histogram is of one mixture, picked at random.

Shape letters: N histograms, bins = flat cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rayscan.arrays import Counts, Floats
from rayscan.ensembles.draw import Ensembles


class Varied:
    """Histograms whose mixture is picked anew for each, all mixtures equally likely.

    Both classes pick from the same list of samplers of the same bins. A class-0 histogram holds as
    many events as its mixture says, so that the totals of the classes follow one law wherever each
    mixture matches them (``null: matched``): a total never tells the label.

    Raises:
        ValueError: None was given.
    """

    def __init__(self, ensembles: Sequence[Ensembles]) -> None:
        if not ensembles:
            raise ValueError("ensembles: none given, expected one per mixture")
        self._ensembles = tuple(ensembles)

    def null(self, rng: np.random.Generator, histograms: int) -> Counts:
        """Histograms of class 0, shape (N, bins), uint16 or uint32."""
        return self._drawn(rng, histograms, [each.null for each in self._ensembles])

    def alternative(self, rng: np.random.Generator, histograms: int) -> Counts:
        """Histograms of class 1 (background and signal), shape (N, bins), uint16 or uint32."""
        return self._drawn(rng, histograms, [each.alternative for each in self._ensembles])

    @property
    def null_mean(self) -> Floats:
        """Exact expected counts of class 0, shape (bins,)."""
        return np.asarray(np.mean([each.null_mean for each in self._ensembles], axis=0))

    @property
    def null_variance(self) -> Floats:
        """Exact variances of the counts of class 0: within the mixtures and between them."""
        within = np.mean([each.null_variance for each in self._ensembles], axis=0)
        return np.asarray(within + np.var([each.null_mean for each in self._ensembles], axis=0))

    def _drawn(
        self,
        rng: np.random.Generator,
        histograms: int,
        draws: Sequence[Callable[[np.random.Generator, int], Counts]],
    ) -> Counts:
        which = rng.integers(len(draws), size=histograms)
        places = [np.flatnonzero(which == index) for index in range(len(draws))]
        parts = [draw(rng, len(rows)) for draw, rows in zip(draws, places, strict=True)]
        out = np.empty((histograms, parts[0].shape[1]), dtype=np.result_type(*parts))
        for rows, part in zip(places, parts, strict=True):
            out[rows] = part
        return out
