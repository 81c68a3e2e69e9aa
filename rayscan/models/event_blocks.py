"""Single events in blocks, one process after the other: cut anew, put together, read ahead.

E events, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class EventBlocks:
    """Single events of one process, in the blocks they are kept in.

    Attributes:
        label: Class of them all, 1 = signal.
        sizes: Events of each block.
        read: The features of a block by its number, shape (events, F).
    """

    label: int
    sizes: tuple[int, ...]
    read: Callable[[int], Rows]

    @property
    def size(self) -> int:
        """Events E."""
        return sum(self.sizes)


def labels_of(processes: Sequence[EventBlocks]) -> npt.NDArray[np.int32]:
    """Labels of the events of some processes, one after the other, shape (E,)."""
    sizes = [process.size for process in processes]
    return np.repeat(np.array([process.label for process in processes], np.int32), sizes)


def together(processes: Sequence[EventBlocks]) -> tuple[Rows, npt.NDArray[np.int32]]:
    """All events of some processes at once: features (E, F) and labels (E,)."""
    blocks = [each.read(k) for each in processes for k in range(len(each.sizes))]
    return np.concatenate(blocks), labels_of(processes)


def cut(blocks: Iterable[Rows], total: int, rows: int) -> Iterator[Rows]:
    """All rows of some blocks, so many at a time whatever their blocks; the last may be fewer."""
    coming, rest = iter(blocks), np.empty((0,))
    for first in range(0, total, rows):
        missing, taken = min(rows, total - first), []
        while missing:
            rest = rest if len(rest) else next(coming)
            taken.append(rest[:missing])
            rest = rest[missing:]
            missing -= len(taken[-1])
        yield taken[0] if len(taken) == 1 else np.concatenate(taken)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made by a thread while the one before is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
