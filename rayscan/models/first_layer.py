"""The first layer of many dense networks on the same histograms: nearly all of their cost.

Bins that are empty in every histogram are left out, and bins that are empty in most of them enter
by the histograms that fill them; one wide product serves the others. Shape letters: N histograms,
K members, H nodes of the first layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from rayscan.models.inputs import Input

Counts: TypeAlias = npt.NDArray[np.number]
Reals: TypeAlias = npt.NDArray[np.floating]
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
        kernel: Their rows and a last one for the bias, (common + 1, K H).
        rare: Bins that enter by their filled cells.
        rare_kernel: Their rows, (rare, K H).
    """

    reduce: Input | None
    centre: Reals
    common: Places
    kernel: Reals
    rare: Places
    rare_kernel: Reals

    def __call__(self, rows: Counts) -> Reals:
        """Outputs before the ReLU, (N, K H)."""
        kind = self.kernel.dtype
        # The column of ones brings the bias.
        values = np.ones((len(rows), len(self.common) + 1), dtype=kind)
        values[:, :-1] = self._centred(rows)
        found: Reals = values @ self.kernel
        if len(self.rare):
            found += _filled(rows.take(self.rare, axis=1), kind) @ self.rare_kernel
        return found

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


def first_layer(kernel: Reals, bias: Reals, x: Counts, *, how: str, single: bool) -> FirstLayer:
    """The layer made for some histograms.

    Args:
        kernel: Of all members side by side, (bins, K H) float64.
        bias: (K H,) float64.
        x: Raw counts (N, bins), whole numbers if ``single``.
        how: What is done to counts before (inputs.py).
        single: Multiply in single precision, at a third of the cost.
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
        kernel=np.vstack([kernel[common], moved]).astype(kind),
        rare=rare,
        rare_kernel=kernel[rare].astype(kind),
    )
