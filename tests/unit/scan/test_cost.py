"""What a scan will run and need: exact numbers, scaling, warnings, and the command `plan`."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toy_scan import limits_on, make_config, make_pools, train_all
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.ensembles.binning import Axis, Binning
from rayscan.ensembles.mixture import Mixtures
from rayscan.generator.generate import Generate
from rayscan.models.networks.convolution import ConvolutionNetwork
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
from rayscan.scan.cost.calibration import calibrated
from rayscan.scan.cost.costs import Rates, duration, entries_of, estimate
from rayscan.scan.cost.footprint import disk_bytes, epoch_bytes, event_way, training_bytes
from rayscan.scan.cost.stages import point_cpu, stages, total_cpu, total_wall
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for
from rayscan.scan.steps.curves import BINS, Curves, kept
from rayscan.scan.steps.exclusion.score import METHOD, strengths_to_test
from rayscan.scan.steps.tests.pairs import cross_test, test_sets

RATES = Rates()
ENTRIES = {"bkg": 100_000, "hard": 100_000, "central": 100_000}
TUNED = ArchitectureChoice(
    name="mlp",
    label="tuned",
    hyperparameters={"units": {"choices": [8, 16, 32]}, "epochs": {"low": 5, "high": 9}},
)
YIELDS = Mixtures(s_over_sqrt_b=(1, 2), luminosity=1.0)


def needs(costs):
    return costs.needs.set_index("need")["amount"]


def said(config, entries=ENTRIES):
    return " ".join(estimate(config, RATES, entries).warnings)


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
    assert (len(load.points), load.members, load.packs) == (points_, members, packs)
    assert load.test_sets == benchmarks * strengths
    assert load.pairs == members * benchmarks  # its own strength, of every benchmark
    selected = benchmarks * strengths * (5 + 5 + 1)
    assert load.selected == selected
    assert load.binned_limits == benchmarks * 2 * (1 + selected)
    assert load.score_limits == benchmarks * selected
    # Validation AUC of every member; one epoch for each of 3 packs of logistic regression; 9 epochs
    # at most for each of 10 networks, which share no draws in a search.
    of_point = {
        "logistic_regression": 5 * 2 * 200 + 3 * 2 * (500 + 200),
        "likelihood_ratio": 5 * 2 * 200,
        "tuned": 10 * 2 * 200 + 10 * 2 * (9 * 500 + 200),
    }
    training = benchmarks * strengths * sum(of_point.values())
    tests = benchmarks * strengths * 2 * 1000
    scores = benchmarks * (METHOD.strengths + 1) * 5000  # one B, so one set of strengths
    assert load.draws == training + tests + scores
    assert needs(estimate(config, RATES, ENTRIES))["draws"] == f"{load.draws:,} histograms"


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
    assert (len(plan), len(rows)) == (len(load.points), load.members)
    assert len(list(fixed_packs(config, plan, fingerprint="toy"))) == load.packs
    tests = test_sets(config, mixtures(config, binned))
    assert len(tests) == load.test_sets
    met = {test: candidates_for(config, test, candidates) for test in tests}
    drawn = {test: Curves(trials=kept(which, test.benchmark, those)) for test, those in met.items()}
    found = [
        row
        for test, those in met.items()
        for row in cross_test(
            test, those, scan=PooledScan(config, binned), storage=str(tmp_path), curves=drawn[test]
        )
    ]
    assert len(found) == load.pairs
    assert sum(row["number"] == 0 for each in drawn.values() for row in each.roc) == load.curves
    assert sum(len(each.scores) for each in drawn.values()) == 2 * BINS * load.curves
    tools = {"config": config, "binned": binned, "storage": Storage(str(tmp_path))}
    limits = [row for name in config.benchmarks for row in limits_on(name, candidates, **tools)]
    assert len(limits) == load.binned_limits + load.score_limits
    assert sum(row["method"] == "score" for row in limits) == load.score_limits


@pytest.mark.parametrize("sizes", [{"background": 1000}, {"luminosity": 1.0}])
def test_a_chain_is_as_many_tune_trials_as_one_of_its_points(sizes):
    config = make_config(
        architectures=("mlp", "logistic_regression"),
        mixtures=Mixtures(s_over_sqrt_b=(1, 2, 3), **sizes),
        training=Training(strength="descending", repeats=4, pack=2),
    )
    load = workload(config, ENTRIES)
    assert load.members == 2 * 3 * 2 * 4
    assert load.packs == 2 * (2 + 3 * 2)  # a chain of mlp; each strength of logistic regression
    each = workload(replace(config, training=Training(strength="each", repeats=4, pack=2)), ENTRIES)
    assert load.draws == each.draws
    if "background" in sizes:
        packs = list(fixed_packs(config, points(config, mixtures(config)), fingerprint="toy"))
        assert len(packs) == load.packs


def test_limits_by_score_test_at_no_more_strengths_than_counted():
    config, binned = make_config(), make_pools()
    for name in config.benchmarks:
        found = strengths_to_test(name, 1000, scan=PooledScan(config, binned))
        assert len(found) <= METHOD.strengths


def test_a_searched_point_has_the_knobs_of_the_middle_and_the_epochs_of_the_end():
    load = workload(make_config(architectures=(TUNED,)))
    assert load.points[0].kind.values.units == 16
    assert load.points[0].kind.values.epochs == 9


def test_graphs_are_compiled_once_for_a_worker_and_size():
    config = make_config(architectures=("mlp", TUNED), search=Search(trials=50))
    mlp, tuned = workload(config).points[:2]
    assert mlp.kind.compilations(4) == 1  # one repeat
    assert tuned.kind.compilations(4) == 3 * 4  # three numbers of units
    assert workload(make_config()).kinds[0].compilations(4) == 0


def test_training_costs_twice_as_much_for_twice_the_repeats():
    architectures = ("mlp", "linear_svm", "logistic_regression", "event_mlp")
    once = make_config(architectures=architectures, training=Training(repeats=2))
    twice = replace(once, training=Training(repeats=4))
    for one, two in zip(
        *(workload(config, ENTRIES).points for config in (once, twice)), strict=True
    ):
        cost = point_cpu(workload(once, ENTRIES), one, RATES)
        double = point_cpu(workload(twice, ENTRIES), two, RATES)
        assert double == pytest.approx(2 * cost, rel=1e-12)


def test_every_stage_costs_twice_as_much_where_every_rate_is_twice_as_high():
    config = make_config(architectures=("mlp", "event_mlp"), limits=Limits())
    slow = replace(RATES, **{name: _doubled(getattr(RATES, name)) for name in _measured()})
    load = workload(config, ENTRIES)
    fast_total = total_cpu(stages(load, RATES), RATES)
    assert total_cpu(stages(load, slow), slow) == pytest.approx(2 * fast_total)


def _measured():
    return [name for name in RATES.__dataclass_fields__ if name not in {"training", "scoring"}]


def _doubled(value):
    return 2 * value if isinstance(value, float) else {k: 2 * v for k, v in value.items()}


def test_more_workers_take_less_time_but_no_less_work():
    config = make_config(architectures=("mlp",), training=Training(repeats=40))
    few = replace(config, resources=Resources(workers=2))
    many = replace(config, resources=Resources(workers=20))
    walls, works = [], []
    for each in (few, many):
        found = stages(workload(each, ENTRIES), RATES)
        walls.append(total_wall(found, RATES))
        works.append(next(s.work for s in found if s.name == "cross-test"))
    assert walls[1] < walls[0]
    assert works[0] == works[1]


def test_products_of_a_layer_are_its_weights_times_the_places_it_looks_at():
    network = ConvolutionNetwork((30, 30), 4, 7, 1)
    dense, convolved = network.products()
    assert dense == 6 * 6 * 8 * 7 + 7
    assert convolved == 28 * 28 * 9 * 4 + 12 * 12 * 9 * 4 * 8
    assert [size for size, _ in network.stages()] == [(28, 28), (12, 12)]


def test_the_strength_of_training_is_an_upper_bound_where_it_is_the_highest_not_saturated():
    costs = estimate(make_config(), RATES, ENTRIES)
    assert set(costs.points["S/sqrt(B)"]) == {"up to 3"}
    detail = costs.needs.set_index("need").loc["points", "of which"]
    assert "highest strength that is not saturated" in detail
    each = estimate(make_config(training=Training(strength="each")), RATES, ENTRIES)
    assert list(each.points["S"]) == ["32", "95"] * 2


def test_many_points_are_shown_as_few_rows_that_keep_the_number_of_members():
    strengths = tuple(range(1, 16))
    config = make_config(
        architectures=("mlp", "linear_svm"),
        mixtures=Mixtures(s_over_sqrt_b=strengths, background=1000),
        training=Training(strength="each", repeats=3),
    )
    costs = estimate(config, RATES, ENTRIES)
    assert len(costs.points) == 4
    assert costs.points["members"].sum() == 2 * 2 * 15 * 3
    assert costs.points["S"][0] == "32 to 474"


def test_mixtures_that_need_yields_are_counted_and_named_as_unknown():
    config = make_config(mixtures=YIELDS, architectures=("mlp", "event_mlp"))
    costs = estimate(config, RATES, ENTRIES)
    assert set(costs.points["S"]) == {"after reading"}
    assert "known only after the events are read" in said(config)
    known = workload(make_config(mixtures=Mixtures(s_over_sqrt_b=(1, 2), background=500)))
    load = workload(replace(config, architectures=known.config.architectures))
    assert (load.pairs, load.draws) == (known.pairs, known.draws)
    each = replace(config, training=Training(strength="each"))
    assert len(workload(each).points) == 2 * 2 * 2


def test_the_plan_says_whether_events_stay_in_memory_and_counts_them_only_there():
    config = make_config(architectures=("event_mlp",))
    many, endless = (workload(config, dict.fromkeys(ENTRIES, n)) for n in (10**12, 10**13))
    assert event_way(workload(make_config(), ENTRIES)) == ""
    assert event_way(workload(config, ENTRIES)) == "in memory"
    assert event_way(many) == event_way(endless) == "streamed"
    assert training_bytes(many) == training_bytes(endless)
    shown = estimate(config, RATES, ENTRIES).needs.set_index("need")
    assert "those that networks train on in memory" in shown.loc["memory per worker", "of which"]


def test_ordinary_scans_are_not_warned_about():
    config = make_config(
        limits=Limits(),
        mixtures=Mixtures(s_over_sqrt_b=(1,), background=500),
        resources=Resources(workers=1),
    )
    assert estimate(config, RATES, ENTRIES).warnings == ()


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


def test_tens_of_thousands_of_trials_suggest_the_smallest_pack_that_is_enough():
    config = make_config(training=Training(repeats=20_000))
    trials = workload(config).packs
    told = said(config)
    assert f"{trials:,} Tune trials" in told
    pack = int(re.search(r"training.pack: (\d+) makes ([\d,]+) of them", told)[1])
    packed = replace(config, training=Training(repeats=20_000, pack=pack))
    assert f"training.pack: {pack} makes {workload(packed).packs:,} of them" in told
    assert "Tune trials" not in said(packed)
    half = replace(config, training=Training(repeats=20_000, pack=pack // 2))
    assert "Tune trials" in said(half)


def test_trials_that_no_pack_makes_few_are_to_be_fewer():
    """A pack holds members of one point, and of a search those of one batch."""
    strengths = tuple(1 + i / 10_000 for i in range(6_000))
    mixtures = Mixtures(background=100_000_000, s_over_sqrt_b=strengths)
    config = make_config(mixtures=mixtures, training=Training(strength="each", repeats=2))
    told = said(config)
    assert "train fewer members" in told
    assert "training.pack: 2 makes" in told
    alone = replace(config, training=Training(strength="each", repeats=1))
    assert "training.pack" not in said(alone)
    assert "train fewer members" in said(alone)


def test_an_epoch_of_many_gigabytes_is_warned_about():
    fine = tuple(Axis(observable=o, bins=100, low=0, high=1) for o in ("jet1_pt", "jet1_eta"))
    sizes = EnsembleSizes(train=100_000)
    config = make_config(architectures=("mlp",), binning=Binning(axes=fine), ensembles=sizes)
    assert epoch_bytes(workload(config)) == 2 * 100_000 * 10_000 * 2
    assert "4 GB" in said(config)


def test_missing_limits_and_few_pseudo_experiments_are_said():
    assert "no limits will be set" in said(make_config(limits=Limits(methods=())))
    only = Limits(methods=("template",), luminosity=())
    assert "no limits will be set" in said(make_config(limits=only))
    assert "-2 sigma" in said(make_config(limits=Limits(ensembles=1000)))


def test_gpu_hours_are_there_if_trials_want_gpus():
    config = make_config(architectures=("mlp",))
    assert "GPU hours" not in needs(estimate(config, RATES, ENTRIES))
    gpus = replace(config, resources=Resources(gpus_per_trial=0.25, workers=8))
    assert float(needs(estimate(gpus, RATES, ENTRIES))["GPU hours"]) > 0


def test_generated_events_need_no_opened_files():
    made = Generate(process="znunu_jet", events=50_000, source="density")
    config = make_config()
    processes = {**config.processes, "bkg": Process(role="background", generate=made)}
    load = workload(replace(config, processes=processes))
    assert load.events("bkg") == 50_000
    assert load.events("hard") is None
    assert disk_bytes(load)["generated files"] > 0


def test_files_that_cannot_be_read_here_do_not_stop_a_plan(tmp_path):
    assert entries_of(make_config(), tmp_path) == {}


def test_entries_of_real_files_are_counted(shared_data):
    files = ("zvvj_001.root",)
    background = Process(role="background", files=files, cross_section=1.0)
    signal = Process(role="signal", generate=Generate(process="spin1_on", events=10))
    config = replace(make_config(), processes={"z": background, "s": signal})
    assert entries_of(config, shared_data) == {"z": 10_000}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (0.42, "0.4 s"), (7200, "2 h"), (172_800, "2 days")]
)
def test_durations_are_in_the_unit_one_would_say(seconds, text):
    assert duration(seconds) == text


def test_calibration_times_what_the_scan_has():
    config = make_config(architectures=("likelihood_ratio", "logistic_regression"))
    rates = calibrated(config)
    assert set(rates.training) == set(rates.scoring) == {"logistic_regression"}
    assert rates.training["logistic_regression"] > 0
    same = {getattr(rates, name) / getattr(RATES, name) for name in ("entry", "limit", "trial")}
    assert max(same) == pytest.approx(min(same))  # one factor for all that is not timed
    assert (
        estimate(config, rates, ENTRIES).needs.shape == estimate(config, RATES, ENTRIES).needs.shape
    )


def test_a_plan_imports_none_of_the_heavy_libraries():
    names = ("ray", "tensorflow", "keras", "sklearn", "pyhf", "optuna")
    code = f"import sys, rayscan.scan.cost.costs; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_command_shows_points_needs_and_warnings():
    scan = Path(__file__).parents[3] / "jobs" / "quickstart.yaml"
    done = CliRunner().invoke(app, ["plan", str(scan)], env={"COLUMNS": "120"})
    assert done.exit_code == 0
    for text in (
        "points of quickstart",
        "216 pairs",
        "highest strength",
        "wall time",
        "linear_svm",
    ):
        assert text in done.output


def test_points_are_those_of_the_plan():
    config = make_config(architectures=("mlp", TUNED), training=Training(strength="each"))
    planned = [(p.benchmark, p.mixture, p.choice.key) for p in points(config, mixtures(config))]
    found = [(p.benchmark, p.mixture, p.choice.key) for p in workload(config).points]
    assert found == planned
