"""Single events of one process in one pool, as Parquet parts in the cache.

E events, F features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayscan.errors import StorageError
from rayscan.results import seal
from rayscan.results.storage import Storage

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EventPool:
    """Single events of one process in one pool: where they are, in an order of their own.

    It holds no event, so that it can be sent to every worker.

    Attributes:
        cache: Where the parts are.
        parts: Names of the parts there, in the order of their events.
        sizes: Events of each part.
    """

    cache: Storage
    parts: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()

    @classmethod
    def stored(cls, cache: Storage, part: str, columns: Mapping[str, Features]) -> EventPool:
        """Features of events, (E,) each, put into the cache as one part; without events as none."""
        table = pa.table(dict(columns))
        if not table.num_rows:
            return cls(cache)
        # Read at every epoch, and its checksum knows what was lost.
        cache.write(part, seal.encode(table, compression="lz4"), lasting=False)
        return cls(cache, (part,), (table.num_rows,))

    def __len__(self) -> int:
        """Number of events E."""
        return sum(self.sizes)

    def __add__(self, other: EventPool) -> EventPool:
        """The events of both, those of the other last."""
        return EventPool(self.cache, self.parts + other.parts, self.sizes + other.sizes)

    def block(self, number: int, features: Sequence[str]) -> Features:
        """Features of the events of one part, shape (events of the part, F).

        Raises:
            StorageError: it is gone or damaged; the next run makes it anew.
        """
        table = sound(self.cache, self.parts[number], features)
        return np.stack([table.column(name).to_numpy() for name in features], axis=1)

    def blocks(self, features: Sequence[str]) -> Iterator[Features]:
        """Features of the events of each part in turn."""
        return (self.block(number, features) for number in range(len(self.parts)))

    def matrix(self, features: Sequence[str]) -> Features:
        """Features of all events, shape (E, F).

        Raises:
            StorageError: a part is gone or damaged; the next run makes it anew.
        """
        found = np.empty((len(self), len(features)), dtype=np.float32)
        first = 0
        for block in self.blocks(features):
            found[first : first + len(block)] = block
            first += len(block)
        return found


def sound(cache: Storage, name: str, columns: Sequence[str], *, mark: str = "") -> pa.Table:
    """Columns of a table of events in the cache.

    Args:
        cache: Where it is.
        name: What it is called there.
        columns: Which of its columns.
        mark: What says that it is whole, where that is not the table itself.

    Raises:
        StorageError: it is gone or damaged; the next run makes it anew.
    """
    content = cache.whole(name)
    if why := seal.damage(content):
        raise damaged(cache, name, why, mark=mark)
    return seal.decode(content, columns)


def damaged(cache: Storage, name: str, why: str, *, mark: str = "") -> StorageError:
    """That a table of events is damaged; from now on it counts as not there."""
    cache.remove(mark or name)
    return StorageError(
        path=cache.path(name),
        why=f"an event table of the cache is damaged ({why})",
        fix="run the same command again, which reads these events anew",
    )
