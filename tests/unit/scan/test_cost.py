"""What a scan will run and need: exact numbers, scaling, warnings, and the command `plan`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toy_scan import limits_on, make_config, make_pools, train_all
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.ensembles.mixture import Mixtures
from rayscan.generator.generate import Generate
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.results.names import BASE
from rayscan.results.storage import Storage
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import (
    ArchitectureChoice,
    CrossTest,
    EnsembleSizes,
    Resources,
    Training,
)
from rayscan.scan.config.search import Search
from rayscan.scan.config.study import Study
from rayscan.scan.cost.capacity import disk_bytes, worker_bytes
from rayscan.scan.cost.cautions import cautions
from rayscan.scan.cost.stages import speed, stages, training
from rayscan.scan.cost.study import costs, workloads
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.inputs import open_each
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for
from rayscan.scan.steps.curves import BINS, Curves, kept
from rayscan.scan.steps.exclusion.score import METHOD, strengths_to_test
from rayscan.scan.steps.tests.pairs import cross_test, test_sets

ENTRIES = {"bkg": 100_000, "hard": 100_000, "central": 100_000}
TUNED = ArchitectureChoice(
    name="mlp",
    label="tuned",
    hyperparameters={"units": {"choices": [8, 16, 32]}, "epochs": {"low": 5, "high": 9}},
)
YIELDS = Mixtures(s_over_sqrt_b=(1, 2), luminosity=1.0)


def planned(config, entries=ENTRIES):
    return costs({BASE: workload(config, entries)})


def said(config, entries=ENTRIES):
    return " ".join(cautions(workload(config, entries)))


def count(load):
    return sum(len(kind.points) for kind in load.kinds)


def test_numbers_agree_with_a_count_by_hand():
    config = make_config(
        architectures=("logistic_regression", "likelihood_ratio", TUNED),
        mixtures=Mixtures(s_over_sqrt_b=(1, 2, 3), background=1000),
        training=Training(strength="each", repeats=5, pack=2),
        search=Search(trials=10, batch=4),
        limits=Limits(luminosity=(139.0, 300.0), ensembles=5000),
    )
    load = workload(config, ENTRIES)
    points_, benchmarks, strengths = 2 * 3 * 3, 2, 3
    members = benchmarks * strengths * (5 + 5 + 10)
    # A pack trains two; batches of 4, 4 and 2 members are 2, 2 and 1 packs.
    packs = benchmarks * strengths * (3 + 3 + 5)
    found = count(load), load.total("members"), load.total("trials")
    assert found == (points_, members, packs)
    assert load.total("pairs") == members * benchmarks  # its own strength, of every benchmark
    selected = benchmarks * strengths * (5 + 5 + 1)
    assert load.total("selected") == selected
    assert load.limits(fitted=True) == benchmarks * 2 * (1 + selected)
    assert load.limits(fitted=False) == benchmarks * selected
    assert load.scored() == (METHOD.strengths + 1) * 5000
    # Validation AUC of every member; one epoch for each of 3 packs of logistic regression; 7 epochs
    # in the middle of the range for each of 10 networks, which share no draws in a search.
    of_point = {
        "logistic_regression": 5 * 2 * 200 + 3 * 2 * (500 + 200),
        "likelihood_ratio": 5 * 2 * 200,
        "tuned": 10 * 2 * 200 + 10 * 2 * (7 * 500 + 200),
    }
    drawn = {kind.choice.key: kind.draws for kind in load.kinds}
    assert drawn == {name: benchmarks * strengths * each for name, each in of_point.items()}
    costs = planned(config)
    assert (costs.points, costs.trainings) == (points_, members)
    assert f"{members:,} classifiers in {packs:,} Tune trials" in repr(costs)


@pytest.mark.parametrize("strength", ["each", "highest", "drawn", "descending"])
@pytest.mark.parametrize(("tested", "which"), [("own", "first"), ("all", "all"), ("all", "none")])
def test_as_many_rows_are_planned_as_a_run_writes(tmp_path, strength, tested, which):
    config = make_config(
        architectures=("likelihood_ratio", "logistic_regression"),
        training=Training(strength=strength, repeats=2),
        crosstest=CrossTest(strengths=tested, curves=which),
        limits=Limits(channels=5, referee=0, workspaces=False, ensembles=100),
        ensembles=EnsembleSizes(train=60, validation=50, test=60),
    )
    binned = make_pools(size=5000)
    load = workload(config)
    plan, rows, candidates = train_all(config, binned, tmp_path)
    assert (len(plan), len(rows)) == (count(load), load.total("members"))
    assert len(list(fixed_packs(config, plan, fingerprint="toy"))) == load.total("trials")
    tests = test_sets(config, mixtures(config, binned))
    met = {test: candidates_for(config, test, candidates) for test in tests}
    drawn = {test: Curves(trials=kept(which, test.benchmark, those)) for test, those in met.items()}
    found = [
        row
        for test, those in met.items()
        for row in cross_test(
            test, those, scan=PooledScan(config, binned), storage=str(tmp_path), curves=drawn[test]
        )
    ]
    assert len(found) == load.total("pairs")
    curves = sum(row["number"] == 0 for each in drawn.values() for row in each.roc)
    assert sum(len(each.scores) for each in drawn.values()) == 2 * BINS * curves
    tools = {"config": config, "binned": binned, "storage": Storage(str(tmp_path))}
    limits = [row for name in config.benchmarks for row in limits_on(name, candidates, **tools)]
    assert len(limits) == load.limits(fitted=True) + load.limits(fitted=False)
    assert sum(row["method"] == "score" for row in limits) == load.limits(fitted=False)


@pytest.mark.parametrize("sizes", [{"background": 1000}, {"luminosity": 1.0}])
def test_a_chain_is_as_many_tune_trials_as_one_of_its_points(sizes):
    config = make_config(
        architectures=("mlp", "logistic_regression"),
        mixtures=Mixtures(s_over_sqrt_b=(1, 2, 3), **sizes),
        training=Training(strength="descending", repeats=4, pack=2),
    )
    load = workload(config, ENTRIES)
    assert load.total("members") == 2 * 3 * 2 * 4
    assert load.total("trials") == 2 * (
        2 + 3 * 2
    )  # a chain of mlp; each strength of logistic regression
    each = workload(replace(config, training=Training(strength="each", repeats=4, pack=2)), ENTRIES)
    assert load.total("draws") == each.total("draws")
    if "background" in sizes:
        packs = list(fixed_packs(config, points(config, mixtures(config)), fingerprint="toy"))
        assert len(packs) == load.total("trials")


def test_limits_by_score_test_at_no_more_strengths_than_counted():
    config, binned = make_config(), make_pools()
    for name in config.benchmarks:
        found = strengths_to_test(name, 1000, scan=PooledScan(config, binned))
        assert len(found) <= METHOD.strengths


def test_a_searched_point_has_the_knobs_of_the_middle():
    (kind,) = workload(make_config(architectures=(TUNED,))).kinds
    assert kind.values.units == 16
    assert kind.values.epochs == 7


def test_graphs_are_compiled_once_for_a_worker_and_for_each_trial_with_its_own_sizes():
    config = make_config(architectures=("mlp", TUNED), search=Search(trials=50))
    mlp, tuned = workload(config).kinds
    assert mlp.graphs(4) == 2  # one repeat of two benchmarks
    assert tuned.graphs(4) == 2 * 50
    assert workload(make_config()).kinds[0].graphs(4) == 0


def test_training_costs_twice_as_much_for_twice_the_repeats():
    architectures = ("mlp", "linear_svm", "logistic_regression", "event_mlp")
    once = make_config(architectures=architectures, training=Training(repeats=2))
    twice = replace(once, training=Training(repeats=4))
    few, many = (workload(config, ENTRIES) for config in (once, twice))
    for one, two in zip(few.kinds, many.kinds, strict=True):
        assert training(many, two) == pytest.approx(2 * training(few, one), rel=1e-12)


def test_every_stage_costs_twice_as_much_on_a_machine_half_as_fast():
    load = workload(make_config(architectures=("mlp", "event_mlp"), limits=Limits()), ENTRIES)
    assert costs({BASE: load}, 2.0).cpu_seconds == pytest.approx(
        2 * planned(load.config).cpu_seconds
    )


@pytest.mark.parametrize(
    ("changed", "stage"),
    [
        ({"training": Training(repeats=4)}, "train"),
        ({"ensembles": EnsembleSizes(train=1000, validation=200, test=1000)}, "train"),
        ({"ensembles": EnsembleSizes(train=500, validation=200, test=2000)}, "cross-test"),
        ({"mixtures": Mixtures(s_over_sqrt_b=(1, 2, 3, 4), background=1000)}, "cross-test"),
        ({"limits": Limits(luminosity=(139.0, 300.0))}, "limits"),
        ({"limits": Limits(ensembles=20_000)}, "limits"),
    ],
)
def test_a_stage_takes_longer_with_more_to_do(changed, stage):
    config = make_config(architectures=("mlp", "event_mlp"), limits=Limits())
    less, more = (
        next(each.work for each in stages(workload(each, ENTRIES)) if each.name == stage)
        for each in (config, replace(config, **changed))
    )
    assert more > less


def test_more_workers_take_less_time_but_no_less_work():
    config = make_config(architectures=("mlp",), training=Training(repeats=40))
    few = replace(config, resources=Resources(workers=2))
    many = replace(config, resources=Resources(workers=20))
    walls, works = [], []
    for each in (few, many):
        found = stages(workload(each, ENTRIES))
        walls.append(sum(stage.wall for stage in found))
        works.append(next(s.work for s in found if s.name == "cross-test"))
    assert walls[1] < walls[0]
    assert works[0] == works[1]


def test_pictures_are_made_once_for_all_who_see_the_same():
    """And those of class 0 once for each worker, whatever the strengths and signals."""

    def tested(*knobs):
        chosen = tuple(
            ArchitectureChoice(name="transfer", label=f"l{k}", hyperparameters=each)
            for k, each in enumerate(knobs)
        )
        config = make_config(architectures=chosen, resources=Resources(workers=2))
        load = workload(config, ENTRIES)
        (found,) = (each.work for each in stages(load) if each.name == "cross-test")
        return found, load

    one, load = tested({})
    kind = load.kinds[0]
    work = kind.choice.architecture.work(kind.values, kind.shape, 1)
    sets, test = len(test_sets(load.config, load.mixtures)), load.config.ensembles.test
    pictures = test * (sets + 2) * work.features
    own = kind.pairs * (work.responses + 2 * test * (work.row - work.features))
    assert pictures + own == pytest.approx(one, rel=0.05)
    again, _ = tested({}, {"classifier": "logistic_regression"})
    assert again - one == pytest.approx(own)
    other, _ = tested({}, {"weights": "none"})
    assert other == pytest.approx(2 * one, rel=0.05)


def test_products_of_a_layer_are_its_weights_times_the_places_it_looks_at():
    network = ConvolutionNetwork((30, 30), 4, 7, 1)
    dense, convolved = network.products()
    assert dense == 6 * 6 * 8 * 7 + 7
    assert convolved == 28 * 28 * 9 * 4 + 12 * 12 * 9 * 4 * 8
    assert [size for size, _ in network.stages()] == [(28, 28), (12, 12)]


def test_the_strength_of_training_is_an_upper_bound_where_it_is_the_highest_not_saturated():
    assert list(planned(make_config()).architectures["S, B"]) == ["at most 95, 1,000"]
    each = planned(make_config(training=Training(strength="each")))
    assert list(each.architectures["S, B"]) == ["95, 1,000"]


def test_an_architecture_has_one_row_that_keeps_the_number_of_members():
    config = make_config(
        architectures=("mlp", "linear_svm"),
        mixtures=Mixtures(s_over_sqrt_b=tuple(range(1, 16)), background=1000),
        training=Training(strength="each", repeats=3),
    )
    shown = planned(config).architectures
    assert list(shown["architecture"]) == ["mlp", "linear_svm"]
    assert list(shown["points"]) == [2 * 15] * 2
    assert list(shown["members"]) == [2 * 15 * 3] * 2


def test_mixtures_that_need_yields_are_counted_and_named_as_unknown():
    config = make_config(mixtures=YIELDS, architectures=("mlp", "event_mlp"))
    assert set(planned(config).architectures["S, B"]) == {"after reading"}
    assert "known only after the events are read" in said(config)
    known = workload(make_config(mixtures=Mixtures(s_over_sqrt_b=(1, 2), background=500)))
    load = workload(replace(config, architectures=known.config.architectures))
    assert [load.total(n) for n in ("pairs", "draws")] == [
        known.total(n) for n in ("pairs", "draws")
    ]
    each = replace(config, training=Training(strength="each"))
    assert count(workload(each)) == 2 * 2 * 2


def test_the_plan_says_whether_events_stay_in_memory_and_counts_them_only_there():
    config = make_config(architectures=("event_mlp", "mlp"))
    some, many, endless = (
        {BASE: workload(config, dict.fromkeys(ENTRIES, n))} for n in (10**5, 10**12, 10**13)
    )
    assert costs(some).architectures["sees"].tolist() == ["events in memory", "histograms"]
    assert costs(many).architectures["sees"].tolist() == ["events streamed", "histograms"]
    assert worker_bytes(many[BASE]) == worker_bytes(endless[BASE])


def test_ordinary_scans_are_not_warned_about():
    config = make_config(
        limits=Limits(),
        mixtures=Mixtures(s_over_sqrt_b=(1,), background=500),
        resources=Resources(workers=1),
    )
    assert planned(config).warnings == ()


def test_files_that_were_not_opened_are_named():
    assert "bkg, hard, central are known only after" in said(make_config(), {})


def test_small_pools_are_warned_about():
    # The validation pool, 0.16 of the events, is the smallest: class 0 takes S + B = 1095 of it.
    text = said(make_config(), ENTRIES | {"bkg": 40_000})
    assert "1,095 of at most 6,400 background events of the validation pool" in text
    assert "n/N = 0.17 before the selection" in text
    assert "background events" not in said(make_config(), ENTRIES | {"bkg": 70_000})
    few = said(make_config(), ENTRIES | {"hard": 2_000, "central": 2_000})
    assert "95 of at most 320 hard, central events" in few
    none = said(make_config(), ENTRIES | {"hard": 200})
    assert "95 of at most 32 hard events of the validation pool: there are not enough" in none


def test_tens_of_thousands_of_trials_are_warned_about():
    config = make_config(training=Training(repeats=20_000))
    assert f"{workload(config).total('trials'):,} Tune trials" in said(config)
    assert "Tune trials" not in said(replace(config, training=Training(repeats=20_000, pack=10)))


def test_missing_limits_and_few_pseudo_experiments_are_said():
    assert "no limits will be set" in said(make_config(limits=Limits(methods=())))
    only = Limits(methods=("template",), luminosity=())
    assert "no limits will be set" in said(make_config(limits=only))
    assert "-2 sigma" in said(make_config(limits=Limits(ensembles=1000)))


def test_generated_events_need_no_opened_files():
    made = Generate(process="znunu_jet", events=50_000, source="density")
    config = make_config()
    processes = {**config.processes, "bkg": Process(role="background", generate=made)}
    load = workload(replace(config, processes=processes))
    assert load.events("bkg") == 50_000
    assert load.events("hard") is None
    assert disk_bytes(load)["cache"] > 80 * 50_000


def test_files_that_cannot_be_read_here_do_not_stop_a_plan(tmp_path):
    study = Study(base=make_config(), variants={})
    (load,) = workloads(study, open_each(study.scans, tmp_path)).values()
    assert load.entries == {}


def test_entries_of_real_files_are_counted(shared_data):
    files = ("zvvj_001.root",)
    background = Process(role="background", files=files, cross_section=1.0)
    signal = Process(role="signal", generate=Generate(process="spin1_on", events=10))
    config = replace(make_config(), processes={"z": background, "s": signal})
    study = Study(base=config, variants={})
    (load,) = workloads(study, open_each(study.scans, shared_data)).values()
    assert load.entries == {"z": 10_000}


def test_the_speed_of_this_machine_is_within_an_order_of_that_of_the_reference():
    assert 0.1 < speed() < 10


def test_a_plan_imports_none_of_the_heavy_libraries():
    names = ("ray", "tensorflow", "keras", "sklearn", "pyhf", "optuna")
    code = f"import sys, rayscan.scan.cost.study; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_command_shows_points_needs_and_warnings():
    scan = Path(__file__).parents[3] / "jobs" / "quickstart.yaml"
    done = CliRunner().invoke(app, ["plan", str(scan)], env={"COLUMNS": "120"})
    assert done.exit_code == 0
    for text in ("architectures of quickstart", "216 pairs", "at most", "wall time", "linear_svm"):
        assert text in done.output
