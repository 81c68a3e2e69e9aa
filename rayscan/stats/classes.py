"""What a classifier of several classes says: probabilities, the class it counts for, its areas.

Shapes: N histograms, C classes. arXiv:2105.12018, section 5.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from rayscan.arrays import Floats, Integers
from rayscan.errors import SampleUnusableError
from rayscan.stats.auc import AucEstimate, delong


def log_probabilities(logits: ArrayLike) -> Floats:
    """Logarithms of the softmax of logits (N, C): they order where probabilities have rounded to 1.

    >>> np.exp(log_probabilities([[0.0, 0.0, 1000.0]])).tolist()
    [[0.0, 0.0, 1.0]]
    """
    values = np.asarray(logits, dtype=np.float64)
    return np.asarray(values - logsumexp(values, axis=1, keepdims=True))


def threshold(classes: int) -> float:
    """Probability above which a histogram counts for its likeliest class: twice that of chance."""
    return 2.0 / classes


def counts(log_p: ArrayLike) -> Integers:
    """Histograms that count for each class, and for none, (C + 1,), from log probabilities (N, C).

    The likeliest class gets one count if its probability is above `threshold`, else no class does.

    >>> counts(np.log([[0.7, 0.1, 0.2], [0.3, 0.3, 0.4], [0.1, 0.0001, 0.8999]])).tolist()
    [1, 0, 1, 1]
    """
    values = np.asarray(log_p, dtype=np.float64)
    classes = values.shape[1]
    sure = values.max(axis=1) > np.log(threshold(classes))
    return np.bincount(np.where(sure, values.argmax(axis=1), classes), minlength=classes + 1)


def one_vs_rest(scores: Sequence[Floats]) -> list[AucEstimate]:
    """The area of each class against all others together, with its DeLong error.

    Args:
        scores: For class k the scores of its own histograms, shape (N_k, C); column j is what
            orders histograms by class j.

    Raises:
        SampleUnusableError: A class is missing, has fewer than two histograms or holds NaN.
    """
    if len(scores) < 2 or any(np.shape(each)[1:] != (len(scores),) for each in scores):
        raise SampleUnusableError(
            what="scores of several classes",
            expected="histograms of each class, a column for each",
            found=f"shapes {[np.shape(each) for each in scores]}",
        )
    return [
        delong(np.concatenate([s[:, k] for j, s in enumerate(scores) if j != k]), own[:, k])
        for k, own in enumerate(scores)
    ]
