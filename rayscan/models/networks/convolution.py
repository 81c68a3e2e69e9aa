"""The arithmetic of the published convolutional network, in a graph and plain in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rayscan.arrays import Floats
from rayscan.errors import ShapeMismatchError
from rayscan.models.networks.packed import Drop, Layout, Network, Weights

KERNEL = 3
SMALLEST = 2 * KERNEL - 1
"""Fewest bins per axis: two unpadded 3x3 convolutions leave one."""
_ROWS = 128


def pictures(shape: tuple[int, ...]) -> bool:
    """Whether bins are pictures that leave something once they are convolved."""
    return len(shape) == 2 and min(shape) >= SMALLEST


@dataclass(frozen=True, slots=True)
class ConvolutionNetwork(Network):
    """Conv 3x3, pool, Conv 3x3 with twice the filters, pool, dense, output (arXiv:2105.12018).

    Convolutions are unpadded (``valid``, the default of Keras). A 2x2 pool is left out where it
    would not leave enough: 3 bins per axis for the second convolution, 1 for the dense layer.
    So (5, 5) -> 3 -> 1, no pool; (30, 30) -> 28 -> 14 -> 12 -> 6 as published.
    Dropout acts on the dense layer only.

    Raises:
        ShapeMismatchError: Not two axes of at least five bins.
    """

    shape: tuple[int, ...]
    filters: int
    units: int
    outputs: int

    def __post_init__(self) -> None:
        if not pictures(self.shape):
            least = f"{SMALLEST} or more"
            raise ShapeMismatchError(
                what="histograms of a convolutional network",
                expected=(least, least),
                found=self.shape,
            )

    @property
    def by_chunk(self) -> int:
        """None: members are convolved one after the other."""
        return 0

    @property
    def hidden(self) -> int:
        """The dense layer."""
        return 1

    @property
    def xla(self) -> bool:
        """No: convolutions that XLA compiles for a CPU cost 12 times those of TensorFlow itself."""
        return False

    def stages(self) -> list[tuple[tuple[int, int], bool]]:
        """Size after each convolution, and whether a pool follows."""
        size = (self.shape[0], self.shape[1])
        stages = []
        for needed in (KERNEL, 1):
            size = (size[0] - KERNEL + 1, size[1] - KERNEL + 1)
            pooled = min(size) // 2 >= needed
            stages.append((size, pooled))
            size = (size[0] // 2, size[1] // 2) if pooled else size
        return stages

    def shapes(self) -> list[tuple[int, ...]]:
        """Kernels (3, 3, in, out) or (in, out), each followed by its bias (out,)."""
        (rows, cols), pooled = self.stages()[-1]
        cells = (rows // 2) * (cols // 2) if pooled else rows * cols
        first, second = self.filters, 2 * self.filters
        kernels: list[tuple[int, ...]] = [
            (KERNEL, KERNEL, 1, first),
            (KERNEL, KERNEL, first, second),
            (cells * second, self.units),
            (self.units, self.outputs),
        ]
        return [shape for kernel in kernels for shape in (kernel, kernel[-1:])]

    def products(self) -> tuple[float, float]:
        """A convolution's kernel acts at every place it looks at."""
        kernels = self.shapes()[::2]
        cells = [math.prod(size) for size, _ in self.stages()]
        convolved = sum(n * math.prod(k) for n, k in zip(cells, kernels, strict=False))
        return float(sum(math.prod(kernel) for kernel in kernels if len(kernel) == 2)), convolved

    def logits(self, weights: Weights, x: Any, where: Layout, drop: Drop | None) -> Any:
        """Members one after the other within one graph."""
        from keras import ops

        flat = [
            self._flat([w[slot] for w in weights[:4]], x[slot // where.per_chunk])
            for slot in range(where.members)
        ]
        dense = ops.matmul(ops.stack(flat), weights[4]) + weights[5][:, None, :]
        values = ops.maximum(dense, 0.0)
        if drop is not None:
            values = drop(values, 0)
        return ops.matmul(values, weights[6]) + weights[7][:, None, :]

    def _flat(self, weights: Weights, x: Any) -> Any:
        from keras import ops

        batch = x.shape[0]
        values = ops.reshape(x, (batch, *self.shape, 1))
        for stage, (size, pooled) in enumerate(self.stages()):
            values = ops.conv(values, weights[2 * stage], padding="valid") + weights[2 * stage + 1]
            values = ops.maximum(values, 0.0)  # unlike relu it lets NaN through
            values = _pooled(values, size, ops) if pooled else values
        return ops.reshape(values, (batch, -1))

    def outputs_of(self, weights: Weights, x: Floats) -> Floats:
        """By patches and matrix products, a few histograms at a time."""
        exact = [np.asarray(array, dtype=np.float64) for array in weights]
        parts = [self._outputs(exact, x[i : i + _ROWS]) for i in range(0, len(x), _ROWS)]
        return np.concatenate(parts) if parts else np.zeros((0, self.outputs))

    def _outputs(self, weights: Weights, x: Floats) -> Floats:
        values: Floats = x.reshape(len(x), *self.shape, 1)
        for stage, (size, pooled) in enumerate(self.stages()):
            kernel, bias = weights[2 * stage], weights[2 * stage + 1]
            patches = sliding_window_view(values, (KERNEL, KERNEL), axis=(1, 2))
            convolved = np.tensordot(patches, kernel, axes=([3, 4, 5], [2, 0, 1]))
            values = np.maximum(convolved + bias, 0)
            values = _pooled(values, size, np) if pooled else values
        dense = np.maximum(values.reshape(len(x), -1) @ weights[4] + weights[5], 0.0)
        return np.asarray(dense @ weights[6] + weights[7])


def _pooled(values: Any, size: tuple[int, int], xp: ModuleType) -> Any:
    """The largest of each 2x2 cells; an odd last row or column is left out."""
    rows, columns = size[0] // 2, size[1] // 2
    whole = values[:, : 2 * rows, : 2 * columns, :]
    return xp.max(xp.reshape(whole, (-1, rows, 2, columns, 2, values.shape[3])), axis=(2, 4))
