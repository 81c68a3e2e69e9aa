"""The linear support vector machine of histograms, through one Gram matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.errors import ShapeMismatchError
from rayscan.models import scoring
from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.linear import Drawn, LinearArchitecture, LinearKnobs
from rayscan.models.knobs import Legal, knob
from rayscan.models.networks.progress import area

_PAIR, _PAIR_BIN = 5e-9, 0.03e-9  # s, of two histograms; as logistic regression was timed


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

    def work(self, values: SVMKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """In proportion to pairs of histograms."""
        bins, rows = math.prod(shape), min(values.histograms, examples * values.draws)
        return Work(training=rows**2 * (_PAIR + _PAIR_BIN * bins), row=reading(bins))

    def held(
        self, values: SVMKnobs, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """The Gram matrix besides."""
        drawn = super().held(values, shape, examples, size=size, members=members)
        return drawn + 8 * min(values.histograms, examples * values.draws) ** 2

    def fit(self, drawn: Drawn, values: SVMKnobs, seed: int) -> tuple[Floats, Floats]:
        """By libsvm on the Gram matrix; one class against the rest if there are more than two."""
        from sklearn.svm import SVC

        x, labels = share(drawn.x, drawn.labels, values.histograms)
        gram = x @ x.T
        classes = np.unique(labels)
        targets = [labels == c for c in classes] if len(classes) > 2 else [labels == classes[-1]]
        weights, biases = [], []
        for target in targets:
            fit: Any = SVC(
                kernel="precomputed", C=values.C, class_weight="balanced", random_state=seed
            )
            fit.fit(gram, target)
            weights.append(x[fit.support_].T @ fit.dual_coef_[0])
            biases.append(float(fit.intercept_[0]))
        return np.stack(weights, axis=1), np.array(biases)


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


Fold = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]


def svm_validation_aucs(
    x: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    *,
    C: Sequence[float],
    folds: Iterable[Fold],
) -> Floats:
    """Validation AUCs of a linear SVM over folds and penalties, all through one Gram matrix.

    The dual problem of the SVM knows the histograms by their inner products alone (Boser, Guyon,
    Vapnik, COLT 1992): every fit and every score is a part of one N x N matrix, so that the number
    of columns is paid for once. Areas are those of fits on the columns, to the solver's tolerance.

    Args:
        x: What the classifier sees, e.g. standardised counts, shape (N, columns).
        labels: Two classes, 0 and 1, shape (N,).
        C: Inverse strengths of the penalty on the sum of hinge losses.
        folds: (training rows, validation rows) of each fold, as a splitter of scikit-learn gives.

    Returns:
        Shape (len(C), folds).

    Raises:
        ShapeMismatchError: ``labels`` is not as long as ``x``.
        DivergedError: ``x`` holds NaN or infinite values.

    >>> x, labels = np.array([[-2.0], [2.0], [-1.0], [1.0]]), np.array([0, 1, 0, 1])
    >>> halves = [(np.array([0, 1]), np.array([2, 3])), (np.array([2, 3]), np.array([0, 1]))]
    >>> svm_validation_aucs(x, labels, C=[1.0], folds=halves)
    array([[1., 1.]])
    """
    from sklearn.svm import SVC

    if x.ndim != 2 or np.shape(labels) != (len(x),):
        raise ShapeMismatchError(what="labels", expected=(len(x),), found=np.shape(labels))
    seen = scoring.readable(x, LinearSVM.name).astype(np.float64, copy=False)
    gram = seen @ seen.T
    found = []
    for train, test in folds:
        own, other = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
        fits = [SVC(kernel="precomputed", C=each).fit(own, labels[train]) for each in C]
        scores = [fit.decision_function(other)[:, None] for fit in fits]
        found.append([area(each, labels[test]) for each in scores])
    return np.array(found, dtype=np.float64).reshape(-1, len(C)).T
