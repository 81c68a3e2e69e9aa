"""The first layer of many dense networks on the same histograms: nearly all of their cost.

Bins that are empty in every histogram are left out, and bins that are empty in most of them enter
by the histograms that fill them; one wide product serves the others. Shape letters: N histograms,
K members, H nodes of the first layer.

The nodes come in parts, some members after the others: what follows finds them in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from rayscan.arrays import Reals
from rayscan.models.networks.inputs import Input

Counts: TypeAlias = npt.NDArray[np.number]
Places: TypeAlias = npt.NDArray[np.intp]

RARE = 0.12
"""Share of histograms that fill a bin below which its product is cheaper by filled cells: one costs
there about eight times what it costs in the wide product."""
LOOKED_AT = 1024
"""Histograms from which the shares are estimated; they decide the cost and never the sum."""


@dataclass(frozen=True, slots=True, eq=False)
class FirstLayer:
    """The product of reduced counts with one wide kernel, and the bias.

    Attributes:
        reduce: What is done to counts before; None if nothing.
        centre: Taken off the counts of the common bins, shape (common,).
        common: Bins of the wide product.
        kernels: Their rows and a last one for the bias, (common + 1, nodes of a part).
        rare: Bins that enter by their filled cells, as rows of ``rare_kernels``.
    """

    reduce: Input | None
    centre: Reals
    common: Places
    kernels: list[Reals]
    rare: Places
    rare_kernels: list[Reals]

    def __call__(self, rows: Counts) -> Iterator[Reals]:
        """Outputs before the ReLU, (N, nodes) of each part."""
        kind = self.kernels[0].dtype
        # The column of ones brings the bias.
        values = np.ones((len(rows), len(self.common) + 1), dtype=kind)
        values[:, :-1] = self._centred(rows)
        filled = _filled(rows.take(self.rare, axis=1), kind)
        for kernel, rare_kernel in zip(self.kernels, self.rare_kernels, strict=True):
            found: Reals = values @ kernel
            if len(self.rare):
                found += filled @ rare_kernel
            yield found

    def _centred(self, rows: Counts) -> Reals:
        if self.reduce is not None:
            return np.asarray(self.reduce.reduced(rows)[:, self.common])
        picked = rows.take(self.common, axis=1)
        # Whole numbers of 16 bits and their differences are exact in single precision.
        exact = np.float32 if rows.dtype.kind in "iu" and rows.dtype.itemsize <= 2 else np.float64
        return np.subtract(picked, self.centre, dtype=exact, casting="same_kind")


def _filled(counts: Counts, kind: np.dtype[np.floating]) -> sparse.csr_array:
    """Counts as a sparse array; scipy's own way, over coordinates, costs twice as much."""
    cells = np.flatnonzero(counts)
    starts = np.arange(len(counts) + 1) * counts.shape[1]
    values = counts.ravel()[cells].astype(kind)
    bins = (cells % counts.shape[1]).astype(np.int32)
    return sparse.csr_array(
        (values, bins, np.searchsorted(cells, starts).astype(np.int32)), shape=counts.shape
    )


def first_layer(
    kernel: Reals, bias: Reals, x: Counts, *, how: str, single: bool, at: Sequence[int] = ()
) -> FirstLayer:
    """The layer made for some histograms.

    Args:
        kernel: Of all members side by side, (bins, K H) float64.
        bias: (K H,) float64.
        x: Raw counts (N, bins), whole numbers if ``single``.
        how: What is done to counts before (inputs.py).
        single: Multiply in single precision, at a third of the cost.
        at: Nodes with which a new part begins, beside the first.
    """
    used = kernel.any(axis=1) & x.any(axis=0)
    is_rare = np.zeros_like(used)
    if single and how == "standard":
        some = x[:: max(1, len(x) // LOOKED_AT)]
        is_rare = used & (np.count_nonzero(some, axis=0) < RARE * len(some))
    common, rare = np.flatnonzero(used & ~is_rare), np.flatnonzero(is_rare)
    centre = np.zeros(len(common))
    if single and how == "standard" and len(x):
        # Counts of thousands that differ by tens: a whole number is taken off before digits are.
        centre = np.rint(x[:LOOKED_AT, common].mean(axis=0))
    kind = np.float32 if single else np.float64
    moved = bias + centre @ kernel[common]
    return FirstLayer(
        reduce=Input.maximum(x.shape[1]) if how == "maximum" else None,
        centre=centre,
        common=common,
        kernels=_parts(np.vstack([kernel[common], moved]).astype(kind), at),
        rare=rare,
        rare_kernels=_parts(kernel[rare].astype(kind), at),
    )


def _parts(kernel: Reals, at: Sequence[int]) -> list[Reals]:
    return [np.ascontiguousarray(part) for part in np.split(kernel, at, axis=1)]
