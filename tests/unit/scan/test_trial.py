"""One pack: rows of `trials`, stored classifiers, objectives."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from toy_scan import make_config, make_pools, train_all

from rayscan.errors import DivergedError
from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Member
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.config.search import Search
from rayscan.scan.plan.members import fixed_packs, member
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.binned import templates_of
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import examples_of
from rayscan.scan.steps.objectives import objective_value
from rayscan.scan.steps.scoring import stored
from rayscan.scan.steps.trial import failed_row, train_pack


def unmeasured(rows):
    measured = set(LAYOUTS["trials"].measured)
    return [{k: v for k, v in row.items() if k not in measured} for row in rows]


@pytest.fixture(scope="module")
def binned():
    return make_pools()


def test_rows_fit_the_table_and_their_classifiers_can_be_loaded(binned, tmp_path):
    config = make_config(architectures=("likelihood_ratio", "logistic_regression"))
    _, rows, _ = train_all(config, binned, tmp_path)
    assert rows_to_table("trials", rows).num_rows == 4
    for row in rows:
        assert row["status"] == "ok"
        assert row["objective"] == "auc"
        assert row["objective_value"] == row["validation_auc"] > 0.5
        classifier = stored(Storage(str(tmp_path)).uri, row["classifier"])
        assert classifier.architecture == row["architecture"]


def test_equal_seeds_give_equal_rows_and_another_seed_others(binned, tmp_path):
    config = make_config(architectures=("logistic_regression",), training=Training(repeats=2))
    first = train_all(config, binned, tmp_path / "a")[1]
    again = train_all(config, binned, tmp_path / "b")[1]
    other = train_all(replace(config, seed=8), binned, tmp_path / "c")[1]
    assert unmeasured(first) == unmeasured(again)
    assert {r["trial"] for r in first}.isdisjoint(r["trial"] for r in other)
    assert first[0]["validation_auc"] != other[0]["validation_auc"]


def test_repeats_see_histograms_of_their_own(binned, tmp_path):
    config = make_config(architectures=("logistic_regression",), training=Training(repeats=2))
    rows = train_all(config, binned, tmp_path)[1]
    weights = [stored(Storage(str(tmp_path)).uri, r["classifier"]) for r in rows[:2]]
    counts = np.eye(binned.binning.bins)
    assert not np.array_equal(weights[0].scores(counts), weights[1].scores(counts))


def test_a_stored_likelihood_ratio_is_that_of_the_training_pools(binned, tmp_path):
    config = make_config()
    plan, rows, _ = train_all(config, binned, tmp_path)
    templates = templates_of(binned, plan[0].benchmark, plan[0].mixture)
    exact = BinnedLikelihoodRatio.from_templates(templates)
    classifier = stored(Storage(str(tmp_path)).uri, rows[0]["classifier"])
    assert isinstance(classifier, BinnedLikelihoodRatio)
    np.testing.assert_array_equal(classifier.weights, exact.weights)


def test_a_member_without_a_classifier_says_why(binned):
    config = make_config()
    point = points(config, mixtures(config), binned)[0]
    plan = member(config, point, 0, fingerprint="f")
    why = str(DivergedError(architecture="mlp", epoch=3, what="the loss is NaN"))
    row = failed_row(plan, config, status="error", error=why)
    table = rows_to_table("trials", [row]).to_pylist()[0]
    assert table["classifier"] is None
    assert table["error"] == why
    assert json.loads(table["hyperparameters"]) == {}


def test_a_network_leaves_its_learning_curve(binned, tmp_path):
    knobs = {"epochs": 2, "units": 4, "layers": 1, "batch_size": 100}
    config = make_config(
        signals=("hard",),
        architectures=(ArchitectureChoice(name="mlp", hyperparameters=knobs),),
        ensembles=EnsembleSizes(train=100, validation=50, test=50),
    )
    pools = replace(binned, benchmarks=("hard",))
    row = train_all(config, pools, tmp_path)[1][0]
    assert row["epochs"] == len(row["learning_curve"]) == 2
    assert all(0 <= value <= 1 for value in row["learning_curve"])
    assert row["validation_loss"] > 0


# ------------------------------------------------------------------ objectives


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Likelihood ratio and a logistic regression of few histograms, on pools of two million.

    Without systematic uncertainties the likelihood ratio is the best order of bins there is; with
    pools this large it is known to a per mille.
    """
    folder = tmp_path_factory.mktemp("objective")
    config = make_config(
        signals=("hard",),
        architectures=("likelihood_ratio", "logistic_regression"),
        limits=Limits(
            channels=10,
            background_uncertainty=0,
            signal_uncertainty=0,
            luminosity_uncertainty=0,
            monte_carlo_statistics=False,
        ),
    )
    pools = make_pools(signals=("hard",), size=2_000_000)
    plan, rows, _ = train_all(config, pools, folder)
    uri = Storage(str(folder)).uri
    plans = [pack[0] for pack in fixed_packs(config, plan, fingerprint=pools.fingerprint)]
    classifiers = {
        row["architecture"]: (p, stored(uri, row["classifier"]))
        for p, row in zip(plans, rows, strict=True)
    }

    def value(name, architecture, changed=config):
        plan, classifier = classifiers[architecture]
        return objective_value(name, plan, classifier, scan=PooledScan(changed, pools))

    return value, config, pools, plans[0].point


def test_the_likelihood_ratio_has_the_highest_significance(trained):
    value, *_ = trained
    assert value("significance", "likelihood_ratio") > value("significance", "logistic_regression")


def test_the_likelihood_ratio_has_the_lowest_limit(trained):
    value, *_ = trained
    assert 0 < value("limit", "likelihood_ratio") < value("limit", "logistic_regression")


def test_the_significance_is_between_that_of_one_channel_and_that_of_all_bins(trained):
    value, config, pools, point = trained
    s, b = point.mixture.signal, point.mixture.background

    def asimov(signal, background):
        return np.sqrt(2 * ((signal + background) * np.log1p(signal / background) - signal).sum())

    shape = pools.signal("hard", "validation").density, pools.background_density("validation")
    everything = asimov(s * shape[0], b * shape[1])
    found = value("significance", "likelihood_ratio")
    assert asimov(np.array([s]), np.array([b])) < found < everything
    one = replace(config, limits=replace(config.limits, channels=1))
    assert value("significance", "likelihood_ratio", one) == pytest.approx(
        asimov(np.array([s]), np.array([b]))
    )


def test_an_uncertain_background_lowers_significance_and_raises_the_limit(trained):
    value, config, *_ = trained
    unsure = replace(config, limits=replace(config.limits, background_uncertainty=0.2))
    for name, sign in (("significance", -1), ("limit", 1)):
        change = value(name, "likelihood_ratio", unsure) - value(name, "likelihood_ratio")
        assert sign * change > 0


@pytest.mark.parametrize("objective", ["auc", "loss", "significance", "limit"])
def test_a_search_optimises_what_it_was_asked_to(objective, binned, tmp_path):
    choice = ArchitectureChoice(name="logistic_regression", search=True)
    config = make_config(
        signals=("hard",),
        architectures=(choice,),
        search=Search(sampler="random", objective=objective, trials=1),
    )
    pools = replace(binned, benchmarks=("hard",))
    point = points(config, mixtures(config, pools), pools)[0]
    plan = member(config, point, 0, fingerprint="f", suggested={"C": 1e-3})
    (row,) = train_pack([plan], scan=PooledScan(config, pools), storage=Storage(str(tmp_path))).rows
    assert row["objective"] == objective
    assert json.loads(row["hyperparameters"])["C"] == 1e-3
    expected = {"auc": row["validation_auc"], "loss": row["validation_loss"]}
    if objective in expected:
        assert row["objective_value"] == expected[objective]
    else:
        assert row["objective_value"] > 0


def chain(repeats=1, pack=1):
    network = ArchitectureChoice(name="mlp", hyperparameters={"epochs": 2, "units": 4})
    return make_config(
        signals=("hard",),
        architectures=(network,),
        training=Training(strength="descending", repeats=repeats, pack=pack),
        ensembles=EnsembleSizes(train=60, validation=50, test=60),
    )


def test_a_weaker_point_starts_from_the_classifier_of_the_stronger_one(binned, tmp_path):
    config = chain()
    plan, rows, _ = train_all(config, binned, tmp_path)
    assert [row["train_signal"] for row in rows] == [95, 32]
    assert {row["train_strength"] for row in rows} == {"descending"}
    strong, weak = (stored(Storage(str(tmp_path)).uri, row["classifier"]) for row in rows)
    own = member(config, plan[0], 0, fingerprint=binned.fingerprint)
    examples = examples_of(PooledScan(config, binned), own, reads="histograms")
    alone = Member(examples, own.hyperparameters, own.seed, start=strong)
    expected = architectures()["mlp"].train([alone])[0].classifier
    counts = np.eye(binned.binning.bins) * 50
    np.testing.assert_array_equal(weak.scores(counts), expected.scores(counts))


def test_a_chain_comes_out_the_same_again_whatever_was_in_the_storage(binned, tmp_path):
    first = train_all(chain(repeats=2), binned, tmp_path / "a")[1]
    again = train_all(chain(repeats=2), binned, tmp_path / "a")[1]
    other = train_all(chain(repeats=2), binned, tmp_path / "b")[1]
    assert unmeasured(first) == unmeasured(again) == unmeasured(other)
    assert len({row["trial"] for row in first}) == 4


def test_a_diverged_link_leaves_the_rest_of_its_chain_without_a_start(binned, tmp_path):
    """Its repeat begins anew at the next strength; the chain of the other repeat is untouched."""
    config = chain(repeats=2, pack=2)
    plan = points(config, mixtures(config, binned), binned)
    (pack,) = fixed_packs(config, plan, fingerprint=binned.fingerprint)
    bad = replace(pack[0], hyperparameters={**pack[0].hyperparameters, "learning_rate": 1e30})
    rows = train_pack(
        (bad, *pack[1:]), scan=PooledScan(config, binned), storage=Storage(str(tmp_path))
    ).rows
    assert [row["status"] for row in rows] == ["diverged", "ok", "ok", "ok"]
