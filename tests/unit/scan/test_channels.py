"""Bins and events grouped into the channels of a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_scan import make_pools, with_events

from rayscan.ensembles.mixture import Mixture
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.scan.pools.binned import templates_of
from rayscan.scan.steps.exclusion.channels import by_response, plain
from rayscan.stats.response import Grouping

MIXTURE = Mixture(signal=50, background=1000)


@pytest.fixture(scope="module")
def binned():
    return make_pools(backgrounds=("bkg", "bkg2"))


@pytest.fixture(scope="module")
def ratio(binned):
    return BinnedLikelihoodRatio.from_templates(templates_of(binned, "hard", MIXTURE))


def test_every_event_is_in_one_channel(binned, ratio):
    for channels in (
        plain(binned, "hard", pool="test", minimum=10),
        by_response(
            ratio, binned, "hard", mixture=MIXTURE, grouping=Grouping(channels=7), pool="test"
        ),
    ):
        for name in ("bkg", "bkg2", "hard"):
            assert channels.counts[name].sum() == binned.processes[name].counts["test"].sum()
            assert len(channels.counts[name]) == channels.size


def test_plain_channels_are_the_bins_and_the_sparse_ones_together(binned):
    background = binned.background_counts("test")
    few = background < 100
    assert few.sum() > 1
    channels = plain(binned, "hard", pool="test", minimum=100)
    assert channels.size == (~few).sum() + 1
    together = np.sort(channels.counts["bkg"] + channels.counts["bkg2"])
    expected = np.sort([*background[~few], background[few].sum()])
    np.testing.assert_array_equal(together, expected)
    assert plain(binned, "hard", pool="test", minimum=0).size == 96


def test_channels_of_response_hold_about_equal_background_and_rise_in_purity(binned, ratio):
    channels = by_response(
        ratio,
        binned,
        "hard",
        mixture=MIXTURE,
        pool="train",
        grouping=Grouping(channels=5, spacing="equal"),
    )
    background = sum(
        weight * channels.counts[name] / channels.counts[name].sum()
        for name, weight in (("bkg", 2 / 3), ("bkg2", 1 / 3))
    )
    largest_bin = binned.background_density("train").max()
    assert np.abs(background - 1 / 5).max() <= largest_bin
    assert np.all(np.diff(channels.counts["hard"] / background) > 0)


def test_channels_double_from_the_signals_end_and_hold_enough_simulated_events(binned, ratio):
    def cut(channels, **floor):
        return by_response(
            ratio,
            binned,
            "hard",
            mixture=MIXTURE,
            pool="test",
            grouping=Grouping(channels=channels, **floor),
        )

    def errors(found):
        """Relative Monte Carlo error of the background, two parts of it from one pool each."""
        squares = weights = 0.0
        for name in ("bkg", "bkg2"):
            weight = binned.processes[name].cross_section / found.counts[name].sum()
            weights = weights + weight * found.counts[name]
            squares = squares + weight**2 * found.counts[name]
        return np.sqrt(squares) / weights

    free, floored = cut(30, minimum=0, error=10.0), cut(30, minimum=20, error=0.1)
    assert not cut(3).floored
    assert floored.floored
    assert floored.size < free.size
    assert errors(free).max() > 0.1 >= errors(floored).max()
    simulated = floored.counts["bkg"] + floored.counts["bkg2"]
    assert simulated.min() >= 20
    assert simulated[0] > 0.3 * simulated.sum()
    np.testing.assert_array_equal(
        [np.bincount(floored.groups, binned.processes["hard"].counts["test"])],
        [floored.counts["hard"]],
    )


def test_bins_of_a_large_monte_carlo_error_are_one(binned):
    channels = plain(binned, "hard", pool="test", minimum=0, largest_error=0.05)
    assert 1 < channels.size < 96
    assert channels.floored
    assert not plain(binned, "hard", pool="test", minimum=0).floored


def test_the_grouping_is_made_with_the_training_pool(binned, ratio):
    """Another test pool fills the same groups: nothing of it is chosen by looking at it."""
    reference = by_response(
        ratio, binned, "hard", mixture=MIXTURE, grouping=Grouping(channels=5), pool="train"
    )
    part = binned.processes["hard"]
    swapped = replace(part, counts={**part.counts, "test": part.counts["train"]})
    others = {
        name: replace(p, counts={**p.counts, "test": p.counts["train"]})
        for name, p in binned.processes.items()
    }
    other = replace(binned, processes={**others, "hard": swapped})
    found = by_response(
        ratio, other, "hard", mixture=MIXTURE, grouping=Grouping(channels=5), pool="test"
    )
    for name in ("bkg", "hard"):
        np.testing.assert_array_equal(found.counts[name], reference.counts[name])


class Feature:
    """A classifier of single events that answers their feature."""

    reads = "events"

    def scores(self, x):
        return x[:, 0].astype(np.float64)


def test_events_are_grouped_by_quantiles_of_the_training_background(tmp_path):
    pools = make_pools(signals=("hard",))
    rng, means = np.random.default_rng(3), {"bkg": 0.0, "hard": 1.0}

    def values(name, counts):
        return {"met": rng.normal(means[name], 1, counts.sum()).astype(np.float32)}

    events = with_events(pools, tmp_path, values)
    found = by_response(
        Feature(),
        events,
        "hard",
        mixture=MIXTURE,
        pool="test",
        features=("met",),
        grouping=Grouping(channels=4, spacing="equal"),
    )
    total = found.counts["bkg"].sum()
    assert total == pools.processes["bkg"].counts["test"].sum()
    # Quantiles and counts both fluctuate, each binomially.
    assert np.abs(found.counts["bkg"] - total / 4).max() < 4 * np.sqrt(2 * total * 3 / 16)
    assert np.all(np.diff(found.counts["hard"]) > 0)
