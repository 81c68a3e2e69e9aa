"""Logistic regression of histograms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rayscan.arrays import Floats
from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.linear import Drawn, LinearArchitecture, LinearKnobs
from rayscan.models.knobs import YOUNGER, Legal, knob

_CELL = 20e-9  # s; 8,000 histograms of 200, 900 and 2,500 bins, of a ceiling of about 0.95
_CELL_L1 = 80e-9  # s; 800 and 1,600 histograms of 900 and 2,500 bins, C of 0.01 and 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticKnobs(LinearKnobs):
    """Those of linear classifiers, ``C`` on the sum of logarithmic losses.

    Attributes:
        penalty: On the squares of the weights (``l2``), or on their absolute values (``l1``).
    """

    penalty: Literal["l2", "l1"] = knob(str(YOUNGER["penalty"]), Legal(options=("l2", "l1")))


class LogisticRegression(LinearArchitecture[LogisticKnobs]):
    """Logistic regression with an L2 or L1 penalty, classes of equal total weight."""

    name = "logistic_regression"
    knobs = LogisticKnobs
    # A. Celik, Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, Table 1.
    presets = {"celik": {"penalty": "l1", "C": 100.0}}
    learns = "any classes"

    def work(self, values: LogisticKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """In proportion to the cells of all histograms."""
        bins = math.prod(shape)
        cell = _CELL if values.penalty == "l2" else _CELL_L1
        return Work(training=cell * examples * bins * values.draws, row=reading(bins))

    def held(
        self,
        values: LogisticKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        size: int,
        members: int,
    ) -> int:
        """The copy of liblinear besides, 16 bytes a cell."""
        drawn = super().held(values, shape, examples, size=size, members=members)
        return drawn * (1 if values.penalty == "l2" else 2)

    def fit(self, drawn: Drawn, values: LogisticKnobs, seed: int) -> tuple[Floats, Floats]:
        """By L-BFGS, or coordinate descent (liblinear) where weights are to vanish.

        The problem is convex, the seed does not matter. Of several classes liblinear tells one from
        the rest at a time.
        """
        from sklearn.linear_model import LogisticRegression as Fit

        common = {"C": values.C, "class_weight": "balanced", "max_iter": 1000, "random_state": seed}
        if values.penalty == "l2":
            fit = Fit(**common).fit(drawn.x, drawn.labels)
            return np.ascontiguousarray(fit.coef_.T), np.asarray(fit.intercept_)
        classes = np.unique(drawn.labels)
        fits = [
            Fit(l1_ratio=1.0, solver="liblinear", **common).fit(drawn.x, drawn.labels == each)
            for each in (classes if len(classes) > 2 else classes[-1:])
        ]
        weights = np.concatenate([each.coef_ for each in fits]).T
        return np.ascontiguousarray(weights), np.concatenate([each.intercept_ for each in fits])
