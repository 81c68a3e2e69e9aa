"""The arithmetic of convolutional networks, in a graph and plain in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rayscan.arrays import Floats
from rayscan.errors import ShapeMismatchError
from rayscan.models.networks.packed import Drop, Layout, Network, Weights
from rayscan.models.transfer.pictures import Look, coloured

Size: TypeAlias = tuple[int, int]
KERNEL = 3
_NUMBERS = 2**26  # of the largest stage of all histograms that a graph scores at a time
_CACHED = 2**18  # the same where numpy scores them: 2 MB


def least_cells(convolutions: int, padding: str) -> int:
    """Fewest cells along an axis, of which unpadded convolutions leave one.

    >>> least_cells(2, "valid")
    5
    """
    return 1 + (KERNEL - 1) * convolutions if padding == "valid" else 1


@dataclass(frozen=True, slots=True)
class ConvolutionNetwork(Network):
    """Convolutions of 3 x 3, each with an activation and maybe a 2 x 2 pool, dense layer, output.

    The first convolution has ``filters``, all others twice as many. The sizes of the published
    network (arXiv:2105.12018) are the defaults: (30, 30) -> 28 -> 14 -> 12 -> 6.

    Attributes:
        shape: Bins along each axis.
        filters: Of the first convolution.
        units: Nodes of the dense layer.
        outputs: 1, or the classes.
        convolutions: How many.
        pools: Convolutions, from the last, that a pool follows.
        pooling: A pool is the largest or the mean of its cells.
        padding: ``valid``: convolutions see whole neighbourhoods only, and an odd last row is left
            out of a pool; a pool is left out where later convolutions would have nothing to see.
            ``same``: every cell has its place (zeros around it), pools at the end may have fewer.
        activation: Of convolutions; the dense layer has ReLU.
        dropped: Dropout acts on the dense layer, or after each convolution and before the dense
            layer (``convolutions``).
        look: Counts as they are standardised (empty), or levels as a picture of three channels.
        pixels: Of a side of the picture.

    Raises:
        ShapeMismatchError: Not two axes, or too few bins for unpadded convolutions.
    """

    shape: tuple[int, ...]
    filters: int
    units: int
    outputs: int
    convolutions: int = 2
    pools: int = 2
    pooling: Literal["maximum", "mean"] = "maximum"
    padding: Literal["valid", "same"] = "valid"
    activation: Literal["relu", "tanh"] = "relu"
    dropped: Literal["dense", "convolutions"] = "dense"
    look: Look | Literal[""] = ""
    pixels: int = 0

    def __post_init__(self) -> None:
        fewest = least_cells(self.convolutions, self.padding)
        if len(self.shape) != 2 or min(self.seen) < fewest:
            least = f"{fewest} or more"
            raise ShapeMismatchError(
                what="histograms of a convolutional network",
                expected=(least, least),
                found=self.shape,
            )

    @property
    def seen(self) -> Size:
        """Cells along each axis that are convolved."""
        return (self.pixels, self.pixels) if self.look else (self.shape[0], self.shape[1])

    @property
    def by_chunk(self) -> int:
        """None: members are convolved one after the other."""
        return 0

    @property
    def hidden(self) -> int:
        """The dense layer; or what each convolution passes on, and the last of it once more."""
        return 1 if self.dropped == "dense" else self.convolutions + 1

    @property
    def xla(self) -> bool:
        """No: convolutions that XLA compiles for a CPU cost 12 times those of TensorFlow itself."""
        return False

    @property
    def rows(self) -> int:
        """As many as a gigabyte takes."""
        return max(1, min(1024, _NUMBERS // self._widest))

    @property
    def _widest(self) -> int:
        """Numbers of the largest stage, those that it sees or those that it makes."""
        return max(max(each) for each in self.numbers())

    def numbers(self) -> list[tuple[int, int]]:
        """Numbers of one example in the patches that each convolution sees, and that it makes."""
        found = []
        for (size, _), kernel in zip(self.stages(), self.shapes()[::2], strict=False):
            cells = math.prod(size)
            found.append((cells * math.prod(kernel[:3]), cells * kernel[3]))
        return found

    def stages(self) -> list[tuple[Size, bool]]:
        """Size after each convolution, and whether a pool follows."""
        lost = KERNEL - 1 if self.padding == "valid" else 0
        size, stages = self.seen, []
        for stage in range(self.convolutions):
            left = self.convolutions - 1 - stage
            size = (size[0] - lost, size[1] - lost)
            pooled = left < self.pools and min(self._halved(size)) >= 1 + lost * left
            stages.append((size, pooled))
            size = self._halved(size) if pooled else size
        return stages

    def _halved(self, size: Size) -> Size:
        more = int(self.padding == "same")
        return (size[0] + more) // 2, (size[1] + more) // 2

    def shapes(self) -> list[tuple[int, ...]]:
        """Kernels (3, 3, in, out) or (in, out), each followed by its bias (out,)."""
        size, pooled = self.stages()[-1]
        cells = math.prod(self._halved(size) if pooled else size)
        filters = [3 if self.look else 1, self.filters]
        filters += [2 * self.filters] * (self.convolutions - 1)
        kernels: list[tuple[int, ...]] = [
            (KERNEL, KERNEL, filters[stage], filters[stage + 1])
            for stage in range(self.convolutions)
        ]
        kernels += [(cells * filters[-1], self.units), (self.units, self.outputs)]
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

        pictures = [self._picture(x[chunk], ops) for chunk in range(x.shape[0])]
        values = [pictures[slot // where.per_chunk] for slot in range(where.members)]
        between = drop if self.dropped == "convolutions" else None
        for stage, (_, pooled) in enumerate(self.stages()):
            kernel, bias = weights[2 * stage : 2 * stage + 2]
            convolved = [
                ops.conv(each, kernel[slot], padding=self.padding) + bias[slot]
                for slot, each in enumerate(values)
            ]
            values = [self._reduced(each, ops, pooled=pooled) for each in convolved]
            values = _dropped(values, between, stage)
        values = _dropped(values, between, self.convolutions)
        flat = ops.stack([ops.reshape(each, (x.shape[1], -1)) for each in values])
        dense = ops.maximum(ops.matmul(flat, weights[-4]) + weights[-3][:, None, :], 0.0)
        if drop is not None and between is None:
            dense = drop(dense, 0)
        return ops.matmul(dense, weights[-2]) + weights[-1][:, None, :]

    def outputs_of(self, weights: Weights, x: Floats) -> Floats:
        """By patches and matrix products, a few histograms at a time."""
        exact = [np.asarray(array, dtype=np.float64) for array in weights]
        rows = max(1, _CACHED // self._widest)
        parts = [self._outputs(exact, x[i : i + rows]) for i in range(0, len(x), rows)]
        return np.concatenate(parts) if parts else np.zeros((0, self.outputs))

    def _outputs(self, weights: Weights, x: Floats) -> Floats:
        values: Floats = self._picture(x, np)
        around = KERNEL // 2 if self.padding == "same" else 0
        for stage, (_, pooled) in enumerate(self.stages()):
            kernel, bias = weights[2 * stage], weights[2 * stage + 1]
            padded = np.pad(values, ((0, 0), (around, around), (around, around), (0, 0)))
            patches = sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))
            convolved = np.tensordot(patches, kernel, axes=([3, 4, 5], [2, 0, 1])) + bias
            values = self._reduced(convolved, np, pooled=pooled)
        dense = np.maximum(values.reshape(len(x), -1) @ weights[-4] + weights[-3], 0.0)
        return np.asarray(dense @ weights[-2] + weights[-1])

    def _picture(self, x: Any, xp: ModuleType) -> Any:
        """What is convolved, (N, Y, X, channels), of what is seen of each bin, (N, bins)."""
        if self.look:
            return coloured(x, (self.shape[0], self.shape[1]), self.pixels, self.look, xp)
        return xp.reshape(x, (x.shape[0], *self.seen, 1))

    def _reduced(self, values: Any, xp: ModuleType, *, pooled: bool) -> Any:
        """What a convolution passes on: its activation, then its pool."""
        # Not relu, through which NaN is not seen.
        values = xp.maximum(values, 0.0) if self.activation == "relu" else xp.tanh(values)
        return self._pooled(values, xp) if pooled else values

    def _pooled(self, values: Any, xp: ModuleType) -> Any:
        """The largest or the mean of each 2 x 2 cells."""
        rows, columns, filters = values.shape[1:]
        if self.padding == "same":
            # What is there twice is its own mean, and its own largest.
            values = xp.pad(values, ((0, 0), (0, rows % 2), (0, columns % 2), (0, 0)), "symmetric")
        rows, columns = self._halved((rows, columns))
        whole = values[:, : 2 * rows, : 2 * columns, :]
        if xp is np:  # several times as fast as sums over two axes
            cells = [whole[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
            return reduce(np.maximum, cells) if self.pooling == "maximum" else sum(cells) / 4.0
        cells = xp.reshape(whole, (-1, rows, 2, columns, 2, filters))
        return (xp.max if self.pooling == "maximum" else xp.mean)(cells, axis=(2, 4))


def _dropped(values: list[Any], drop: Drop | None, layer: int) -> list[Any]:
    """Values (batch, Y, X, filters) of each member, some of them dropped."""
    from keras import ops

    if drop is None:
        return values
    batch, like = values[0].shape[0], values[0].shape
    kept = drop(ops.stack([ops.reshape(each, (batch, -1)) for each in values]), layer)
    return [ops.reshape(kept[slot], like) for slot in range(len(values))]
