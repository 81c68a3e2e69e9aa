"""A dense network of histograms in whose first layer neighbouring bins learn together.

The best weight of an event is a smooth function of its observables, but a bin that few events of
the pools fill says little of its own weight: learned alone, sparse bins carry the fluctuations of
their pool. Here the first kernel is a sum over grids of ever fewer knots, each of half as many per
axis, interpolated: what many events agree on is learned by few numbers, fast, and the finer the
grid, the slower it learns. Any kernel can be written so; once trained it is one, of a plain
`DenseNetwork`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.packed import Drop, Layout, Weights

DETAIL = 0.5
"""Factor from the kernel of one grid to that of the next finer one."""
COARSEST = 2
"""Knots per axis of the coarsest grid, at most."""


@dataclass(frozen=True, slots=True)
class SmoothNetwork(DenseNetwork):
    """A dense network of a histogram with ``shape`` bins; its first kernel holds all grids.

    >>> SmoothNetwork(900, (20,), 1, shape=(30, 30)).grids()
    [(30, 30), (15, 15), (8, 8), (4, 4), (2, 2)]
    """

    shape: tuple[int, ...] = ()

    @property
    def plain(self) -> DenseNetwork:
        """The network whose first kernel is the sum."""
        return DenseNetwork(self.inputs, self.units, self.outputs)

    def grids(self) -> list[tuple[int, ...]]:
        """Knots along each axis, from the bins themselves to the coarsest grid."""
        found = [self.shape]
        while max(found[-1]) > COARSEST:
            found.append(tuple(-(-n // 2) if n > COARSEST else n for n in found[-1]))
        return found

    def shapes(self) -> list[tuple[int, ...]]:
        """As a dense network, with a row of the first kernel for each knot."""
        rows = sum(int(np.prod(grid)) for grid in self.grids())
        return [(rows, self.units[0]), *self.plain.shapes()[1:]]

    def initial(self, rng: np.random.Generator) -> Weights:
        """Those of the plain network on the coarsest grid: smooth where nothing is learned."""
        kernel, *rest = self.plain.initial(rng)
        first = np.zeros(self.shapes()[0], np.float32)
        coarse = int(np.prod(self.grids()[-1]))
        first[-coarse:] = kernel[:coarse]
        return [first, *rest]

    def logits(self, weights: Weights, x: Any, where: Layout, drop: Drop | None) -> Any:
        """Those of the plain network with the sum of the grids."""
        from keras import ops

        chunks, rows, per_chunk, units = weights[0].shape
        by_knot = ops.reshape(ops.transpose(weights[0], (1, 0, 2, 3)), (rows, -1))
        summed = ops.reshape(self._sum(by_knot, ops), (self.inputs, chunks, per_chunk, units))
        kernel = ops.transpose(summed, (1, 0, 2, 3))
        # Not super(): a dataclass with slots is another class than the one that was written.
        return DenseNetwork.logits(self, [kernel, *weights[1:]], x, where, drop)

    def folded(self, weights: Weights) -> Weights:
        """The weights of the plain network that gives the same outputs."""
        return [self._sum(weights[0], np), *weights[1:]]

    def unfolded(self, weights: Weights) -> Weights:
        """The reverse, with everything on the finest grid."""
        first = np.zeros(self.shapes()[0], np.float32)
        first[: self.inputs] = weights[0] / DETAIL ** (len(self.grids()) - 1)
        return [first, *weights[1:]]

    def _sum(self, kernel: Any, xp: Any) -> Any:
        """The plain kernel (bins, columns) of that of all grids (knots, columns)."""
        grids = self.grids()
        ends = np.cumsum([int(np.prod(grid)) for grid in grids])
        # Not slices: the slope of each would be a whole kernel.
        parts = xp.split(kernel, ends[:-1].tolist(), axis=0) if len(grids) > 1 else [kernel]
        found = parts[-1]
        for depth, (coarse, fine) in enumerate(pairwise(reversed(grids)), start=1):
            found = finer(found, coarse, fine, xp) + DETAIL**depth * parts[-1 - depth]
        return found


def finer(values: Any, coarse: tuple[int, ...], fine: tuple[int, ...], xp: ModuleType) -> Any:
    """Values (knots, columns) on a grid of twice as many knots, linear between cell centres.

    >>> finer(np.array([[0.0], [4.0]]), (2,), (4,), np).ravel()
    array([0., 1., 3., 4.])
    """
    columns = values.shape[1]
    # The last axis first: there are fewer values yet.
    for axis in reversed(range(len(coarse))):
        if coarse[axis] < fine[axis]:
            before = int(np.prod(coarse[:axis]))
            rest = int(np.prod(fine[axis + 1 :])) * columns
            own = xp.reshape(values, (before, coarse[axis], rest))
            values = xp.matmul(interpolation(coarse[axis], fine[axis]), own)
    return xp.reshape(values, (-1, columns))


def interpolation(few: int, many: int) -> npt.NDArray[np.float32]:
    """Matrix (many, few) from knots to knots of half the distance; constant beyond the outer two.

    >>> interpolation(2, 3)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75]], dtype=float32)
    """
    own = np.arange(many) // 2
    other = np.clip(own + np.where(np.arange(many) % 2, 1, -1), 0, few - 1)
    knots = np.eye(few, dtype=np.float32)
    return 0.75 * knots[own] + 0.25 * knots[other]
