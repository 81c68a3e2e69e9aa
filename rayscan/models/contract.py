"""The contract of the models room: what is learned from, and what a Classifier does once trained.

Shape letters: N histograms, E events, F features, n items of N events each, K members of a pack,
bins = cells of a flat histogram. Label 0 is the null (background only), 1 is signal + background.
Importing this module costs neither TensorFlow nor scikit-learn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats
from rayscan.errors import ShapeMismatchError
from rayscan.models.event_blocks import EventBlocks
from rayscan.models.folds import LeftOut
from rayscan.models.ratio.mixed import Part
from rayscan.models.ratio.nuisances import BackgroundNuisances

Values: TypeAlias = float | int | str
Reads: TypeAlias = Literal["histograms", "events", "items"]
"""The kinds of examples: histograms, single events, sets of events."""
Watch: TypeAlias = Callable[[int, Sequence[float]], Sequence[bool]]
"""Called after each epoch with the epoch (from 0) and the validation AUC of every member (NaN for
one that ended before); tells for every member whether it shall stop now."""


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """What the likelihood ratio needs to know of the pools behind a set of examples.

    Attributes:
        background: Probability of each bin for one background event, shape (bins,).
        signal: Probability of each bin for one signal event, shape (bins,).
        S: Signal events of one class-1 histogram.
        B: Background events of one class-1 histogram.
        background_size: Pool events behind ``background``; of several pools `effective_size`.
        signal_size: Pool events behind ``signal``.
        null: Events of class 0: S + B (``matched``), or B.
        against: Probability of each bin for an event of the second signal, of which class 0 holds S
            events beside B of background (``null`` then says nothing); None without.
        against_size: Pool events behind ``against``.
        nuisances: What of the background is drawn anew for each histogram; None: nothing.
        mixed: The pools that ``background`` is mixed of; empty for one.
    """

    background: Floats
    signal: Floats
    S: int
    B: int
    background_size: float
    signal_size: int
    null: Literal["matched", "background"] = "matched"
    against: Floats | None = None
    against_size: int = 0
    nuisances: BackgroundNuisances | None = None
    mixed: tuple[Part, ...] = ()

    @property
    def backgrounds(self) -> tuple[Part, ...]:
        """The pools behind ``background``, at least one."""
        alone = Part(density=self.background, share=1.0, size=self.background_size)
        return self.mixed or (alone,)


@runtime_checkable
class Examples(Protocol):
    """Labelled histograms to train on: fresh at every epoch, or a frozen set."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis, (Y, X) or (X,)."""

    @property
    def n_classes(self) -> int:
        """Classes to tell apart; 2 is binary."""

    @property
    def null_mean(self) -> Floats:
        """Exact expected counts of a class-0 histogram, shape (bins,)."""

    @property
    def null_variance(self) -> Floats:
        """Exact variance of the counts of a class-0 histogram, shape (bins,)."""

    @property
    def templates(self) -> Templates | None:
        """The bin probabilities behind the draws, None where they are not defined."""

    def training(self, epoch: int) -> tuple[npt.NDArray[np.unsignedinteger], AnyIntegers]:
        """Counts (N, bins) and labels (N,) of one epoch; N must not change between epochs."""

    def validation(self) -> tuple[npt.NDArray[np.unsignedinteger], AnyIntegers]:
        """Counts (N, bins) and labels (N,) used for stopping; the same at every call."""


@runtime_checkable
class EventExamples(Protocol):
    """Labelled single events for a per-event classifier."""

    @property
    def features(self) -> tuple[str, ...]:
        """Observable names of the F columns."""

    @property
    def S(self) -> int:  # noqa: N802
        """Signal events of one class-1 ensemble, for the per-ensemble combination."""

    @property
    def B(self) -> int:  # noqa: N802
        """Background events of one class-1 ensemble."""

    def blocks(self, pool: Literal["train", "validation"]) -> Sequence[EventBlocks]:
        """Events to train on, or those used for stopping, of each process: read block by block."""

    def training(self) -> tuple[npt.NDArray[np.float32], AnyIntegers]:
        """Features (E, F) and labels (E,), 1 = signal, of all events to train on.

        Who asks for them holds them: what an architecture says that it holds (`held`) has to count
        them, as those of `validation`. Whoever reads `blocks` needs no more memory for more events.
        """

    def validation(self) -> tuple[npt.NDArray[np.float32], AnyIntegers]:
        """Features (E, F) and labels (E,) of all events used for stopping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How items are put together of the events of the pools.

    Attributes:
        order: Events in random order, or those of the signal in the ``last`` places of class 1.
        oversample: Synthetic events between real ones: ``none``, in the training pool alone
            (``smote``), or between training and test events, in all pools (``smote_before_split``).
        synthetic: Synthetic events of each process, where there are some.
    """

    order: Literal["shuffled", "last"] = "shuffled"
    oversample: Literal["none", "smote", "smote_before_split"] = "none"
    synthetic: int = 0

    @property
    def artefacts(self) -> str:
        """What of it gives away what no data do; empty: nothing.

        >>> Arrangement(order="last").artefacts
        'signal in fixed places'
        """
        found = {
            "signal in fixed places": self.order == "last",
            "SMOTE before the split": self.oversample == "smote_before_split",
        }
        return ", ".join(what for what, there in found.items() if there)


HONEST = Arrangement()
"""Real events in random order."""


@runtime_checkable
class ItemExamples(Protocol):
    """Labelled items to train on: sets of N events each, by the places of these in a pool."""

    @property
    def features(self) -> tuple[str, ...]:
        """Observable names of the F columns."""

    @property
    def events(self) -> int:
        """Events N of an item."""

    def pool(
        self, pool: Literal["train", "validation"], arrangement: Arrangement
    ) -> npt.NDArray[np.float32]:
        """Features (E, F) of the events that items are made of; who asks for them holds them."""

    def labels(self, pool: Literal["train", "validation"]) -> AnyIntegers:
        """Labels (n,) of the items of an epoch, or of those used for stopping."""

    def items(
        self, pool: Literal["train", "validation"], epoch: int, arrangement: Arrangement
    ) -> Iterator[npt.NDArray[np.int32]]:
        """The places (n, N) of the events of these items, in blocks; the same at every call."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One network of a pack: what it learns from, its knobs and its own seed.

    Members that hold the very same ``examples`` object share its draws and, in packed training,
    the product of the first layer.

    Attributes:
        examples: Histograms, events or items, as the architecture ``reads``.
        hyperparameters: Knobs by name; those left out keep their defaults (knobs.py).
        seed: Root of the member's streams (initial weights, dropout). The order of examples within
            an epoch is one for all members, so that a pack gives what separate training gives.
        start: A classifier of the same architecture and sizes whose weights are the initial ones
            (warm start); linear models and closed forms do not need it.
    """

    examples: Examples | EventExamples | ItemExamples
    hyperparameters: Mapping[str, Values] = field(default_factory=dict)
    seed: int = 0
    start: Classifier | None = None


class Classifier(ABC):
    """A trained classifier of histograms, of single events or of items."""

    architecture: str
    reads: ClassVar[Reads]

    @abstractmethod
    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Unsquashed log-odds of signal, monotone in signal-likeness.

        Args:
            x: Raw counts (N, bins), or features: (E, F) for a classifier of events, and
                (n, N F), event after event, for one of items.

        Returns:
            Shape (N,) or (E,) if binary, (N, classes) logits otherwise.

        Raises:
            ShapeMismatchError: ``x`` has not two axes or another number of columns.
            DivergedError: ``x`` holds NaN or infinite values.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the classifier into a folder (made if absent) that ``load`` reads."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A classifier and how its training went.

    Attributes:
        classifier: With the weights of the best epoch.
        epochs: Epochs trained (0 for a closed form).
        best_epoch: Epoch (from 0) whose weights were kept.
        history: Per epoch: ``loss``, ``validation_loss``, ``validation_auc``.
        left_out: Scores over folds of its training set, where they were asked for.
    """

    classifier: Classifier
    epochs: int = 0
    best_epoch: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    left_out: LeftOut | None = None


def columns(
    x: npt.NDArray[np.number], expected: int, *, what: str, unit: str = "bins"
) -> npt.NDArray[np.number]:
    """The array itself, once it is known to have two axes and the expected columns.

    >>> columns(np.zeros((3, 4)), 4, what="histograms").shape
    (3, 4)
    """
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != expected:
        rows = "N" if unit == "bins" else "E"
        raise ShapeMismatchError(what=what, expected=(rows, expected), found=x.shape)
    return x
