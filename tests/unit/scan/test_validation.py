"""Folds of training sets in a scan: scikit-learn's grid search is the referee."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RepeatedKFold, RepeatedStratifiedKFold
from sklearn.svm import SVC
from toy_scan import done, make_config, make_pools, parts_of, train_all

from rayscan.ensembles.mixture import Mixtures
from rayscan.models.folds import LeftOut
from rayscan.models.ratio.ceiling import Ceiling
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.folds import folds_of
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.config.search import Search
from rayscan.scan.config.validation import Validation
from rayscan.scan.plan.members import fixed_packs, member
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import best_of, candidates_of
from rayscan.scan.steps.ceilings import CeilingOfTest
from rayscan.scan.steps.curves import WITHIN
from rayscan.scan.steps.examples import DrawnHistograms
from rayscan.scan.steps.tests.folds import fold_rows, mean_area, scored
from rayscan.scan.steps.trial import train_pack
from rayscan.seeds import integer
from rayscan.stats.placements import placements

METRICS = ("auc", "accuracy", "recall", "f1")
PENALTIES = (1e-4, 1e-2, 1.0)
PIXELS = {"backbone": "pixels", "scale": "none"}


def regression(**given):
    return LogisticRegression(class_weight="balanced", max_iter=1000, **given)


LASSO = regression(l1_ratio=1.0, solver="liblinear")


@pytest.fixture(scope="module")
def binned():
    return make_pools(signals=("hard",))


def searched(architecture, knobs, **validation):
    choice = ArchitectureChoice(
        name=architecture, hyperparameters={**knobs, "C": {"choices": list(PENALTIES)}}
    )
    return make_config(
        signals=("hard",),
        architectures=(choice,),
        mixtures=Mixtures(s_over_sqrt_b=(1.5,), background=1000),
        ensembles=EnsembleSizes(train=75, validation=50, test=200),
        search=Search(sampler="grid"),
        validation=Validation(folds=3, repeats=2, **validation),
    )


@pytest.mark.parametrize(
    ("architecture", "knobs", "plain", "stratified"),
    [
        ("linear_svm", {}, SVC(kernel="linear", class_weight="balanced"), True),
        ("linear_svm", {}, SVC(kernel="linear", class_weight="balanced"), False),
        ("logistic_regression", {}, regression(), False),
        ("logistic_regression", {"penalty": "l1"}, LASSO, False),
        ("transfer", PIXELS, SVC(kernel="linear", class_weight="balanced"), False),
    ],
)
def test_a_grid_is_judged_as_by_a_grid_search_on_the_same_histograms_and_folds(
    binned, tmp_path, architecture, knobs, plain, stratified
):
    config = searched(architecture, knobs, stratified=stratified)
    scan = PooledScan(config, binned)
    (point,) = points(config, mixtures(config, binned), binned)
    pack = [
        member(config, point, n, fingerprint="toy", suggested={"C": C})
        for n, C in enumerate(PENALTIES)
    ]
    rows = train_pack(pack, scan=scan, storage=Storage(str(tmp_path))).rows
    examples = DrawnHistograms(scan, point, 0)
    x, labels = examples.training(0)
    seen = (x - examples.null_mean) / np.sqrt(examples.null_variance)
    seed = integer(config.seed, "folds of training sets")
    kind = RepeatedStratifiedKFold if stratified else RepeatedKFold
    referee = GridSearchCV(
        plain,
        [{"C": [C], "random_state": [plan.seed]} for C, plan in zip(PENALTIES, pack, strict=True)],
        cv=kind(n_splits=3, n_repeats=2, random_state=seed),
        scoring={name: "roc_auc" if name == "auc" else name for name in METRICS},
        refit="auc",
    ).fit(seen, labels)
    means = [row["objective_value"] for row in rows]
    assert means == pytest.approx(referee.cv_results_["mean_test_auc"], abs=1e-6)
    best = next(plan for plan in pack if plan.key == best_of(rows))
    assert best.hyperparameters["C"] == referee.best_params_["C"]
    candidates = candidates_of([point], rows)
    found = done(parts_of(config, binned, candidates, ["folds"]), config, binned, tmp_path)
    table = rows_to_table("validation", found["validation"]).to_pandas()
    assert len(table) == 3 * 6
    assert set(table["trained_on"] + table["histograms"]) == {150}
    own = table[table["selected"]]
    assert set(own["trial"]) == {best.key}
    for row in own.to_dict("records"):
        split = f"split{3 * row['validation_repeat'] + row['validation_fold']}_test"
        for name in METRICS:
            score = referee.cv_results_[f"{split}_{name}"][referee.best_index_]
            assert row[name] == pytest.approx(score, abs=1e-6)


BOTH = ("linear_svm", ArchitectureChoice(name="mlp", hyperparameters={"epochs": 2}))


def test_the_rows_stand_beside_the_ceiling_of_those_of_pools_and_are_no_honest_ones(
    binned, tmp_path
):
    config = make_config(
        signals=("hard",),
        architectures=("linear_svm", "likelihood_ratio"),
        ensembles=EnsembleSizes(train=100, validation=50, test=300),
        training=Training(strength="each", repeats=2),
        validation=Validation(folds=4, repeats=3),
    )
    _, _, candidates = train_all(config, binned, tmp_path)
    found = done(parts_of(config, binned, candidates, ["pairs", "folds"]), config, binned, tmp_path)
    auc = rows_to_table("auc", found["auc"]).to_pandas()
    folds = rows_to_table("validation", found["validation"]).to_pandas()
    assert set(folds["architecture"]) == {"linear_svm"}
    assert len(folds) == 2 * 2 * 4 * 3
    assert not folds.duplicated(list(LAYOUTS["validation"].key)).any()
    assert set(folds["pool_mode"]) == {"shared_pool"}
    assert set(auc["pool_mode"]) == {"disjoint"}
    tested = auc[auc["architecture"] == "linear_svm"].set_index("trial")
    for trial, rows in folds.groupby("trial"):
        assert set(rows["auc_ceiling"]) == {tested.loc[trial, "auc_ceiling"]}
        # Large pools: folds say what the tests say. 200 histograms and as many fits: an area of
        # 0.7 has a sigma of about 0.04 in each.
        assert rows["auc"].mean() == pytest.approx(tested.loc[trial, "auc"], abs=4 * 0.05)
    for _, row in folds.iterrows():
        area = np.trapezoid(row["true_positive_rate"], row["false_positive_rate"])
        assert area == pytest.approx(row["auc"], abs=WITHIN)
    assert not folds["leakage_flag"].any()


def test_folds_of_shared_events_see_a_signal_where_there_is_none(tmp_path):
    """Histograms of the same events are told apart by what these events happen to be."""
    pools = make_pools(signals=("null",))
    config = make_config(
        signals=("null",),
        architectures=("linear_svm",),
        mixtures=Mixtures(s_over_b=(0.3,), total=5000),
        ensembles=EnsembleSizes(train=400, validation=50, test=2000, method="multinomial"),
        validation=Validation(folds=5, repeats=2),
    )
    _, _, candidates = train_all(config, pools, tmp_path)
    found = done(parts_of(config, pools, candidates, ["pairs", "folds"]), config, pools, tmp_path)
    folds = rows_to_table("validation", found["validation"]).to_pandas()
    (auc,) = found["auc"]
    assert abs(auc["auc"] - 0.5) < 3 * auc["auc_total_error"]
    # Pools of 20,000 events differ by k^2 = 96 bins x (1/20000 + 1/20000), seen in histograms of
    # x = S/sqrt(S + B) = 16: an area of up to Phi(k x / sqrt 2) = 0.88, of which a linear fit to
    # 640 of 96 bins keeps d^4 / (d^2 + 4 x 96 / 640).
    d2 = 96 * 1e-4 * 1154**2 / 5000
    expected = ndtr(d2 / np.sqrt(d2 + 4 * 96 / 640) / np.sqrt(2))
    assert folds["auc"].mean() == pytest.approx(expected, abs=0.04)
    assert (folds["mean_over_ceiling_sigma"] > 3).all()


@pytest.mark.parametrize(("error", "flag"), [(0.05, True), (0.2, False)])
def test_a_mean_over_folds_above_the_ceiling_by_4_sigma_is_flagged(binned, tmp_path, error, flag):
    config = make_config(signals=("hard",), validation=Validation(), architectures=("linear_svm",))
    _, _, candidates = train_all(config, binned, tmp_path)
    labels = np.repeat([0, 1], 50)
    told = LeftOut(labels, np.zeros((1, 100), np.uint8), labels[None] + 0.0)
    columns = dict.fromkeys(("auc_ceiling", "auc_ceiling_error", "auc_ceiling_total_error"), 0.0)
    limit = CeilingOfTest(
        ceiling=Ceiling(auc=0.75, error=error, total_error=error, pool_error=error),
        placements=placements([0, 1], [0, 1]),
        shift=0.0,
        columns={**columns, "ceiling_kind": "known"},
    )
    (row,) = fold_rows(candidates[0], told, limit)
    assert row["auc"] == 1.0
    assert (row["recall"], row["accuracy"], row["precision"]) == (1.0, 1.0, 1.0)
    assert row["mean_over_ceiling_sigma"] == pytest.approx(0.25 / error)
    assert row["leakage_flag"] is flag


def test_a_part_of_one_class_has_no_area():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    fold = np.array([[0, 0, 0, 1, 1, 1, 1, 1]], np.uint8)
    told = LeftOut(labels, fold, labels[None] + 0.0)
    assert [scored(zero, one)["auc"] for _, _, zero, one in told.parts()] == [None, None]
    assert mean_area(told) is None


def test_only_what_is_validated_gets_other_keys(binned):
    config = make_config(signals=("hard",), architectures=BOTH)
    folded = replace(config, validation=Validation())
    keys = [
        {
            plan.point.choice.name: plan.key
            for pack in fixed_packs(each, points(each, mixtures(each)), fingerprint="toy")
            for plan in pack
        }
        for each in (config, folded)
    ]
    assert keys[0]["mlp"] == keys[1]["mlp"]
    assert keys[0]["linear_svm"] != keys[1]["linear_svm"]


@pytest.mark.parametrize(
    ("choice", "strength", "there"),
    [
        (ArchitectureChoice(name="linear_svm"), "highest", True),
        (ArchitectureChoice(name="linear_svm"), "drawn", False),
        (ArchitectureChoice(name="mlp"), "each", False),
        (ArchitectureChoice(name="mlp", hyperparameters={"refresh": "never"}), "each", True),
        (ArchitectureChoice(name="likelihood_ratio"), "each", False),
        (ArchitectureChoice(name="event_mlp"), "each", False),
        (ArchitectureChoice(name="logistic_regression", head="multiclass"), "each", False),
        (ArchitectureChoice(name="linear_svm", head="multimodel"), "each", False),
        (ArchitectureChoice(name="linear_svm", against="central"), "each", True),
    ],
)
def test_folds_are_of_one_set_of_one_signal(choice, strength, there):
    config = make_config(
        architectures=(choice,), training=Training(strength=strength), validation=Validation()
    )
    assert (folds_of(config, choice) is not None) == there
