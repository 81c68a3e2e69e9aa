"""Pictures of histograms: counts as levels of grey or of a colour map, of any size.

Shape letters: N histograms, Y x X bins, P pixels of a side.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats

Look: TypeAlias = Literal["channels", "colours"]
Pixels: TypeAlias = npt.NDArray[np.uint8]
LEVELS = 256
_SPREAD = 4.0  # standard deviations of a bin that levels show on either side


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """How a histogram becomes a picture: one rule for all, so that equal counts look alike.

    Attributes:
        shape: Bins (Y, X).
        size: Pixels P of a side.
        look: ``channels``: the level in all three; ``colours``: the colour map viridis.
        offset: Level (of 255) of an empty bin, shape (bins,).
        gain: Levels for each event, shape (bins,).
    """

    shape: tuple[int, int]
    size: int
    look: Look
    offset: Floats
    gain: Floats

    @classmethod
    def counts(cls, shape: tuple[int, int], size: int, look: Look, null: Moments) -> Picture:
        """Levels from 0 to the largest mean of the null and four of its standard deviations."""
        gain = np.full(null.mean.size, levels_each(null))
        return cls(shape, size, look, np.zeros_like(gain), gain)

    @classmethod
    def standard(cls, shape: tuple[int, int], size: int, look: Look, null: Moments) -> Picture:
        """Levels from four standard deviations of the null below its mean to as many above."""
        half = (LEVELS - 1) / 2
        sigma = np.sqrt(null.variance)
        gain = np.zeros_like(sigma)
        np.divide(half / _SPREAD, sigma, out=gain, where=sigma > 0)
        return cls(shape, size, look, half - gain * null.mean, gain)

    def of(self, x: npt.NDArray[np.number]) -> Pixels:
        """Pictures (N, P, P, 3) of counts (N, bins); rows of pixels are those of the first axis."""
        return _colours(self.look)[np.rint(self._levels(x)).astype(np.uint8)]

    def pulled_back(self, x: npt.NDArray[np.number], gradient: Floats) -> Floats:
        """Change with the events of each bin, (bins,), of what changes so with each value.

        Args:
            x: One histogram, shape (bins,).
            gradient: By the values of its picture, shape (P, P, 3).
        """
        levels = np.rint(self._levels(x[None])[0]).astype(int)
        table = _colours(self.look).astype(np.float64)
        below, above = np.maximum(levels - 1, 0), np.minimum(levels + 1, LEVELS - 1)
        slope = (table[above] - table[below]) / (above - below)[..., None]
        rows, columns = self._spread
        by_bin = rows.T @ (gradient * slope).sum(axis=-1) @ columns
        raw = self.offset + self.gain * x
        return np.asarray(by_bin.ravel() * self.gain * ((raw > 0) & (raw < LEVELS - 1)))

    def _levels(self, x: npt.NDArray[np.number]) -> Floats:
        levels = np.clip(self.offset + self.gain * x, 0.0, LEVELS - 1).reshape(-1, *self.shape)
        rows, columns = self._spread
        return np.asarray(rows @ levels @ columns.T)

    @property
    def _spread(self) -> tuple[Floats, Floats]:
        return _overlaps(self.shape[0], self.size), _overlaps(self.shape[1], self.size)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean and variance of the counts of the null, shapes (bins,)."""

    mean: Floats
    variance: Floats


def levels_each(null: Moments) -> float:
    """Levels for each event: of 255 at four standard deviations above the largest mean."""
    most = int(np.argmax(null.mean))
    top = null.mean[most] + _SPREAD * np.sqrt(null.variance[most])
    return float((LEVELS - 1) / max(top, 1.0))


def coloured(x: Any, shape: tuple[int, int], size: int, look: Look, xp: ModuleType) -> Any:
    """Colours over 255, (N, P, P, 3), of levels (N, bins), in numpy or in a Keras graph.

    Those of `Picture.of`, but levels between two whole ones have colours between theirs: where a
    bin holds thousands of events, one more is seen too.
    """
    rows, columns = (_overlaps(bins, size) for bins in shape)
    # Levels in float32 of a graph, in float64 elsewhere.
    kind = "float64" if xp is np else "float32"
    levels = xp.reshape(x, (-1, *shape))
    levels = xp.matmul(xp.matmul(rows.astype(kind), levels), columns.T.astype(kind))
    table = (_colours(look) / (LEVELS - 1)).astype(kind)
    below = xp.floor(levels)
    whole = below.astype(int) if xp is np else xp.cast(below, "int32")
    # Of what is not a number there is no colour: it must not ask for one beyond the table.
    low, high = (xp.take(table, xp.clip(whole + i, 0, LEVELS - 1), axis=0) for i in (0, 1))
    return low + (levels - below)[..., None] * (high - low)


@functools.lru_cache(maxsize=32)
def _overlaps(bins: int, pixels: int) -> Floats:
    """Share of each bin in each pixel, shape (pixels, bins): blocks, or means of small bins.

    >>> _overlaps(2, 3).tolist(), _overlaps(4, 2).tolist()
    ([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    """
    if bins <= pixels:
        return np.eye(bins)[np.arange(pixels) * bins // pixels]
    edges, low = np.arange(pixels + 1)[:, None] * bins / pixels, np.arange(bins)[None, :]
    width = np.minimum(edges[1:], low + 1) - np.maximum(edges[:-1], low)
    return np.asarray(np.clip(width, 0.0, None) * pixels / bins)


@functools.cache
def _colours(look: Look) -> Pixels:
    """The colour of each level, shape (256, 3)."""
    if look == "channels":
        return np.repeat(np.arange(LEVELS, dtype=np.uint8)[:, None], 3, axis=1)
    from matplotlib import colormaps

    shares: Floats = np.array(colormaps["viridis"](np.arange(LEVELS)))[:, :3]
    return np.rint((LEVELS - 1) * shares).astype(np.uint8)
