"""Event weights: which branch of a file holds them, and whether those of its files agree.

E events.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import awkward as ak
import numpy as np

from rayscan.arrays import Floats, Integers
from rayscan.errors import WeightBranchError
from rayscan.events.flat import leaf, member

WEIGHT = "Event.Weight"
NONE = "none"
"""Asked for as ``weight``: every event counts as 1."""

_ASKED = re.compile(r"(?P<branch>[^\s\[\]]+)(?:\[(?P<index>\d{1,5})\])?")
_LEAF = re.compile(r"(?:gen|mc|event|evt|lhe|total)?_?weights?", re.IGNORECASE)

# Two files of one process may differ by what the cross-section of a run is known to, which a
# generator writes into the weights: a percent or a few, never a quarter.
_FACTOR = 1.25
# Statistical: two samples of one law differ by so many errors once in two million pairs.
_ERRORS = 5.0


def branch_of(asked: str) -> tuple[str, int]:
    """The leaf branch and the place in its list that a ``weight`` names.

    >>> branch_of("Weight.Weight[3]")
    ('Weight.Weight', 3)

    Raises:
        ValueError: It is no name of a branch.
    """
    found = _ASKED.fullmatch(asked)
    if found is None:
        raise ValueError(
            f"weight: '{asked}', expected a branch such as 'Event.Weight' or 'Weight.Weight[0]', "
            "or 'none'"
        )
    return found["branch"], int(found["index"] or 0)


def is_weight(branch: str) -> bool:
    """Whether a branch holds event weights, by its name.

    >>> [is_weight(b) for b in ("Weight.Weight", "genWeight", "Jet.TauWeight", "Weight_size")]
    [True, True, False, False]
    """
    name = branch.rpartition(".")[2]
    if "." in branch:
        return name == "Weight"
    return _LEAF.fullmatch(name.rpartition("_")[2]) is not None


def chosen(path: str, branches: Collection[str], asked: str | None) -> str:
    """What the weights of a file are read from: a branch, or ``none``.

    Args:
        path: The file, for messages.
        branches: What it has.
        asked: What the user wants; None takes ``Event.Weight``, and 1 for every event only where
            the file has no other weights either.

    Raises:
        WeightBranchError: The branch is missing, or which one is meant cannot be known.
    """
    if asked == NONE:
        return NONE
    wanted = WEIGHT if asked is None else asked
    if branch_of(wanted)[0] in branches:
        return wanted
    others = tuple(sorted(filter(is_weight, branches)))
    if asked is None and not others:
        return NONE
    raise WeightBranchError(path=path, branch=branch_of(wanted)[0], others=others)


def values(column: ak.Array, weight: str) -> Floats:
    """Weight of each event, shape (E,); NaN where the file has none for it.

    From what was read of the branch, (E, weights) or (E,), at the place that ``weight`` names.
    """
    read = leaf(column)
    return member(read.counts, read.values, branch_of(weight)[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weights of events of a file or a slice.

    Sums of them, of their sizes and squares, events of negative weight and of one that is no finite
    number, and the largest size with the entry of its event.
    """

    events: int = 0
    total: float = 0.0
    absolute: float = 0.0
    squares: float = 0.0
    negative: int = 0
    unknown: int = 0
    largest: float = 0.0
    entry: int = 0

    @classmethod
    def of(cls, weights: Floats, entries: Integers) -> Weights:
        """Of events of these weights and entries, each of shape (E,)."""
        if not len(weights):
            return cls()
        sizes = np.abs(weights)
        first = int(np.argmax(sizes))
        return cls(
            events=len(weights),
            total=float(weights.sum()),
            absolute=float(sizes.sum()),
            squares=float((weights**2).sum()),
            negative=int((weights < 0).sum()),
            unknown=int((~np.isfinite(weights)).sum()),
            largest=float(sizes[first]),
            entry=int(entries[first]),
        )

    def __add__(self, other: Weights) -> Weights:
        """Of both together."""
        heavy = self if self.largest >= other.largest else other
        return Weights(
            events=self.events + other.events,
            total=self.total + other.total,
            absolute=self.absolute + other.absolute,
            squares=self.squares + other.squares,
            negative=self.negative + other.negative,
            unknown=self.unknown + other.unknown,
            largest=heavy.largest,
            entry=heavy.entry,
        )

    def scaled(self, factor: float) -> Weights:
        """All weights multiplied by a positive factor."""
        return replace(
            self,
            total=self.total * factor,
            absolute=self.absolute * factor,
            squares=self.squares * factor**2,
            largest=self.largest * factor,
        )

    @property
    def mean(self) -> float:
        """Mean weight; 0 without events."""
        return self.total / self.events if self.events else 0.0

    @property
    def effective(self) -> float:
        """Kish's effective number of events, (sum w)^2 / sum w^2: as many of equal weight tell."""
        return self.total**2 / self.squares if self.squares else 0.0

    @property
    def error(self) -> float:
        """Statistical error of the mean, from the spread of the weights."""
        if self.events < 2:
            return abs(self.mean)
        spread = self.squares / self.events - self.mean**2
        return math.sqrt(max(spread, 0.0) / (self.events - 1))

    @property
    def dominated(self) -> bool:
        """Whether one of at least three events outweighs all others together."""
        return self.events > 2 and 2 * self.largest > self.absolute


def spike(of: Weights, event: str) -> str:
    """What is wrong where this event outweighs all others of these weights."""
    others = (of.absolute - of.largest) / (of.events - 1)
    return (
        f"one event carries {100 * of.largest / of.absolute:.3g} % of the weight of all "
        f"{of.events} events ({event}: {of.largest:.4g}, the others {others:.4g} on average), and "
        "unweighting would keep little else; take the event out of the file, or simulate more "
        "events of its kind"
    )


def off(files: Mapping[str, Weights]) -> tuple[str, ...]:
    """Files whose weights are of another scale or sign than those of the file in the middle.

    The mean weight, over all events before any cut, must agree within a quarter or within five
    statistical errors; so must the share of negative weights. Wherever the weights of a file mean
    the same as those of another (events over cross-section), both have one law.

    Returns:
        The odd ones and, first, the one they were compared with; empty if all agree.
    """
    known = sorted((name for name in files if files[name].events), key=lambda n: files[n].mean)
    if len(known) < 2:
        return ()
    middle = known[(len(known) - 1) // 2]
    odd = [n for n in known if _differ(files[middle], files[n])]
    return (middle, *odd) if odd else ()


def _differ(one: Weights, two: Weights) -> bool:
    distance = abs(one.mean - two.mean)
    large, small = max(abs(one.mean), abs(two.mean)), min(abs(one.mean), abs(two.mean))
    scale = one.mean * two.mean <= 0 or large > _FACTOR * small
    if scale and distance > _ERRORS * math.hypot(one.error, two.error):
        return True
    shares = one.negative / one.events, two.negative / two.events
    pooled = (one.negative + two.negative) / (one.events + two.events)
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.events + 1 / two.events))
    return abs(shares[0] - shares[1]) > _ERRORS * error


def described(files: Mapping[str, Weights], names: Sequence[str], most: int = 6) -> str:
    """Mean weights of files in words, the first ones of many."""
    told = []
    for name in names[:most]:
        share = 100 * files[name].negative / files[name].events
        signs = f" ({share:.3g} % negative)" if share else ""
        told.append(f"{name}: {files[name].mean:.4g}{signs}")
    return ", ".join(told) + (f" and {len(names) - most} more" if len(names) > most else "")
