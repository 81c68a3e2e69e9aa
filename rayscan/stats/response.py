"""Bins of a histogram re-binned by what a classifier answers to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rayscan.errors import SampleUnusableError


def bins_by_response(
    response: ArrayLike, background: ArrayLike, channels: int
) -> NDArray[np.int64]:
    """The channel of each bin: bins in order of response, cut into equal expected background.

    A bin goes where the middle of its background falls, so a bin of more than a channel's share
    leaves channels empty beside it, and a bin of no background joins its neighbour in response.
    Equal responses keep the order of the bins.

    Args:
        response: Change of the classifier's output when one event is added to the bin, or its
            score of an event there, shape (bins,).
        background: Expected background events, shape (bins,).
        channels: Number of channels, numbered by rising response.

    Returns:
        Channel of each bin, 0 to channels - 1, shape (bins,).

    Raises:
        SampleUnusableError: Lengths differ, there is a NaN, no background, or no channel.

    >>> bins_by_response([0.3, -1.0, 2.0, 0.1], [10, 10, 10, 10], 2)
    array([1, 0, 1, 0])
    """
    answers, expected = np.asarray(response, np.float64), np.asarray(background, np.float64)
    if answers.ndim != 1 or answers.shape != expected.shape or bool(np.isnan(answers).any()):
        raise SampleUnusableError(
            what="responses of bins",
            expected=f"one number for each of {expected.size} bins, no NaN",
            found=f"shape {answers.shape} with {int(np.isnan(answers).sum())} NaN",
        )
    total = float(expected.sum())
    if channels < 1 or not (np.isfinite(total) and total > 0 and bool((expected >= 0).all())):
        raise SampleUnusableError(
            what="channels of equal background",
            expected=">= 1 channel and a finite background >= 0 with events",
            found=f"{channels} channels of {total:g} events",
        )
    order = np.argsort(answers, kind="stable")
    ordered = expected[order]
    middle = np.cumsum(ordered) - 0.5 * ordered
    groups = np.empty(len(order), dtype=np.int64)
    groups[order] = np.minimum(middle / total * channels, channels - 1).astype(np.int64)
    return groups


def regroup(values: ArrayLike, groups: NDArray[np.int64], channels: int) -> NDArray[np.float64]:
    """Bin contents summed into channels (give squares of uncertainties, not uncertainties).

    Args:
        values: Contents of bins, shape (..., bins).
        groups: Channel of each bin, shape (bins,).
        channels: Number of channels.

    Returns:
        Contents of the channels, shape (..., channels).

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
