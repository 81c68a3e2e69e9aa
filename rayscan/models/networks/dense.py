"""The arithmetic of dense networks, packed in a graph and plain in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rayscan.arrays import Floats
from rayscan.models.networks.packed import Drop, Layout, Network, Weights


@dataclass(frozen=True, slots=True)
class DenseNetwork(Network):
    """Dense layers with ReLU between them: ``inputs`` -> ``units`` ... -> ``outputs``.

    >>> import math
    >>> sum(map(math.prod, DenseNetwork(900, (20, 20), 1).shapes()))
    18461
    """

    inputs: int
    units: tuple[int, ...]
    outputs: int

    @property
    def by_chunk(self) -> int:
        """Kernel and bias of the first layer."""
        return 2

    @property
    def hidden(self) -> int:
        """All hidden layers know dropout."""
        return len(self.units)

    def shapes(self) -> list[tuple[int, ...]]:
        """Kernel (in, out) and bias (out,) of each layer."""
        sizes = (self.inputs, *self.units, self.outputs)
        return [shape for i, o in pairwise(sizes) for shape in ((i, o), (o,))]

    def logits(self, weights: Weights, x: Any, where: Layout, drop: Drop | None) -> Any:
        """One wide product for the first layer of each chunk, batched products after."""
        from keras import ops

        values = self._first(weights[0], weights[1], x, where)
        for layer in range(len(self.units)):
            values = ops.relu(values)
            if drop is not None:
                values = drop(values, layer)
            kernel, bias = weights[2 * layer + 2 : 2 * layer + 4]
            values = ops.matmul(values, kernel) + bias[:, None, :]
        return values

    @staticmethod
    def _first(kernel: Any, bias: Any, x: Any, where: Layout) -> Any:
        from keras import ops

        chunks, inputs, per_chunk, units = kernel.shape
        wide = ops.reshape(kernel, (chunks, inputs, per_chunk * units))
        values = ops.matmul(x[0], wide[0])[None] if chunks == 1 else ops.matmul(x, wide)
        values = values + ops.reshape(bias, (chunks, 1, per_chunk * units))
        batch = values.shape[1]
        by_member = ops.reshape(values, (chunks, batch, per_chunk, units))
        by_member = ops.transpose(by_member, (0, 2, 1, 3))
        return ops.reshape(by_member, (where.members, batch, units))

    def outputs_of(self, weights: Weights, x: Floats) -> Floats:
        """Layer after layer in float64."""
        kernels, biases = weights[::2], weights[1::2]
        values = x
        for layer, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
            values = np.maximum(values, 0.0) if layer else values
            values = values @ kernel.astype(np.float64) + bias
        return values
