"""Bins of a histogram re-binned by what a classifier answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from rayscan.arrays import Flags, Floats, Integers
from rayscan.errors import SampleUnusableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How bins in order of purity are cut into channels.

    Attributes:
        channels: Most channels.
        spacing: "tail": each channel holds twice the background of the next purer one; a cut on a
            good classifier is harder than any channel of equal background, and with an uncertain
            background only pure channels count. "equal": as much background in each.
        minimum: Fewest simulated background events of a channel.
        error: Largest relative Monte Carlo error of its background.
    """

    channels: int
    spacing: Literal["tail", "equal"] = "tail"
    minimum: int = 20
    error: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """Simulated background in each of some bins: events, sums of weights and of their squares."""

    counts: Floats
    weights: Floats
    squares: Floats

    @classmethod
    def of(cls, counts: ArrayLike) -> Simulated:
        """Events of weight 1."""
        values = np.asarray(counts, dtype=np.float64)
        return cls(values, values, values)

    def enough(self, minimum: float, error: float) -> Flags:
        """Where there are as many events, with as small an error, shape (bins,)."""
        # A relative excess of 1e-9 is rounding.
        known = self.squares <= (error * self.weights) ** 2 * (1 + 1e-9)
        return (self.weights > 0) & (self.counts >= minimum) & known


def bins_by_response(
    response: ArrayLike, background: Simulated, grouping: Grouping
) -> tuple[Integers, bool]:
    """The channel of each bin: bins in order of response, cut from the signal's end.

    A channel ends with the first bin by which it has its share of background and enough simulated
    events; what is left at the other end is the last one, if it has enough, and else part of its
    neighbour. Equal responses keep the order of the bins.

    Args:
        response: Change of the classifier's output when one event is added to the bin, or its
            score of an event there, shape (bins,).
        background: What was simulated in each bin.
        grouping: How they are cut.

    Returns:
        Channel of each bin, numbered by rising response from 0, none without background, shape
        (bins,); True if a channel is larger than its share for want of simulated events.

    Raises:
        SampleUnusableError: Lengths differ, there is a NaN, no background, or no channel.

    >>> of = Simulated.of([10, 10, 10, 10])
    >>> bins_by_response([0.3, -1.0, 2.0, 0.1], of, Grouping(channels=2, minimum=5, error=1.0))
    (array([1, 0, 1, 0]), False)
    """
    answers = np.asarray(response, np.float64)
    _check(answers, background.weights, grouping.channels)
    order = np.argsort(answers, kind="stable")[::-1]
    moments = (background.counts, background.weights, background.squares)
    sums = np.array([np.cumsum(each[order]) for each in moments])
    ends, floored = _ends(sums, grouping)
    groups = np.empty(len(order), dtype=np.int64)
    place = np.searchsorted(ends, np.arange(len(order)), side="right")
    groups[order] = len(ends) - place
    return groups, floored


def _ends(sums: Floats, grouping: Grouping) -> tuple[list[int], bool]:
    """First bins beyond each channel but the last, and whether simulated events decided one.

    The sums are of events, weights, squared weights up to each bin from the signal's end, (3, b).
    """
    ends: list[int] = []
    floored, total, before = False, float(sums[1, -1]), np.zeros((3, 1))
    share = total / (2.0**grouping.channels - 1.0)
    while len(ends) < grouping.channels - 1:
        inside = Simulated(*(sums - before))
        if grouping.spacing == "equal":
            share = total * (len(ends) + 1) / grouping.channels - float(before[1, 0])
        # A relative lack of 1e-9 is rounding.
        filled = (inside.weights >= share * (1 - 1e-9)) & (inside.weights > 0)
        usable = filled & inside.enough(grouping.minimum, grouping.error)
        rest = Simulated(*(sums[:, -1:] - sums)).enough(grouping.minimum, grouping.error)
        if not (usable & rest).any():
            break
        last = int(np.argmax(usable & rest))
        floored |= last > int(np.argmax(filled))
        share = 2.0 * float(inside.weights[last])
        before = sums[:, last : last + 1]
        ends.append(last + 1)
    return ends, floored


def _check(answers: Floats, expected: Floats, channels: int) -> None:
    if answers.ndim != 1 or answers.shape != expected.shape or bool(np.isnan(answers).any()):
        raise SampleUnusableError(
            what="responses of bins",
            expected=f"one number for each of {expected.size} bins, no NaN",
            found=f"shape {answers.shape} with {int(np.isnan(answers).sum())} NaN",
        )
    total = float(expected.sum())
    if channels < 1 or not (np.isfinite(total) and total > 0 and bool((expected >= 0).all())):
        raise SampleUnusableError(
            what="channels of background",
            expected=">= 1 channel and a finite background >= 0 with events",
            found=f"{channels} channels of {total:g} events",
        )


def regroup(values: ArrayLike, groups: Integers, channels: int) -> Floats:
    """Bin contents (..., bins) summed into channels (..., channels), by the channel of each bin.

    Give squares of uncertainties, not uncertainties.

    Raises:
        SampleUnusableError: The last axis of ``values`` is not one number for each group.

    >>> regroup([1.0, 2.0, 3.0], np.array([0, 1, 0]), 2)
    array([4., 2.])
    """
    contents = np.asarray(values, dtype=np.float64)
    if contents.shape[-1:] != groups.shape:
        raise SampleUnusableError(
            what="contents to regroup",
            expected=f"{len(groups)} bins on the last axis",
            found=f"shape {contents.shape}",
        )
    belongs = groups[:, None] == np.arange(channels)
    return np.asarray(contents @ belongs.astype(np.float64))
