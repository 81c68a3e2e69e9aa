"""Folds of a frozen set of histograms: which are left out of a fit, and how it scores them.

N histograms, R repetitions. Every histogram is left out once in each repetition, by a fit that has
not seen it; but all are drawn from the same events.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats

FILE = "folds.npz"
"""Beside the classifier that was trained on the whole set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """How a set is divided: scikit-learn's RepeatedKFold, or RepeatedStratifiedKFold.

    Attributes:
        folds: Parts, each of which is left out once in a repetition.
        repeats: Repetitions, each with a new division.
        stratified: Whether each part has as many of each class.
        seed: Of the divisions (``random_state``).
    """

    folds: int
    repeats: int
    stratified: bool
    seed: int

    def of(self, labels: AnyIntegers) -> Iterator[tuple[AnyIntegers, AnyIntegers]]:
        """Rows that are trained on and rows left out, one repetition after the other."""
        from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

        kind: Any = RepeatedStratifiedKFold if self.stratified else RepeatedKFold
        splitter = kind(n_splits=self.folds, n_repeats=self.repeats, random_state=self.seed)
        yield from splitter.split(labels, labels)


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What fits make of the histograms that were left out of them.

    Attributes:
        labels: Two classes, 0 and 1, shape (N,).
        fold: In which part each histogram is, from 0, shape (R, N).
        scores: Of each by the fit that lacks this part, shape (R, N).
    """

    labels: npt.NDArray[np.integer]
    fold: npt.NDArray[np.integer]
    scores: Floats

    @classmethod
    def of(cls, labels: AnyIntegers, folds: Folds, scores: Iterable[Floats]) -> LeftOut:
        """From the scores of each part, in the order of ``folds.of(labels)``."""
        fold = np.zeros((folds.repeats, len(labels)), np.uint8)
        found = np.empty(fold.shape)
        for number, ((_, out), own) in enumerate(zip(folds.of(labels), scores, strict=True)):
            repeat, part = divmod(number, folds.folds)
            fold[repeat, out], found[repeat, out] = part, own
        return cls(np.asarray(labels), fold, found)

    def parts(self) -> Iterator[tuple[int, int, Floats, Floats]]:
        """Repetition, part, and the scores of its histograms of class 0 and of class 1."""
        for repeat, (fold, scores) in enumerate(zip(self.fold, self.scores, strict=True)):
            for part in np.unique(fold):
                here = fold == part
                zero, one = (scores[here & (self.labels == k)] for k in (0, 1))
                yield repeat, int(part), zero, one

    def save(self, folder: Path) -> None:
        """Beside a classifier."""
        np.savez(folder / FILE, labels=self.labels, fold=self.fold, scores=self.scores)

    @classmethod
    def stored(cls, content: bytes) -> LeftOut:
        """What ``save`` wrote."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return cls(file["labels"], file["fold"], file["scores"])
