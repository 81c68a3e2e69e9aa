"""The ceiling, sampled and in closed form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import DivergedError, FileUnreadableError, ShapeMismatchError
from rayscan.models import storage
from rayscan.models.architectures.likelihood_ratio import LikelihoodRatio
from rayscan.models.architectures.registry import architectures, load
from rayscan.models.contract import Member, Templates
from rayscan.models.ratio.likelihood_ratio import (
    BinnedLikelihoodRatio,
    closed_form,
    separation,
    weights,
)

Array = npt.NDArray[np.float64]

# Quantiles of the leading-jet pT [GeV] of Z(nunu) + jet and of a heavy spin-1 mediator, 14 TeV
# detector-level events of arXiv:1910.06058: 0, 10, 25, 50, 75, 90, 99, 99.9, 100 %.
SHARES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]
BACKGROUND_PT = [130, 141, 155, 182, 225, 286, 484, 776, 2000]
SIGNAL_PT = [130, 146, 170, 231, 330, 476, 877, 1300, 2000]
SIZES = 1_500_000, 500_000


def monojet(pt: list[int], eta_width: float, bins: int = 30) -> Array:
    """Density in (log pT, eta) bins with given pT quantiles, shape (bins * bins,)."""
    edges = np.geomspace(130, 2000, bins + 1)
    in_pt = np.diff(np.interp(np.log(edges), np.log(pt), SHARES))
    in_eta = np.diff(stats.norm.cdf(np.linspace(-4, 4, bins + 1) / eta_width))
    density = np.outer(in_pt, in_eta).ravel()
    return np.asarray(density / density.sum())


SOFT_PT = [130, 142, 157, 190, 245, 330, 626, 1000, 2000]  # an axion-like particle
P_B, P_S = monojet(BACKGROUND_PT, 1.55), monojet(SIGNAL_PT, 1.15)
TRUE_K = math.sqrt(float(np.sum((P_S - P_B) ** 2 / P_B)))


def templates(b: Array, s: Array, mixture: Mixture) -> Templates:
    """Templates from pool counts."""
    return Templates(
        background=b / b.sum(),
        signal=s / s.sum(),
        S=mixture.signal,
        B=mixture.background,
        background_size=int(b.sum()),
        signal_size=int(s.sum()),
    )


def ensembles(b: Array, s: Array, mixture: Mixture) -> Ensembles:
    """Draws without replacement from pool counts."""
    return Ensembles(Background((Pool("z", b.astype(int)),)), Pool("s", s.astype(int)), mixture)


def auc(null: Array, alternative: Array) -> tuple[float, float]:
    """Mann-Whitney AUC and its error by DeLong's formula, through ranks."""
    n, m = len(null), len(alternative)
    ranks = stats.rankdata(np.concatenate([null, alternative]))
    above = (ranks[n:] - stats.rankdata(alternative)) / n
    below = 1 - (ranks[:n] - stats.rankdata(null)) / m
    return float(above.mean()), math.sqrt(below.var(ddof=1) / n + above.var(ddof=1) / m)


def sampled(classifier: BinnedLikelihoodRatio, drawn: Ensembles, N: int) -> tuple[float, float]:
    """AUC of N histograms per class, and its error."""
    rng = np.random.default_rng(17)
    return auc(classifier.scores(drawn.null(rng, N)), classifier.scores(drawn.alternative(rng, N)))


@pytest.mark.parametrize("x", [0.5, 1.0, 1.5, 2.0, 3.0, 5.0])
def test_the_closed_form_is_the_auc_of_drawn_histograms(x: float) -> None:
    rng = np.random.default_rng(1)
    train = [rng.multinomial(n, p) for n, p in zip(SIZES, (P_B, P_S), strict=True)]
    test = [rng.multinomial(n, p) for n, p in zip(SIZES, (P_B, P_S), strict=True)]
    mixture = Mixture(signal=round(x * math.sqrt(20_000)), background=20_000)
    ceiling = templates(train[0], train[1], mixture)
    drawn = ensembles(test[0], test[1], mixture)
    classifier = BinnedLikelihoodRatio.from_templates(ceiling)
    rng = np.random.default_rng(17)
    null, alternative = drawn.null(rng, 4000), drawn.alternative(rng, 4000)
    scores = classifier.scores(null), classifier.scores(alternative)
    found, error = auc(*scores)
    form = closed_form(ceiling, drawn)
    # What normal scores neglect, by the first term of Edgeworth's series for their difference:
    # phi(d) gamma (d^2 - 1) / 6 with its skewness gamma.
    distance = float(stats.norm.ppf(form.auc))
    third = stats.moment(scores[1], 3) - stats.moment(scores[0], 3)
    gamma = third / (scores[0].var() + scores[1].var()) ** 1.5
    neglected = stats.norm.pdf(distance) * gamma * (distance**2 - 1) / 6
    assert abs(found - form.auc) < 4.5 * error + abs(neglected)
    # The density itself, without pools, lies within the pools' own error.
    truth = templates(P_B * 1e12, P_S * 1e12, mixture)
    assert abs(closed_form(truth).auc - form.auc) < 0.01


def test_scikit_learn_finds_the_same_auc() -> None:
    from sklearn.metrics import roc_auc_score

    mixture = Mixture(signal=90, background=2000)
    drawn = ensembles(np.round(P_B * 1e5), np.round(P_S * 1e5), mixture)
    classifier = BinnedLikelihoodRatio.from_templates(templates(P_B * 1e9, P_S * 1e9, mixture))
    rng = np.random.default_rng(1)
    null = classifier.scores(drawn.null(rng, 500))
    alternative = classifier.scores(drawn.alternative(rng, 500))
    labels = np.repeat([0, 1], 500)
    expected = roc_auc_score(labels, np.concatenate([null, alternative]))
    assert auc(null, alternative)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("background", [5_000, 20_000, 500_000])
def test_the_auc_depends_on_s_over_sqrt_b_alone(background: int) -> None:
    mixture = Mixture(signal=round(3 * math.sqrt(background)), background=background)
    soft = monojet(SOFT_PT, 1.55)
    k = math.sqrt(float(np.sum((soft - P_B) ** 2 / P_B)))
    form = closed_form(templates(P_B * 1e12, soft * 1e12, mixture))
    assert form.k == pytest.approx(k, rel=1e-3)
    # log(1 + u) = u (1 - u/2 ...) with u = f (r - 1): so far are the weights from those of k.
    strongest = mixture.fraction * float(np.max(np.abs(soft / P_B - 1)))
    distance = math.sqrt(2) * stats.norm.ppf(form.auc)
    x = mixture.signal / math.sqrt(mixture.signal + mixture.background)
    assert distance == pytest.approx(k * x, rel=strongest)


def test_a_hard_signal_falls_short_of_k_where_it_fills_its_bins() -> None:
    # k is the limit of small S p_s / (B p_b); at B = 5000 the tail of a hard signal outnumbers the
    # background there, and Phi(k x / sqrt 2) would promise more than any classifier reaches.
    mixture = Mixture(signal=141, background=5000)
    form = closed_form(templates(P_B * 1e12, P_S * 1e12, mixture))
    promised = float(stats.norm.cdf(TRUE_K * mixture.s_over_sqrt_b / math.sqrt(2)))
    assert form.auc < promised - 0.01


def test_the_background_drawn_as_signal_cannot_be_told_from_it() -> None:
    rng = np.random.default_rng(3)
    mixture = Mixture(signal=450, background=2000)
    pulls = []
    for _ in range(40):
        train = [rng.multinomial(n, P_B) for n in (200_000, 100_000)]
        test = [rng.multinomial(n, P_B) for n in (200_000, 100_000)]
        form = closed_form(
            templates(train[0], train[1], mixture), ensembles(test[0], test[1], mixture)
        )
        pulls.append((form.auc - 0.5) / form.auc_error)
    # Independent test pools: the pull is a standard normal number.
    assert np.abs(pulls).max() < 4.5
    assert abs(np.mean(pulls)) < 4.5 / math.sqrt(40)
    assert abs(np.var(pulls) - 1) < 4.5 * math.sqrt(2 / 40)
    found, error = sampled(
        BinnedLikelihoodRatio.from_templates(templates(train[0], train[1], mixture)),
        ensembles(test[0], test[1], mixture),
        4000,
    )
    assert abs(found - form.auc) < 4.5 * error


def test_sharing_pools_between_training_and_test_is_seen() -> None:
    rng = np.random.default_rng(4)
    mixture = Mixture(signal=900, background=2000)
    shared = [rng.multinomial(n, P_B) for n in (200_000, 50_000)]
    form = closed_form(
        templates(shared[0], shared[1], mixture), ensembles(shared[0], shared[1], mixture)
    )
    assert form.auc > 0.5 + 10 * form.auc_error


def test_the_error_is_the_spread_over_test_pools() -> None:
    rng = np.random.default_rng(5)
    b, s = monojet(BACKGROUND_PT, 1.55, bins=8), monojet(SIGNAL_PT, 1.15, bins=8)
    mixture = Mixture(signal=45, background=2000)
    ceiling = templates(b * 1e9, s * 1e9, mixture)
    forms = [
        closed_form(
            ceiling, ensembles(rng.multinomial(30_000, b), rng.multinomial(5000, s), mixture)
        )
        for _ in range(400)
    ]
    spread = np.std([form.auc for form in forms])
    claimed = np.mean([form.auc_error for form in forms])
    # sigma of a standard deviation: 1/sqrt(2 n).
    assert abs(spread / claimed - 1) < 4.5 / math.sqrt(800)


@pytest.mark.parametrize(("n_b", "n_s"), [(20_000, 4_000), (300_000, 100_000)])
def test_the_bias_of_k_is_removed_and_its_error_covers(n_b: int, n_s: int) -> None:
    rng = np.random.default_rng(6)
    b, s = monojet(BACKGROUND_PT, 1.55, bins=8), monojet(SIGNAL_PT, 1.15, bins=8)
    # Cells of less than about 8 expected pool events would leave the exact range of the formula.
    kept = b * n_b > 8
    b, s = b[kept] / b[kept].sum(), s[kept] / s[kept].sum()
    truth = float(np.sum((s - b) ** 2 / b))
    mixture = Mixture(signal=45, background=2000)
    n = 600
    forms = [
        closed_form(templates(rng.multinomial(n_b, b), rng.multinomial(n_s, s), mixture))
        for _ in range(n)
    ]
    squares = np.array([form.k**2 for form in forms])
    assert abs(squares.mean() - truth) < 4.5 * squares.std() / math.sqrt(n)
    raw = np.array([form.k_raw**2 for form in forms])
    assert raw.mean() - truth > 5 * raw.std() / math.sqrt(n)
    spread = np.std([form.k for form in forms])
    claimed = np.mean([form.k_error for form in forms])
    # The error is estimated from the same pools, to first order: 10 % on top of its own spread.
    assert abs(spread / claimed - 1) < 0.1 + 4.5 / math.sqrt(2 * n)


def test_noise_alone_gives_no_separation_within_its_error() -> None:
    rng = np.random.default_rng(7)
    mixture = Mixture(signal=45, background=2000)
    pulls = []
    for _ in range(200):
        pools = rng.multinomial(60_000, P_B), rng.multinomial(20_000, P_B)
        form = closed_form(templates(*pools, mixture))
        assert form.k == separation(templates(*pools, mixture))
        pulls.append(form.k / form.k_error)
        assert form.k_raw > 0.15  # sqrt of about 600 cells x (1/60,000 + 1/20,000)
    # k^2 is centred on zero, so k is zero half of the time.
    assert 60 < np.count_nonzero(pulls) < 140
    assert max(pulls) < 5


def tiny() -> tuple[Array, Array, Mixture]:
    return np.array([4, 3, 2, 0]), np.array([1, 1, 2, 1]), Mixture(signal=2, background=3)


def all_draws(pool: Array, n: int) -> dict[tuple[int, ...], float]:
    """Every histogram of n events of a pool, with its probability."""
    found: dict[tuple[int, ...], float] = {}
    for row in itertools.product(*(range(int(k) + 1) for k in pool)):
        if sum(row) == n:
            ways = math.prod(math.comb(int(k), c) for k, c in zip(pool, row, strict=True))
            found[row] = ways / math.comb(int(pool.sum()), n)
    return found


def test_the_moments_of_tiny_pools_are_those_of_all_draws() -> None:
    b, s, mixture = tiny()
    ceiling = templates(b, s, mixture)
    w = weights(ceiling)
    null = all_draws(b, 5)
    both: dict[tuple[int, ...], float] = {}
    for (x, p), (y, q) in itertools.product(all_draws(b, 3).items(), all_draws(s, 2).items()):
        row = tuple(i + j for i, j in zip(x, y, strict=True))
        both[row] = both.get(row, 0.0) + p * q
    moments = []
    for law in (null, both):
        score, chance = np.array(list(law)) @ w, np.array(list(law.values()))
        mean = float(score @ chance)
        moments.append((mean, float((score - mean) ** 2 @ chance)))
    exact = ensembles(b, s, mixture).separation(w)
    assert exact.difference == pytest.approx(moments[1][0] - moments[0][0], rel=1e-12)
    assert exact.null_variance == pytest.approx(moments[0][1], rel=1e-12)
    assert exact.alternative_variance == pytest.approx(moments[1][1], rel=1e-12)
    distance = exact.difference / math.sqrt(exact.null_variance + exact.alternative_variance)
    form = closed_form(ceiling, ensembles(b, s, mixture))
    assert form.auc == pytest.approx(stats.norm.cdf(distance), rel=1e-12)


def test_no_ordering_of_tiny_histograms_beats_the_likelihood_ratio() -> None:
    # Pools without end: the score is the logarithm of the ratio of the two multinomial laws, up to
    # the signal events being a fixed and not a binomial number; with S = 1 of 1 they agree.
    p_b, p_s = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    ceiling = templates(p_b * 1e9, p_s * 1e9, Mixture(signal=1, background=0))
    score = BinnedLikelihoodRatio.from_templates(ceiling).scores(np.eye(3))
    assert np.allclose(score, np.log(p_s / p_b), atol=1e-6)


def test_a_binomial_number_of_signal_events_gives_exactly_the_log_ratio() -> None:
    p_b, p_s = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    ceiling = templates(p_b * 1e9, p_s * 1e9, Mixture(signal=1, background=3))
    rows = np.array(list(all_draws(np.array([4, 4, 4]), 4)))
    ratio = stats.multinomial.logpmf(rows, 4, 0.75 * p_b + 0.25 * p_s)
    ratio -= stats.multinomial.logpmf(rows, 4, p_b)
    found = BinnedLikelihoodRatio.from_templates(ceiling).scores(rows)
    assert np.allclose(found, ratio, atol=1e-6)


def test_poisson_numbers_against_background_alone_give_exactly_the_log_ratio() -> None:
    p_b, p_s = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    ceiling = templates(p_b * 1e9, p_s * 1e9, Mixture(signal=5, background=30))
    rows = np.random.default_rng(1).poisson(30 * p_b, size=(50, 3))
    ratio = stats.poisson.logpmf(rows, 30 * p_b + 5 * p_s) - stats.poisson.logpmf(rows, 30 * p_b)
    classifier = BinnedLikelihoodRatio.from_templates(replace(ceiling, null="background"))
    assert np.allclose(classifier.scores(rows), ratio.sum(axis=1), atol=1e-5)


@pytest.mark.parametrize("null", ["matched", "background"])
def test_pools_without_end_are_the_limit_of_large_ones(
    null: Literal["matched", "background"],
) -> None:
    rng = np.random.default_rng(8)
    b, s = (rng.multinomial(900_000_00, rng.dirichlet(np.ones(6))) for _ in range(2))
    mixture = Mixture(signal=100, background=3000, null=null)
    ceiling = templates(b, s, mixture)
    ceiling = replace(ceiling, null=null)
    finite = closed_form(ceiling, ensembles(b, s, mixture))
    endless = closed_form(ceiling)
    assert finite.auc == pytest.approx(endless.auc, abs=1e-4)
    assert finite.auc_error == pytest.approx(endless.auc_error, rel=1e-2, abs=1e-12)


def test_bins_without_background_weigh_as_half_an_event() -> None:
    b, s, mixture = tiny()
    found = weights(templates(b, s, mixture))
    f = 2 / 5
    assert found[3] == pytest.approx(math.log(1 - f + f * (1 / 5) / (0.5 / 9)))
    assert np.all(np.isfinite(found))


def test_bins_without_any_event_weigh_nothing() -> None:
    b, s = np.array([5, 0, 5]), np.array([2, 0, 1])
    assert weights(templates(b, s, Mixture(signal=1, background=9)))[1] == 0
    assert weights(templates(b, s, Mixture(signal=1, background=0)))[1] == 0


def test_pure_signal_has_finite_weights() -> None:
    b, s = np.array([5, 0, 5]), np.array([0, 2, 2])
    found = weights(templates(b, s, Mixture(signal=3, background=0)))
    assert np.allclose(found, np.log([(0.5 / 4) / 0.5, 0.5 / (0.5 / 10), 1.0]))


def test_no_signal_means_no_weights_and_an_auc_of_one_half() -> None:
    b, s = np.array([5, 0, 5]), np.array([0, 2, 2])
    ceiling = templates(b, s, Mixture(signal=0, background=5))
    assert not weights(ceiling).any()
    assert closed_form(ceiling).auc == 0.5


@dataclass
class Known:
    """Examples that are nothing but their templates."""

    templates: Templates | None
    n_classes: int = 2


def train(examples: Any, knobs: Mapping[str, Any] | None = None) -> BinnedLikelihoodRatio:
    (trained,) = LikelihoodRatio().train([Member(examples, knobs or {})])
    assert not isinstance(trained, DivergedError)
    assert isinstance(trained.classifier, BinnedLikelihoodRatio)
    assert trained.epochs == 0
    return trained.classifier


def test_it_trains_from_the_templates_of_the_examples() -> None:
    b, s, mixture = tiny()
    ceiling = templates(b, s, mixture)
    assert np.array_equal(train(Known(ceiling)).weights, weights(ceiling))
    assert isinstance(architectures()["likelihood_ratio"], LikelihoodRatio)


def test_examples_it_cannot_take_the_ratio_of_are_refused() -> None:
    ceiling = templates(*tiny())
    with pytest.raises(ValueError, match="no templates"):
        train(Known(None))
    with pytest.raises(ValueError, match="3 classes"):
        train(Known(ceiling, n_classes=3))
    with pytest.raises(ValueError, match="learning_rate"):
        train(Known(ceiling), {"learning_rate": 0.1})


def test_it_scores_the_same_after_it_was_stored(tmp_path: Path) -> None:
    classifier = BinnedLikelihoodRatio(np.array([0.1, -2.0, 1 / 3]), -4.5)
    classifier.save(tmp_path / "c")
    loaded = load(tmp_path / "c")
    counts = np.random.default_rng(1).integers(0, 60_000, size=(9000, 3)).astype(np.uint16)
    assert np.array_equal(loaded.scores(counts), classifier.scores(counts))
    assert np.allclose(loaded.scores(counts), counts @ classifier.weights - 4.5)
    assert loaded.scores(counts[:0]).shape == (0,)


def test_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    storage.write(tmp_path, architecture="likelihood_ratio", arrays={"w": np.ones(1)})
    with pytest.raises(FileUnreadableError, match="weights of the likelihood ratio"):
        load(tmp_path)


def test_histograms_of_another_shape_or_without_numbers_are_refused() -> None:
    classifier = BinnedLikelihoodRatio(np.ones(3))
    with pytest.raises(ShapeMismatchError, match=r"\('N', 3\)"):
        classifier.scores(np.ones((2, 4)))
    with pytest.raises(ShapeMismatchError):
        classifier.scores(np.ones(3))
    with pytest.raises(DivergedError, match="NaN"):
        classifier.scores(np.array([[1.0, np.nan, 2.0]]))
