"""A classifier of features: what is stored of it, its scores, and what one event more changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats
from rayscan.models import scoring, storage
from rayscan.models.contract import Classifier, columns
from rayscan.models.transfer.features import MEMORY, Seer, in_turn
from rayscan.models.transfer.gram import (
    Blocks,
    Components,
    Linear,
    Radial,
    centred,
    column_parts,
    gram,
    mean_row,
)


class Reading(ABC):
    """What features mean."""

    @abstractmethod
    def scores(self, features: npt.NDArray[Any]) -> Floats:
        """Log-odds or margins (M,) of features (M, columns)."""

    @abstractmethod
    def weight_at(self, features: npt.NDArray[Any]) -> Floats:
        """Change of the score with each feature (columns,) at one place (columns,)."""

    @abstractmethod
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What is stored of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane(Reading):
    """``features @ weight + bias``."""

    weight: Floats
    bias: float

    @classmethod
    def of(cls, fitted: Components, found: Linear, rows: Rows) -> Plane:
        """From components of rows to their columns."""
        shares, constant = fitted.combination(found.weight)
        weight = rows.combined(shares)
        return cls(weight, found.bias + constant - float(rows.shift @ weight))

    def scores(self, features: npt.NDArray[Any]) -> Floats:
        """One product."""
        return np.asarray(features.astype(np.float64) @ self.weight + self.bias)

    def weight_at(self, features: npt.NDArray[Any]) -> Floats:  # noqa: ARG002
        """The same everywhere."""
        return self.weight

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """A number for each feature."""
        return {"weight": self.weight, "bias": np.array(self.bias)}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Features of histograms that were trained on.

    Attributes:
        blocks: Features, each (rows, columns).
        shift: What is taken off each, shape (columns,).
    """

    blocks: Blocks
    shift: Floats

    @classmethod
    def of(cls, blocks: Blocks) -> Rows:
        """About their mean."""
        return cls(blocks, mean_row(blocks))

    def combined(self, shares: Floats) -> Floats:
        """The sum of all rows less the shift, each times its share, shape (columns,)."""
        parts = column_parts(len(self.shift))
        return np.concatenate([shares @ centred(self.blocks, self.shift, part) for part in parts])

    def products(self, features: npt.NDArray[Any]) -> Floats:
        """Inner products (M, N) of features less the shift with all rows less the shift."""
        return gram([features], self.shift, self.blocks)


@dataclass(frozen=True, slots=True, eq=False)
class Kernel(Reading):
    """A support vector machine with Gaussians about the components of histograms.

    It holds the histograms, not their features, which take more room: they are remembered, or made
    anew, where something is scored.

    Attributes:
        counts: The histograms trained on, by class, each (rows, bins).
        seer: What makes features of them.
        fitted: Their principal components.
        found: The Gaussians.
    """

    counts: Blocks
    seer: Seer
    fitted: Components
    found: Radial

    @property
    def rows(self) -> Rows:
        """Features of the histograms trained on."""
        return Rows.of([MEMORY.rows(self.seer, block) for block in self.counts])

    def scores(self, features: npt.NDArray[Any]) -> Floats:
        """By inner products with all histograms trained on."""
        return self.found.scores(self.fitted.seen(self.rows.products(features)))

    def weight_at(self, features: npt.NDArray[Any]) -> Floats:
        """The slope of the Gaussians there."""
        rows = self.rows
        z = self.fitted.seen(rows.products(features[None]))[0]
        return rows.combined(self.fitted.combination(self.found.slope(z))[0])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Histograms, components, and what the Gaussians weigh."""
        return {
            **{f"counts_{k}": block for k, block in enumerate(self.counts)},
            "means": self.fitted.means,
            "mixing": self.fitted.mixing,
            "values": self.fitted.values,
            "support": self.found.at,
            "weight": self.found.weight,
            "bias": np.array(self.found.bias),
            "gamma": np.array(self.found.gamma),
        }

    @classmethod
    def stored(cls, arrays: Mapping[str, npt.NDArray[Any]], seer: Seer) -> Kernel:
        """The reverse of ``arrays``."""
        counts = [arrays[f"counts_{k}"] for k in range(sum(n.startswith("counts") for n in arrays))]
        fitted = Components(arrays["means"], arrays["mixing"], arrays["values"])
        at: AnyIntegers = arrays["support"]
        bias, gamma = float(arrays["bias"]), float(arrays["gamma"])
        found = Radial(fitted.rows[at], arrays["weight"], bias, gamma, at)
        return cls(counts, seer, fitted, found)


@dataclass(frozen=True, slots=True, eq=False)
class TransferClassifier(Classifier):
    """Scores of the features of histograms.

    Attributes:
        architecture: Name it was trained as.
        shape: Bins along each axis.
        knobs: All of them.
        seer: What makes features of counts.
        reading: What makes scores of features.
    """

    reads: ClassVar[Literal["histograms", "events"]] = "histograms"
    architecture: str
    shape: tuple[int, ...]
    knobs: Mapping[str, Any]
    seer: Seer
    reading: Reading

    @property
    def group(self) -> str:
        """Those of one group see the same features."""
        return self.seer.identity

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Log-odds (logistic regression) or margins (support vector machines), shape (N,)."""
        return self.scores_with([self], x)[0]

    def scores_with(
        self, group: Sequence[TransferClassifier], x: npt.NDArray[np.number]
    ) -> list[Floats]:
        """Scores (N,) of each of a group; features are made once."""
        x = columns(x, int(np.prod(self.shape)), what="histograms")
        x = scoring.readable(x, self.architecture)
        found = [np.empty(len(x)) for _ in group]
        for part, features in in_turn(self.seer, x):
            for each, scores in zip(group, found, strict=True):
                scores[part] = each.reading.scores(features)
        return [scoring.finite(scores[:, None], self.architecture) for scores in found]

    def response(self, middle: Floats) -> Floats:
        """Change of the score with one event more in each bin, to first order, shape (bins,)."""
        features = self.seer.rows(middle[None])[0]
        return self.seer.pulled_back(middle, self.reading.weight_at(features))

    def save(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``weights.npz``; of a backbone only its name."""
        storage.write(
            folder,
            architecture=self.architecture,
            description={"shape": list(self.shape), "knobs": dict(self.knobs)},
            arrays={**self.seer.arrays(), **self.reading.arrays()},
        )
