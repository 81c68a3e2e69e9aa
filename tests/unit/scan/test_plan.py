"""Points, members, their names and the hashes that identify them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_scan import EFFICIENCY, make_config, make_pools

from rayscan.ensembles.mixture import Mixture, Mixtures
from rayscan.errors import ConfigError
from rayscan.keys import digest
from rayscan.models.ratio.likelihood_ratio import closed_form
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.config.search import Search
from rayscan.scan.plan.members import fixed_packs, member
from rayscan.scan.plan.points import mixture_columns, mixtures, planned, points
from rayscan.scan.plan.strengths import SATURATED
from rayscan.scan.pools.binned import templates_of

OLD_KEYS = [
    "22029474dab88a3f3dc0",
    "e54dbaae7b1f4d390395",
    "19ae30d131c9b60235ef",
    "000f190e30ae9f4ea898",
]
SEARCHED = ArchitectureChoice(name="logistic_regression", label="searched", search=True)


@pytest.fixture(scope="module")
def binned():
    return make_pools()


def test_points_have_different_names_in_a_stable_order():
    config = make_config(
        architectures=("likelihood_ratio", "logistic_regression"),
        training=Training(strength="each"),
    )
    plan = points(config, mixtures(config))
    names = [point.name for point in plan]
    assert len(set(names)) == len(names) == 2 * 2 * 2
    assert names[0] == "hard.B1000_S32.likelihood_ratio"
    assert names == [point.name for point in points(config, mixtures(config))]


def test_training_is_at_the_highest_strength_that_is_not_too_easy(binned):
    config = make_config(mixtures=Mixtures(s_over_sqrt_b=(20, 1, 3, 0.5), background=1000))
    strengths = mixtures(config, binned)
    for point in points(config, strengths, binned):
        auc = [
            closed_form(templates_of(binned, point.benchmark, mixture)).auc
            for mixture in strengths[point.benchmark]
        ]
        assert auc[point.strength] <= SATURATED
        assert auc[point.strength] == max(value for value in auc if value <= SATURATED)


def test_where_every_strength_is_too_easy_the_lowest_is_trained_at(binned):
    config = make_config(mixtures=Mixtures(s_over_sqrt_b=(20, 15), background=1000))
    assert {p.strength for p in points(config, mixtures(config, binned), binned)} == {1}


def test_without_pools_the_strongest_stands_for_it():
    config = make_config(mixtures=Mixtures(s_over_sqrt_b=(20, 1), background=1000))
    assert {p.strength for p in points(config, mixtures(config))} == {0}


def test_one_network_for_drawn_strengths_is_told_from_one_at_the_highest(binned):
    config = make_config(architectures=("mlp", "likelihood_ratio", "event_mlp"))
    drawn = replace(config, training=Training(strength="drawn", repeats=1))
    strengths = mixtures(config, binned)
    highest = {p.choice.name: p for p in points(config, strengths, binned)}
    found = {p.choice.name: p for p in points(drawn, strengths, binned)}
    assert found["mlp"].others == strengths["central"]
    assert found["mlp"].mixture == highest["mlp"].mixture
    assert found["mlp"].name == highest["mlp"].name.replace(".mlp", "_drawn.mlp")
    assert found["mlp"].columns["train_strength"] == "drawn"
    for name in ("likelihood_ratio", "event_mlp"):  # to them no drawn strength says anything
        assert found[name] == highest[name]
        keys = [member(c, found[name], 0, fingerprint="f").key for c in (config, drawn)]
        assert keys[0] == keys[1]


def test_descending_strengths_are_one_chain_from_the_strongest_down():
    config = make_config(
        architectures=("mlp", "linear_svm", SEARCHED),
        mixtures=Mixtures(s_over_sqrt_b=(1, 3, 2), background=1000),
        training=Training(strength="descending", repeats=3, pack=2),
    )
    plan = points(config, mixtures(config))
    assert len(plan) == 2 * 3 * 3
    packs = list(fixed_packs(config, plan, fingerprint="f"))
    chains = [pack for pack in packs if pack[0].point.choice.name == "mlp"]
    assert [[m.repeat for m in chain] for chain in chains] == [[0, 1] * 3, [2] * 3] * 2
    for chain in chains:
        signals = [m.point.mixture.signal for m in chain]
        assert signals == sorted(signals, reverse=True)
        assert {m.point.trained for m in chain} == {"descending"}
    others = {m.point.trained for pack in packs for m in pack if m.point.choice.name != "mlp"}
    assert others == {"each"}  # nothing to start from
    assert len({m.key for pack in packs for m in pack}) == sum(map(len, packs))


def test_a_member_of_a_chain_is_another_one_if_a_stronger_point_is_added():
    def key(*strengths, mode):
        config = make_config(
            architectures=("mlp",),
            mixtures=Mixtures(s_over_sqrt_b=strengths, background=1000),
            training=Training(strength=mode),
        )
        return member(config, points(config, mixtures(config))[0], 0, fingerprint="f").key

    assert key(1, 3, mode="descending") != key(1, 2, 3, mode="descending")
    assert key(1, 0.5, mode="descending") == key(1, mode="descending")
    assert key(1, 3, mode="each") == key(1, 2, 3, mode="each") != key(1, 3, mode="descending")


def test_keys_of_older_scan_files_are_what_they_were():
    """Written by the version before strengths could be drawn or descending.

    Of an architecture whose knobs and defaults are what they were: others are other members.
    """
    config = make_config(architectures=("logistic_regression",), training=Training(strength="each"))
    keys = [member(config, p, 0, fingerprint="f").key for p in points(config, mixtures(config))]
    assert keys == OLD_KEYS


def test_a_luminosity_gives_events_by_cross_section_and_efficiency(binned):
    config = make_config(mixtures=Mixtures(cross_section=(0.05,), luminosity=1.0))
    found = mixtures(config, binned)["hard"][0]
    assert found.background == 10.0 * EFFICIENCY * 1000
    assert found.signal == 0.05 * EFFICIENCY * 1000


def test_a_strength_without_one_event_is_a_problem_of_the_scan_file(binned):
    config = make_config(mixtures=Mixtures(cross_section=(1e-6,), luminosity=1.0))
    with pytest.raises(ConfigError, match="smallest cross_section with one signal event"):
        mixtures(config, binned)


def key(config, repeat=0, *, point=0, fingerprint="f", **more):
    plan = points(config, mixtures(config))
    return member(config, plan[point], repeat, fingerprint=fingerprint, **more).key


def test_a_key_changes_with_all_that_a_training_depends_on_and_nothing_else():
    config = make_config()
    sizes = config.ensembles
    different = [
        config,
        replace(config, seed=8),
        replace(config, ensembles=replace(sizes, train=501)),
        replace(config, ensembles=replace(sizes, method="multinomial")),
        replace(config, mixtures=Mixtures(s_over_sqrt_b=(1, 3), background=1001)),
        make_config(architectures=("logistic_regression",)),
    ]
    assert len({key(c) for c in different}) == len(different)
    assert key(config, 1) != key(config, fingerprint="g") != key(config)
    same = [
        replace(config, ensembles=replace(sizes, test=99)),
        replace(config, limits=Limits(channels=3)),
        replace(config, name="other", storage="elsewhere"),
        replace(config, training=Training(repeats=9)),
    ]
    assert {key(c) for c in same} == {key(config)}


@pytest.mark.parametrize(("objective", "depends"), [("auc", False), ("limit", True)])
def test_a_searched_member_depends_on_limits_if_its_objective_does(objective, depends):
    config = make_config(architectures=(SEARCHED,), search=Search(objective=objective))
    other = replace(config, limits=Limits(channels=3))
    assert (key(config) != key(other)) == depends


def test_a_suggestion_overrides_a_knob_and_changes_the_key():
    config = make_config(architectures=(SEARCHED,))
    point = points(config, mixtures(config))[0]
    plain = member(config, point, 0, fingerprint="f")
    suggested = member(config, point, 0, fingerprint="f", suggested={"C": 0.5})
    assert suggested.hyperparameters == {**plain.hyperparameters, "C": 0.5}
    assert suggested.key != plain.key


def test_packs_hold_all_repeats_once_and_share_draws_within():
    config = make_config(training=Training(repeats=5, pack=2))
    plan = points(config, mixtures(config))
    packs = list(fixed_packs(config, plan, fingerprint="f"))
    assert [len(pack) for pack in packs] == [2, 2, 1] * len(plan)
    assert len({m.key for pack in packs for m in pack}) == 5 * len(plan)
    assert len({m.seed for pack in packs for m in pack}) == 5 * len(plan)
    assert [{m.draws for m in pack} for pack in packs[:3]] == [{0}, {1}, {2}]


def test_searched_points_are_not_in_the_fixed_packs():
    config = make_config(architectures=("likelihood_ratio", SEARCHED), search=Search(trials=6))
    plan = points(config, mixtures(config))
    packs = list(fixed_packs(config, plan, fingerprint="f"))
    assert {m.point.mode for pack in packs for m in pack} == {"fixed"}
    assert [planned(config, p) for p in plan[:2]] == [1, 6]


def test_ratios_are_missing_without_background():
    found = mixture_columns("test", Mixture(signal=5, background=0))
    assert found["test_s_over_b"] is found["test_s_over_sqrt_b"] is None
    assert mixture_columns("test", Mixture(signal=5, background=25))["test_s_over_sqrt_b"] == 1


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False) | st.text()))
def test_a_digest_does_not_depend_on_the_order_of_keys(values):
    backward = dict(reversed(values.items()))
    assert digest(values) == digest(backward)


def test_a_digest_tells_dataclasses_apart():
    assert digest(EnsembleSizes()) != digest(EnsembleSizes(train=11))
    with pytest.raises(TypeError, match="no stable JSON"):
        digest(object())
