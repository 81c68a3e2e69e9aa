"""The default recipes on the ten benchmarks, whose densities are known exactly (minutes of CPU).

    OMP_NUM_THREADS=1 python -m pytest tests/truth/test_default_recipes.py -m slow -s

Networks are trained on pools as a scan splits them and tested on draws of the exact densities, on
the same histograms (or events) as the likelihood ratios they are compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.generator.density import density
from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Member, Templates
from rayscan.models.networks.event_network import log_terms
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio, weights
from rayscan.models.ratio.separation import Endless
from rayscan.seeds import stream
from rayscan.stats.auc import delong, difference, estimate
from rayscan.stats.placements import placements

pytestmark = pytest.mark.slow

BENCHMARKS = (
    "alp", "spin0_off", "spin0_on", "spin0_ps", "spin1_off",
    "spin1_on", "spin1_ps", "spin2_off", "spin2_on", "spin2_ps",
)  # fmt: skip
BINS = 30
PT, ETA = np.linspace(130, 2000, BINS + 1), np.linspace(-4, 4, BINS + 1)
BACKGROUND, SIGNAL = 1_500_000, 500_000  # the published pools
PT_CELLS, ABS_ETA_CELLS = (axis.edges for axis in density("znunu_jet").axes)
EVENTS = 50_000  # of each pool that event networks learn from
SPLIT = {"training": 0.64, "validation": 0.16}
NEAR = 0.01
SIGMAS = 4
MIXTURES = [(0, None), (1_000, 0.62), (1_000, 0.85), (5_000, 0.85), (50_000, 0.85)]
"""B, and the AUC that the exact densities allow; without background S = 20."""


@cache
def binned(process: str):
    """Exact probability of each of 30 x 30 bins: log pT and |eta| are uniform inside a cell."""
    counts = density(process).counts.astype(float)
    sizes = ABS_ETA_CELLS
    both = np.concatenate([counts[:, ::-1], counts], axis=1)
    in_pt = _overlap(np.log(PT), np.log(PT_CELLS))
    in_eta = _overlap(ETA, np.concatenate([-sizes[::-1], sizes[1:]]))
    found = (in_pt @ both @ in_eta.T).ravel()
    return found / found.sum()


def _overlap(bins, cells):
    """Share of each cell in each bin, (bins, cells)."""
    low = np.maximum(bins[:-1, None], cells[None, :-1])
    high = np.minimum(bins[1:, None], cells[None, 1:])
    return np.maximum(high - low, 0) / np.diff(cells)


def truth(signal: str, S: int, B: int) -> Templates:
    """The exact densities of a mixture."""
    return Templates(binned("znunu_jet"), binned(signal), S, B, 10**12, 10**12)


def strength(signal: str, B: int, auc: float | None) -> int:
    """The largest S whose exact densities separate no better than so."""
    if auc is None:
        return 20
    low, high = 1, B
    while high - low > 1:
        middle = (low + high) // 2
        t = truth(signal, middle, B)
        found = Endless(t).separation(weights(t))
        spread = math.sqrt(found.null_variance + found.alternative_variance)
        low, high = (
            (middle, high) if found.difference < float(ndtri(auc)) * spread else (low, middle)
        )
    return low


@dataclass(eq=False)
class Draws:
    """Histograms of one mixture from pools of one signal."""

    signal: str
    S: int
    B: int
    shape: tuple[int, ...] = (BINS, BINS)
    n_classes: int = 2
    samplers: dict[str, Ensembles] = field(init=False)

    def __post_init__(self) -> None:
        self.samplers = {}
        for role, share in SPLIT.items():
            rng = stream(1, "pool", role, self.signal)
            background = rng.multinomial(int(share * BACKGROUND), binned("znunu_jet"))
            signal = rng.multinomial(int(share * SIGNAL), binned(self.signal))
            self.samplers[role] = Ensembles(
                Background((Pool("background", background),)),
                Pool("signal", signal),
                Mixture(signal=self.S, background=self.B),
            )

    @property
    def null_mean(self):
        return self.samplers["training"].null_mean

    @property
    def null_variance(self):
        return self.samplers["training"].null_variance

    @property
    def templates(self) -> None:
        """Networks are asked without."""

    def draw(self, role: str, n: int, *key: int):
        rng, sampler = stream(1, "draw", role, *key), self.samplers[role]
        return np.concatenate([sampler.null(rng, n), sampler.alternative(rng, n)]), np.repeat(
            [0, 1], n
        )

    def training(self, epoch: int):
        return self.draw("training", 10_000, epoch)

    def validation(self):
        return self.draw("validation", 2_000)


@pytest.mark.parametrize(("B", "auc"), MIXTURES)
@pytest.mark.parametrize("signal", BENCHMARKS)
def test_a_network_of_histograms_is_within_a_hundredth_of_the_ceiling(signal, B, auc):
    """Ceiling: the likelihood ratio of the exact densities. Repeats agree within a hundredth.

    The error of a difference is that of the 10,000 test histograms per class which both scored.
    """
    S = strength(signal, B, auc)
    rng, t = stream(1, "test", signal, S, B), truth(signal, S, B)
    null = rng.multinomial(S + B, t.background, 10_000).astype(np.uint16)
    other = rng.multinomial(B, t.background, 10_000) + rng.multinomial(S, t.signal, 10_000)
    examples = Draws(signal, S, B)
    trained = architectures()["mlp"].train([Member(examples, {}, seed) for seed in (1, 2)])

    def scores(classifier):
        return placements(classifier.scores(null), classifier.scores(other.astype(np.uint16)))

    ideal, found = BinnedLikelihoodRatio.from_templates(t), [scores(x.classifier) for x in trained]
    below = [difference(scores(ideal), each) for each in found]
    apart = difference(*found)
    print(  # noqa: T201
        f"\n{signal} B={B} S={S}: ceiling {estimate(scores(ideal)).auc:.4f}, below by "
        f"{below[0].difference:.4f} {below[1].difference:.4f} +- {below[0].error:.4f}, "
        f"repeats {apart.difference:+.4f} +- {apart.error:.4f}"
    )
    for each in below:
        assert -SIGMAS * each.error < each.difference < NEAR + SIGMAS * each.error
    assert abs(apart.difference) < NEAR + SIGMAS * apart.error


def sample(process: str, n: int, *key: str):
    """Events (n, 2) of pT and eta inside the binning."""
    pt, eta = density(process).sample(stream(1, "events", process, *key), n)
    inside = (pt < PT[-1]) & (np.abs(eta) < ETA[-1])
    return np.stack([pt[inside], eta[inside]], axis=1)


def bins(events):
    """Flat bin of each event."""
    pt = np.searchsorted(PT, events[:, 0], side="right") - 1
    return pt * BINS + np.searchsorted(ETA, events[:, 1], side="right") - 1


@dataclass(eq=False)
class Events:
    """Events of both classes."""

    signal: str
    features: tuple[str, ...] = ("jet1_pt", "jet1_eta")
    S: int = 20
    B: int = 0

    def draw(self, role: str):
        n = int(SPLIT[role] * EVENTS)
        background, signal = (sample(each, n, role) for each in ("znunu_jet", self.signal))
        labels = np.repeat([0, 1], [len(background), len(signal)])
        return np.concatenate([background, signal]).astype(np.float32), labels

    def training(self):
        return self.draw("training")

    def validation(self):
        return self.draw("validation")


def area(background, signal, S: int, B: int) -> float:
    """AUC of sums over events: sampled without background, normal sums of many events with it."""
    if B == 0:
        rows = [x[: len(x) // S * S].reshape(-1, S).sum(axis=1) for x in (background, signal)]
        return delong(*rows).auc
    variance = (S + 2 * B) * background.var() + S * signal.var()
    return float(ndtr(S * (signal.mean() - background.mean()) / math.sqrt(variance)))


@pytest.mark.parametrize("signal", BENCHMARKS)
def test_a_network_of_events_is_not_below_the_bins_of_the_same_observables(signal):
    """Against the binned likelihood ratio of the same training events, at every mixture.

    Error: of the mean difference over 20 disjoint parts of the test events.
    """
    examples = Events(signal)
    x, labels = examples.training()
    b, s = (np.bincount(bins(x[labels == label]), minlength=BINS**2) for label in (0, 1))
    trained = architectures()["event_mlp"].train([Member(examples, {}, seed) for seed in (1, 2)])
    tested = [np.array_split(sample(each, 300_000, "test"), 20) for each in ("znunu_jet", signal)]
    odds = [[[t.classifier.scores(part) for part in parts] for parts in tested] for t in trained]
    for B, auc in MIXTURES:
        S = strength(signal, B, auc)
        own = weights(Templates(b / b.sum(), s / s.sum(), S, B, int(b.sum()), int(s.sum())))
        binned_area = np.array(
            [area(own[bins(b)], own[bins(s)], S, B) for b, s in zip(*tested, strict=False)]
        )
        areas = [
            np.array(
                [
                    area(log_terms(b, S, B), log_terms(s, S, B), S, B)
                    for b, s in zip(*each, strict=False)
                ]
            )
            for each in odds
        ]
        shown = []
        for each in areas:
            above = each - binned_area
            error = above.std(ddof=1) / math.sqrt(len(above))
            shown.append(f"{above.mean():+.4f} +- {error:.4f}")
            assert above.mean() > -SIGMAS * error
        print(f"\n{signal} B={B} S={S}: bins {binned_area.mean():.4f}, events", *shown)  # noqa: T201
        apart = areas[0] - areas[1]
        error = apart.std(ddof=1) / math.sqrt(len(apart))
        assert abs(apart.mean()) < NEAR + SIGMAS * error
