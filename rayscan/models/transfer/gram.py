"""Principal components and what is fitted to them, all from one matrix of inner products.

N rows of features enter by their N x N inner products alone (the Gram matrix): folds, numbers of
components, penalties and kernels cost nothing in the number of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats

Fitted: TypeAlias = Literal["logistic_regression", "linear_svm", "rbf_svm"]
Scale: TypeAlias = Literal["unit", "none"]
Blocks: TypeAlias = Sequence[npt.NDArray[Any]]
Fold: TypeAlias = tuple[AnyIntegers, AnyIntegers]
_COLUMNS = 4096
_LEAST = 1e-10  # of the largest variance: less is rounding


def gram(blocks: Blocks, shift: Floats, other: Blocks | None = None) -> Floats:
    """Inner products (N, N) of rows less a shift, in float64, or (N, M) with other rows.

    Args:
        blocks: The rows, in blocks of (rows, columns) of any real type.
        shift: What is taken off every row, (columns,); the nearer to the mean, the less is rounded.
        other: Other rows; by default the same.
    """
    found: Any = 0.0
    for part in column_parts(len(shift)):
        seen = centred(blocks, shift, part)
        found = found + seen @ (seen if other is None else centred(other, shift, part)).T
    return np.asarray(found)


def column_parts(columns: int) -> list[slice]:
    """Some columns at a time: a copy of all in float64 would be twice what is there."""
    return [slice(at, at + _COLUMNS) for at in range(0, columns, _COLUMNS)]


def centred(blocks: Blocks, shift: Floats, part: slice) -> Floats:
    """Some columns of all rows, less a shift."""
    return np.concatenate([block[:, part] - shift[part] for block in blocks])


def mean_row(blocks: Blocks) -> Floats:
    """Mean of the rows of all blocks, shape (columns,)."""
    rows = sum(len(block) for block in blocks)
    return np.asarray(sum(block.sum(axis=0, dtype=np.float64) for block in blocks) / rows)


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of N rows, as combinations of these rows.

    Attributes:
        means: Mean inner product of each row with all, shape (N,).
        mixing: What makes the r components of centred inner products, shape (N, r).
        values: Sum of the squares of each component before scaling, shape (r,).
    """

    means: Floats
    mixing: Floats
    values: Floats

    @classmethod
    def of(cls, products: Floats, most: int, *, scale: Scale = "unit") -> Components:
        """At most so many, the largest first.

        Args:
            products: Inner products of the rows, (N, N), about any origin.
            most: The most components; fewer where the rows have no more.
            scale: ``unit``: rows of a mean square of one about their mean, so that penalties mean
                the same for features of any size; ``none``: as they are.
        """
        means = products.mean(axis=0)
        about_mean = products - means[:, None] - means[None, :] + means.mean()
        values, vectors = np.linalg.eigh(about_mean)
        values, vectors = values[::-1], vectors[:, ::-1]
        total = float(np.clip(values, 0.0, None).sum())
        kept = min(most, int(np.sum(values > _LEAST * max(values[0], 0.0))))
        factor = np.sqrt(len(products) / total) if scale == "unit" and total > 0 else 1.0
        mixing = factor * vectors[:, :kept] / np.sqrt(values[:kept])
        return cls(means, mixing, values[:kept].copy())

    @property
    def rows(self) -> Floats:
        """Components of the N rows, shape (N, r)."""
        return self.mixing * self.values

    def seen(self, products: Floats) -> Floats:
        """Components (M, r) of M rows by their inner products with the N, (M, N)."""
        # What is common to a row of inner products is lost: each column of the mixing sums to 0.
        return np.asarray((products - self.means) @ self.mixing)

    def combination(self, weight: Floats) -> tuple[Floats, float]:
        """The rows' shares (N,) in a direction of features, and its constant.

        ``seen(products) @ weight == products @ shares + constant``.
        """
        shares = self.mixing @ weight
        return shares, -float(self.means @ shares)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """``z @ weight + bias`` of components z (M, r)."""

    weight: Floats
    bias: float

    def scores(self, z: Floats) -> Floats:
        """Log-odds or margins, shape (M,)."""
        return np.asarray(z @ self.weight + self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Radial:
    """A sum of Gaussians about components (k, r), and a constant."""

    centres: Floats
    weight: Floats
    bias: float
    gamma: float
    at: AnyIntegers  # which of the rows the centres are

    def scores(self, z: Floats) -> Floats:
        """Margins, shape (M,)."""
        return np.asarray(_gaussians(z, self.centres, self.gamma) @ self.weight + self.bias)

    def slope(self, z: Floats) -> Floats:
        """Gradient of the score at one place (r,)."""
        pulls = _gaussians(z[None], self.centres, self.gamma)[0] * self.weight
        return np.asarray(2 * self.gamma * (pulls @ self.centres - pulls.sum() * z))


def _gaussians(a: Floats, b: Floats, gamma: float) -> Floats:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.exp(-gamma * np.clip(squares, 0.0, None)))


def _logistic(z: Floats, labels: npt.NDArray[Any], C: float, _: float) -> Linear:
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=C, class_weight="balanced", max_iter=1000)
    regression.fit(z, labels)
    return Linear(regression.coef_[0], float(regression.intercept_[0]))


def _linear(z: Floats, labels: npt.NDArray[Any], C: float, _: float) -> Linear:
    at, weight, bias = _supported(z @ z.T, labels, C)
    return Linear(z[at].T @ weight, bias)


def _radial(z: Floats, labels: npt.NDArray[Any], C: float, gamma: float) -> Radial:
    at, weight, bias = _supported(_gaussians(z, z, gamma), labels, C)
    return Radial(z[at], weight, bias, gamma, at)


def _supported(
    kernel: Floats, labels: npt.NDArray[Any], C: float
) -> tuple[AnyIntegers, Floats, float]:
    """Rows, weights and constant of a support vector machine."""
    from sklearn.svm import SVC

    machine: Any = SVC(kernel="precomputed", C=C, class_weight="balanced").fit(kernel, labels)
    return machine.support_, machine.dual_coef_[0], float(machine.intercept_[0])


_FITS: Mapping[Fitted, Callable[..., Linear | Radial]] = {
    "logistic_regression": _logistic,
    "linear_svm": _linear,
    "rbf_svm": _radial,
}


def fit(
    z: Floats, labels: npt.NDArray[Any], *, how: Fitted, C: float, gamma: float = 1.0
) -> Linear | Radial:
    """What separates the last class from the rest, classes of equal total weight.

    Args:
        z: Components, shape (N, r).
        labels: Two classes, shape (N,).
        how: Logistic regression with an L2 penalty, or a support vector machine.
        C: Inverse strength of the penalty on the sum of losses.
        gamma: Of the kernel exp(-gamma |a - b|^2) of ``rbf_svm``; 1 of features of unit scale is
            scikit-learn's ``scale``.
    """
    return _FITS[how](z, labels, C, gamma)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is fitted to how many components; see `Components.of` and `fit`."""

    how: Fitted
    C: float
    gamma: float = 1.0
    components: int = 2000
    scale: Scale = "unit"


def fold_scores(
    products: Floats, labels: npt.NDArray[Any], folds: Iterable[Fold], heads: Sequence[Head]
) -> list[list[Floats]]:
    """Scores of the rows that each fold leaves out; components are those of the others alone.

    They are those of scikit-learn's ``Pipeline(PCA, SVC | LogisticRegression)`` on the columns.

    Args:
        products: Inner products of all rows (`gram`), shape (N, N).
        labels: Two classes, shape (N,).
        folds: (training rows, rows left out) of each fold.
        heads: What is fitted; those of equal components share them.

    Returns:
        For each head and fold, shape (rows left out,).
    """
    found: list[list[Floats]] = [[] for _ in heads]
    for train, out in folds:
        own, other = products[np.ix_(train, train)], products[np.ix_(out, train)]
        seen: dict[tuple[int, Scale], tuple[Floats, Floats]] = {}
        for head, scores in zip(heads, found, strict=True):
            key = head.components, head.scale
            if key not in seen:
                fitted = Components.of(own, head.components, scale=head.scale)
                seen[key] = fitted.rows, fitted.seen(other)
            z, left_out = seen[key]
            fitted_head = fit(z, labels[train], how=head.how, C=head.C, gamma=head.gamma)
            scores.append(fitted_head.scores(left_out))
    return found
