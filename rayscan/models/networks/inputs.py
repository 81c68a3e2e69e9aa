"""What a classifier sees of raw counts or features: standardised, or over the largest bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.models.transfer.pictures import LEVELS

How: TypeAlias = Literal["standard", "maximum", "levels"]


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """The first step of every classifier.

    Attributes:
        how: ``standard``: (n - mean) * scale; ``maximum``: n over the largest bin of its histogram
            (arXiv:2105.12018, section 3.2), an empty histogram stays empty; ``levels``: n * scale,
            at most the brightest level of a picture.
        mean: Shape (bins,).
        scale: 1/sigma, shape (bins,); 0 for what never varies, which is thus left out.
    """

    how: How
    mean: Floats
    scale: Floats

    @classmethod
    def standard(cls, mean: Floats, variance: Floats, *, least: float = 0.0) -> Input:
        """By the exact moments of the null, no variance below ``least``."""
        return cls("standard", *_moments(mean, np.maximum(variance, least)))

    @classmethod
    def maximum(cls, bins: int) -> Input:
        """Over the largest bin."""
        return cls("maximum", np.zeros(bins), np.ones(bins))

    @classmethod
    def levels(cls, bins: int, each: float) -> Input:
        """Levels of pictures, so many for each event."""
        return cls("levels", np.zeros(bins), np.full(bins, each))

    def apply(self, x: npt.NDArray[np.number]) -> Floats:
        """The input of a network, shape (N, bins)."""
        if self.how == "levels":
            return np.asarray(np.minimum(x * self.scale, LEVELS - 1), dtype=np.float64)
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


@dataclass(frozen=True, slots=True, eq=False)
class Squash:
    """arsinh((x - centre) / width) of every feature: linear in its bulk, logarithmic in its tails.

    Attributes:
        centre: Median, shape (F,).
        width: Half the distance of the quartiles, shape (F,); the standard deviation of what has
            equal quartiles, 1 for what never varies.
    """

    centre: Floats
    width: Floats

    @classmethod
    def of(cls, rows: Floats) -> Squash:
        """By the values (E, F) that are there (not NaN), each feature by itself."""
        centre, width = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
        for place, column in enumerate(rows.T):
            known = column[np.isfinite(column)]
            if len(known):
                low, centre[place], high = np.quantile(known, (0.25, 0.5, 0.75))
                width[place] = (high - low) / 2 or known.std() or 1.0
        return cls(centre, width)

    def apply(self, x: npt.NDArray[np.number]) -> Floats:
        """Shape (E, F); what is absent (NaN) or infinite stays so."""
        return np.asarray(np.arcsinh((np.asarray(x, np.float64) - self.centre) / self.width))


def _moments(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    mean = np.asarray(mean, dtype=np.float64)
    variance = np.asarray(variance, dtype=np.float64)
    scale = np.zeros_like(variance)
    np.divide(1.0, np.sqrt(variance), out=scale, where=variance > 0)
    return mean, scale


def network_input(x: Any, how: How, mean: Any, scale: Any) -> Any:
    """The same in a Keras graph; x (C, batch, bins), mean and scale (C, bins)."""
    from keras import ops

    x = ops.cast(x, "float32")
    if how == "maximum":
        largest = ops.max(x, axis=-1, keepdims=True)
        return x / ops.where(largest > 0, largest, ops.ones_like(largest))
    if how == "levels":
        return ops.minimum(x * scale[:, None, :], float(LEVELS - 1))
    return (x - mean[:, None, :]) * scale[:, None, :]
