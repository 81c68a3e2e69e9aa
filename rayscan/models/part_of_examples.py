"""Some histograms of a frozen training set, in place of the whole set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats
from rayscan.models.contract import Examples, Templates


@dataclass(frozen=True, slots=True, eq=False)
class PartOfExamples:
    """The same at every epoch; stopping is on the validation set of the whole, as ever.

    Attributes:
        whole: Its first epoch is the frozen set.
        rows: Which of its histograms are trained on, shape (n,).
    """

    whole: Examples
    rows: AnyIntegers

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis."""
        return self.whole.shape

    @property
    def n_classes(self) -> int:
        """Classes to tell apart."""
        return self.whole.n_classes

    @property
    def null_mean(self) -> Floats:
        """Exact expected counts of a class-0 histogram, shape (bins,)."""
        return self.whole.null_mean

    @property
    def null_variance(self) -> Floats:
        """Exact variance of the counts of a class-0 histogram, shape (bins,)."""
        return self.whole.null_variance

    @property
    def templates(self) -> Templates | None:
        """The bin probabilities behind the draws."""
        return self.whole.templates

    def training(self, epoch: int) -> tuple[npt.NDArray[np.unsignedinteger], AnyIntegers]:  # noqa: ARG002
        """Counts (n, bins) and labels (n,)."""
        x, labels = self.whole.training(0)
        return x[self.rows], labels[self.rows]

    def validation(self) -> tuple[npt.NDArray[np.unsignedinteger], AnyIntegers]:
        """Counts and labels of the validation pool."""
        return self.whole.validation()
