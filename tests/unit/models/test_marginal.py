"""The ceiling with nuisances: exact integrals, known limits, and what is left of the separation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp, ndtr

from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.nuisance import Nuisances
from rayscan.models.architectures.registry import load
from rayscan.models.contract import Templates
from rayscan.models.ratio.likelihood_ratio import (
    BinnedLikelihoodRatio,
    best_weights,
    closed_form,
    likelihood_ratio,
    weights,
)
from rayscan.models.ratio.marginal import MarginalLikelihoodRatio
from rayscan.models.ratio.nuisances import BackgroundNuisances, blind, directions
from rayscan.models.ratio.separation import Endless
from rayscan.seeds import stream
from rayscan.stats.auc import delong

N = 3000
SIGMA = 5.0
PLACE = np.linspace(-1.5, 1.5, 12)
BACKGROUND = np.exp(-PLACE) / np.exp(-PLACE).sum()
SIGNAL = np.exp(-((PLACE - 0.6) ** 2)) / np.exp(-((PLACE - 0.6) ** 2)).sum()
SECOND = np.exp(-((PLACE + 0.2) ** 2)) / np.exp(-((PLACE + 0.2) ** 2)).sum()
TILT = (PLACE - BACKGROUND @ PLACE) / np.sqrt(BACKGROUND @ PLACE**2 - (BACKGROUND @ PLACE) ** 2)
LARGE = 10**8


def templates(*, S=60, B=2000, null="matched", relative=0.0, slope=0.0, poisson=True):
    tilt = np.log1p(slope) * TILT if slope else None
    unsure = BackgroundNuisances(relative=relative, tilt=tilt, poisson=poisson)
    found = unsure if relative or slope else None
    return Templates(BACKGROUND, SIGNAL, S, B, LARGE, LARGE, null, nuisances=found)


def ensembles(known, pools=(BACKGROUND, SIGNAL), against=None):
    background, signal = (np.rint(p * LARGE).astype(int) for p in pools)
    unsure = known.nuisances
    mixture = Mixture(
        signal=known.S,
        background=known.B,
        null=known.null,
        totals="poisson" if unsure is None or unsure.poisson else "fixed",
    )
    return Ensembles(
        Background((Pool("b", background),)),
        Pool("s", signal),
        mixture,
        against=against,
        method="multinomial",
        nuisances=None if unsure is None else Nuisances(relative=unsure.relative, tilt=unsure.tilt),
    )


def sampled(known, *classifiers, seed=1):
    drawn, rng = ensembles(known), stream(seed, "marginal")
    null, alternative = drawn.null(rng, N), drawn.alternative(rng, N)
    found = [delong(c.scores(null), c.scores(alternative)) for c in classifiers]
    return found if len(found) > 1 else found[0]


def by_grid(counts, known, points=801):
    """Log of the marginal likelihood ratio of one histogram by a sum over a fine grid."""
    unsure = known.nuisances
    grid = np.linspace(-6, 6, points)
    second = np.zeros_like(known.signal) if known.against is None else known.S * known.against
    extra = known.S if known.null == "matched" and known.against is None else 0
    numbers = known.B * (1 + unsure.relative) ** grid
    found = []
    for signal, beside in ((known.S * known.signal, 0), (second, extra)):
        terms = []
        for theta, number in zip(grid, numbers, strict=True):
            q = known.background[None] * np.exp(grid[:, None] * unsure.tilt)
            q /= q.sum(axis=1, keepdims=True)
            expected = (number + beside) * q + signal
            value = np.log(expected) @ counts - expected.sum(axis=1)
            terms.append(logsumexp(value - grid**2 / 2 - theta**2 / 2))
        found.append(logsumexp(terms))
    return found[0] - found[1]


@pytest.mark.parametrize("null", ["matched", "background"])
def test_few_nodes_give_the_integral_of_a_fine_grid(null):
    known = templates(S=30, B=300, null=null, relative=0.1, slope=0.2)
    for draw in (ensembles(known).null, ensembles(known).alternative):
        counts = draw(stream(3, "grid"), 3)
        scores = MarginalLikelihoodRatio(known).scores(counts)
        exact = [by_grid(each.astype(float), known) for each in counts]
        assert scores == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("null", ["matched", "background"])
def test_nuisances_of_almost_no_size_change_no_score(null):
    sure = templates(null=null)
    almost = replace(
        sure, nuisances=BackgroundNuisances(relative=1e-5, tilt=1e-5 * TILT, poisson=True)
    )
    counts = ensembles(sure).alternative(stream(4, "small"), 50)
    scores = likelihood_ratio(sure).scores(counts)
    assert likelihood_ratio(almost).scores(counts) == pytest.approx(scores, abs=1e-3)
    assert best_weights(almost) == pytest.approx(weights(sure), abs=1e-6)


def test_without_nuisances_everything_is_as_before():
    sure = templates()
    assert isinstance(likelihood_ratio(sure), BinnedLikelihoodRatio)
    np.testing.assert_array_equal(best_weights(sure), weights(sure))
    with pytest.raises(ValueError, match="no nuisance"):
        MarginalLikelihoodRatio(sure)


@pytest.mark.parametrize("sigma", [0.0, 0.02, 0.1, 0.5])
def test_a_counting_experiment_loses_its_separation_to_the_normalisation(sigma):
    """One bin: N is Poisson with variances B + sigma^2 B^2 and B + S + sigma^2 B^2.

    Its AUC is Phi(S / sqrt(2 B + S + 2 sigma^2 B^2)); the log-normal factor has the variance of
    exp(theta log(1 + sigma)) in place of sigma^2 (ensembles/nuisance.py).
    """
    S, B, one = 60, 1000, np.ones(1)
    unsure = BackgroundNuisances(relative=sigma, poisson=True) if sigma else None
    known = Templates(one, one, S, B, LARGE, LARGE, "background", nuisances=unsure)
    drawn, rng = ensembles(known, (one, one)), stream(5, "counting")
    null, alternative = drawn.null(rng, N), drawn.alternative(rng, N)
    found = delong(*(likelihood_ratio(known).scores(x) for x in (null, alternative)))
    c = np.log1p(sigma) ** 2
    factor = np.exp(c) * (np.exp(c) - 1)
    expected = ndtr(S / np.sqrt(2 * B + S + 2 * factor * B**2))
    assert abs(found.auc - expected) < SIGMA * found.error
    if sigma == 0.5:
        assert found.auc < 0.55


def test_shape_survives_an_uncertain_normalisation_and_suffers_from_an_uncertain_slope():
    sure = templates(null="background")
    plain = sampled(sure, likelihood_ratio(sure))
    unsure = templates(null="background", relative=0.3)
    norm = sampled(unsure, likelihood_ratio(unsure))
    falling = [plain.auc, norm.auc]
    for slope in (0.05, 0.3):
        known = templates(null="background", relative=0.3, slope=slope)
        falling.append(sampled(known, likelihood_ratio(known)).auc)
    assert falling == sorted(falling, reverse=True)
    # What a free normalisation leaves is the separation by shape alone, that of matched totals.
    alone = closed_form(templates()).auc
    assert abs(norm.auc - alone) < SIGMA * norm.error
    assert falling[-1] > 0.5 + SIGMA * norm.error


@pytest.mark.parametrize("poisson", [True, False])
@pytest.mark.parametrize("null", ["matched", "background"])
def test_the_sampled_ceiling_is_the_closed_form_of_the_gaussian_limit(null, poisson):
    """For small nuisances: second order in the slope is 0.5 (slope x tilt)^2 of the density."""
    known = templates(B=20_000, S=200, null=null, relative=0.1, slope=0.02, poisson=poisson)
    marginal, linear, plain = sampled(
        known,
        likelihood_ratio(known),
        BinnedLikelihoodRatio(best_weights(known)),
        BinnedLikelihoodRatio.from_templates(known),
    )
    exact = closed_form(known, ensembles(known))
    assert abs(linear.auc - exact.auc) < SIGMA * linear.error
    assert abs(marginal.auc - closed_form(known).auc) < SIGMA * marginal.error
    assert marginal.auc > plain.auc - SIGMA * marginal.error


def test_the_blind_weights_are_those_of_the_inverse_covariance():
    """Sherman and Morrison against the matrix itself, and the separation they promise."""
    known = templates(S=1, B=2000, relative=0.1, slope=0.2)
    delta = known.S * (SIGNAL - BACKGROUND)
    V = np.diag((2 * known.B + 1) * BACKGROUND + SIGNAL)
    G = np.concatenate([directions(known, 1), directions(known, 0)])
    best = np.linalg.solve(V + G.T @ G, delta)
    assert blind(np.linalg.solve(V, delta), known) == pytest.approx(best, rel=1e-9)
    apart = Endless(known).separation(blind(weights(known), known))
    spread = apart.null_variance + apart.alternative_variance
    assert apart.difference**2 / spread == pytest.approx(delta @ best, rel=1e-3)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_stored_marginal_ratio_scores_as_it_did(tmp_path, slope):
    known = templates(relative=0.1, slope=slope)
    first = MarginalLikelihoodRatio(known)
    first.save(tmp_path)
    counts = ensembles(known).null(stream(6, "stored"), 20)
    np.testing.assert_array_equal(load(tmp_path).scores(counts), first.scores(counts))


# ----------------------------------------------------- two signals on one uncertain background


def pair(**changes):
    return replace(templates(**changes), against=SECOND, against_size=LARGE)


def pair_ensembles(known):
    second = Pool("a", np.rint(SECOND * LARGE).astype(int))
    return ensembles(known, against=second)


def test_two_signals_on_an_uncertain_background_agree_with_a_fine_grid():
    known = pair(S=30, B=300, relative=0.1, slope=0.2)
    for draw in (pair_ensembles(known).null, pair_ensembles(known).alternative):
        counts = draw(stream(7, "grid"), 3)
        scores = MarginalLikelihoodRatio(known).scores(counts)
        assert scores == pytest.approx([by_grid(c.astype(float), known) for c in counts], abs=2e-3)


@pytest.mark.parametrize("poisson", [True, False])
def test_two_signals_and_nuisances_of_almost_no_size_give_the_plain_ratio(poisson):
    sure = pair()
    unsure = BackgroundNuisances(relative=1e-5, tilt=1e-5 * TILT, poisson=poisson)
    almost = replace(sure, nuisances=unsure)
    counts = pair_ensembles(almost).alternative(stream(8, "small"), 50)
    scores = likelihood_ratio(sure).scores(counts)
    assert likelihood_ratio(almost).scores(counts) == pytest.approx(scores, abs=1e-3)
    assert best_weights(almost) == pytest.approx(weights(sure), abs=1e-6)


@pytest.mark.parametrize("poisson", [True, False])
def test_the_sampled_ceiling_of_two_signals_is_that_of_the_gaussian_limit(poisson):
    known = pair(B=20_000, S=400, relative=0.1, slope=0.05, poisson=poisson)
    drawn, rng = pair_ensembles(known), stream(9, "pair")
    null, alternative = drawn.null(rng, N), drawn.alternative(rng, N)
    marginal, linear = (
        delong(each.scores(null), each.scores(alternative))
        for each in (likelihood_ratio(known), BinnedLikelihoodRatio(best_weights(known)))
    )
    assert abs(linear.auc - closed_form(known, drawn).auc) < SIGMA * linear.error
    assert abs(marginal.auc - closed_form(known).auc) < SIGMA * marginal.error
    sure = closed_form(replace(known, nuisances=None)).auc
    assert marginal.auc < sure - SIGMA * marginal.error  # the slope is along their difference


def test_the_exchange_of_two_signals_changes_the_sign_of_the_marginal_ratio():
    known = pair(relative=0.1, slope=0.2)
    other = replace(known, signal=known.against, against=known.signal)
    counts = pair_ensembles(known).null(stream(10, "sign"), 20)
    scores = likelihood_ratio(known).scores(counts)
    assert likelihood_ratio(other).scores(counts) == pytest.approx(-scores, abs=1e-9)


def test_a_stored_marginal_ratio_of_two_signals_scores_as_it_did(tmp_path):
    known = pair(relative=0.1, slope=0.2)
    first = MarginalLikelihoodRatio(known)
    first.save(tmp_path)
    counts = pair_ensembles(known).null(stream(11, "stored"), 20)
    np.testing.assert_array_equal(load(tmp_path).scores(counts), first.scores(counts))
