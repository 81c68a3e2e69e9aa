"""What a yes or no at a threshold of the score is worth: accuracy, recall, precision, F1.

Shapes: N scores of the null class, M scores of the alternative class. A yes is a score above the
threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rayscan.errors import SampleUnusableError
from rayscan.stats.placements import checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What decisions are worth, each with its standard error from the finite test set.

    Both numbers of right decisions are binomial. The accuracy is linear in them; errors of F1 and
    precision are those of linear propagation. Where no decision is wrong an error is exactly 0:
    that is an estimate from this sample and no bound on what a larger test set would show.

    Attributes:
        accuracy: Share of all decisions that are right.
        accuracy_error: Its standard error.
        recall: Share of the alternative class that is a yes.
        recall_error: Its standard error.
        precision: Share of all yes that is of the alternative class; None without a yes.
        precision_error: Its standard error.
        f1: Harmonic mean of precision and recall; 0 without a right yes.
        f1_error: Its standard error.
    """

    accuracy: float
    accuracy_error: float
    recall: float
    recall_error: float
    precision: float | None
    precision_error: float | None
    f1: float
    f1_error: float


def decisions(null: ArrayLike, alternative: ArrayLike, threshold: float = 0.0) -> Decisions:
    """What the decisions at a threshold are worth.

    Raises:
        SampleUnusableError: A class is empty or holds NaN.

    >>> found = decisions([-2.0, -1.0, -1.0, 1.0], [-1.0, 2.0, 3.0, 4.0])
    >>> found.accuracy, found.recall, found.precision, found.f1
    (0.75, 0.75, 0.75, 0.75)
    """
    low, high = checked(null, "null"), checked(alternative, "alternative")
    n, m = len(low), len(high)
    false, true = (int(np.count_nonzero(scores > threshold)) for scores in (low, high))
    # standard deviations of the two numbers of yes
    of_false, of_true = math.sqrt(false * (1 - false / n)), math.sqrt(true * (1 - true / m))
    yes, both = false + true, m + false + true
    return Decisions(
        accuracy=(n - false + true) / (n + m),
        accuracy_error=math.hypot(of_false, of_true) / (n + m),
        recall=true / m,
        recall_error=of_true / m,
        precision=true / yes if yes else None,
        precision_error=math.hypot(true * of_false, false * of_true) / yes**2 if yes else None,
        f1=2 * true / both,
        f1_error=2 * math.hypot(true * of_false, (m + false) * of_true) / both**2,
    )


def threshold_between(null: ArrayLike, alternative: ArrayLike) -> float:
    """The threshold that both mean scores are as many standard deviations of their class away from.

    Of normal scores of equal widths it is that of the largest accuracy, Phi(d'/2). Found from n
    scores of each class it costs at most .002 of that with 50 and .0004 with 250, where the most
    accurate threshold on the very sample costs .01 and .004: the latter comes nearer with the cube
    root of n alone.

    Raises:
        SampleUnusableError: A class is empty, or a score is not finite.

    >>> threshold_between([0.0, 2.0], [8.0, 12.0])
    4.0
    """
    (low, of_low), (high, of_high) = (
        _moments(scores, which) for scores, which in ((null, "null"), (alternative, "alternative"))
    )
    widths = of_low + of_high
    return (low * of_high + high * of_low) / widths if widths > 0 else (low + high) / 2


def _moments(scores: ArrayLike, which: str) -> tuple[float, float]:
    """Mean and standard deviation."""
    values = checked(scores, which)
    if not np.isfinite(values).all():
        raise SampleUnusableError(
            what=f"scores of the {which} class for a threshold",
            expected="finite numbers",
            found=f"{int(np.isinf(values).sum())} infinite",
        )
    return float(np.mean(values)), float(np.std(values))
