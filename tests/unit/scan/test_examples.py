"""What a training sees: histograms named by what they are for, and events in proportion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import toy_scan
from toy_scan import make_config, make_pools

from rayscan.ensembles.mixture import Mixture, Mixtures
from rayscan.errors import PoolExhaustedError
from rayscan.scan.config.scan import ArchitectureChoice, Training
from rayscan.scan.plan.members import member
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import (
    DrawnHistograms,
    PoolEvents,
    examples_of,
    features_of,
)
from rayscan.scan.steps.shown import show
from rayscan.scan.steps.tests.pairs import TestSet


@pytest.fixture(scope="module")
def binned():
    return make_pools()


def drawn(binned, *, draws=0, **changes):
    config = make_config(training=Training(strength="each", repeats=1), **changes)
    return DrawnHistograms(PooledScan(config, binned), points(config, mixtures(config))[0], draws)


def test_a_set_holds_as_many_of_each_class_with_their_exact_totals(binned):
    histograms, labels = drawn(binned).training(0)
    assert histograms.shape == (1000, 96)
    assert np.bincount(labels).tolist() == [500, 500]
    assert set(histograms.sum(axis=1)) == {1032}


def test_the_same_set_comes_out_again_and_every_epoch_has_its_own(binned):
    one, two = drawn(binned), drawn(binned)
    np.testing.assert_array_equal(one.training(3)[0], two.training(3)[0])
    assert not np.array_equal(one.training(3)[0], one.training(4)[0])
    assert not np.array_equal(one.training(3)[0], drawn(binned, draws=1).training(3)[0])
    assert not np.array_equal(one.training(3)[0], drawn(binned, seed=8).training(3)[0])


def test_validation_is_drawn_once_and_from_its_own_pool(binned):
    examples = drawn(binned)
    assert examples.validation()[0] is examples.validation()[0]
    background = binned.processes["bkg"]
    only = np.zeros_like(background.counts["validation"])
    only[5] = 20_000
    changed = replace(background, counts={**background.counts, "validation": only})
    other = replace(binned, processes={**binned.processes, "bkg": changed})
    histograms, labels = drawn(other).validation()
    assert (histograms[labels == 0].sum(axis=0) > 0).sum() == 1
    np.testing.assert_array_equal(drawn(other).training(0)[0], examples.training(0)[0])


def _tested(scan, point):
    asked = TestSet(benchmark=point.benchmark, strength=0, mixture=point.mixture)
    return show(asked, scan=scan, pool="test")


def test_class_0_is_one_set_at_all_strengths_where_an_architecture_asks_for_it(binned):
    training = Training(strength="each", repeats=1)
    strong = Mixtures(total=1000, signal=(10, 20))
    sets = {}
    for name in ("transfer", "linear_svm"):
        choice = ArchitectureChoice(name=name)
        config = make_config(training=training, mixtures=strong, architectures=(choice,))
        every = points(config, mixtures(config))
        scan = PooledScan(config, binned)
        sets[name] = [DrawnHistograms(scan, point, 0).training(0)[0] for point in every]
    assert len(sets["transfer"]) == 4  # two signals, two strengths
    for other in sets["transfer"][1:]:
        np.testing.assert_array_equal(other[:500], sets["transfer"][0][:500])
        assert not np.array_equal(other[500:], sets["transfer"][0][500:])
        tested = [_tested(scan, point) for point in every]
        alike = [np.array_equal(each.null, tested[0].null) for each in tested[1:]]
        assert alike == [name == "transfer"] * 3
    assert not np.array_equal(sets["linear_svm"][0][:500], sets["linear_svm"][1][:500])


def test_the_exact_moments_are_those_of_the_drawn_histograms(binned):
    examples = drawn(binned)
    histograms, labels = examples.training(0)
    null = histograms[labels == 0].astype(float)
    error = np.sqrt(examples.null_variance / len(null))
    filled = error > 0
    pull = (null.mean(axis=0) - examples.null_mean)[filled] / error[filled]
    assert np.abs(pull).max() < 5  # 96 bins
    assert (pull**2).mean() == pytest.approx(1, abs=5 * np.sqrt(2 / filled.sum()))


def test_a_pool_too_small_for_a_histogram_is_refused():
    config = make_config()
    small = make_pools(sizes={"bkg": 900})
    with pytest.raises(PoolExhaustedError, match=r"'bkg \(train\)' has 900 events"):
        PooledScan(config, small).ensembles("hard", config.mixtures.expand()[0], "train")


# ------------------------------------------------------------------ single events


@pytest.fixture
def with_events(tmp_path):
    """Features: the centre of the bin of each event, and the length of the name of the process."""

    def values(name, counts):
        met = np.repeat(np.arange(96), counts).astype(np.float32)
        return {"met": met, "ht": np.full(len(met), len(name), dtype=np.float32)}

    return lambda binned: toy_scan.with_events(binned, tmp_path, values)


def test_events_of_both_classes_come_with_their_labels(binned, with_events):
    events = with_events(binned)
    mixture = make_config().mixtures.expand()[0]
    examples = PoolEvents(events, "central", mixture, ("met", "ht"))
    features, labels = examples.training()
    assert features.shape == (40_000, 2)
    assert set(features[labels == 1, 1]) == {float(len("central"))}
    assert set(features[labels == 0, 1]) == {float(len("bkg"))}
    assert (mixture.signal, mixture.background) == (examples.S, examples.B)
    assert not np.array_equal(features, examples.validation()[0])


def test_backgrounds_give_events_in_proportion_to_their_yields(with_events):
    pools = make_pools(backgrounds=("bkg", "bkg2"), sizes={"bkg": 3000, "bkg2": 20_000})
    examples = PoolEvents(with_events(pools), "hard", Mixture(signal=1, background=1), ("ht",))
    features, labels = examples.training()
    counts = np.bincount(features[labels == 0, 0].astype(int))
    assert counts[len("bkg")] == 3000
    assert counts[len("bkg2")] == 1500  # cross-sections 10 and 5


def test_blocks_are_the_parts_of_the_pools_as_far_as_they_are_wanted(with_events):
    """The first events of each pool, and none of the parts beyond them is read."""
    pools = with_events(make_pools(backgrounds=("bkg", "bkg2"), sizes={"bkg": 3000, "bkg2": 1000}))
    part = pools.processes["bkg2"]
    twice = replace(part, events={"train": part.events["train"] + part.events["train"]})
    lost = replace(part.events["train"], parts=("lost",))
    thrice = replace(part, events={"train": twice.events["train"] + lost})
    for other in (twice, thrice):
        changed = replace(pools, processes={**pools.processes, "bkg2": other})
        examples = PoolEvents(changed, "hard", Mixture(signal=1, background=1), ("met",))
        blocks = examples.blocks("train")
        assert [each.label for each in blocks] == [0, 0, 1]
        assert [each.sizes for each in blocks] == [(3000,), (1000, 500), (20_000,)]
        features, labels = examples.training()
        assert np.bincount(labels).tolist() == [4500, 20_000]
        own = part.events["train"].matrix(("met",))
        np.testing.assert_array_equal(features[3000:4500], [*own, *own[:500]])


def test_one_background_gives_all_its_events(binned, with_events):
    examples = PoolEvents(with_events(binned), "hard", Mixture(signal=1, background=1), ("ht",))
    for pool in ("train", "validation"):
        assert examples.blocks(pool)[0].size == binned.background_counts(pool).sum()


def test_a_network_of_events_sees_the_axes_unless_told_otherwise():
    config = make_config()
    assert features_of(config, ()) == ("jet1_pt", "jet1_eta")
    assert features_of(config, ("met",)) == ("met",)


def test_what_an_architecture_reads_decides_what_it_is_given(binned, with_events):
    config = make_config()
    plan = member(config, points(config, mixtures(config))[0], 0, fingerprint="f")
    assert isinstance(
        examples_of(PooledScan(config, binned), plan, reads="histograms"), DrawnHistograms
    )
    events = examples_of(PooledScan(config, with_events(binned)), plan, reads="events")
    assert isinstance(events, PoolEvents)
    assert events.features == ("jet1_pt", "jet1_eta")


def test_drawn_strengths_have_equal_totals_in_both_classes(binned):
    config = make_config(
        architectures=("mlp", "event_mlp"), training=Training(strength="drawn", repeats=1)
    )
    plan = points(config, mixtures(config, binned), binned)
    own = member(config, plan[0], 0, fingerprint="f")
    examples = examples_of(PooledScan(config, binned), own, reads="histograms")
    assert isinstance(examples, DrawnHistograms)
    for histograms, labels in (examples.training(0), examples.validation()):
        totals = histograms.sum(axis=1)
        assert {*totals[labels == 0]} == {*totals[labels == 1]} == {1032, 1095}
    np.testing.assert_array_equal(examples.training(1)[0], examples.training(1)[0])
    assert plan[0].mixture.signal == examples.templates.S
