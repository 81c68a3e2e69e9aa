"""What every head promises to plan, training, tests and forecast."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from toy_scan import done, make_config, make_pools, parts_of, train_all

from rayscan.models.architectures.registry import architectures
from rayscan.scan.config.heads.base import Head
from rayscan.scan.config.heads.registry import HEADS, head_of
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import DrawnHistograms

SIGNALS = ("hard", "central", "null")


def choice_of(head, against=None):
    """A linear model with a head: it learns any classes."""
    return ArchitectureChoice(name="logistic_regression", head=head, against=against)


def config_of(*choices, **changes):
    sizes = EnsembleSizes(train=60, validation=50, test=60)
    given = {"signals": SIGNALS, "architectures": choices, "ensembles": sizes, **changes}
    return make_config(**given)


def accepted(choice):
    sections = {"processes": config_of(choice).processes}
    return not list(head_of(choice).problems(sections))


EVERY = [choice_of(name) for name in HEADS]
EVERY += [c for name in HEADS if accepted(c := choice_of(name, "central"))]
every_head = pytest.mark.parametrize("choice", EVERY, ids=lambda c: head_of(c).mark or c.head)


@every_head
def test_every_signal_of_a_classifier_is_in_one_class_and_classes_are_of_one_size(choice):
    head, config = head_of(choice), config_of(choice)
    for group in head.groups(config.processes):
        null, *others = head.classes(group)
        assert null == ()
        assert others
        assert sorted(name for names in others for name in names) == sorted(group)
        assert head.null not in group
        size, shares = head.shares(100, group)
        assert 100 <= size < 100 + len(group)
        for k, names in enumerate(others, start=1):
            assert {shares[name][0] for name in names} == {k}
            assert abs(sum(shares[name][1] for name in names) - size) < len(group)


@every_head
def test_what_is_drawn_is_what_the_classes_say(choice):
    config, binned = config_of(choice), make_pools(signals=SIGNALS, size=5000)
    for point in points(config, mixtures(config)):
        examples = DrawnHistograms(PooledScan(config, binned), point, draws=0)
        head, (x, labels) = head_of(choice), examples.training(0)
        assert examples.n_classes == len(head.classes(point.benchmarks))
        size, shares = head.shares(60, point.benchmarks)
        per_class = [size] + [0] * (examples.n_classes - 1)
        for k, count in shares.values():
            per_class[k] += count
        assert np.bincount(labels).tolist() == per_class
        assert (examples.templates is None) == head.joint
        again = DrawnHistograms(PooledScan(config, binned), point, draws=0)
        np.testing.assert_array_equal(again.training(0)[0], x)
        np.testing.assert_array_equal(again.validation()[0], examples.validation()[0])
        assert not np.array_equal(examples.training(1)[0], x)
        assert not np.array_equal(examples.fresh("objective")[0], examples.validation()[0])


def test_no_two_heads_share_a_name_a_key_or_a_stream():
    config = config_of(*EVERY)
    known = [
        (choice, head_of(choice), group)
        for choice in EVERY
        for group in head_of(choice).groups(config.processes)
    ]
    for (one, head, group), (other, second, also) in combinations(known, 2):
        assert head.called(group) != second.called(also)
        assert head.stream("train", group, "m", 0, 1) != second.stream("train", also, "m", 0, 1)
        if one != other and group == also:
            assert head.key(group) != second.key(also)
        if one != other:
            assert head.mark != second.mark


@every_head
def test_forecast_tests_and_limits_agree_with_what_a_run_makes(choice, tmp_path):
    config = config_of(choice, training=Training(strength="each", repeats=1))
    binned = make_pools(signals=SIGNALS, size=5000)
    _, rows, candidates = train_all(config, binned, tmp_path)
    assert all(row["validation_auc"] > 0 for row in rows)
    parts, load = parts_of(config, binned, candidates), workload(config)
    assert sum(part.size for part in parts) == load.total("pairs")
    found = done(parts, config, binned, tmp_path)
    assert load.total("selected") == len(candidates) * head_of(choice).excludes
    if not head_of(choice).joint:
        assert {row["test_benchmark"] for row in found["auc"]} <= {*SIGNALS} - {choice.against}


@every_head
def test_only_architectures_that_learn_its_classes_can_have_a_head(choice):
    head = head_of(choice)
    able = {each.learns for each in architectures().values() if head.fits(each)}
    refused = {each.learns for each in architectures().values() if not head.fits(each)}
    assert "any classes" in able
    assert not able & refused
    assert ("one signal" in able) == (not head.joint)


@pytest.mark.parametrize("forgotten", sorted(Head.__abstractmethods__))
def test_a_head_that_forgets_to_declare_something_cannot_be_made(forgotten):
    declared = dict.fromkeys(Head.__abstractmethods__ - {forgotten}, True)
    with pytest.raises(TypeError, match=forgotten):
        type("Half", (Head,), declared)(EVERY[0])
    type("Whole", (Head,), declared | {forgotten: True})(EVERY[0])
