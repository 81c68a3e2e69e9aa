"""What a network sees of a histogram: counts brought to a common scale, as pictures if asked.

Shape letters: N histograms, Y x X bins.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Normalisation: TypeAlias = Literal["counts", "maximum", "standard"]
Images: TypeAlias = npt.NDArray[np.float32]


def normalise(
    histograms: npt.NDArray[np.number],
    how: Normalisation,
    *,
    mean: npt.NDArray[np.float64] | None = None,
    variance: npt.NDArray[np.float64] | None = None,
) -> Images:
    """Histograms on a common scale.

    Args:
        histograms: Counts, shape (N, bins).
        how: ``counts`` leaves them; ``maximum`` divides each histogram by its own largest bin
            (arXiv:2105.12018 sec. 3.2), an empty one stays zero; ``standard`` gives
            (n - mean) / sqrt(variance), zero in bins without variance.
        mean: Expected counts of a background-only histogram, shape (bins,); for ``standard``.
        variance: Their variance, shape (bins,); for ``standard``.

    Returns:
        float32, shape (N, bins).

    Raises:
        ValueError: Unknown ``how``, or ``standard`` without its moments.

    >>> normalise(np.array([[2, 1], [0, 0]]), "maximum")
    array([[1. , 0.5],
           [0. , 0. ]], dtype=float32)
    """
    counts = np.asarray(histograms, dtype=np.float32)
    if how == "counts":
        return counts
    if how == "maximum":
        largest = counts.max(axis=1, keepdims=True, initial=0)
        return np.divide(counts, np.where(largest > 0, largest, 1), dtype=np.float32)
    if how != "standard":
        raise ValueError(f"how: '{how}', expected counts, maximum or standard")
    if mean is None or variance is None:
        raise ValueError("how: 'standard' needs the mean and the variance of background histograms")
    # In double precision: counts of 10^5 and a deviation of 1 leave float32 too few digits.
    scale = np.where(variance > 0, 1 / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)
    return ((np.asarray(histograms, dtype=np.float64) - mean) * scale).astype(np.float32)


def pictures(values: npt.NDArray[np.number], shape: tuple[int, ...]) -> Images:
    """Flat histograms as one-channel pictures.

    Args:
        values: Shape (N, bins).
        shape: Bins along each axis, (Y, X) or (X,).

    Returns:
        float32, shape (N, Y, X, 1), with Y = 1 if there is one axis.
    """
    rows, columns = shape if len(shape) == 2 else (1, *shape)
    return np.asarray(values, dtype=np.float32).reshape(len(values), rows, columns, 1)
