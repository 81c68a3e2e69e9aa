"""Features of histograms, made in batches and remembered by what the histograms hold."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.keys import digest
from rayscan.models.networks.inputs import Input
from rayscan.models.transfer.backbones import Backbone
from rayscan.models.transfer.pictures import Picture

REMEMBERED = 2 * 1024**3
"""Features that a process keeps, at most [bytes]; those used longest ago go first."""
_AT_ONCE = 256


class Seer(ABC):
    """What makes features of counts."""

    identity: str
    """Equal for those that make the same features of the same counts."""
    costly: ClassVar[bool] = True
    """Whether its features are worth remembering."""

    @property
    @abstractmethod
    def columns(self) -> int:
        """Features of a histogram."""

    @abstractmethod
    def rows(self, x: npt.NDArray[np.number]) -> npt.NDArray[Any]:
        """Features (N, columns) of counts (N, bins), each row whatever the others are."""

    @abstractmethod
    def pulled_back(self, x: Floats, weight: Floats) -> Floats:
        """Change of ``rows(x) @ weight`` with the events of each bin, at one histogram (bins,)."""

    @abstractmethod
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What classifiers store of it beside their knobs."""


@dataclass(frozen=True, eq=False)
class OfPixels(Seer):
    """The counts themselves, standardised."""

    seen: Input
    costly = False

    def __post_init__(self) -> None:
        moments = [each.tolist() for each in self.arrays().values()]
        object.__setattr__(self, "identity", digest("pixels", *moments))

    @property
    def columns(self) -> int:
        """One for each bin."""
        return len(self.seen.mean)

    def rows(self, x: npt.NDArray[np.number]) -> npt.NDArray[Any]:
        """(n - mean) / sigma of each bin."""
        return self.seen.apply(x)

    def pulled_back(self, x: Floats, weight: Floats) -> Floats:  # noqa: ARG002
        """The weight itself."""
        return weight * self.seen.scale

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Moments of the null, shapes (bins,)."""
        return {"mean": self.seen.mean, "scale": self.seen.scale}


@dataclass(frozen=True, eq=False)
class OfPictures(Seer):
    """What a backbone makes of their pictures."""

    picture: Picture
    backbone: Backbone

    def __post_init__(self) -> None:
        shown = [getattr(self.picture, each).tolist() for each in ("offset", "gain")]
        identity = digest(self.backbone, self.picture.shape, self.picture.look, *shown)
        object.__setattr__(self, "identity", identity)

    @property
    def columns(self) -> int:
        """Those of the backbone."""
        return self.backbone.columns

    def rows(self, x: npt.NDArray[np.number]) -> npt.NDArray[Any]:
        """A few hundred pictures at a time."""
        starts = range(0, len(x), _AT_ONCE)
        parts = [self.backbone.features(self.picture.of(x[at : at + _AT_ONCE])) for at in starts]
        return np.concatenate(parts)

    def pulled_back(self, x: Floats, weight: Floats) -> Floats:
        """Through the backbone and the picture."""
        gradient = self.backbone.gradient(self.picture.of(x[None])[0], weight)
        return self.picture.pulled_back(x, gradient)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Levels of the picture, shapes (bins,)."""
        return {"offset": self.picture.offset, "gain": self.picture.gain}


class Memory:
    """Features of histograms by what these hold, those used longest ago forgotten first.

    Args:
        limit: Bytes of features, at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._bytes = limit, 0
        self._kept: OrderedDict[bytes, npt.NDArray[Any]] = OrderedDict()

    def rows(self, seer: Seer, x: npt.NDArray[np.number]) -> npt.NDArray[Any]:
        """Features (N, columns) of counts (N, bins), made once for each histogram.

        Background alone is the same at every strength, and one set serves a search.
        """
        if not seer.costly:
            return seer.rows(x)
        parts = (self._part(seer, x[at : at + _AT_ONCE]) for at in range(0, len(x), _AT_ONCE))
        first = next(parts)
        found = np.empty((len(x), first.shape[1]), first.dtype)
        for at, part in zip(range(0, len(x), _AT_ONCE), chain([first], parts), strict=True):
            found[at : at + len(part)] = part
        return found

    def _part(self, seer: Seer, x: npt.NDArray[np.number]) -> npt.NDArray[Any]:
        counts = np.ascontiguousarray(x, np.int64 if x.dtype.kind in "iu" else np.float64)
        head = f"{seer.identity} {counts.dtype.kind}".encode()
        keys = [hashlib.blake2b(head + row.tobytes(), digest_size=16).digest() for row in counts]
        new = [i for i, key in enumerate(keys) if key not in self._kept]
        made = dict(zip(new, seer.rows(x[new]), strict=True)) if new else {}
        found = np.stack([made[i] if i in made else self._kept[k] for i, k in enumerate(keys)])
        for i, key in enumerate(keys):
            self._keep(key, made.get(i))
        return found

    def _keep(self, key: bytes, row: npt.NDArray[Any] | None) -> None:
        """Remember a row, or that one was used, and forget what there is no more room for."""
        if row is not None and key not in self._kept:
            self._kept[key] = row.copy()
            self._bytes += row.nbytes
        if key in self._kept:
            self._kept.move_to_end(key)
        while self._bytes > self._limit:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0


MEMORY = Memory(REMEMBERED)
"""That of this process."""


def in_turn(seer: Seer, x: npt.NDArray[np.number]) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """Features of a few hundred rows at a time, and which rows they are of."""
    for at in range(0, len(x), _AT_ONCE):
        part = slice(at, min(at + _AT_ONCE, len(x)))
        yield part, MEMORY.rows(seer, x[part])
