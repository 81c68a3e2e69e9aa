"""Linear classifiers of histograms: logistic regression and the linear support vector machine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt

from rayscan.errors import DivergedError, ShapeMismatchError
from rayscan.models import scoring, storage
from rayscan.models.contract import (
    Architecture,
    Classifier,
    Examples,
    Member,
    Trained,
    Watch,
    columns,
)
from rayscan.models.knobs import Knobs, LogisticKnobs, SVMKnobs, knobs
from rayscan.models.losses.cross_entropy import CrossEntropy
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.progress import area
from rayscan.models.networks.sources import histogram_input

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LinearClassifier(Classifier):
    """``x @ weight + bias`` of raw counts (over their largest bin, if so trained).

    Attributes:
        architecture: ``logistic_regression`` or ``linear_svm``.
        shape: Bins along each axis.
        how: ``standard`` has its standardisation folded in.
        weight: Shape (bins, outputs); one output for two classes.
        bias: Shape (outputs,).
    """

    reads: ClassVar[Literal["histograms", "events"]] = "histograms"
    architecture: str
    shape: tuple[int, ...]
    how: Literal["standard", "maximum"]
    weight: Floats
    bias: Floats

    def layers(self) -> scoring.Layers:
        """The one layer."""
        return scoring.Layers(self.how, [self.weight], [self.bias])

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Log-odds (logistic regression) or margins (SVM), shape (N,) or (N, classes)."""
        x = columns(x, len(self.weight), what="histograms")
        x = scoring.readable(x, self.architecture)
        return scoring.finite(scoring.stacked_outputs([self.layers()], x)[0], self.architecture)

    def save(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``weights.npz``."""
        storage.write(
            folder,
            architecture=self.architecture,
            description={"shape": list(self.shape), "input": self.how},
            arrays={"weight": self.weight, "bias": self.bias},
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Histograms to fit, as the classifier sees them."""

    seen: Input
    x: Floats
    labels: npt.NDArray[np.integer]


class _LinearArchitecture(Architecture):
    """What both share: draws, input, folding; a fit has no epochs and ``watch`` is not asked."""

    reads = "histograms"

    @abstractmethod
    def fit(self, drawn: _Drawn, values: Knobs, seed: int) -> tuple[Floats, Floats]:
        """Weight (bins, outputs) and bias (outputs,) on the seen input."""

    def train(
        self,
        members: Sequence[Member],
        *,
        watch: Watch | None = None,  # noqa: ARG002
    ) -> list[Trained | DivergedError]:
        """Fit each member; members of the same ``examples`` and draws share them."""
        cache: dict[tuple[object, ...], _Drawn] = {}
        return [self._train(member, cache) for member in members]

    def restore(self, folder: Path) -> LinearClassifier:
        """Read a saved linear classifier."""
        body, arrays = storage.read(folder, "shape", "input")
        shape = tuple(int(n) for n in body["shape"])
        return LinearClassifier(self.name, shape, body["input"], arrays["weight"], arrays["bias"])

    def _train(
        self, member: Member, cache: dict[tuple[object, ...], _Drawn]
    ) -> Trained | DivergedError:
        examples = cast("Examples", member.examples)
        values = cast("LogisticKnobs | SVMKnobs", knobs(self.name, member.hyperparameters))
        key = (id(examples), values.input, values.draws)
        if key not in cache:
            cache[key] = _draw(examples, values)
        drawn = cache[key]
        if not np.isfinite(drawn.x).all():
            what = "its training histograms hold NaN or infinite values"
            return DivergedError(architecture=self.name, epoch=0, what=what)
        weight, bias = drawn.seen.folded(*self.fit(drawn, values, member.seed))
        shape = tuple(examples.shape)
        classifier = LinearClassifier(self.name, shape, values.input, weight, bias)
        return Trained(classifier, epochs=1, history=_history(classifier, examples))


def _draw(examples: Examples, values: LogisticKnobs | SVMKnobs) -> _Drawn:
    bins = int(np.prod(examples.shape))
    drawn = [examples.training(epoch) for epoch in range(values.draws)]
    seen = histogram_input(examples, values.input)
    rows = [seen.apply(columns(x, bins, what="training histograms")) for x, _ in drawn]
    return _Drawn(seen, np.concatenate(rows), np.concatenate([labels for _, labels in drawn]))


def _history(classifier: LinearClassifier, examples: Examples) -> dict[str, list[float]]:
    x, labels = examples.validation()
    scores = classifier.scores(x).reshape(len(labels), -1)
    loss = CrossEntropy().of(labels, outputs=scores.shape[1], numbers={})
    return {
        "validation_loss": [loss(scores)[0]],
        "validation_auc": [area(scores, labels)],
    }


class LogisticRegression(_LinearArchitecture):
    """Logistic regression with an L2 penalty, classes of equal total weight."""

    name = "logistic_regression"

    def fit(self, drawn: _Drawn, values: Knobs, seed: int) -> tuple[Floats, Floats]:
        """By L-BFGS; the problem is convex, the seed does not matter."""
        from sklearn.linear_model import LogisticRegression as Fit

        C = cast("LogisticKnobs", values).C
        fit = Fit(C=C, class_weight="balanced", max_iter=1000, random_state=seed)
        fit.fit(drawn.x, drawn.labels)
        return np.ascontiguousarray(fit.coef_.T), np.asarray(fit.intercept_)


class LinearSVM(_LinearArchitecture):
    """Linear support vector machine (hinge loss); one Gram matrix serves every class.

    With N histograms the fit is exact at a cost that hardly knows the number of bins. Its scores
    are margins, monotone in signal-likeness but no log-odds.
    """

    name = "linear_svm"
    heads = ("binary", "multimodel")

    def fit(self, drawn: _Drawn, values: Knobs, seed: int) -> tuple[Floats, Floats]:
        """By libsvm on the Gram matrix; one class against the rest if there are more than two."""
        from sklearn.svm import SVC

        C, most = cast("SVMKnobs", values).C, cast("SVMKnobs", values).histograms
        x, labels = _share(drawn.x, drawn.labels, most)
        gram = x @ x.T
        classes = np.unique(labels)
        targets = [labels == c for c in classes] if len(classes) > 2 else [labels == classes[-1]]
        weights, biases = [], []
        for target in targets:
            fit: Any = SVC(kernel="precomputed", C=C, class_weight="balanced", random_state=seed)
            fit.fit(gram, target)
            weights.append(x[fit.support_].T @ fit.dual_coef_[0])
            biases.append(float(fit.intercept_[0]))
        return np.stack(weights, axis=1), np.array(biases)


def _share(
    x: Floats, labels: npt.NDArray[np.integer], most: int
) -> tuple[Floats, npt.NDArray[np.integer]]:
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
