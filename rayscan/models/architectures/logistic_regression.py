"""Logistic regression of histograms."""

from __future__ import annotations

import math

import numpy as np

from rayscan.arrays import Floats
from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.linear import Drawn, LinearArchitecture, LinearKnobs

_CELL = 20e-9  # s; 8,000 histograms of 200, 900 and 2,500 bins, of a ceiling of about 0.95


class LogisticRegression(LinearArchitecture[LinearKnobs]):
    """Logistic regression with an L2 penalty, classes of equal total weight."""

    name = "logistic_regression"
    knobs = LinearKnobs
    learns = "any classes"

    def work(self, values: LinearKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """In proportion to the cells of all histograms."""
        bins = math.prod(shape)
        return Work(training=_CELL * examples * bins * values.draws, row=reading(bins))

    def fit(self, drawn: Drawn, values: LinearKnobs, seed: int) -> tuple[Floats, Floats]:
        """By L-BFGS; the problem is convex, the seed does not matter."""
        from sklearn.linear_model import LogisticRegression as Fit

        fit = Fit(C=values.C, class_weight="balanced", max_iter=1000, random_state=seed)
        fit.fit(drawn.x, drawn.labels)
        return np.ascontiguousarray(fit.coef_.T), np.asarray(fit.intercept_)
