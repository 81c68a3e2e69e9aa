"""How the training of one network goes: losses, stopping, best weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp

from rayscan.arrays import AnyIntegers, Flags, Floats
from rayscan.errors import DivergedError
from rayscan.models.knobs import NetworkKnobs
from rayscan.models.losses.aligned import aligned
from rayscan.models.losses.base import Loss
from rayscan.models.losses.registry import LOSSES
from rayscan.models.networks.packed import Network, Weights
from rayscan.models.networks.sources import Source
from rayscan.seeds import stream


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One network to train; tasks with the same source object share its examples.

    The seed is the root of its own streams; weights start from ``start`` or are drawn from it.
    """

    network: Network
    source: Source
    knobs: NetworkKnobs
    seed: int
    start: Weights | None = None

    @property
    def loss(self) -> Loss:
        """What it makes small."""
        return LOSSES[self.knobs.loss]

    def initial(self) -> Weights:
        """Weights before the first step."""
        return self.start or self.network.initial(stream(self.seed, "weights"))


@dataclass(slots=True, eq=False)
class Progress:
    """How the training of one task goes."""

    task: Task
    ended: bool = False
    error: str = ""
    best: Weights = field(default_factory=list)
    best_epoch: int = 0
    history: dict[str, list[float]] = field(
        default_factory=lambda: {"loss": [], "validation_loss": [], "validation_auc": []}
    )
    _least: float = field(init=False, default=float("inf"))

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.history["loss"])

    def record(self, loss: float, logits: Floats) -> bool:
        """Note the end of an epoch; whether its weights are the best so far."""
        labels = self.task.source.validation_labels
        if not (np.isfinite(loss) and np.isfinite(logits).all()):
            self.ended = True
            self.error = "a score is not finite" if np.isfinite(loss) else f"its loss is {loss:g}"
            return False
        knobs, numbers = self.task.knobs, self.task.source.numbers
        loss_of = self.task.loss.of(labels, outputs=logits.shape[1], numbers=numbers)
        validation_loss = loss_of(logits)[0]
        self.history["loss"].append(loss)
        self.history["validation_loss"].append(validation_loss)
        self.history["validation_auc"].append(area(logits, labels))
        moved = knobs.monitor == "aligned_loss"
        watched = aligned(loss_of, logits) if moved else validation_loss
        best = not self.best or watched < self._least
        if best:
            self.best_epoch, self._least = self.epochs - 1, watched
        waited = self.epochs - 1 - self.best_epoch
        self.ended = self.epochs >= knobs.epochs or waited >= knobs.patience
        return best

    def outcome(self, architecture: str) -> Progress | DivergedError:
        """Itself, or why there is no network."""
        if self.error:
            return DivergedError(architecture=architecture, epoch=self.epochs, what=self.error)
        return self


def area(logits: Floats, labels: AnyIntegers) -> float:
    """Area under the ROC curve, ties half; mean of one-versus-rest for more classes.

    What orders histograms by one class is its probability: a logit alone means nothing, because the
    same number can be added to all logits of a histogram.
    """
    if logits.shape[1] == 1:
        return _area(logits[:, 0], labels == 1)
    log_p = logits - logsumexp(logits, axis=1, keepdims=True)
    return float(np.mean([_area(each, labels == k) for k, each in enumerate(log_p.T)]))


def _area(scores: Floats, positive: Flags) -> float:
    """Mann-Whitney U over its largest value; NaN if a class is absent.

    Counted by searches: ranks by scipy.stats cost every worker a second for its import.
    """
    low, high = np.sort(scores[~positive]), np.sort(scores[positive])
    if not len(low) * len(high):
        return float("nan")
    twice = sum(int(np.searchsorted(low, high, side).sum()) for side in ("left", "right"))
    return twice / (2.0 * len(low) * len(high))
