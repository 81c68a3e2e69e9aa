"""How far a linear statistic of histograms moves from one class to the other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """How far a linear statistic sum_k w_k n_k moves from class 0 to class 1.

    Attributes:
        difference: Mean in class 1 less mean in class 0.
        null_variance: Variance in class 0.
        alternative_variance: Variance in class 1.
        distance_error: Standard deviation of difference / sqrt(sum of the variances) over other
            pools of the same sizes.
    """

    difference: float
    null_variance: float
    alternative_variance: float
    distance_error: float
