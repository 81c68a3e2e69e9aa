"""Items as the training loop takes them: drawn block by block, a window of them at a time.

n items of N events with F features. Only the events of the pools stay in memory, and a window of
items: a thread draws the next while one is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.models.contract import Arrangement, ItemExamples, columns
from rayscan.models.event_blocks import ahead, cut
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.item_network import Seen
from rayscan.models.networks.sources import Labelled, Source

WINDOW = 2**24
"""Numbers of a window, 64 MB."""

Pool = Literal["train", "validation"]


def window(items: int, values: int, batch: int) -> int:
    """Items of a window, of so many numbers each: whole batches, in windows of nearly equal sizes.

    >>> window(2000, 12_000, 64)
    1024
    """
    batch = min(batch, items)
    most = max(1, WINDOW // (values * batch))
    windows = -(-items // (most * batch))
    return min(items, batch * -(-items // (windows * batch)))


class ItemSource(Source):
    """Items of events that are standardised, or put between 0 and 1, by those of the training pool.

    Args:
        examples: The items.
        arrangement: How they are put together.
        scaling: ``standard`` or ``minmax``.
        frozen: Whether those of all epochs are the same.
    """

    n_classes = 2
    streams = True

    def __init__(
        self, examples: ItemExamples, arrangement: Arrangement, *, scaling: str, frozen: bool
    ) -> None:
        super().__init__()
        self.frozen = frozen
        self.shape = (examples.events, len(examples.features))
        self._examples, self._arrangement = examples, arrangement
        rows = self._rows("train")
        self.features = seen_as(rows[~np.isinf(rows).any(axis=1)], scaling)
        size = examples.events * len(examples.features)
        self.seen = Input("standard", np.zeros(size), np.ones(size))
        self._events = {
            "train": self.features.apply(rows).astype(np.float32),
            "validation": self.features.apply(self._rows("validation")).astype(np.float32),
        }
        self._labels: dict[Pool, npt.NDArray[np.int32]] = {
            "train": examples.labels("train").astype(np.int32),
            "validation": examples.labels("validation").astype(np.int32),
        }
        self.size = len(self._labels["train"])

    @property
    def finite(self) -> bool:
        """Whether all training events are."""
        return bool(np.isfinite(self._events["train"]).all())

    def null(self, events: int) -> npt.NDArray[np.float32]:
        """So many events of class 0 as a network takes them, shape (events, F)."""
        places = next(self._examples.items("train", 0, self._arrangement))
        return self._events["train"][np.resize(places[::2], events)]

    @property
    def validation_labels(self) -> npt.NDArray[np.int32]:
        """Labels of the items for stopping; nothing is drawn for them."""
        return self._labels["validation"]

    def span(self, batch: int) -> int:
        """Items of each window but the last."""
        return window(self.size, len(self.seen.mean), batch)

    def windows(self, epoch: int, batch: int) -> Iterator[Labelled]:
        """Items and labels of an epoch."""
        return ahead(self._windows(0 if self.frozen else epoch, self.span(batch)))

    def validation_blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Items for stopping, in their order."""
        return ahead(self._items("validation", 0))

    def draw(self, epoch: int | None) -> Labelled:
        """All items (n, N F) and labels (n,) at once."""
        pool: Pool = "validation" if epoch is None else "train"
        return np.concatenate(list(self._items(pool, epoch or 0))), self._labels[pool]

    def _windows(self, epoch: int, span: int) -> Iterator[Labelled]:
        labels = self._labels["train"]
        for k, rows in enumerate(cut(self._items("train", epoch), self.size, span)):
            yield rows, labels[k * span : (k + 1) * span]

    def _items(self, pool: Pool, epoch: int) -> Iterator[npt.NDArray[np.float32]]:
        events = self._events[pool]
        for places in self._examples.items(pool, epoch, self._arrangement):
            yield events[places].reshape(len(places), -1)

    def _rows(self, pool: Pool) -> npt.NDArray[np.number]:
        found = self._examples.pool(pool, self._arrangement)
        return columns(found, self.shape[1], what="events of items", unit="features")


def seen_as(rows: npt.NDArray[np.number], scaling: str) -> Seen:
    """How features are seen, by events (E, F) that are not infinite."""
    known = np.ma.masked_invalid(np.asarray(rows, np.float64))
    mean = known.mean(axis=0).filled(0.0)
    if scaling == "standard":
        return Seen(mean, Input.standard(mean, known.var(axis=0).filled(0.0)))
    low, high = known.min(axis=0).filled(0.0), known.max(axis=0).filled(0.0)
    wide = np.divide(1.0, high - low, out=np.zeros_like(low), where=high > low)
    return Seen(mean, Input("standard", low, wide))


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """Principal components of rows (n, p): their mean (p,) and directions (p, k)."""

    mean: Floats
    directions: npt.NDArray[np.float32]

    @classmethod
    def of(cls, x: npt.NDArray[np.float32], share: float) -> Principal:
        """The fewest that keep more than a share of the variance, from the smaller square matrix.

        Rows that are not finite are left out.
        """
        whole = np.isfinite(x).all(axis=1)
        if not whole.any():  # what is made of them is not finite either, and no network trains
            return cls(np.zeros(x.shape[1]), np.zeros((x.shape[1], 1), np.float32))
        mean = x[whole].mean(axis=0, dtype=np.float64)
        x = x[whole] - mean.astype(np.float32)
        wide = x.shape[1] > len(x)
        values, vectors = np.linalg.eigh((x @ x.T if wide else x.T @ x).astype(np.float64))
        values, vectors = np.clip(values[::-1], 0.0, None), vectors[:, ::-1]
        there = max(1, int((values > 1e-6 * values[0]).sum()))  # less is rounding of float32
        kept = min(
            there, int(np.searchsorted(np.cumsum(values), share * values.sum(), "right")) + 1
        )
        chosen = vectors[:, :kept].astype(np.float32)
        if wide:
            chosen = x.T @ (chosen / np.sqrt(np.maximum(values[:kept], 1e-30))).astype(np.float32)
        return cls(mean, chosen)

    def apply(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Components (n, k); of what is not finite they are not either."""
        with np.errstate(invalid="ignore"):
            return np.asarray((x - self.mean.astype(np.float32)) @ self.directions)


class PrincipalSource(Source):
    """Principal components of a frozen set of items, fitted on its training items alone."""

    n_classes = 2
    frozen = True

    def __init__(self, items: ItemSource, share: float) -> None:
        super().__init__()
        self.items = items
        rows, labels = items.draw(0)
        self.principal = Principal.of(rows, share)
        found = self.principal.apply(rows)
        self._rows: dict[bool, Labelled] = {False: (found, labels)}
        held, own = items.draw(None)
        self._rows[True] = self.principal.apply(held), own
        self.shape = (found.shape[1],)
        self.seen = Input("standard", np.zeros(self.shape[0]), np.ones(self.shape[0]))

    def draw(self, epoch: int | None) -> Labelled:
        """Components (n, k) and labels (n,)."""
        return self._rows[epoch is None]
