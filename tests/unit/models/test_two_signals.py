"""Two signals on one background, told from each other: draws, ceiling and closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from rayscan.ensembles.draw import Background, Ensembles, Method, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.models.contract import Templates
from rayscan.models.ratio.ceiling import template_noise
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio, closed_form, weights
from rayscan.models.ratio.separation import Endless

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
BINS = np.arange(60)
SIZES = 400_000, 60_000, 50_000  # background, signal, second signal


def falling(scale: float) -> Array:
    density = np.exp(-BINS / scale)
    return np.asarray(density / density.sum())


P_B, P_S, P_A = falling(6.0), falling(11.0), falling(8.0)
MIXTURE = Mixture(signal=160, background=1600)


def pools(seed: int, second: Array = P_A) -> tuple[Counts, Counts, Counts]:
    rng = np.random.default_rng(seed)
    b, s, a = (rng.multinomial(n, p) for n, p in zip(SIZES, (P_B, P_S, second), strict=True))
    return b, s, a


def templates(b: Array, s: Array, a: Array, mixture: Mixture = MIXTURE) -> Templates:
    return Templates(
        background=b / b.sum(),
        signal=s / s.sum(),
        S=mixture.signal,
        B=mixture.background,
        background_size=int(b.sum()),
        signal_size=int(s.sum()),
        against=a / a.sum(),
        against_size=int(a.sum()),
    )


def ensembles(
    b: Array,
    s: Array,
    a: Array,
    mixture: Mixture = MIXTURE,
    method: Method = "without_replacement",
) -> Ensembles:
    background = Background((Pool("z", b),))
    return Ensembles(background, Pool("s", s), mixture, against=Pool("a", a), method=method)


@pytest.mark.parametrize("method", ["without_replacement", "multinomial", "poisson"])
@pytest.mark.parametrize("null", ["matched", "background"])
def test_both_classes_have_their_exact_moments(method: Method, null: str) -> None:
    mixture = replace(MIXTURE, null=null)
    drawn = ensembles(*pools(1), mixture, method)
    rng, N = np.random.default_rng(2), 6000
    score = rng.normal(size=len(BINS))
    exact = drawn.separation(score)
    classes = drawn.null(rng, N), drawn.alternative(rng, N)
    means = drawn.null_mean, drawn.alternative_mean
    variances = drawn.null_variance, drawn.alternative_variance
    for counts, mean, variance in zip(classes, means, variances, strict=True):
        filled = variance > 0
        pull = (counts.mean(axis=0) - mean)[filled] / np.sqrt(variance[filled] / N)
        assert np.abs(pull).max() < 5  # of 60 bins
        if method != "poisson":
            assert np.all(counts.sum(axis=1) == 1760)
    scores = [counts @ score for counts in classes]
    error = math.sqrt((exact.null_variance + exact.alternative_variance) / N)
    assert abs(scores[1].mean() - scores[0].mean() - exact.difference) < 4.5 * error
    assert abs(scores[0].var() / exact.null_variance - 1) < 5 * math.sqrt(2 / N)
    assert abs(scores[1].var() / exact.alternative_variance - 1) < 5 * math.sqrt(2 / N)


def test_the_separation_knows_the_noise_of_all_three_pools() -> None:
    score = np.random.default_rng(3).normal(size=len(BINS))
    found = [ensembles(*pools(100 + seed)).separation(score) for seed in range(600)]
    spread = np.std(
        [f.difference / math.sqrt(f.null_variance + f.alternative_variance) for f in found]
    )
    claimed = np.mean([f.distance_error for f in found])
    assert abs(spread / claimed - 1) < 4.5 / math.sqrt(2 * 600)
    endless = Endless(templates(*pools(7))).separation(score)
    # Draws without replacement of at most 160 of 50,000 events: 0.4 % in a variance.
    assert endless.distance_error == pytest.approx(claimed, rel=0.05)


@pytest.mark.parametrize("x", [1.0, 3.0, 6.0])
def test_the_closed_form_is_the_auc_of_drawn_histograms(x: float) -> None:
    mixture = Mixture(signal=round(x * math.sqrt(4000)), background=4000)
    ceiling, drawn = templates(*pools(1), mixture), ensembles(*pools(2), mixture)
    classifier = BinnedLikelihoodRatio.from_templates(ceiling)
    rng, N = np.random.default_rng(5), 4000
    null, alternative = drawn.null(rng, N), drawn.alternative(rng, N)
    scores = np.concatenate([classifier.scores(null), classifier.scores(alternative)])
    found = roc_auc_score(np.repeat([0, 1], N), scores)
    form = closed_form(ceiling, drawn)
    # Hanley and McNeil's largest variance of an area A over N of each class, A (1 - A) / N; and
    # what normal scores neglect, below 0.003 (see `closed_form`).
    assert abs(found - form.auc) < 4.5 * math.sqrt(form.auc * (1 - form.auc) / N) + 0.003


def test_k_is_that_of_the_difference_of_the_signals() -> None:
    k = math.sqrt(float(np.sum((P_S - P_A) ** 2 / P_B)))
    form = closed_form(templates(P_B * 1e12, P_S * 1e12, P_A * 1e12))
    assert form.k == pytest.approx(k, rel=1e-4)
    small = Mixture(signal=200, background=10**6)
    form = closed_form(templates(P_B * 1e12, P_S * 1e12, P_A * 1e12, small))
    distance = math.sqrt(2) * stats.norm.ppf(form.auc)
    # log(1 + u) = u (1 - u/2 ...) with u = f (r - 1), at most f times the largest ratio.
    strongest = small.fraction * float(np.max(P_S / P_B))
    assert distance == pytest.approx(k * 200 / math.sqrt(1_000_200), rel=strongest)


def test_k_of_finite_pools_is_right_on_average() -> None:
    square = float(np.sum((P_S - P_A) ** 2 / P_B))
    found = [closed_form(templates(*pools(seed))) for seed in range(200)]
    squares = np.array([form.k**2 for form in found])
    error = squares.std(ddof=1) / math.sqrt(200)
    # In bins of b expected background events 1 / p_b is short by exp(-b).
    missing = float(np.sum((P_S - P_A) ** 2 / P_B * np.exp(-SIZES[0] * P_B)))
    assert abs(squares.mean() - square) < 4.5 * error + missing
    claimed = np.mean([form.k_error for form in found])
    spread = np.std([form.k for form in found])
    # k_error adds the second-order noise to the first: never below the spread.
    assert 1 - 4.5 / math.sqrt(400) < claimed / spread < 1.5


@pytest.mark.parametrize("background", [1600, 0])
def test_exchanged_roles_give_the_same_auc(background: int) -> None:
    mixture = Mixture(signal=60, background=background)
    b, s, a = pools(3)
    one, two = templates(b, s, a, mixture), templates(b, a, s, mixture)
    assert weights(one) == pytest.approx(-weights(two), abs=1e-12)
    assert closed_form(one).auc == pytest.approx(closed_form(two).auc, abs=1e-12)
    assert closed_form(one).k == pytest.approx(closed_form(two).k)
    forms = (
        closed_form(one, ensembles(b, s, a, mixture)),
        closed_form(two, ensembles(b, a, s, mixture)),
    )
    assert forms[0].auc == pytest.approx(forms[1].auc, abs=1e-12)
    assert forms[0].auc_error == pytest.approx(forms[1].auc_error)


def test_a_signal_cannot_be_told_from_its_copy() -> None:
    train, test = templates(*pools(4, P_S)), ensembles(*pools(5, P_S))
    classifier = BinnedLikelihoodRatio.from_templates(train)
    rng, N = np.random.default_rng(6), 3000
    scores = [classifier.scores(x) for x in (test.null(rng, N), test.alternative(rng, N))]
    found = roc_auc_score(np.repeat([0, 1], N), np.concatenate(scores))
    form = closed_form(train, test)
    # Both classes alike: variance of the area 1/(6 N) at AUC 1/2.
    assert abs(form.auc - 0.5) < 4.5 * form.auc_error
    assert abs(found - 0.5) < 4.5 * math.hypot(form.auc_error, math.sqrt(1 / (6 * N)))
    assert form.k < 4.5 * form.k_error


def test_without_background_cells_of_one_signal_alone_weigh_a_finite_amount() -> None:
    s, a = np.array([10.0, 90.0, 0.0, 0.0]), np.array([0.0, 60.0, 40.0, 0.0])
    found = weights(templates(np.ones(4), s, a, Mixture(signal=5, background=0)))
    assert np.isfinite(found).all()
    assert found[0] > 1 > -1 > found[2]
    assert found[3] == 0


def test_noisy_templates_of_two_signals_are_corrected_upwards() -> None:
    truth = templates(P_B * 1e9, P_S * 1e9, P_A * 1e9)
    ideal = _distance(truth, weights(truth))
    seen, corrected = [], []
    rng = np.random.default_rng(8)
    for seed in range(30):
        noisy = templates(*pools(200 + seed))
        noise = template_noise(
            noisy,
            test_background=200_000,
            test_signal=30_000,
            test_against=25_000,
            shared=False,
            rng=rng,
        )
        seen.append(_distance(truth, weights(noisy)))
        corrected.append(seen[-1] * noise.factor)
    loss, left = ideal - np.mean(seen), ideal - np.mean(corrected)
    error = np.std(corrected, ddof=1) / math.sqrt(30)
    # To first order in the noise n of k^2 the loss is n/2 and what is left of order n^2.
    assert loss > 4 * error
    assert abs(left) < 4 * error + 0.4 * loss


def _distance(truth: Templates, found: Array) -> float:
    moments = Endless(truth).separation(found)
    return moments.difference / math.sqrt(moments.null_variance + moments.alternative_variance)
