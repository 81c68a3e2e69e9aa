"""Single events as the training loop takes them: all at once, or in windows that stream.

An epoch of many events comes in windows, each with events of every process in proportion. The order
is a function of the epoch and the blocks alone: blocks of a process are shuffled, rows in a block,
and rows in a window (pack.py). Blocks stay in memory where they fit, or are read anew at every
epoch, by a thread while the window before is trained on; the weights are the same, bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.cores import allowed_cores, memory_here
from rayscan.models.contract import EventExamples, columns
from rayscan.models.event_blocks import (
    Cutter,
    EventBlocks,
    ahead,
    apportioned,
    labels_of,
    together,
)
from rayscan.models.losses.base import balance
from rayscan.models.networks.inputs import Input, Squash
from rayscan.models.networks.sources import Labelled, Source
from rayscan.seeds import stream

Features = npt.NDArray[np.float32]

WINDOW = 2**20
"""Most events of a window; so many at most are one window, which always stays in memory."""
_SHARE = 0.25
"""Of the memory of a core, what events may take that stay in memory between epochs."""
_AT_ONCE = 2**12
"""Events whose features are prepared at a time: they fit the cache of a core."""


def stays_in_memory(values: int) -> bool:
    """Whether so many features of events stay in the memory of a worker between epochs."""
    return 4 * values <= _SHARE * memory_here() / allowed_cores()


class EventSource(Source):
    """Single events of pools, standardised by the moments of its training rows.

    Moments, and the quartiles of squashed features, are those of all events of one window, and of
    every k-th of more, a quarter of a window: means are then known to .002 standard deviations. A
    feature that fewer than two of those have is left out, as one that never varies.

    Args:
        examples: The events.
        squashed: Draw in the tails of features.
        window: Most events of a window.
        kept: Whether blocks stay in memory between epochs; None: where they fit.
    """

    frozen = True
    n_classes = 2

    def __init__(
        self,
        examples: EventExamples,
        *,
        squashed: bool = False,
        window: int = WINDOW,
        kept: bool | None = None,
    ) -> None:
        super().__init__()
        self._window = window
        self._training = tuple(examples.blocks("train"))
        self._stopping = tuple(examples.blocks("validation"))
        self.size = _size(self._training)
        self.streams = max(self.size, _size(self._stopping)) > window
        self._features = len(examples.features)
        self.numbers = {"S": examples.S, "B": examples.B}
        self.shape = (self._features,)
        values = (self.size + _size(self._stopping)) * self._features
        self._kept = stays_in_memory(values) if kept is None else kept
        self._blocks: dict[tuple[EventBlocks, int], Features] = {}
        rows = self._sample()
        known = rows[~np.isinf(rows).any(axis=1)].astype(np.float64)
        self.squash = Squash.of(known) if squashed else None
        self.seen = Input.standard(*_known_moments(self._squashed(known)))

    def draw(self, epoch: int | None) -> Labelled:
        """Features (E, F), absent ones at their mean, and labels (E,)."""
        rows, labels = together(self._stopping if epoch is None else self._training)
        return self._prepared(rows), labels

    @property
    def validation_labels(self) -> npt.NDArray[np.int32]:
        """Labels of the rows for stopping; nothing is read for them."""
        return labels_of(self._stopping)

    def span(self, batch: int) -> int:
        """Events of each window but the last: whole batches, in windows of nearly equal sizes."""
        if self.size <= self._window:
            return self.size
        windows, batch = math.ceil(self.size / self._window), min(batch, self.size)
        return batch * math.ceil(self.size / (windows * batch))

    def windows(self, epoch: int, batch: int) -> Iterator[Labelled]:
        """Features and labels of an epoch; the very same arrays each time if it is one window."""
        if self.size <= self._window:
            return super().windows(epoch, batch)
        return ahead(self._mixed(epoch, self.span(batch)))

    def validation_blocks(self) -> Iterator[Features]:
        """Features of the events for stopping, in their order."""
        if _size(self._stopping) <= self._window:
            return super().validation_blocks()
        return ahead(self._block(p, k) for p in self._stopping for k in range(len(p.sizes)))

    def balanced(self, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Weights by the numbers of events of the whole epoch."""
        of_all = np.bincount(
            [process.label for process in self._training],
            weights=[process.size for process in self._training],
            minlength=self.n_classes,
        )
        return balance(labels, self.n_classes, of_all.astype(np.int64))

    def _mixed(self, epoch: int, span: int) -> Iterator[Labelled]:
        """Windows with events of each process in proportion to what is left of it."""
        cutters = [Cutter(self._shuffled(epoch, k)) for k in range(len(self._training))]
        left = np.array([process.size for process in self._training])
        labels = np.array([process.label for process in self._training], np.int32)
        while left.any():
            taken = apportioned(left, min(span, int(left.sum())))
            rows = [cutters[k].take(int(taken[k])) for k in np.flatnonzero(taken)]
            yield np.concatenate(rows), np.repeat(labels, taken)
            left -= taken

    def _shuffled(self, epoch: int, number: int) -> Iterator[Features]:
        """Blocks of a process in an order of their own, and the events of each."""
        process = self._training[number]
        # As the order in a window (pack.py) one for all packs.
        rng = stream(0, "order", epoch, "process", number)
        for k in rng.permutation(len(process.sizes)):
            block = self._block(process, int(k))
            yield block[rng.permutation(len(block))]

    def _block(self, process: EventBlocks, number: int) -> Features:
        """A block as the network sees it, from memory if it is kept there."""
        key = process, number
        found = self._blocks.get(key)
        if found is None:
            found = self._prepared(process.read(number))
            if self._kept:
                self._blocks[key] = found
        return found

    def _sample(self) -> npt.NDArray[np.number]:
        """Every training event, or every k-th."""
        step = 1 if self.size <= self._window else math.ceil(4 * self.size / self._window)
        first, found = 0, []
        for process in self._training:
            for k, size in enumerate(process.sizes):
                rows = self._columns(process.read(k))[-first % step :: step]
                found.append(np.ascontiguousarray(rows))  # not a view that keeps its block
                first += size
        return np.concatenate(found)

    def _prepared(self, x: npt.NDArray[np.number]) -> Features:
        found = np.empty(self._columns(x).shape, np.float32)
        for first in range(0, len(x), _AT_ONCE):
            rows = slice(first, first + _AT_ONCE)
            found[rows] = present(self._squashed(x[rows]), self.seen.mean)
        return found

    def _columns(self, x: npt.NDArray[np.number]) -> npt.NDArray[np.number]:
        return columns(x, self._features, what="training events", unit="features")

    def _squashed(self, x: npt.NDArray[np.number]) -> Floats:
        return x.astype(np.float64) if self.squash is None else self.squash.apply(x)


def _size(processes: Sequence[EventBlocks]) -> int:
    return sum(process.size for process in processes)


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
