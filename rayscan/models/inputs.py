"""What a classifier sees of raw counts or features: standardised, or over the largest bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
How: TypeAlias = Literal["standard", "maximum"]


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """The first step of every classifier.

    Attributes:
        how: ``standard``: (n - mean) * scale; ``maximum``: n over the largest bin of its histogram
            (arXiv:2105.12018, section 3.2), an empty histogram stays empty.
        mean: Shape (bins,).
        scale: 1/sigma, shape (bins,); 1 for what does not vary in the null.
    """

    how: How
    mean: Floats
    scale: Floats

    @classmethod
    def standard(cls, mean: Floats, variance: Floats, *, least: float = 0.0) -> Input:
        """By the exact moments of the null.

        Args:
            mean: Shape (bins,).
            variance: Shape (bins,).
            least: Variance below which a bin is not blown up any further.
        """
        return cls("standard", *_moments(mean, variance, least))

    @classmethod
    def maximum(cls, bins: int) -> Input:
        """Over the largest bin."""
        return cls("maximum", np.zeros(bins), np.ones(bins))

    def apply(self, x: npt.NDArray[np.number]) -> Floats:
        """The input of a network, shape (N, bins)."""
        if self.how == "maximum":
            return self.reduced(x)
        return np.asarray((x - self.mean) * self.scale, dtype=np.float64)

    def reduced(self, x: npt.NDArray[np.number]) -> Floats:
        """What is left to do before ``folded`` kernels: nothing, or the division."""
        values = np.asarray(x, dtype=np.float64)
        if self.how == "standard":
            return values
        largest = values.max(axis=1, keepdims=True)
        return values / np.where(largest > 0, largest, 1.0)

    def folded(self, kernel: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Kernel (bins, H) and bias (H,) that do the standardisation themselves.

        ``apply(x) @ kernel + bias == reduced(x) @ folded_kernel + folded_bias``.
        """
        if self.how == "maximum":
            return kernel, bias
        weights = kernel * self.scale[:, None]
        return weights, bias - self.mean @ weights

    def in_graph(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Mean and scale as the training graph takes them."""
        return self.mean.astype(np.float32), self.scale.astype(np.float32)


def _moments(mean: Floats, variance: Floats, least: float) -> tuple[Floats, Floats]:
    mean = np.asarray(mean, dtype=np.float64)
    # What the null never fills is seen in events: one of a signal's is all the more telling there.
    variance = np.where(np.asarray(variance) > 0, np.maximum(variance, least), 1.0)
    return mean, 1.0 / np.sqrt(variance)


def network_input(x: Any, how: How, mean: Any, scale: Any) -> Any:
    """The same in a Keras graph; x (C, batch, bins), mean and scale (C, bins)."""
    from keras import ops

    x = ops.cast(x, "float32")
    if how == "maximum":
        largest = ops.max(x, axis=-1, keepdims=True)
        return x / ops.where(largest > 0, largest, ops.ones_like(largest))
    return (x - mean[:, None, :]) * scale[:, None, :]
