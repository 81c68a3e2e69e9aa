"""The per-event network: calibration, absent objects, and the per-ensemble combination."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from rayscan.models.architectures.event_mlp import EventMLP
from rayscan.models.contract import EventExamples, Examples, Member
from rayscan.models.networks.event_network import log_terms
from rayscan.seeds import stream
from rayscan.stats.auc import difference
from rayscan.stats.placements import placements

KNOBS = {"epochs": 8, "batch_size": 512, "units": 8, "layers": 2, "learning_rate": 1e-2}


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_log_odds_are_those_of_balanced_classes_whatever_their_numbers(toy_events, share):
    """The mean of log-odds has the sampling error of the two classes, sqrt(1/n1 + 1/n0)."""
    events = toy_events(events=20_000, signal_share=share)
    trained = EventMLP().train([Member(events, KNOBS, 1)])[0]
    x, labels = toy_events().test(4000)
    found, truth = trained.classifier.scores(x), events.truth(x)
    sigma = np.sqrt(1 / (20_000 * share) + 1 / (20_000 * (1 - share)))
    # Unbalanced classes would shift it by log(9) = 2.2 at a share of 0.1.
    assert abs(np.mean(found - truth)) < 5 * sigma
    assert abs(np.polyfit(truth, found, 1)[0] - 1) < 0.25
    ceiling = roc_auc_score(labels, truth)
    assert ceiling - 0.02 < roc_auc_score(labels, found) < ceiling + 4 * 0.5 / np.sqrt(2000)


@pytest.mark.parametrize("seen", ["squashed", "standard"])
def test_an_absent_object_counts_as_the_mean_of_what_the_network_sees(toy_events, seen):
    @dataclass(eq=False)
    class Absent(toy_events):  # type: ignore[misc, valid-type]  # a fixture
        def draw(self, rng, n):
            x, labels = super().draw(rng, n)
            x[::5, 1] = np.nan
            return x, labels

    knobs = {**KNOBS, "epochs": 2, "input": seen}
    found = EventMLP().train([Member(Absent(), knobs, 1)])[0].classifier
    x, _ = toy_events().test(20)
    x = x.astype(np.float64)
    x[:, 1] = found.seen.mean[1]
    if seen == "squashed":
        x[:, 1] = found.squash.centre[1] + found.squash.width[1] * np.sinh(found.seen.mean[1])
    with_mean = found.scores(x)
    x[:, 1] = np.nan
    np.testing.assert_allclose(found.scores(x), with_mean, rtol=1e-5)


def test_members_of_one_set_of_events_share_it(toy_events):
    events = toy_events()
    packed = EventMLP().train([Member(events, {**KNOBS, "epochs": 2}, seed) for seed in (1, 2)])
    alone = EventMLP().train([Member(events, {**KNOBS, "epochs": 2}, 2)])[0]
    for a, b in zip(packed[1].classifier.weights, alone.classifier.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


def test_the_toys_are_what_the_contract_asks_for(toy_events, toy_examples):
    assert isinstance(toy_events(), EventExamples)
    assert isinstance(toy_examples(), Examples)


@given(st.floats(-30, 30), st.floats(0.1, 1e5), st.floats(0.1, 1e6))
def test_a_term_is_the_log_of_the_mixture_over_the_background(odds, S, B):
    expected = np.log((B + S * np.exp(odds)) / (B + S))
    np.testing.assert_allclose(log_terms(np.array([odds]), S, B), [expected], rtol=1e-9, atol=1e-9)


def test_terms_do_not_overflow_and_have_the_right_limits():
    odds = np.array([-2000.0, 0.0, 2000.0])
    terms = log_terms(odds, 45, 2000)
    np.testing.assert_allclose(terms, [np.log(2000 / 2045), 0.0, 2000 + np.log(45 / 2045)])
    np.testing.assert_allclose(log_terms(odds, 10, 0), odds)
    np.testing.assert_allclose(log_terms(odds, 0, 10), 0.0)


@pytest.mark.parametrize(("S", "B"), [(-1, 5), (5, -1), (0, 0)])
def test_impossible_numbers_of_events_are_refused(S, B):
    with pytest.raises(ValueError, match="expected numbers of events"):
        log_terms(np.zeros(1), S, B)


def test_ensembles_of_ten_events_reach_the_published_area(toy_events):
    """arXiv:2101.07263: N(+-0.1, 1), AUC Phi(0.2 / sqrt 2) = 0.556 per event, 0.673 for ten."""
    events = toy_events(features=("a",), shift=0.1)
    x, labels = events.draw(stream(1, "ensembles"), 80_000)
    ensembles = log_terms(events.truth(x), 10, 0).reshape(-1, 10).sum(axis=1)
    found = roc_auc_score(labels.reshape(-1, 10)[:, 0], ensembles)
    expected = norm.cdf(0.2 * np.sqrt(10) / np.sqrt(2))
    assert expected == pytest.approx(0.673, abs=5e-4)
    assert abs(found - expected) < 4 * np.sqrt(1 / (6 * 4000))


def test_the_default_recipe_sees_through_long_tails(toy_events):
    """The exact log-odds are linear in the logarithms; standardised alone, tails blind it.

    Errors of a difference of areas on the same events, four of them.
    """

    @dataclass(eq=False)
    class Tailed(toy_events):  # type: ignore[valid-type, misc]  # a fixture gives it
        """Logarithms are Gaussian, as of transverse momenta, shifted by the signal."""

        events: int = 20_000

        def draw(self, rng, n):
            labels = np.repeat([0, 1], n // 2)
            z = rng.normal(size=(n, 2))
            return np.exp(5 + 1.2 * (z + 0.6 * labels[:, None])), labels

    events = Tailed()
    x, labels = events.test(20_000)
    truth = (np.log(x) - 5).sum(axis=1)
    found = EventMLP().train([Member(events, {"epochs": 5}, 1)])[0].classifier.scores(x)
    apart = difference(*(placements(x[labels == 0], x[labels == 1]) for x in (truth, found)))
    # n training events per class and three numbers to learn cost about 3 / n of the separation.
    assert apart.difference < 3 / 10_000 + 4 * apart.error
