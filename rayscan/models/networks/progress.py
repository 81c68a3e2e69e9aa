"""How the training of one network goes: losses, stopping, best weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

from rayscan.errors import DivergedError
from rayscan.models.knobs import NetworkKnobs
from rayscan.models.networks.packed import Network, Weights
from rayscan.models.networks.sources import Source
from rayscan.seeds import stream

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One network to train.

    Attributes:
        network: Its sizes.
        source: Its examples; tasks with the same source object share them.
        knobs: Its hyperparameters.
        seed: Root of its own streams.
        start: Initial weights; drawn from the seed if None.
    """

    network: Network
    source: Source
    knobs: NetworkKnobs
    seed: int
    start: Weights | None = None

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
        labels = self.task.source.validation()[1]
        if not (np.isfinite(loss) and np.isfinite(logits).all()):
            self.ended = True
            self.error = (
                f"its loss is {loss:g}" if not np.isfinite(loss) else "a score is not finite"
            )
            return False
        knobs = self.task.knobs
        validation_loss = cross_entropy(logits, labels)
        for name, value in (
            ("loss", loss),
            ("validation_loss", validation_loss),
            ("validation_auc", area(logits, labels)),
        ):
            self.history[name].append(value)
        aligned = knobs.monitor == "aligned_loss"
        watched = aligned_loss(logits, labels) if aligned else validation_loss
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


def balance(labels: npt.NDArray[np.integer], n_classes: int) -> npt.NDArray[np.float32]:
    """Weights that give every class the same total, 1 for equal numbers; shape (N,)."""
    counts = np.bincount(labels, minlength=n_classes)
    share = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.asarray(share[labels], dtype=np.float32)


def cross_entropy(logits: Floats, labels: npt.NDArray[np.integer]) -> float:
    """Mean over classes of equal weight; logits (N, 1) for two classes, else (N, classes)."""
    if logits.shape[1] == 1:
        each = np.logaddexp(0.0, logits[:, 0]) - logits[:, 0] * labels
    else:
        each = logsumexp(logits, axis=1) - np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return float(np.average(each, weights=balance(labels, max(2, logits.shape[1]))))


def aligned_loss(logits: Floats, labels: npt.NDArray[np.integer]) -> float:
    """The cross-entropy after the constants were added to the logits that make it smallest.

    A validation pool whose bins are filled a little otherwise than those of the training pool moves
    the logits of all its histograms alike. That is no fault of the weights and changes no AUC, but
    the plain loss rises with it, the more the better the classes are told apart.
    """
    scores = logits if logits.shape[1] > 1 else np.pad(logits, ((0, 0), (1, 0)))
    scores = scores - scores.mean(axis=0)  # constants, too
    classes = scores.shape[1]
    weights = balance(labels, classes).astype(np.float64)
    weights /= weights.sum()
    share = np.bincount(labels, weights, classes)
    own = float(weights @ scores[np.arange(len(labels)), labels])

    def moved(constants: Floats) -> tuple[float, Floats]:
        # The same number added to all classes changes nothing: the first gets none.
        shifted = scores + np.concatenate([[0.0], constants])
        # The largest is taken off: logits of a network that runs away have no exponentials.
        largest = shifted.max(axis=1)
        odds = np.exp(shifted - largest[:, None])
        totals = odds.sum(axis=1)
        loss = float(weights @ (largest + np.log(totals)) - share[1:] @ constants) - own
        return loss, ((weights / totals) @ odds - share)[1:]

    return float(minimize(moved, np.zeros(classes - 1), jac=True, method="BFGS").fun)


def area(logits: Floats, labels: npt.NDArray[np.integer]) -> float:
    """Area under the ROC curve, ties half; mean of one-versus-rest for more classes.

    What orders histograms by one class is its probability: a logit alone means nothing, because the
    same number can be added to all logits of a histogram.
    """
    if logits.shape[1] == 1:
        return _area(logits[:, 0], labels == 1)
    log_p = logits - logsumexp(logits, axis=1, keepdims=True)
    return float(np.mean([_area(each, labels == k) for k, each in enumerate(log_p.T)]))


def _area(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Mann-Whitney U over its largest value; NaN if a class is absent.

    Counted by searches: ranks by scipy.stats cost every worker a second for its import.
    """
    low, high = np.sort(scores[~positive]), np.sort(scores[positive])
    if not len(low) * len(high):
        return float("nan")
    twice = sum(int(np.searchsorted(low, high, side).sum()) for side in ("left", "right"))
    return twice / (2.0 * len(low) * len(high))
