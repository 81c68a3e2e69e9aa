"""Areas under ROC curves, their uncertainty, and the spread over repeats.

Shapes: N scores of the null class (background only), M scores of the alternative class (signal +
background), K classifiers. A larger score means more signal-like. All areas are exact (ranks, ties
count half) and cost O(n log n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from rayscan.arrays import Floats
from rayscan.errors import SampleUnusableError
from rayscan.stats.placements import Placements, checked, placements, twice_all_ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class AucEstimate:
    """An area under the ROC curve and its statistical uncertainty from the finite test set."""

    auc: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AucDifference:
    """The area of a first classifier minus that of a second one on the same test set."""

    difference: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Roc:
    """Points of a ROC curve, from (0, 0) to (1, 1), both arrays of shape (points,)."""

    false_positive_rate: Floats
    true_positive_rate: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Mean and standard deviation over the ``kept`` repeats of a training."""

    mean: float
    std: float
    kept: int


def auc(null: ArrayLike, alternative: ArrayLike) -> float:
    """The probability that an alternative score (M,) exceeds a null one (N,), ties counting half.

    Raises:
        SampleUnusableError: A class is empty or holds NaN.

    >>> auc([0.0, 1.0], [1.0, 2.0])
    0.875
    """
    low, high = checked(null, "null"), checked(alternative, "alternative")
    # A ratio of whole numbers: exact for any order of the scores.
    return twice_all_ordered(low, high) / (2.0 * len(low) * len(high))


def delong(null: ArrayLike, alternative: ArrayLike) -> AucEstimate:
    """The area with its DeLong uncertainty.

    The variance is var(V01)/N + var(V10)/M of the placements (DeLong et al., Biometrics 44 (1988)
    837), computed from ranks as in Sun and Xu, IEEE SPL 21 (2014) 1389. Classes that do not overlap
    have no spread of placements: the uncertainty is then exactly 0. That is an estimate from this
    sample and no bound on what a larger test set would show.

    Raises:
        SampleUnusableError: A class has fewer than two scores or holds NaN.
    """
    return estimate(placements(null, alternative))


def estimate(found: Placements) -> AucEstimate:
    """The area and its DeLong uncertainty from placements that are at hand."""
    variance = _variance(found.null) + _variance(found.alternative)
    return AucEstimate(auc=float(np.mean(found.alternative)), error=float(np.sqrt(variance)))


def difference(one: Placements, two: Placements) -> AucDifference:
    """The difference of two classifiers scored on the same test set, with its uncertainty.

    The correlation through the shared histograms is kept (DeLong et al., 1988): scores must be in
    the same order in both.

    Raises:
        SampleUnusableError: The two were not scored on as many histograms.
    """
    sizes = [(len(each.null), len(each.alternative)) for each in (one, two)]
    if sizes[0] != sizes[1]:
        raise SampleUnusableError(
            what="scores of two classifiers",
            expected="the same test set for both",
            found=f"{sizes[0]} and {sizes[1]} scores",
        )
    variance = _variance(one.null - two.null) + _variance(one.alternative - two.alternative)
    return AucDifference(
        difference=float(np.mean(one.alternative) - np.mean(two.alternative)),
        error=float(np.sqrt(variance)),
    )


def roc(null: ArrayLike, alternative: ArrayLike, points: int = 201) -> Roc:
    """At most so many points (two or more) of the ROC curve, about equally far apart along it.

    Every point lies exactly on the empirical curve. With ``points`` above the number of distinct
    scores the whole curve comes back and its trapezoidal area is the AUC.

    Raises:
        SampleUnusableError: A class is empty or holds NaN, or ``points`` is below 2.
    """
    if points < 2:
        raise SampleUnusableError(what="points of a ROC curve", expected=">= 2", found=str(points))
    low = np.sort(checked(null, "null"))
    high = np.sort(checked(alternative, "alternative"))
    thresholds = np.unique(np.concatenate([low, high]))[::-1]
    false, true = (1.0 - np.searchsorted(s, thresholds, "left") / len(s) for s in (low, high))
    if len(thresholds) >= points:
        # Equal steps of both rates: equal numbers of scores would leave a small class no points.
        way = np.searchsorted(false + true, 2.0 * np.arange(1, points) / (points - 1) - 1e-12)
        kept = np.unique(np.minimum(way, len(thresholds) - 1))
        false, true = false[kept], true[kept]
    return Roc(
        false_positive_rate=np.concatenate([[0.0], false]),
        true_positive_rate=np.concatenate([[0.0], true]),
    )


def thin_roc(
    null: ArrayLike, alternative: ArrayLike, *, points: int = 101, within: float = 1e-3
) -> Roc:
    """A ROC curve of few points whose trapezoidal area is the AUC within a tolerance.

    Of ``points`` points, enough for every smooth curve; of more where they are not.

    Raises:
        SampleUnusableError: A class is empty or holds NaN.
    """
    area, most = auc(null, alternative), np.size(null) + np.size(alternative)
    while True:
        curve = roc(null, alternative, points)
        found = float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate))
        if abs(found - area) <= within or points > most:
            return curve
        points *= 2


def summary(aucs: Sequence[float]) -> Summary:
    """The published summary of repeated trainings: trimmed mean and standard deviation.

    arXiv:2105.12018, footnote 8: ten trainings, the largest and the smallest area dropped, mean and
    standard deviation of the other eight. The same is done from five repeats on; fewer are
    all kept. The standard deviation has n - 1 in its denominator (0 for a single repeat): the paper
    does not say, and this one does not shrink with few repeats.

    Raises:
        SampleUnusableError: There is no repeat, or one of them is NaN.

    >>> summary([0.0, 0.5, 0.75, 1.0, 1.0])
    Summary(mean=0.75, std=0.25, kept=3)
    """
    values = np.sort(checked(aucs, "repeated"))
    kept = values[1:-1] if len(values) >= 5 else values
    std = float(np.std(kept, ddof=1)) if len(kept) > 1 else 0.0
    return Summary(mean=float(np.mean(kept)), std=std, kept=len(kept))


def separation(area: ArrayLike) -> Floats | float:
    """The distance of two unit Gaussians with this area, d' = sqrt(2) Phi^-1(AUC).

    An area of 1 gives infinity, one of 0 minus infinity, and one outside [0, 1] NaN.

    >>> separation(0.5)
    0.0
    """
    distance = np.sqrt(2.0) * ndtri(np.asarray(area, dtype=np.float64))
    return float(distance) if np.ndim(distance) == 0 else distance


def _variance(values: Floats) -> float:
    """Variance of the mean of one class's placements."""
    return float(np.var(values, ddof=1) / len(values))
