"""A monojet toy whose truth is known, and what recipes reach on it (used by truth_figure.py).

Jet pT and |eta| have the quantiles of detector-level events at 14 TeV (public data of
arXiv:1910.06058): Z(nunu) + jet for the background; for the signal the harder, more central jets of
a heavy spin-1 mediator, or those of an axion-like particle, nearly as soft as the background. Bin
probabilities are exact; pools are multinomial draws from them, of the published sizes by default.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import DivergedError
from rayscan.models.architecture import Classifier, Member, Templates, architectures
from rayscan.models.ceiling import Ceiling, ceiling, template_noise
from rayscan.models.hyperparameters import defaults, preset
from rayscan.models.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.seeds import stream
from rayscan.stats.auc import AucDifference, AucEstimate, delong, difference
from rayscan.stats.placements import placements

Floats = npt.NDArray[np.float64]
Histograms = npt.NDArray[np.unsignedinteger]

BINS = 30
B = 50_000
STRENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
"""S/sqrt(B)."""
EPOCHS = int(defaults("mlp")["epochs"])
"""Of the default recipe."""
FROZEN_EPOCHS = 6 * EPOCHS
"""On one frozen set: they cost more than ``EPOCHS`` with fresh draws."""
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0)
PT = {
    "background": (130, 141, 155, 182, 225, 286, 484, 776, 2000),
    "spin1": (130, 147, 172, 231, 330, 476, 877, 1300, 2000),
    "alp": (130, 141.5, 157, 190, 245, 330, 626, 1000, 2000),
}
"""Jet pT [GeV] below which these shares of the events are."""
ETA_SHARES = (0.0, 0.5, 0.9, 0.99, 1.0)
ETA = {
    "background": (0, 1.14, 2.36, 3.18, 4),
    "spin1": (0, 0.86, 1.85, 2.75, 4),
    "alp": (0, 1.2, 2.4, 3.2, 4),
}


def density(process: str) -> Floats:
    """Probability of each of the 30 x 30 bins of pT in [130, 2000] GeV and eta in [-4, 4]."""
    pt = np.log(np.linspace(130, 2000, BINS + 1))
    below_pt = np.interp(pt, np.log(PT[process]), SHARES)
    eta = np.linspace(-4, 4, BINS + 1)
    below_eta = np.interp(np.abs(eta), ETA[process], ETA_SHARES) * np.sign(eta) / 2
    return np.outer(np.diff(below_pt), np.diff(below_eta)).ravel()


@dataclass(frozen=True, slots=True, eq=False)
class Toy:
    """Pools of one signal.

    Attributes:
        signal: ``spin1``, ``alp``, or ``background``: a null signal with a pool of its own.
        shared: Training, validation and test draw from one pool (published), or each has its own.
        background_size: Events of a background pool.
        signal_size: Events of a signal pool.
        seed: Root of all streams.
    """

    signal: str = "spin1"
    shared: bool = False
    background_size: int = 1_500_000
    signal_size: int = 500_000
    seed: int = 1

    def counts(self, role: str, pool: str) -> npt.NDArray[np.int64]:
        """Bin counts of the pool ``train``, ``validation`` or ``test`` of background or signal."""
        rng = stream(self.seed, "pool", role, "shared" if self.shared else pool)
        law = self.signal if role == "signal" else "background"
        size = self.signal_size if role == "signal" else self.background_size
        return np.asarray(rng.multinomial(size, density(law)))

    def mixture(self, strength: float) -> Mixture:
        """S + B events at a strength S/sqrt(B)."""
        return Mixture(signal=round(strength * B**0.5), background=B)

    def ensembles(self, strength: float, pool: str) -> Ensembles:
        """The sampler of a strength on a pool."""
        background = Background((Pool("background", self.counts("background", pool)),))
        return Ensembles(
            background, Pool("signal", self.counts("signal", pool)), self.mixture(strength)
        )

    def templates(self, strength: float) -> Templates:
        """Densities of the training pools."""
        background, signal = (self.counts(role, "train") for role in ("background", "signal"))
        return Templates(
            background / background.sum(),
            signal / signal.sum(),
            self.mixture(strength).signal,
            B,
            self.background_size,
            self.signal_size,
        )

    def truth(self, strength: float) -> Templates:
        """Densities as they are."""
        S = self.mixture(strength).signal
        return Templates(density("background"), density(self.signal), S, B, 10**12, 10**12)


@dataclass(slots=True, eq=False)
class Draws:
    """Histograms of one strength; a new epoch is a new draw (rayscan.models Examples)."""

    toy: Toy
    strength: float
    histograms: int = 10_000
    shape: tuple[int, ...] = (BINS, BINS)
    n_classes: int = 2
    _train: Ensembles = field(init=False)
    _validation: tuple[Histograms, npt.NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        self._train = self.toy.ensembles(self.strength, "train")
        validation = self.toy.ensembles(self.strength, "validation")
        self._validation = self._draw(validation, 2_000, "validation")

    @property
    def null_mean(self) -> Floats:
        """Expected counts without signal."""
        return self._train.null_mean

    @property
    def null_variance(self) -> Floats:
        """Their variances."""
        return self._train.null_variance

    @property
    def templates(self) -> Templates:
        """Densities of the training pools."""
        return self.toy.templates(self.strength)

    def training(self, epoch: int) -> tuple[Histograms, npt.NDArray[np.int64]]:
        """Counts and labels of an epoch."""
        return self._draw(self._train, self.histograms, "train", epoch)

    def validation(self) -> tuple[Histograms, npt.NDArray[np.int64]]:
        """Counts and labels for stopping."""
        return self._validation

    def _draw(
        self, sampler: Ensembles, count: int, *key: str | int
    ) -> tuple[Histograms, npt.NDArray[np.int64]]:
        rng = stream(self.toy.seed, "draw", self.strength, *key)
        return labelled(sampler.null(rng, count), sampler.alternative(rng, count))


def labelled(null: Histograms, alternative: Histograms) -> tuple[Histograms, npt.NDArray[np.int64]]:
    """Both classes, as many of each, with their labels."""
    return np.concatenate([null, alternative]), np.repeat(np.arange(2), len(null))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A trained network and the CPU time [s] it took, draws included."""

    classifier: Classifier
    seconds: float


def fitted(
    toy: Toy, strength: float, *, histograms: int = 10_000, seed: int = 1, **knobs: Any
) -> Fit:
    """The default MLP trained at one strength, with other knobs if given."""
    begin = time.process_time()
    examples = Draws(toy, strength, histograms)
    result = architectures()["mlp"].train([Member(examples, knobs, seed)])[0]
    if isinstance(result, DivergedError):
        raise result
    return Fit(result.classifier, time.process_time() - begin)


def published(epochs: int = 300) -> dict[str, Any]:
    """The recipe of arXiv:2105.12018 for so many epochs."""
    return {**preset("mlp", "published"), "epochs": epochs, "patience": epochs}


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Test ensembles of one strength, and the likelihood ratios on them."""

    toy: Toy
    strength: float
    histograms: int
    null: Histograms
    alternative: Histograms

    @classmethod
    def drawn(cls, toy: Toy, strength: float, histograms: int = 10_000) -> HeldOut:
        """Histograms of the test pools, as many of each class."""
        sampler = toy.ensembles(strength, "test")
        rng = stream(toy.seed, "test", strength)
        null, alternative = sampler.null(rng, histograms), sampler.alternative(rng, histograms)
        return cls(toy, strength, histograms, null, alternative)

    def scores(self, classifier: Classifier) -> tuple[Floats, Floats]:
        """Of both classes."""
        return classifier.scores(self.null), classifier.scores(self.alternative)

    def auc(self, classifier: Classifier) -> AucEstimate:
        """With its error from the finite number of histograms."""
        return delong(*self.scores(classifier))

    @property
    def template_ratio(self) -> BinnedLikelihoodRatio:
        """The likelihood ratio of the training templates: what the same pools can teach."""
        return BinnedLikelihoodRatio.from_templates(self.toy.templates(self.strength))

    @property
    def true_ratio(self) -> BinnedLikelihoodRatio:
        """The likelihood ratio of the exact densities: what pools without end could teach."""
        return BinnedLikelihoodRatio.from_templates(self.toy.truth(self.strength))

    def above(self, classifier: Classifier, reference: Classifier) -> AucDifference:
        """AUC of a classifier less that of a reference, on the same histograms."""
        return difference(*(placements(*self.scores(each)) for each in (classifier, reference)))

    def ceiling(self) -> Ceiling:
        """As a scan reports it: template ratio with the noise of its templates taken out."""
        seen = self.auc(self.template_ratio)
        noise = template_noise(
            self.toy.templates(self.strength),
            test_background=self.toy.background_size,
            test_signal=self.toy.signal_size,
            shared=self.toy.shared,
            rng=stream(self.toy.seed, "noise", self.strength),
        )
        return ceiling(seen.auc, seen.error, noise)


def held_out(
    toy: Toy, strengths: Sequence[float] = STRENGTHS, histograms: int = 10_000
) -> dict[float, HeldOut]:
    """Test ensembles of each strength."""
    return {strength: HeldOut.drawn(toy, strength, histograms) for strength in strengths}
