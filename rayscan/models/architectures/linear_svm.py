"""The linear support vector machine of histograms, through one Gram matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats
from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.linear import Drawn, LinearArchitecture, LinearKnobs
from rayscan.models.contract import Examples
from rayscan.models.knobs import Legal, knob

_PAIR, _PAIR_BIN = 5e-9, 0.03e-9  # s, of two histograms; as logistic regression was timed
_PAIR_FOLD = 3e-8  # of fits to 800 and 1,600 histograms of 2,500 and 20,000 bins, C of 0.01 to 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SVMKnobs(LinearKnobs):
    """Those of linear classifiers, ``C`` on the sum of hinge losses.

    Attributes:
        histograms: Most training histograms used; the Gram matrix holds their number squared.
    """

    histograms: int = knob(4000, Legal(least=2, most=100_000))


class LinearSVM(LinearArchitecture[SVMKnobs]):
    """Linear support vector machine (hinge loss); one Gram matrix serves every class.

    With N histograms the fit is exact at a cost that hardly knows the number of bins. Its scores
    are margins, monotone in signal-likeness but no log-odds.
    """

    name = "linear_svm"
    knobs = SVMKnobs
    # A. Celik, Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, Table 1.
    presets = {"celik": {"C": 1.0}}
    learns = "two classes"
    of_set = ("input", "draws", "histograms")

    def work(self, values: SVMKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """In proportion to pairs of histograms."""
        bins, rows = math.prod(shape), min(values.histograms, examples * values.draws)
        shared = rows**2 * _PAIR_BIN * bins
        return Work(training=rows**2 * _PAIR + shared, row=reading(bins), shared=shared)

    def fold_work(
        self, values: SVMKnobs, shape: tuple[int, ...], examples: int, *, folds: int, repeats: int
    ) -> Work:
        """Pairs of histograms of each part, whose inner products are there."""
        rows = min(values.histograms, examples * values.draws)
        part = (rows * (folds - 1) // folds) ** 2 * _PAIR_FOLD
        return Work(training=repeats * folds * part, row=reading(math.prod(shape)))

    def held(
        self, values: SVMKnobs, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """The Gram matrix besides."""
        drawn = super().held(values, shape, examples, size=size, members=members)
        return drawn + 8 * min(values.histograms, examples * values.draws) ** 2

    def drawn(self, examples: Examples, values: SVMKnobs) -> Drawn:
        """At most so many."""
        drawn = super().drawn(examples, values)
        return Drawn(drawn.seen, *share(drawn.x, drawn.labels, values.histograms))

    def fit(self, drawn: Drawn, values: SVMKnobs, seed: int) -> tuple[Floats, Floats]:
        """By libsvm on the Gram matrix; one class against the rest if there are more than two."""
        x, labels = drawn.x, drawn.labels
        classes = np.unique(labels)
        targets = [labels == c for c in classes] if len(classes) > 2 else [labels == classes[-1]]
        weights, biases = [], []
        for target in targets:
            fit = _machine(drawn.gram, target, values, seed)
            weights.append(x[fit.support_].T @ fit.dual_coef_[0])
            biases.append(float(fit.intercept_[0]))
        return np.stack(weights, axis=1), np.array(biases)

    def scores_left_out(
        self, drawn: Drawn, train: AnyIntegers, out: AnyIntegers, values: SVMKnobs, seed: int
    ) -> Floats:
        """By parts of the Gram matrix, whatever the number of bins."""
        own, other = drawn.gram[np.ix_(train, train)], drawn.gram[np.ix_(out, train)]
        fit = _machine(own, drawn.labels[train], values, seed)
        return np.asarray(fit.decision_function(other))


def _machine(
    gram: Floats, labels: npt.NDArray[np.integer | np.bool], values: SVMKnobs, seed: int
) -> Any:
    """A support vector machine that separates the last class from the rest (libsvm)."""
    from sklearn.svm import SVC

    machine: Any = SVC(kernel="precomputed", C=values.C, class_weight="balanced", random_state=seed)
    return machine.fit(gram, labels)


def share(
    x: npt.NDArray[Any], labels: npt.NDArray[np.integer], most: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer]]:
    """At most so many rows, the first ones of each class in proportion."""
    if len(x) <= most:
        return x, labels
    kept = [
        np.flatnonzero(labels == c)[: max(1, int(np.sum(labels == c)) * most // len(x))]
        for c in np.unique(labels)
    ]
    rows = np.sort(np.concatenate(kept))
    return x[rows], labels[rows]
