"""Heads of several benchmarks and against a second signal: scan file, plan, training, tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy_scan import done, limits_on, make_config, make_pools, parts_of, train_all

from rayscan.ensembles.mixture import Mixtures
from rayscan.ensembles.nuisance import ShapeUncertainty, Uncertainty
from rayscan.errors import ConfigError
from rayscan.models.ratio.likelihood_ratio import closed_form
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.heads.registry import groups, trained
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.scan import ArchitectureChoice, CrossTest, EnsembleSizes, Training
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.members import fixed_packs, member
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.plan.strengths import SATURATED
from rayscan.scan.pools.binned import templates_of
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for
from rayscan.scan.steps.examples import DrawnHistograms, examples_of
from rayscan.scan.steps.tests.pairs import cross_test, test_sets

SIGNALS = ("hard", "central", "null")
MANY = ArchitectureChoice(name="logistic_regression", head="multimodel")
CLASSES = ArchitectureChoice(name="logistic_regression", head="multiclass")
AGAINST = ArchitectureChoice(name="likelihood_ratio", against="central")
ALL = ("likelihood_ratio", MANY, CLASSES, AGAINST)

TEXT = """\
name: toy
storage: results/toy
processes:
  z: {role: background, files: [z.root], cross_section: 10}
  alp: {role: signal, files: [a.root], cross_section: 0.1}
  spin0: {role: signal, files: [b.root], cross_section: 0.1}
  spin1: {role: signal, held_out: true, files: [c.root], cross_section: 0.1}
  spin2: {role: signal, files: [d.root], cross_section: 0.1}
binning:
  axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]
mixtures: {background: 100, s_over_sqrt_b: [1, 2]}
architectures:
  - ARCHITECTURE
"""


def parsed(architecture: str, text: str = TEXT):
    return parse_scan(text.replace("ARCHITECTURE", architecture))


def config_of(*architectures, **changes):
    sizes = EnsembleSizes(train=200, validation=100, test=400)
    given = {"signals": SIGNALS, "architectures": architectures, "ensembles": sizes, **changes}
    return make_config(**given)


# ------------------------------------------------------------------ scan file


def test_each_head_trains_on_what_it_is_asked_for():
    config = parsed("{name: mlp, head: multimodel}")
    choice = config.architectures[0]
    assert choice.key == "mlp-multimodel"
    assert trained(config, choice) == (("alp", "spin0", "spin2"),)  # spin1 is held out
    binary = ArchitectureChoice(name="mlp")
    assert trained(config, binary) == (("alp",), ("spin0",), ("spin1",), ("spin2",))
    against = ArchitectureChoice(name="mlp", against="spin0")
    assert against.key == "mlp-vs-spin0"
    assert trained(config, against) == (("alp",), ("spin1",), ("spin2",))
    named = ArchitectureChoice(name="mlp", head="multiclass", benchmarks=("spin1", "alp"))
    assert trained(config, named) == (("alp", "spin1"),)  # in the order of the processes
    mixed = replace(config, architectures=(named, binary, choice))
    assert groups(mixed)[-2:] == (("alp", "spin1"), ("alp", "spin0", "spin2"))


def test_heads_survive_being_written_out():
    config = parsed("{name: mlp, head: multiclass, benchmarks: [alp, spin1]}")
    assert parse_scan(dump(config)) == config


@pytest.mark.parametrize(
    ("architecture", "where", "what"),
    [
        ("{name: mlp, benchmarks: [alp, spin3]}", "benchmarks.1", "'spin3' (nearest: 'spin2')"),
        ("{name: mlp, benchmarks: [alp, alp]}", "benchmarks.1", "named twice"),
        ("{name: mlp, against: z}", "against", "is a background"),
        ("{name: mlp, against: spin}", "against", "unknown signal 'spin'"),
        ("{name: mlp, against: alp, benchmarks: [alp, spin0]}", "against", "told from itself"),
        ("{name: mlp, against: alp, head: multimodel}", "against", "background as class 0"),
        ("{name: event_mlp, against: alp}", "against", "architecture of histograms"),
        ("{name: event_mlp, head: multimodel}", "head", "no multimodel head; those that have"),
        ("{name: likelihood_ratio, head: multiclass}", "head", "no multiclass head"),
        ("{name: linear_svm, head: multiclass}", "head", "mlp, cnn"),
        ("{name: mlp, head: multimodel, benchmarks: [alp]}", "head", "at least two signals"),
        ("{name: mlp, head: several}", "head", "multimodel"),
    ],
)
def test_a_mistake_is_found_at_its_line(architecture, where, what):
    with pytest.raises(ConfigError) as caught:
        parsed(architecture)
    (problem,) = caught.value.problems
    assert (problem.where, problem.line) == (f"architectures.0.{where}", 13)
    assert what in problem.what


def test_a_held_out_background_is_refused():
    with pytest.raises(ConfigError, match="only a signal can be held out"):
        parsed("name: mlp", TEXT.replace("{role: background", "{role: background, held_out: true"))


def test_joint_heads_need_one_mixture_for_all_signals():
    text = TEXT.replace(
        "background: 100, s_over_sqrt_b: [1, 2]", "luminosity: 1, cross_section: [1]"
    )
    with pytest.raises(ConfigError, match="gives each signal a number of events of its own"):
        parsed("{name: mlp, head: multimodel}", text)


def test_a_search_for_limits_is_of_one_signal():
    text = TEXT + "search: {objective: limit}\n"
    with pytest.raises(ConfigError, match="is of one signal over the background"):
        parsed("{name: mlp, search: true, head: multimodel}", text)


# ----------------------------------------------------------------------- plan


def test_points_have_short_unique_names_and_say_what_they_are():
    config = config_of(*ALL, training=Training(strength="each", repeats=1))
    plan = points(config, mixtures(config))
    assert len({point.name for point in plan}) == len(plan) == 2 * (3 + 1 + 1 + 2)
    by_name = {point.name: point.columns for point in plan}
    many = by_name["multimodel.B1000_S32.logistic_regression-multimodel"]
    assert (many["train_benchmark"], many["head"]) == ("hard+central+null", "multimodel")
    pair = by_name["hard-vs-central.B1000_S32.likelihood_ratio-vs-central"]
    assert (pair["train_benchmark"], pair["train_against"]) == ("hard", "central")
    assert by_name["hard.B1000_S32.likelihood_ratio"]["train_against"] is None


def test_several_classes_are_trained_at_each_strength():
    config, binned = config_of(*ALL), make_pools(signals=SIGNALS)
    plan = points(config, mixtures(config, binned), binned)
    strengths = {
        head: [p.strength for p in plan if p.choice.head == head]
        for head in ("multimodel", "multiclass")
    }
    assert strengths == {"multimodel": strengths["multimodel"][:1], "multiclass": [0, 1]}


@pytest.mark.parametrize("choice", [MANY, AGAINST])
def test_the_highest_strength_is_one_at_which_the_easiest_signal_is_not_saturated(choice):
    config = config_of(
        choice, mixtures=Mixtures(s_over_sqrt_b=(0.5, 1, 2, 3, 4, 6, 9, 14), background=1000)
    )
    binned = make_pools(signals=SIGNALS)
    each = mixtures(config, binned)
    for point in points(config, each, binned):
        above = each[point.benchmarks[0]][point.strength :]
        easiest = [
            max(
                closed_form(templates_of(binned, name, mixture, against=choice.against)).auc
                for name in point.benchmarks
            )
            for mixture in above
        ]
        assert easiest[0] <= SATURATED
        assert all(auc > SATURATED for auc in easiest[1:])


def test_what_is_trained_on_is_part_of_the_key():
    config = config_of(MANY, training=Training(strength="each", repeats=1))
    other = replace(
        config, architectures=(replace(MANY, benchmarks=("hard", "central"), label=MANY.key),)
    )
    one, two = (points(c, mixtures(c))[0] for c in (config, other))
    assert one.name == two.name
    keys = {member(config, point, 0, fingerprint="").key for point in (one, two)}
    assert len(keys) == 2


def test_a_held_out_mark_changes_no_key_of_a_binary_head():
    config = config_of("likelihood_ratio")
    marked = dict(config.processes) | {"null": replace(config.processes["null"], held_out=True)}
    plans = [points(c, mixtures(c)) for c in (config, replace(config, processes=marked))]
    keys = [[member(config, p, 0, fingerprint="").key for p in plan] for plan in plans]
    assert keys[0] == keys[1]


# ------------------------------------------------------------------- training


@pytest.mark.parametrize(("head", "sizes"), [("multimodel", [201, 201]), ("multiclass", [200] * 4)])
def test_classes_are_of_equal_size_and_benchmarks_in_equal_numbers(head, sizes):
    choice = ArchitectureChoice(name="logistic_regression", head=head)
    config, binned = config_of(choice), make_pools(signals=SIGNALS)
    point = points(config, mixtures(config))[-1]
    mixture = point.mixture
    examples = DrawnHistograms(PooledScan(config, binned), point, draws=0)
    x, labels = examples.training(0)
    assert np.bincount(labels).tolist() == sizes
    assert np.all(x.sum(axis=1) == mixture.signal + mixture.background)
    again = DrawnHistograms(PooledScan(config, binned), point, draws=0)
    np.testing.assert_array_equal(again.training(0)[0], x)
    assert not np.array_equal(again.training(1)[0], x)
    assert not np.array_equal(again.validation()[0], again.fresh("other")[0])
    # Of each benchmark: 67 or 200 histograms, whose mean bin contents are known.
    first = 201 if head == "multimodel" else 200
    for k, name in enumerate(SIGNALS):
        each = (len(x) - first) // 3
        part = x[first + k * each : first + (k + 1) * each]
        signal = binned.signal(name, "train").density * mixture.signal
        expected = signal + binned.background("train").density * mixture.background
        pull = (part.mean(axis=0) - expected) / np.sqrt(expected / each)
        assert np.abs(pull[expected > 1]).max() < 5


NETWORK = {"name": "mlp", "hyperparameters": {"epochs": 2, "units": 4}}
NETWORKS = (
    ArchitectureChoice(**NETWORK, head="multimodel"),
    ArchitectureChoice(**NETWORK, head="multiclass"),
    ArchitectureChoice(**NETWORK, against="central"),
)


def test_what_a_strength_of_training_is_to_each_head():
    """Several classes are trained at each strength; all others as a binary head is."""
    found = {}
    for strength in ("highest", "drawn", "descending"):
        config = config_of(*NETWORKS, training=Training(strength=strength, repeats=1))
        plan = points(config, mixtures(config))
        found[strength] = {p.choice.key: (p.trained, p.strength) for p in reversed(plan)}
        assert len(found[strength]) == 3
        names = [p.name for p in plan if p.trained == "drawn"]
        assert names == (
            []
            if strength != "drawn"
            else [
                "hard-vs-central.B1000_S95_drawn.mlp-vs-central",
                "null-vs-central.B1000_S95_drawn.mlp-vs-central",
                "multimodel.B1000_S95_drawn.mlp-multimodel",
            ]
        )
    classes = {strength: each["mlp-multiclass"] for strength, each in found.items()}
    assert classes == {
        "highest": ("each", 0),
        "drawn": ("each", 0),
        "descending": ("descending", 0),
    }
    for key in ("mlp-multimodel", "mlp-vs-central"):
        assert {s: each[key] for s, each in found.items()} == {
            "highest": ("highest", 1),
            "drawn": ("drawn", 1),
            "descending": ("descending", 0),
        }


def test_drawn_strengths_tell_no_label_by_their_total():
    config = config_of(*NETWORKS, training=Training(strength="drawn", repeats=1))
    binned = make_pools(signals=SIGNALS)
    plan = points(config, mixtures(config, binned), binned)
    strengths = {point.choice.key: point for point in plan if point.trained == "drawn"}
    assert set(strengths) == {"mlp-multimodel", "mlp-vs-central"}
    for point in strengths.values():
        own = member(config, point, 0, fingerprint="f")
        examples: Any = examples_of(PooledScan(config, binned), own, reads="histograms")
        for x, labels in (examples.training(0), examples.validation()):
            totals = x.sum(axis=1)
            assert {*totals[labels == 0]} == {*totals[labels == 1]} == {1032, 1095}
        x, labels = examples.training(1)
        null = x[labels == 0].astype(float)
        pull = (null.mean(axis=0) - examples.null_mean) / np.sqrt(
            examples.null_variance / len(null)
        )
        assert np.abs(pull[examples.null_mean > 1]).max() < 5


def test_every_head_starts_from_its_stronger_self(tmp_path):
    config = config_of(
        *NETWORKS,
        training=Training(strength="descending", repeats=2, pack=2),
        ensembles=EnsembleSizes(train=60, validation=50, test=60),
    )
    binned = make_pools(size=5000, signals=SIGNALS)
    plan, rows, _ = train_all(config, binned, tmp_path)
    packs = list(fixed_packs(config, plan, fingerprint=binned.fingerprint))
    assert [len({m.point.choice.key for m in pack}) for pack in packs] == [1] * 4
    assert [[m.point.mixture.signal for m in pack] for pack in packs] == [[95, 95, 32, 32]] * 4
    assert {row["status"] for row in rows} == {"ok"}
    assert workload(config).total("trials") == len(packs)


@pytest.mark.parametrize("background", [0.2, 0.0])
def test_every_head_meets_an_uncertain_background_and_no_one_passes_the_ceiling(
    tmp_path, background
):
    shape = None if background else ShapeUncertainty(observable="jet1_pt", slope=0.2)
    config = config_of(
        *ALL,
        training=Training(strength="highest", repeats=1),
        ensembles=EnsembleSizes(
            train=1000,
            validation=100,
            test=1500,
            method="multinomial",
            uncertainty=Uncertainty(background=background, shape=shape),
        ),
    )
    binned = make_pools(signals=SIGNALS, size=200_000)
    _, _, candidates = train_all(config, binned, tmp_path)
    found = done(parts_of(config, binned, candidates), config, binned, tmp_path)
    for table in ("auc", "multiclass"):
        rows = rows_to_table(table, found[table]).to_pylist()
        assert {row["background_uncertainty"] for row in rows} == {background}
        for row in rows:
            assert row["shape_observable"] == (None if background else "jet1_pt")
            if table == "auc":
                assert row["ceiling_kind"].startswith("marginal")
                assert not row["leakage_flag"]
            elif row["auc"] is not None:
                error = np.hypot(row["auc_error"], row["auc_likelihood_ratio_error"])
                assert row["auc"] < row["auc_likelihood_ratio"] + 4 * error


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Everything trained and tested in this process, at one and at all strengths."""
    folder = tmp_path_factory.mktemp("heads")
    config = config_of(
        *ALL,
        "logistic_regression",
        ensembles=EnsembleSizes(train=2000, validation=200, test=1500),
        limits=Limits(channels=5, referee=0, workspaces=False, ensembles=100),
    )
    binned = make_pools(signals=SIGNALS, size=200_000)
    _, rows, candidates = train_all(config, binned, folder)
    found = done(parts_of(config, binned, candidates), config, binned, folder)
    return config, binned, folder, rows, candidates, found


def test_every_member_has_a_validation_auc_above_chance(tested):
    for row in tested[3]:
        if "null" not in row["train_benchmark"].split("+") or row["head"] != "binary":
            assert row["validation_auc"] > 0.55


def test_one_classifier_of_all_models_is_tested_on_each_against_the_background(tested):
    rows = [row for row in tested[5]["auc"] if row["head"] == "multimodel"]
    assert len(rows) == 3 * 2
    assert {row["test_against"] for row in rows} == {None}
    strong = {r["test_benchmark"]: r for r in rows if r["test_signal"] == 95}
    single = {
        r["test_benchmark"]: r["auc"]
        for r in tested[5]["auc"]
        if r["label"] == "logistic_regression"
        and r["train_benchmark"] == r["test_benchmark"]
        and r["test_signal"] == 95
    }
    for name in ("hard", "central"):
        row = strong[name]
        assert row["auc"] < row["auc_ceiling"] + 4 * np.hypot(
            row["auc_error"], row["auc_ceiling_error"]
        )
        # It trains on both and on one that cannot be seen: less than the best, much above chance.
        assert row["auc"] > 0.5 + 0.6 * (single[name] - 0.5)
    assert abs(strong["null"]["auc"] - 0.5) < 4.5 * strong["null"]["auc_error"]


def test_against_a_signal_the_likelihood_ratio_reaches_its_ceiling_and_nothing_leaks(tested):
    rows = [row for row in tested[5]["auc"] if row["train_against"] == "central"]
    assert {row["test_against"] for row in rows} == {"central"}
    assert {row["test_benchmark"] for row in rows} == {"hard", "null"}
    assert len(rows) == 2 * 2 * 2
    for row in rows:
        assert not row["leakage_flag"]
        if row["train_benchmark"] == row["test_benchmark"]:
            error = 4.5 * np.hypot(row["auc_error"], row["auc_ceiling_error"])
            assert abs(row["auc"] - row["auc_ceiling"]) < error
            closed = 4.5 * np.hypot(row["auc_error"], row["auc_closed_form_error"])
            assert abs(row["auc_likelihood_ratio"] - row["auc_closed_form"]) < closed + 0.003
    backgrounds = [row for row in tested[5]["auc"] if row["train_against"] is None]
    assert {row["test_against"] for row in backgrounds} == {None}


def test_background_against_a_signal_is_that_signal_against_background(tested):
    """`null` looks like background: null against central separates as central does."""
    rows = {
        (r["test_benchmark"], r["test_against"], r["test_signal"]): r
        for r in tested[5]["auc"]
        if r["architecture"] == "likelihood_ratio" and r["train_benchmark"] == r["test_benchmark"]
    }
    for signal in (32, 95):
        one, two = rows["null", "central", signal], rows["central", None, signal]
        error = 4.5 * np.hypot(one["auc_ceiling_error"], two["auc_ceiling_error"])
        assert abs(one["auc_ceiling"] - two["auc_ceiling"]) < error
        k_error = 4.5 * np.hypot(one["separation_k_error"], two["separation_k_error"])
        assert abs(one["separation_k"] - two["separation_k"]) < k_error


def test_limits_are_of_classifiers_against_background_only(tested):
    candidates = tested[4]
    limited = {(c.choice.head, c.head.null) for c in candidates if c.head.excludes}
    assert limited == {("binary", None), ("multimodel", None)}


# ------------------------------------------------------------------ the plan


@pytest.mark.parametrize("strength", ["each", "highest", "drawn", "descending"])
@pytest.mark.parametrize("strengths", ["own", "all"])
def test_as_many_rows_are_planned_as_a_run_writes(tmp_path, strength, strengths):
    config = config_of(
        *ALL,
        training=Training(strength=strength, repeats=2),
        crosstest=CrossTest(strengths=strengths),
        limits=Limits(channels=5, referee=0, workspaces=False, ensembles=100),
        ensembles=EnsembleSizes(train=60, validation=50, test=60),
    )
    binned = make_pools(size=5000, signals=SIGNALS)
    load = workload(config)
    plan, rows, candidates = train_all(config, binned, tmp_path)
    assert len(plan) == sum(len(kind.points) for kind in load.kinds)
    assert len(rows) == load.total("members")
    assert len(list(fixed_packs(config, plan, fingerprint="toy"))) == load.total("trials")
    parts = parts_of(config, binned, candidates)
    assert sum(part.size for part in parts) == load.total("pairs")
    limited = [c for c in candidates if c.head.excludes]
    tools = {"config": config, "binned": binned, "storage": Storage(str(tmp_path))}
    limits = [row for name in config.benchmarks for row in limits_on(name, limited, **tools)]
    assert len(limits) == load.limits(fitted=True) + load.limits(fitted=False)
    assert sum(row["method"] == "score" for row in limits) == load.limits(fitted=False)


def test_the_numbers_of_histograms_agree_with_a_count_by_hand():
    config = config_of(MANY, CLASSES, training=Training(strength="each", repeats=2))
    many, classes = workload(config).kinds
    # Three signals: 200 per class are 67 of each, 100 are 34; four classes of 200 and 100.
    assert (many.examples, classes.examples) == (2 * 201, 4 * 200)
    # At each of two strengths the validation AUC of two members, and one epoch and one validation
    # set for each of two packs.
    assert many.draws == 2 * (2 * 204 + 2 * (402 + 204))
    assert classes.draws == 2 * (2 * 400 + 2 * (800 + 400))


def test_yields_that_are_not_known_yet_plan_the_same_points():
    known = config_of(MANY, CLASSES, AGAINST)
    unknown = replace(known, mixtures=Mixtures(s_over_sqrt_b=(1, 3), luminosity=1.0))
    of_known, of_unknown = (
        [
            (p.benchmark, p.strength, kind.choice.key)
            for kind in workload(c).kinds
            for p in kind.points
        ]
        for c in (known, unknown)
    )
    assert of_known == of_unknown


def test_test_sets_against_a_signal_leave_it_out():
    config = config_of(AGAINST, replace(AGAINST, against="hard"))
    found = [
        (t.benchmark, t.against) for t in test_sets(config, mixtures(config)) if t.strength == 0
    ]
    assert found == [
        *((name, None) for name in SIGNALS),
        ("hard", "central"),
        ("null", "central"),
        ("central", "hard"),
        ("null", "hard"),
    ]
    names = {t.name for t in test_sets(config, mixtures(config))}
    assert len(names) == 7 * 2


def test_a_classifier_of_other_class_0_is_not_tested(tested):
    config, binned, folder, _, candidates, _ = tested
    test = next(t for t in test_sets(config, mixtures(config, binned)) if t.against == "central")
    met = candidates_for(config, test, candidates)
    assert {c.head.null for c in met} == {"central"}
    rows = cross_test(test, met, scan=PooledScan(config, binned), storage=str(folder))
    assert all(row["test_against"] == "central" for row in rows)
