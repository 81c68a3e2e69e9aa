"""What a loss is: a sum over a batch on the engine, its numpy twin, and what both need to know.

K members of a pack, N rows of a batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats


class Batch(NamedTuple):
    """Rows of one step, as tensors of the engine."""

    logits: Any  # (K, N, outputs) float32, one output for two classes
    labels: Any  # (K, N) int32
    weights: Any  # (K, N) float32, those of `balance`; 0 for rows that only fill the batch
    rows: Any  # float32 scalar, rows that count
    numbers: Mapping[str, Any]  # each (K,) float32: what the loss `needs`


class Loss(ABC):
    """What networks make small."""

    @property
    @abstractmethod
    def needs(self) -> frozenset[str]:
        """What it must know besides labels: of ``S`` and ``B``, events of a class-1 ensemble."""

    @property
    @abstractmethod
    def several(self) -> bool:
        """Whether it is defined for more than two classes, a logit each."""

    @abstractmethod
    def summed(self, batch: Batch) -> Any:
        """The loss of each member times the rows that count, shape (K,), in Keras operations.

        The engine takes its gradient with respect to the logits.
        """

    @abstractmethod
    def twin(
        self, logits: Floats, labels: AnyIntegers, weights: Floats, numbers: Mapping[str, float]
    ) -> tuple[float, Floats]:
        """The loss of all rows of one member, and its gradient, in numpy.

        Args:
            logits: Shape (N, outputs).
            labels: Shape (N,).
            weights: Those of `balance`, shape (N,).
            numbers: What the loss `needs`.

        Returns:
            The loss, and its gradient with respect to the logits, shape (N, outputs).
        """

    def of(
        self, labels: AnyIntegers, *, outputs: int, numbers: Mapping[str, float]
    ) -> Callable[[Floats], tuple[float, Floats]]:
        """The `twin` as a function of the logits alone."""
        weights = balance(labels, max(2, outputs)).astype(np.float64)
        return partial(self.twin, labels=labels, weights=weights, numbers=numbers)


def balance(
    labels: AnyIntegers, n_classes: int, counts: AnyIntegers | None = None
) -> npt.NDArray[np.float32]:
    """Weights that give every class the same total, 1 for equal numbers; shape (N,).

    Args:
        labels: Classes of the rows, shape (N,).
        n_classes: How many there are.
        counts: Rows of each class, where these rows are not all of them.
    """
    if counts is None:
        counts = np.bincount(labels, minlength=n_classes)
    share = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.asarray(share[labels], dtype=np.float32)
