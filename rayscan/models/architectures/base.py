"""What every architecture declares and does: an abstract trait for each thing others ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

from rayscan.errors import DivergedError, nearest
from rayscan.models.contract import Classifier, Examples, Member, Reads, Trained, Watch
from rayscan.models.folds import Folds, LeftOut
from rayscan.models.knobs import Knobs, Value
from rayscan.models.part_of_examples import PartOfExamples

K = TypeVar("K", bound=Knobs)
Engine: TypeAlias = Literal["tensorflow", "sklearn", "none"]
Learns: TypeAlias = Literal["one signal", "two classes", "any classes"]
"""What its examples can be: those of one signal and its null, whose pools it looks at; labelled as
two classes, whatever they hold; or of any number of classes, each of which it has a logit for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """CPU seconds on one core of the reference machine (that of the forecast, stages.py).

    Attributes:
        training: All epochs of one member, without drawing its examples and compiling its graph.
        row: One histogram or event scored, its part of an AUC included.
        shared: What of the training members of the very same examples do once.
        features: Of ``row``, what is made once for each histogram and then remembered.
        sees: What the features are of; classifiers that see the same share them.
        responses: What one event more in each bin changes; by default as many rows as bins.
    """

    training: float
    row: float
    shared: float = 0.0
    features: float = 0.0
    sees: str = ""
    responses: float | None = None


def reading(columns: int) -> float:
    """What any classifier takes for a row of so many columns, with its part of an AUC [s].

    Measured with 1 to 16 classifiers on 8,000 and 55,000 histograms of 200 and 900 bins.
    """
    return 0.15e-6 + 0.5e-9 * columns


class Architecture(ABC, Generic[K]):
    """A way to train classifiers; instances hold no state of a training.

    Its traits are class attributes. All are abstract: of an architecture that leaves one out
    nothing is taken for granted, it cannot be made. None may import what training needs.

    Attributes:
        origin: File and class, and the text of the file, of one that a scan file brought.
    """

    origin: tuple[str, str] | None = None
    shares_null: bool = False
    """Whether class 0 is one set at all strengths and of all signals, where it has as many events:
    what is made of a histogram then costs more than drawing it."""
    shares_sets: bool = False
    """Whether members of the very same examples cost little more than one: those of a grid are then
    trained in one pack."""

    def __reduce__(self) -> tuple[Any, ...]:
        """By its name, and the text it was made of: no other process has its module."""
        from rayscan.models.architectures.registry import architecture

        return architecture, (self.name, self.origin)

    @property
    @abstractmethod
    def name(self) -> str:
        """What scan files and tables call it."""

    @property
    @abstractmethod
    def knobs(self) -> type[K]:
        """Its hyperparameters, with their defaults."""

    @property
    @abstractmethod
    def presets(self) -> Mapping[str, Mapping[str, Value]]:
        """Complete recipes besides the defaults: what each of them changes."""

    @property
    @abstractmethod
    def quick(self) -> Mapping[str, Value]:
        """Knobs with which toys are learned within seconds; the contract suite trains with them."""

    @property
    @abstractmethod
    def reads(self) -> Reads:
        """What its classifiers score: whole histograms, single events, or sets of events."""

    @property
    @abstractmethod
    def learns(self) -> Learns:
        """What it can be trained on, which decides on the heads it can have."""

    @property
    @abstractmethod
    def learns_strength(self) -> bool:
        """Whether it learns from drawn histograms or items, and so from the strengths they have."""

    @property
    @abstractmethod
    def warm_starts(self) -> bool:
        """Whether its weights can start from those at another strength (`Member.start`)."""

    @property
    @abstractmethod
    def engine(self) -> Engine:
        """What a worker loads to train it; with ``tensorflow`` it compiles graphs."""

    @abstractmethod
    def draws(self, values: K) -> int:
        """Epochs' worth of histograms or items that a member draws, at most; 0 of events."""

    def frozen(self, values: K) -> bool:
        """Whether it learns from one set of histograms, of which folds can be left out."""
        return self.draws(values) == 1

    @abstractmethod
    def fits(self, shape: tuple[int, ...]) -> str:
        """What bins it needs where it cannot see those of a shape; empty where it can."""

    def fits_with(self, shape: tuple[int, ...], values: K) -> str:
        """The same with knobs, where `fits` has nothing to say."""
        return ""

    def refused(self, shape: tuple[int, ...], values: K, outputs: int) -> str:
        """Why what it builds cannot be trained; empty if it can, and of all that is known here.

        May take seconds; asked once nothing else is wrong with a scan.
        """
        return ""

    def artefacts(self, values: K) -> str:
        """What of its examples gives away what no data do, and is in every row; empty: nothing."""
        return ""

    def missing(self, values: K) -> str:
        """What must be installed or brought before it can be used; empty if all is there."""
        return ""

    @abstractmethod
    def work(self, values: K, shape: tuple[int, ...], examples: int) -> Work:
        """What training and scoring cost.

        Of so many histograms or items (all classes) or events an epoch, and bins along each axis,
        (features,) or (events, features).
        """

    def fold_work(
        self, values: K, shape: tuple[int, ...], examples: int, *, folds: int, repeats: int
    ) -> Work:
        """What folds cost beside the training (`train_with_folds`), the rows left out included."""
        part = self.work(values, shape, examples * (folds - 1) // folds)
        return Work(training=repeats * (folds * part.training + examples * part.row), row=part.row)

    @abstractmethod
    def held(
        self, values: K, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """Memory of a training [bytes], without that of its engine, and of pools that items are of.

        Of so many histograms, events or items an epoch, with ``size`` bytes a count or feature as
        they are drawn.
        """

    @abstractmethod
    def stored(self, values: K, shape: tuple[int, ...]) -> int:
        """What a classifier takes on disk [bytes]."""

    @abstractmethod
    def train(
        self, members: Sequence[Member], *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Train a pack of K members; the result of member k is at position k.

        A member whose loss or scores became NaN or infinite gives its ``DivergedError`` as a value,
        so that one bad member does not end the pack; every other error is raised.

        Args:
            members: At least one. Those of one shape, one set of sizes and one batch size share a
                compiled graph.
            watch: Asked after each epoch which members shall stop (pruning).

        Raises:
            ShapeMismatchError: A histogram shape is too small, or a draw has not that shape.
            ValueError: Unknown or impossible hyperparameters.
        """

    def train_with_folds(
        self, members: Sequence[Member], folds: Folds, *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Train a pack, and for each fold of its frozen set a classifier that lacks it.

        All that is fitted is fitted without the fold. Each member gives its ``left_out`` scores
        beside its classifier, or the ``DivergedError`` of a fold.
        """
        found: list[Trained | DivergedError] = []
        for member, trained in zip(members, self.train(members, watch=watch), strict=True):
            if not isinstance(trained, DivergedError):
                trained = self._folded(member, folds, trained)  # noqa: PLW2901
            found.append(trained)
        return found

    def _folded(self, member: Member, folds: Folds, trained: Trained) -> Trained | DivergedError:
        examples = cast("Examples", member.examples)
        x, labels = examples.training(0)
        scores = []
        for train, out in folds.of(labels):
            part = replace(member, examples=PartOfExamples(examples, train))
            (fit,) = self.train([part])
            if isinstance(fit, DivergedError):
                return fit
            scores.append(fit.classifier.scores(x[out]))
        return replace(trained, left_out=LeftOut.of(labels, folds, scores))

    @abstractmethod
    def restore(self, folder: Path) -> Classifier:
        """Read what ``Classifier.save`` of this architecture wrote."""

    def valued(self, values: Mapping[str, Value]) -> K:
        """Default knobs overridden by the given values, checked.

        Raises:
            ValueError: Unknown knob, wrong type, impossible value.
        """
        known = list(self.knobs.defaults())
        for knob in values:
            if knob not in known:
                listed, hint = ", ".join(known) or "none", nearest(knob, known)
                raise ValueError(f"{knob}: '{self.name}' has no such knob{hint}: {listed}")
        return self.knobs(**values)

    def preset(self, which: str) -> dict[str, Value]:
        """All knobs of a recipe by name, ``default`` being the defaults."""
        recipes: Mapping[str, Mapping[str, Value]] = {"default": {}, **self.presets}
        if which not in recipes:
            known = ", ".join(self.presets) or "none"
            raise ValueError(f"preset: '{self.name}' has no preset '{which}', only: {known}")
        return {**self.knobs.defaults(), **recipes[which]}
