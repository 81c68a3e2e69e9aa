"""Where the training loop takes its examples from: draws of histograms, or one set of events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.errors import ShapeMismatchError
from rayscan.models.contract import EventExamples, Examples, columns
from rayscan.models.networks.inputs import Input, Squash

Labelled: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[np.int32]]


class Source(ABC):
    """Labelled rows for one epoch after the other; what was drawn last is remembered.

    Its ``numbers`` are those that a loss may need (`Loss.needs`).
    """

    seen: Input
    shape: tuple[int, ...]
    n_classes: int
    frozen: bool
    numbers: Mapping[str, float] = MappingProxyType({})

    def __init__(self) -> None:
        self._last: tuple[int, Labelled] | None = None
        self._validation: Labelled | None = None

    def training(self, epoch: int) -> Labelled:
        """Rows and labels of an epoch; the very same arrays at every epoch if frozen."""
        wanted = 0 if self.frozen else epoch
        if self._last is None or self._last[0] != wanted:
            self._last = wanted, _compact(*self.draw(wanted))
        return self._last[1]

    def validation(self) -> Labelled:
        """Rows and labels for stopping."""
        if self._validation is None:
            self._validation = _compact(*self.draw(None))
        return self._validation

    @abstractmethod
    def draw(self, epoch: int | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Rows and labels of an epoch, or of the validation set if None."""


def _compact(x: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Labelled:
    """Small counts stay small, everything else becomes float32."""
    if len(labels) != len(x):
        raise ShapeMismatchError(what="labels", expected=(len(x),), found=np.shape(labels))
    small = x.dtype in (np.uint8, np.uint16)
    rows = np.ascontiguousarray(x if small else x.astype(np.float32))
    return rows, np.asarray(labels, dtype=np.int32)


class HistogramSource(Source):
    """Draws of histograms as one input."""

    def __init__(self, examples: Examples, *, how: str, frozen: bool) -> None:
        super().__init__()
        self.frozen = frozen
        self.n_classes = examples.n_classes
        self.shape = tuple(examples.shape)
        self.bins = int(np.prod(examples.shape))
        self.seen = histogram_input(examples, how)
        self._examples = examples

    def draw(self, epoch: int | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Counts (N, bins) and labels (N,)."""
        drawn = self._examples.validation() if epoch is None else self._examples.training(epoch)
        return columns(drawn[0], self.bins, what="training histograms"), drawn[1]


class EventSource(Source):
    """One set of single events, standardised by the moments of its training rows."""

    frozen = True
    n_classes = 2

    def __init__(self, examples: EventExamples, *, squashed: bool = False) -> None:
        super().__init__()
        self._examples = examples
        self._features = len(examples.features)
        self.numbers = {"S": examples.S, "B": examples.B}
        self.shape = (self._features,)
        rows = self._columns(examples.training()[0])
        known = rows[~np.isinf(rows).any(axis=1)].astype(np.float64)
        self.squash = Squash.of(known) if squashed else None
        self.seen = Input.standard(*_known_moments(self._squashed(known)))

    def draw(self, epoch: int | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Features (E, F), absent ones at their mean, and labels (E,)."""
        drawn = self._examples.validation() if epoch is None else self._examples.training()
        return present(self._squashed(self._columns(drawn[0])), self.seen.mean), drawn[1]

    def _columns(self, x: npt.NDArray[np.number]) -> npt.NDArray[np.number]:
        return columns(x, self._features, what="training events", unit="features")

    def _squashed(self, x: npt.NDArray[np.number]) -> Floats:
        return x.astype(np.float64) if self.squash is None else self.squash.apply(x)


def _known_moments(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each column, NaN left out; 0 for a column that is never there."""
    there = ~np.isnan(rows)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, rows, 0.0).sum(axis=0) / count
    return mean, (np.where(there, rows - mean, 0.0) ** 2).sum(axis=0) / count


def present(x: npt.NDArray[np.number], mean: Floats) -> Floats:
    """Features with absent objects (NaN) at the training mean, which the network sees as 0."""
    values = np.asarray(x, dtype=np.float64)
    return np.where(np.isnan(values), mean, values)


AN_EVENT = 1.0
"""Least variance of a bin for smooth kernels: sparse bins enter as they are, so that one event in
a bin that is nearly always empty is no more than one event."""


def histogram_input(examples: Examples, how: str) -> Input:
    """The input of a classifier of histograms, by the name of the knob ``input``."""
    if how == "maximum":
        return Input.maximum(int(np.prod(examples.shape)))
    least = AN_EVENT if how == "smooth" else 0.0
    return Input.standard(examples.null_mean, examples.null_variance, least=least)
