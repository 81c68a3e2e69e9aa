"""What linear classifiers of histograms share: draws, input, scores, storage."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats
from rayscan.errors import DivergedError
from rayscan.models import scoring, storage
from rayscan.models.architectures.base import Architecture
from rayscan.models.contract import Classifier, Examples, Member, Trained, Watch, columns
from rayscan.models.folds import Folds, LeftOut
from rayscan.models.knobs import COUNT, INPUTS, POSITIVE, Float, Knobs, knob
from rayscan.models.losses.cross_entropy import CrossEntropy
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.progress import area
from rayscan.models.networks.sources import histogram_input


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearKnobs(Knobs):
    """Common to linear classifiers.

    Attributes:
        C: Inverse strength of the penalty on the sum of losses (scikit-learn's C).
        draws: Epochs' worth of training histograms fitted at once.
        input: Counts by their exact null moments, or over the largest bin of each histogram.
    """

    C: float = knob(1e-4, POSITIVE, Float(1e-6, 1.0, log=True))
    draws: int = knob(1, COUNT)
    input: Literal["standard", "maximum"] = knob("standard", INPUTS)


L = TypeVar("L", bound=LinearKnobs)


@dataclass(frozen=True, slots=True, eq=False)
class LinearClassifier(Classifier):
    """``x @ weight + bias`` of raw counts (over their largest bin, if so trained).

    Attributes:
        architecture: Name it was trained as.
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


@dataclass(frozen=True, eq=False)
class Drawn:
    """Histograms to fit, as the classifier sees them.

    Attributes:
        seen: What it sees of counts.
        x: The histograms, shape (N, bins).
        labels: Their classes, shape (N,).
    """

    seen: Input
    x: Floats
    labels: npt.NDArray[np.integer]

    @cached_property
    def gram(self) -> Floats:
        """Inner products of all pairs, shape (N, N)."""
        return self.x @ self.x.T


class LinearArchitecture(Architecture[L], Generic[L]):
    """What both share: draws, input, folding; a fit has no epochs and ``watch`` is not asked."""

    reads = "histograms"
    presets = {}
    quick = {}
    learns_strength = True
    warm_starts = False
    engine = "sklearn"
    shares_sets = True
    of_set: ClassVar[tuple[str, ...]] = ("input", "draws")
    """Knobs that the histograms it is fitted to depend on."""

    def draws(self, values: L) -> int:
        """All at once."""
        return values.draws

    def frozen(self, values: L) -> bool:
        """All draws are one set."""
        return True

    def fits(self, shape: tuple[int, ...]) -> str:
        """Any bins."""
        return ""

    def held(
        self, values: L, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """All draws twice as float64; members are fitted one after the other."""
        return 8 * 2 * examples * values.draws * math.prod(shape)

    def stored(self, values: L, shape: tuple[int, ...]) -> int:
        """A weight for each bin, with room for those of a few classes."""
        return 1000 + 16 * math.prod(shape)

    @abstractmethod
    def fit(self, drawn: Drawn, values: L, seed: int) -> tuple[Floats, Floats]:
        """Weight (bins, outputs) and bias (outputs,) on the seen input."""

    def drawn(self, examples: Examples, values: L) -> Drawn:
        """The histograms that are fitted."""
        return _draw(examples, values)

    def scores_left_out(
        self, drawn: Drawn, train: AnyIntegers, out: AnyIntegers, values: L, seed: int
    ) -> Floats:
        """Scores of some rows, of two classes, by a fit to others."""
        part = Drawn(drawn.seen, drawn.x[train], drawn.labels[train])
        weight, bias = self.fit(part, values, seed)
        return np.asarray((drawn.x[out] @ weight + bias)[:, 0])

    def train(
        self, members: Sequence[Member], *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Fit each member; members of the same ``examples`` and draws share them."""
        cache: dict[tuple[object, ...], Drawn] = {}
        return [self._train(member, cache) for member in members]

    def train_with_folds(
        self, members: Sequence[Member], folds: Folds, *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Fit each member to all histograms, and to those without each fold."""
        cache: dict[tuple[object, ...], Drawn] = {}
        return [self._train(member, cache, folds) for member in members]

    def restore(self, folder: Path) -> LinearClassifier:
        """Read a saved linear classifier."""
        body, arrays = storage.read(folder, "shape", "input")
        shape = tuple(int(n) for n in body["shape"])
        return LinearClassifier(self.name, shape, body["input"], arrays["weight"], arrays["bias"])

    def _train(
        self, member: Member, cache: dict[tuple[object, ...], Drawn], folds: Folds | None = None
    ) -> Trained | DivergedError:
        examples = cast("Examples", member.examples)
        values = self.valued(member.hyperparameters)
        key = (id(examples), *(getattr(values, name) for name in self.of_set))
        if key not in cache:
            cache[key] = self.drawn(examples, values)
        drawn = cache[key]
        if not np.isfinite(drawn.x).all():
            what = "its training histograms hold NaN or infinite values"
            return DivergedError(architecture=self.name, epoch=0, what=what)
        weight, bias = drawn.seen.folded(*self.fit(drawn, values, member.seed))
        shape = tuple(examples.shape)
        classifier = LinearClassifier(self.name, shape, values.input, weight, bias)
        trained = Trained(classifier, epochs=1, history=history(classifier, examples))
        if folds is None:
            return trained
        return replace(trained, left_out=self._left_out(drawn, folds, values, member.seed))

    def _left_out(self, drawn: Drawn, folds: Folds, values: L, seed: int) -> LeftOut:
        parts = folds.of(drawn.labels)
        scores = (self.scores_left_out(drawn, train, out, values, seed) for train, out in parts)
        return LeftOut.of(drawn.labels, folds, scores)


def _draw(examples: Examples, values: LinearKnobs) -> Drawn:
    bins = int(np.prod(examples.shape))
    drawn = [examples.training(epoch) for epoch in range(values.draws)]
    seen = histogram_input(examples, values.input)
    rows = [seen.apply(columns(x, bins, what="training histograms")) for x, _ in drawn]
    return Drawn(seen, np.concatenate(rows), np.concatenate([labels for _, labels in drawn]))


def history(classifier: Classifier, examples: Examples) -> dict[str, list[float]]:
    """Loss and AUC on the validation set, of a fit without epochs."""
    x, labels = examples.validation()
    scores = classifier.scores(x).reshape(len(labels), -1)
    loss = CrossEntropy().of(labels, outputs=scores.shape[1], numbers={})
    return {"validation_loss": [loss(scores)[0]], "validation_auc": [area(scores, labels)]}
