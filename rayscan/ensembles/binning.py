"""Axes of a histogram: the flat bin of an event, and the merging of bins with little background.

Shape letters: E events, bins = flat cells, first axis slowest. Edges are treated as numpy's
``histogram2d`` does: the lower edge belongs to a bin, the upper one only to the last bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats, Integers, Reals

Number = TypeVar("Number", bound=np.number)

MOST_BINS = 1_000_000
"""Cells of a histogram, of all axes together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a histogram.

    Attributes:
        observable: Name of the binned observable.
        bins: Number of bins.
        low: Lower edge of the first bin, in the observable's unit.
        high: Upper edge of the last bin.
        scale: Bins of equal width, or of equal ratio.
        overflow: Whether events at or above ``high`` are left out or go to the last bin.

    >>> Axis(observable="jet1_pt", bins=2, low=10, high=1000, scale="log").edges
    array([  10.,  100., 1000.])
    """

    observable: str
    bins: int
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    overflow: Literal["drop", "last"] = "drop"

    def __post_init__(self) -> None:
        if not self.observable:
            raise ValueError("observable: it is empty, expected a name such as jet1_pt")
        if not 1 <= self.bins <= MOST_BINS:  # before the edges are made
            limit = "at least 1" if self.bins < 1 else f"at most {MOST_BINS:,}"
            raise ValueError(f"bins: {self.bins}, expected {limit}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(
                f"low: the range is {self.low:g} to {self.high:g}, "
                "expected finite numbers with low < high"
            )
        if self.scale not in {"linear", "log"}:
            raise ValueError(f"scale: '{self.scale}', expected linear or log")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low: {self.low:g} on a log axis, expected more than 0")
        if self.overflow not in {"drop", "last"}:
            raise ValueError(f"overflow: '{self.overflow}', expected drop or last")
        if np.any(np.diff(self.edges) <= 0):
            raise ValueError(
                f"bins: {self.bins} bins are narrower than a number can tell, use fewer"
            )

    @property
    def edges(self) -> Floats:
        """Bin edges, shape (bins + 1,)."""
        spaced = np.linspace if self.scale == "linear" else np.geomspace
        return spaced(self.low, self.high, self.bins + 1)

    def index(self, values: npt.ArrayLike) -> Integers:
        """The bin of each event, (E,), -1 where it has none (outside, or no such object: NaN).

        >>> Axis(observable="met", bins=2, low=0, high=10).index([-1, 0, 5, 10, 11, np.nan])
        array([-1,  0,  1,  1, -1, -1])
        """
        edges, exact = self.edges, np.asarray(values, dtype=np.float64)
        place = self._near(edges, exact)
        # What is compared with no number is not below it: the last bin has no end.
        edges[-1] = np.nan if self.overflow == "last" else np.nextafter(self.high, np.inf)
        place -= ~(exact >= edges[place])
        place += exact >= edges[place + 1]
        place[place == self.bins] = -1
        return place

    def _near(self, edges: Floats, exact: Floats) -> Integers:
        """A bin of each event, (E,), at most one beside its own; much faster than a search."""
        size = max(abs(self.low), abs(self.high))
        if not np.diff(edges).min() > 1e-9 * size:  # rounding would be seen, or widths overflow
            found = np.searchsorted(edges, np.fmax(exact, self.low), side="right") - 1
            return found.astype(np.int64, copy=False).clip(0, self.bins - 1)
        with np.errstate(all="ignore"):
            share = (
                np.log(exact / self.low) / np.log(self.high / self.low)
                if self.scale == "log"
                else (exact - self.low) / (self.high - self.low)
            )
            share *= self.bins
        return np.fmin(np.fmax(share, 0), self.bins - 1).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binning:
    """The one or two axes of a histogram; the first one counts the rows.

    >>> axis = Axis(observable="met", bins=3, low=0, high=30)
    >>> Binning(axes=(axis,)).counts({"met": np.array([5.0, 25.0, 26.0])})
    array([1, 0, 2])
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        if len(self.axes) not in {1, 2}:
            raise ValueError(f"axes: {len(self.axes)} axes, expected 1 or 2")
        if len(set(self.observables)) < len(self.axes):
            raise ValueError(
                f"axes: '{self.observables[0]}' on both axes, expected two observables"
            )
        if self.bins > MOST_BINS:
            raise ValueError(f"axes: {self.bins:,} bins together, expected at most {MOST_BINS:,}")

    @property
    def observables(self) -> tuple[str, ...]:
        """Observables of the axes."""
        return tuple(axis.observable for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis."""
        return tuple(axis.bins for axis in self.axes)

    @property
    def bins(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    def index(self, columns: Mapping[str, Reals]) -> Integers:
        """The flat bin of each event, (E,), -1 outside any axis, from observables (E,) by name."""
        flat = self.axes[0].index(columns[self.axes[0].observable])
        for axis in self.axes[1:]:
            place = axis.index(columns[axis.observable])
            outside = (flat | place) < 0
            flat = flat * axis.bins + place
            flat[outside] = -1
        return flat

    def counts(self, columns: Mapping[str, Reals]) -> Integers:
        """Events in each cell, shape (bins,)."""
        index = self.index(columns)
        return np.bincount(index[index >= 0], minlength=self.bins)


def merge_map(background: AnyIntegers | Reals, minimum: int) -> Integers:
    """Where the events of each bin go if bins with little background are joined into one, (bins,).

    A cell that the background pool leaves (almost) empty tells signal from background by pool noise
    alone; joined, such cells are judged by their common background. Bins with fewer than
    ``minimum`` of the pool's events (or of their effective number) go to the lowest of them.

    >>> merge_map(np.array([9, 1, 5, 0]), 2)
    array([0, 1, 2, 1])
    """
    target = np.arange(len(background))
    few = np.flatnonzero(np.asarray(background) < minimum)
    target[few] = few[:1].repeat(len(few))
    return target


def merged(counts: npt.NDArray[Number], mapping: Integers) -> npt.NDArray[Number]:
    """Counts (bins,) or (N, bins) joined by `merge_map`; bins that gave theirs away are empty.

    >>> merged(np.array([9, 1, 5, 3]), np.array([0, 1, 2, 1]))
    array([9, 4, 5, 0])
    """
    out = np.zeros_like(counts)
    np.add.at(out.T, mapping, counts.T)
    return out
