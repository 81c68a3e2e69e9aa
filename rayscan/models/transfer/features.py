"""Features of histograms, made in batches and remembered by what the histograms hold."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
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
    """Features by what they were made of, those used longest ago forgotten first.

    Args:
        limit: Bytes of features, at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, npt.NDArray[Any]] = OrderedDict()

    def rows(self, seer: Seer, x: npt.NDArray[np.number]) -> npt.NDArray[Any]:
        """Features (N, columns) of counts (N, bins), made once for the same counts in their order.

        Background alone is the same at every strength, and one set serves a search.
        """
        if not seer.costly:
            return seer.rows(x)
        counts = np.ascontiguousarray(x, np.int64 if x.dtype.kind in "iu" else np.float64)
        held = hashlib.blake2b(counts.tobytes(), digest_size=16).hexdigest()
        key = digest(seer.identity, counts.shape, counts.dtype.kind, held)
        if key not in self._kept:
            self._kept[key] = seer.rows(x)
        self._kept.move_to_end(key)
        found = self._kept[key]
        while sum(each.nbytes for each in self._kept.values()) > self._limit:
            self._kept.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


MEMORY = Memory(REMEMBERED)
"""That of this process."""


def in_turn(seer: Seer, x: npt.NDArray[np.number]) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """Features of a few hundred rows at a time, and which rows they are of."""
    for at in range(0, len(x), _AT_ONCE):
        part = slice(at, min(at + _AT_ONCE, len(x)))
        yield part, MEMORY.rows(seer, x[part])
