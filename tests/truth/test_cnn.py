"""What the default convolutional network reaches on compressed sleptons, beside the dense one.

    OMP_NUM_THREADS=1 python -m pytest tests/truth/test_cnn.py -m slow -s

Trained at S/B = 0.005, the highest strength that is not plain (what ``strength: highest`` takes of
the published list), on 20,000 fresh histograms an epoch; tested on 4,000 at each strength (three
minutes of CPU). Densities are exact, so the ceiling is the likelihood ratio of the same histograms.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pytest
from sleptons import SIDE, TOTAL, ceiling, densities, draw, split

from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Member, Templates
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.seeds import stream
from rayscan.stats.auc import difference, estimate
from rayscan.stats.placements import placements

pytestmark = pytest.mark.slow

TRAINED_AT, STRENGTHS = 0.005, (0.001, 0.003, 0.005, 0.01)
EACH, MINUTES = 2_000, 10
NEAR, SIGMAS = 0.01, 4


@dataclass(eq=False)
class Draws:
    """Histograms of both classes, as many."""

    strength: float
    shape: tuple[int, int] = (SIDE, SIDE)
    n_classes: int = 2
    templates: None = None

    @property
    def null_mean(self):
        return TOTAL * densities()[0]

    @property
    def null_variance(self):
        b, _ = densities()
        return TOTAL * b * (1 - b)

    def training(self, epoch: int):
        return self.drawn(10_000, "training", epoch)

    def validation(self):
        return self.drawn(2_000, "validation")

    def drawn(self, n, *key):
        return np.concatenate(draw(stream(1, *key), self.strength, n)), np.repeat([0, 1], n)


@pytest.fixture(scope="module")
def tested():
    return {each: draw(stream(1, "test", each), each, EACH) for each in STRENGTHS}


@pytest.fixture(scope="module")
def fitted():
    """Classifier and CPU minutes of each architecture, its draws and its graph included."""
    found = {}
    for name in ("cnn", "mlp"):
        start = time.process_time()
        trained = architectures()[name].train([Member(Draws(TRAINED_AT), {}, 1)])[0]
        found[name] = trained.classifier, (time.process_time() - start) / 60
    return found


def scored(classifier, test):
    return placements(*(classifier.scores(each) for each in test))


@pytest.mark.parametrize("name", ["cnn", "mlp"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_network_is_within_a_hundredth_of_the_ceiling(tested, fitted, name, strength):
    """The error is that of the difference of two AUCs of the same histograms (DeLong)."""
    b, s = densities()
    S, B = split(strength)
    known = Templates(b, s, S=S, B=B, background_size=10**12, signal_size=10**12)
    ratio = BinnedLikelihoodRatio.from_templates(known)
    classifier, minutes = fitted[name]
    ideal, found = scored(ratio, tested[strength]), scored(classifier, tested[strength])
    below = difference(ideal, found)
    print(  # noqa: T201
        f"\n{name} {minutes:.1f} min, S/B = {strength:g}: AUC {estimate(found).auc:.4f}, ceiling "
        f"{estimate(ideal).auc:.4f}, below by {below.difference:.4f} +- {below.error:.4f}"
    )
    assert -SIGMAS * below.error < below.difference < NEAR + SIGMAS * below.error


def test_the_default_has_nearly_the_ceiling_at_one_in_a_hundred_within_ten_minutes(tested, fitted):
    classifier, minutes = fitted["cnn"]
    found = estimate(scored(classifier, tested[0.01]))
    assert found.auc - SIGMAS * found.error > 0.95 * ceiling(*densities(), 0.01)
    assert minutes < MINUTES
