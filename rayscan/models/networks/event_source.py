"""Single events as the training loop takes them: all at once, or in windows that stream.

An epoch of many events comes in windows, each of which has its share of every block of every
process: events sorted by what they are, as in slices of a transverse momentum, are mixed as well as
any. They are dealt to windows once, and then stay in memory where they fit, or in a file of this
machine which a thread reads while the window before is trained on: the weights are the same, bit by
bit. The order is a function of the epoch and the blocks alone: windows are shuffled, and the rows
of each (pack.py).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.cores import allowed_cores, memory_here
from rayscan.models.contract import EventExamples, columns
from rayscan.models.event_blocks import EventBlocks, ahead, cut, labels_of, together
from rayscan.models.losses.base import balance
from rayscan.models.networks.inputs import Input, Squash
from rayscan.models.networks.shelf import Shelf
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
    """Whether so many numbers of events stay in the memory of a worker between epochs."""
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
        kept: Whether prepared events stay in memory between epochs; None: where they fit.

    Raises:
        StorageError: There is no room for the file of events that do not fit in memory.
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
        values = (self.size + _size(self._stopping)) * (self._features + 1)
        self._kept = stays_in_memory(values) if kept is None else kept
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
        total = _size(self._stopping)
        pieces = range(0, total, self._window)
        return ahead(self._in_order.get(k, min(self._window, total - k)) for k in pieces)

    def balanced(self, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """Weights by the numbers of events of the whole epoch."""
        of_all = np.bincount(
            [process.label for process in self._training],
            weights=[process.size for process in self._training],
            minlength=self.n_classes,
        )
        return balance(labels, self.n_classes, of_all.astype(np.int64))

    def _mixed(self, epoch: int, span: int) -> Iterator[Labelled]:
        """The windows of an epoch, shuffled, with ends moved so that batches are full."""
        starts = self._starts()
        # As the order in a window (pack.py) one for all packs.
        rng = stream(0, "order", epoch, "windows")
        order = rng.permutation(len(starts) - 1).tolist()
        sizes = np.diff(starts).tolist()
        dealt = (self._dealt.get(starts[k], sizes[k])[rng.permutation(sizes[k])] for k in order)
        for rows in cut(dealt, self.size, span):
            yield np.ascontiguousarray(rows[:, :-1]), rows[:, -1].astype(np.int32)

    def _starts(self) -> list[int]:
        """First row of each window, and the number of all."""
        windows = math.ceil(self.size / self._window)
        sizes = (len(range(k, self.size, windows)) for k in range(windows))
        return list(itertools.accumulate(sizes, initial=0))

    @cached_property
    def _dealt(self) -> Shelf:
        """Training events and labels: those of each block are shuffled and dealt to all windows."""
        shelf = Shelf(self.size, self._features + 1, kept=self._kept)
        starts, first = self._starts()[:-1], 0
        for number, process in enumerate(self._training):
            for k, size in enumerate(process.sizes):
                order = stream(0, "order", "process", number, k).permutation(size)
                rows = np.full((size, self._features + 1), process.label, np.float32)
                rows[:, :-1] = self._prepared(process.read(k))[order]
                for begin in range(min(size, len(starts))):
                    window, place = (first + begin) % len(starts), (first + begin) // len(starts)
                    shelf.put(starts[window] + place, rows[begin :: len(starts)])
                first += size
        return shelf

    @cached_property
    def _in_order(self) -> Shelf:
        """Events for stopping."""
        shelf, first = Shelf(_size(self._stopping), self._features, kept=self._kept), 0
        for process in self._stopping:
            for k, size in enumerate(process.sizes):
                shelf.put(first, self._prepared(process.read(k)))
                first += size
        return shelf

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
