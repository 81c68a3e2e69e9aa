"""Where the training loop takes its examples from, and draws of histograms as such a source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from rayscan.errors import ShapeMismatchError
from rayscan.models.contract import Examples, columns
from rayscan.models.losses.base import balance
from rayscan.models.networks.inputs import Input
from rayscan.models.transfer.pictures import Look, Moments, levels_each

Labelled: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[np.int32]]


class Source(ABC):
    """Labelled rows for one epoch after the other; what was drawn last is remembered.

    Its ``numbers`` are those that a loss may need (`Loss.needs`). One that ``streams`` gives an
    epoch, or its validation set, in pieces of which only few are in memory.
    """

    seen: Input
    shape: tuple[int, ...]
    n_classes: int
    frozen: bool
    numbers: Mapping[str, float] = MappingProxyType({})
    streams: bool = False

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

    @cached_property
    def size(self) -> int:
        """Training rows of an epoch."""
        return len(self.training(0)[1])

    @property
    def validation_labels(self) -> npt.NDArray[np.int32]:
        """Labels of the rows for stopping."""
        return self.validation()[1]

    def span(self, batch: int) -> int:  # noqa: ARG002
        """Training rows of each window but the last; in every window batches are filled anew."""
        return self.size

    def windows(self, epoch: int, batch: int) -> Iterator[Labelled]:  # noqa: ARG002
        """Rows and labels of an epoch, in windows whose rows are to be shuffled."""
        yield self.training(epoch)

    def validation_blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Rows for stopping, in their order."""
        yield self.validation()[0]

    def balanced(self, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Weights of rows of an epoch, in which all classes have the same total."""
        return balance(labels, self.n_classes)

    @abstractmethod
    def draw(self, epoch: int | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Rows and labels of an epoch, or of the validation set if None."""


def _compact(x: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Labelled:
    """Small counts stay small, everything else becomes float32."""
    if len(labels) != len(x):
        raise ShapeMismatchError(what="labels", expected=(len(x),), found=np.shape(labels))
    small = x.dtype in (np.uint8, np.uint16)
    rows = np.ascontiguousarray(x if small else x.astype(np.float32, copy=False))
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


AN_EVENT = 1.0
"""Least variance of a bin for smooth kernels: sparse bins enter as they are, so that one event in
a bin that is nearly always empty is no more than one event."""


def histogram_input(examples: Examples, how: str) -> Input:
    """The input of a classifier of histograms, by the name of the knob ``input``."""
    bins = int(np.prod(examples.shape))
    if how == "maximum":
        return Input.maximum(bins)
    if how in get_args(Look):
        null = Moments(examples.null_mean, examples.null_variance)
        return Input.levels(bins, levels_each(null))
    least = AN_EVENT if how == "smooth" else 0.0
    return Input.standard(examples.null_mean, examples.null_variance, least=least)
