"""A dense network of single events, and what its scores say of a whole ensemble.

A calibrated per-event classifier f of balanced classes gives r = p_s / p_b = f / (1 - f). An
ensemble's log likelihood ratio is the sum over its events of log[(B + S r) / (B + S)]
(arXiv:2101.07263; arXiv:2105.12018, section 6.1). E events, F features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats, Reals
from rayscan.models import scoring, storage
from rayscan.models.contract import Classifier, columns
from rayscan.models.networks.event_source import present
from rayscan.models.networks.inputs import Input, Squash
from rayscan.models.networks.packed import Weights


def log_terms(log_odds: Reals, S: float, B: float) -> Floats:
    """What each event adds to the log likelihood ratio of its ensemble, shape (E,).

    log[(B + S r) / (B + S)] with log r = ``log_odds``, without ever computing r.

    Args:
        log_odds: log[f / (1 - f)] of a classifier trained with classes of equal weight.
        S: Expected signal events of an ensemble.
        B: Expected background events; 0 gives the pure log r.

    Raises:
        ValueError: S or B is negative, or both are 0.

    >>> log_terms(np.array([0.0, 1000.0]), S=10, B=90).round(3).tolist()
    [0.0, 997.697]
    """
    if min(S, B) < 0 or S + B <= 0:
        raise ValueError(f"S, B: {S}, {B} are not expected numbers of events")
    with np.errstate(divide="ignore"):
        signal, background = np.log(np.float64(S)), np.log(np.float64(B))
    odds = np.asarray(log_odds, dtype=np.float64)
    return np.asarray(np.logaddexp(background, signal + odds) - np.log(np.float64(S + B)))


@dataclass(frozen=True, slots=True, eq=False)
class EventClassifier(Classifier):
    """A trained per-event network of F features, standardised by moments of the training events."""

    reads: ClassVar[Literal["histograms", "events"]] = "events"
    architecture: str
    features: tuple[str, ...]
    seen: Input
    weights: Weights
    squash: Squash | None = None

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Per-event log-odds (E,) of raw features (E, F); NaN (object absent) is the mean."""
        x = columns(x, len(self.features), what="events", unit="features")
        layers = scoring.folded(self.seen, self.weights)
        x = x if self.squash is None else self.squash.apply(x)
        x = scoring.readable(present(x, self.seen.mean), self.architecture)
        outputs = scoring.stacked_outputs([layers], x)[0]
        return scoring.finite(outputs, self.architecture)

    def save(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``weights.npz``."""
        squash = {} if self.squash is None else asdict(self.squash)
        storage.write(
            folder,
            architecture=self.architecture,
            description={"features": list(self.features)},
            arrays={**storage.network_arrays(self.seen, self.weights), **squash},
        )
