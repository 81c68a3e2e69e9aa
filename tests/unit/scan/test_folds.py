"""Folds: who is in them, what each network sees, and what all of them say together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from toy_scan import (
    BINNING,
    by_pool,
    density,
    done,
    fill_pools,
    limits_on,
    make_config,
    make_pools,
    parts_of,
    process_pools,
    train_all,
)

from rayscan.ensembles.nuisance import ShapeUncertainty, Uncertainty
from rayscan.events.selection import CutFlow, Step
from rayscan.events.split import Pools, fold_name, pools_of_fold
from rayscan.events.table import schema
from rayscan.report.frames.repeats import over_folds
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.scan import (
    ArchitectureChoice,
    CrossTest,
    EnsembleSizes,
    Training,
)
from rayscan.scan.config.search import Search
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, planned, points
from rayscan.scan.plan.requirements import pool_problems
from rayscan.scan.pools.binned import POOL_NAMES, gather, pool_rows
from rayscan.scan.pools.folds import every_event, fold_counts, teams
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import DrawnHistograms
from rayscan.scan.steps.exclusion.base import mixture_of_row
from rayscan.scan.steps.exclusion.channels import Channels, of_all_folds
from rayscan.scan.steps.exclusion.fits import fit_template
from rayscan.scan.steps.scoring import stored
from rayscan.scan.steps.shards import Wanted
from rayscan.seeds import stream
from rayscan.stats.auc import auc

FOLDS = 5
SPLIT = Pools(folds=FOLDS)


def folded(process, *, size=12_000, seed=1, folds=FOLDS):
    """As many multinomial events in each fold of a process."""
    counts = {
        fold_name(k): stream(seed, "toy", process, k).multinomial(size, density(process))
        for k in range(folds)
    }
    whole = process_pools(process)
    return replace(whole, counts=counts, selected=dict.fromkeys(counts, size))


def folded_pools(*, size=12_000, signals=("hard", "central"), seed=1, split=SPLIT):
    names = ("bkg", *signals)
    return gather(
        {name: folded(name, size=size, seed=seed, folds=split.folds) for name in names},
        binning=BINNING,
        split=split,
        backgrounds=("bkg",),
        benchmarks=signals,
        fingerprint=f"folded-{size}-{seed}",
    )


def one_split(binned):
    """The same events in one split: training on folds 2 to 4, stopped on 1, tested on 0."""
    return PooledScan(make_config(pools=SPLIT), binned).at_fold(0).binned


def areas(config, binned, candidates, folder):
    """AUC of each classifier of one strength on test ensembles of its fold."""
    found = []
    for candidate in candidates:
        scan = PooledScan(config, binned).at_fold(candidate.fold)
        mixture = mixture_of_row(candidate.row, config)
        sampler = scan.ensembles(config.benchmarks[0], mixture, "test")
        rng, count = scan.stream("areas"), config.ensembles.test
        classifier = stored(str(folder), candidate.row["classifier"])
        null = classifier.scores(sampler.null(rng, count))
        found.append(auc(null, classifier.scores(sampler.alternative(rng, count))))
    return found


def event_table(process="sig", events=3000):
    """Events with an observable that tells them apart."""
    values = stream(3, "folds", process).permutation(events) * (599.0 / events) + 100
    columns = [
        pa.repeat(pa.scalar(process), events),
        pa.array(np.where(np.arange(events) % 2, "a.root", "b.root")),
        pa.array(np.arange(events) // 2),
        pa.array(np.ones(events)),
        pa.array(values.astype(np.float32)),
        pa.array(np.zeros(events, np.float32)),
    ]
    return pa.Table.from_arrays(columns, schema=schema(("jet1_pt", "jet1_eta")))


# ------------------------------------------------------------------- the file


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"folds": 2}, "expected 0 .one split. or 3 to 100"),
        ({"folds": -1}, "expected 0"),
        ({"folds": 5, "split": "histograms"}, "all pools are one"),
        ({"folds": 5, "train": 0.5, "validation": 0.3}, "leave out the shares, or the folds"),
    ],
)
def test_folds_that_make_no_sense_are_refused(keys, said):
    with pytest.raises(ValueError, match=said):
        TypeAdapter(Pools).validate_python(keys)


def test_folds_make_the_shares_and_are_stored_as_they_were_read():
    assert (SPLIT.train, SPLIT.validation, SPLIT.test) == (3 / 5, 1 / 5, 1 / 5)
    assert Pools().numbers == (None,)
    config = make_config(pools=SPLIT)
    again = parse_scan(dump(config))
    assert again.pools == SPLIT
    assert parse_scan(dump(again)) == again


# ------------------------------------------------------------------ who is in


@pytest.mark.parametrize("folds", [3, 5])
def test_no_network_is_tested_on_an_event_that_it_saw_and_each_event_is_tested_once(folds):
    table = event_table()
    parts = by_pool(table, Pools(folds=folds), seed=5)
    who = {
        name: set(zip(*(t[c].to_pylist() for c in ("file", "entry")), strict=True))
        for name, t in parts.items()
    }
    tested: list[Any] = []
    for k in range(folds):
        seen = {
            pool: set().union(*(who[name] for name in names))
            for pool, names in pools_of_fold(k, folds).items()
        }
        assert not seen["test"] & (seen["train"] | seen["validation"])
        assert not seen["train"] & seen["validation"]
        assert len(seen["test"] | seen["train"] | seen["validation"]) == table.num_rows
        tested += seen["test"]
    assert len(tested) == len(set(tested)) == table.num_rows
    # Binomial numbers of events: 5 sigma.
    share = 1 / folds
    sigma = np.sqrt(table.num_rows * share * (1 - share))
    assert all(abs(len(each) - table.num_rows * share) < 5 * sigma for each in who.values())


def test_an_event_is_in_the_same_fold_however_its_file_was_sliced():
    table = event_table()
    whole = by_pool(table, SPLIT, seed=5)
    half = by_pool(table.slice(700, 900), SPLIT, seed=5)
    for name, part in half.items():
        assert set(part["jet1_pt"].to_pylist()) <= set(whole[name]["jet1_pt"].to_pylist())


def test_single_events_of_a_network_are_those_of_its_folds(tmp_path):
    table = event_table()
    step = {"events": table.num_rows, "sum_weights": 3000.0, "sum_weights_squared": 3000.0}
    part = fill_pools(
        table,
        CutFlow(process="sig", steps=(Step(cut="all", **step),)),
        pools=SPLIT,
        seed=5,
        features=("jet1_pt",),
        folder=tmp_path,
    )
    config = make_config(pools=SPLIT)
    binned = gather(
        {"bkg": replace(part, role="background"), "sig": part},
        binning=BINNING,
        split=SPLIT,
        backgrounds=("bkg",),
        benchmarks=("sig",),
        fingerprint="f",
    )
    everything = []
    for k in range(FOLDS):
        pools = PooledScan(config, binned).at_fold(k).binned
        seen = pools.processes["sig"]
        values = {pool: seen.events[pool].matrix(["jet1_pt"])[:, 0].tolist() for pool in POOL_NAMES}
        assert not set(values["test"]) & {*values["train"], *values["validation"]}
        for pool in POOL_NAMES:
            assert len(values[pool]) == seen.counts[pool].sum() == seen.selected[pool]
        everything += values["test"]
    assert sorted(everything) == sorted(table["jet1_pt"].to_pylist())


def test_the_table_of_pools_has_a_row_for_each_fold():
    rows = rows_to_table("pools", pool_rows(folded_pools(signals=("hard",)))).to_pylist()
    assert [row["pool"] for row in rows if row["process"] == "bkg"] == [
        fold_name(k) for k in range(FOLDS)
    ]
    assert {row["events"] for row in rows} == {12_000}


def test_every_network_has_the_background_that_cells_are_kept_for():
    split = Pools(folds=FOLDS, min_pool_count=400)
    scan = PooledScan(make_config(pools=split), folded_pools(split=split))
    for k in range(FOLDS):
        train = scan.at_fold(k).binned.background_counts("train")
        filled = np.flatnonzero(train)
        assert len(filled) < (density("bkg") > 0).sum()
        # All but the one cell that the sparse ones are joined in.
        assert np.sort(train[filled])[1] >= 400
    assert every_event(scan.binned).background_counts("test").sum() == FOLDS * 12_000


def test_folds_too_small_for_a_histogram_are_named_before_anything_is_trained():
    config = make_config(pools=SPLIT)
    small = folded_pools(size=900)
    problems = pool_problems(config, small, mixtures(config, small))
    assert any("(test)" in str(problem) for problem in problems)
    assert not pool_problems(config, folded_pools(), mixtures(config, folded_pools()))


# ------------------------------------------------------------------- the plan


@pytest.mark.parametrize("searched", [False, True])
def test_every_fold_is_trained_with_keys_and_seeds_of_its_own(searched):
    choice = ArchitectureChoice(name="logistic_regression", search=searched)
    given = {
        "architectures": (choice,),
        "training": Training(repeats=3, pack=2),
        "search": Search(trials=6, batch=4),
    }
    config, plain = make_config(pools=SPLIT, **given), make_config(**given)
    plan = points(config, mixtures(config))
    assert sum(planned(config, p) for p in plan) == FOLDS * sum(planned(plain, p) for p in plan)
    load, once = workload(config), workload(plain)
    for number in ("members", "trials"):
        assert load.total(number) == FOLDS * once.total(number)
    assert load.limits(fitted=True) == once.limits(fitted=True)
    if not searched:
        packs = list(fixed_packs(config, plan, fingerprint="f"))
        members = [member for pack in packs for member in pack]
        assert (len(packs), len(members)) == (load.total("trials"), load.total("members"))
        assert all(len({m.fold for m in pack}) == 1 for pack in packs)
        assert len({m.key for m in members}) == len({m.seed for m in members}) == len(members)


def test_a_chain_of_strengths_stays_in_its_fold():
    config = make_config(
        pools=Pools(folds=3),
        architectures=("mlp",),
        training=Training(strength="descending", repeats=2, pack=2),
    )
    plan = points(config, mixtures(config))
    packs = list(fixed_packs(config, plan, fingerprint="f"))
    assert [[m.fold for m in pack] for pack in packs] == 2 * [[k] * 4 for k in range(3)]
    assert len(packs) == workload(config).total("trials")


def test_as_many_rows_are_planned_as_a_run_of_folds_writes(tmp_path):
    config = make_config(
        pools=Pools(folds=3),
        architectures=(
            "likelihood_ratio",
            ArchitectureChoice(name="logistic_regression", head="multimodel"),
            ArchitectureChoice(name="logistic_regression", label="against", against="central"),
        ),
        training=Training(repeats=2),
        crosstest=CrossTest(curves="first"),
        limits=Limits(channels=5, referee=0, workspaces=False, ensembles=100),
        ensembles=EnsembleSizes(train=60, validation=50, test=60),
    )
    binned = folded_pools(split=config.pools)
    load = workload(config)
    _, rows, candidates = train_all(config, binned, tmp_path)
    assert len(rows) == load.total("members")
    assert rows_to_table("trials", rows).column("fold").null_count == 0
    found = done(parts_of(config, binned, candidates), config, binned, tmp_path)
    assert len(found["auc"]) == load.total("pairs")
    assert {row["fold"] for row in found["roc"]} == {0}
    tools = {"config": config, "binned": binned, "storage": Storage(str(tmp_path))}
    usable = [c for c in candidates if c.head.excludes]
    limits = [row for name in config.benchmarks for row in limits_on(name, usable, **tools)]
    scores = [row for row in limits if row["method"] == "score"]
    assert len(limits) == load.limits(fitted=True) + load.limits(fitted=False)
    assert len(scores) == load.limits(fitted=False)
    assert {row["fold"] for row in scores} == {0, 1, 2}
    rows_to_table("limits", limits)


def test_multiclass_heads_meet_the_ensembles_of_their_fold(tmp_path):
    config = make_config(
        pools=Pools(folds=3),
        architectures=(
            ArchitectureChoice(
                name="mlp", head="multiclass", hyperparameters={"epochs": 1, "units": 4}
            ),
        ),
        ensembles=EnsembleSizes(train=60, validation=50, test=200),
    )
    binned = folded_pools(split=config.pools)
    _, _, candidates = train_all(config, binned, tmp_path)
    part = next(iter(parts_of(config, binned, candidates, ["classes"])))
    rows = done([part], config, binned, tmp_path)["multiclass"]
    frame = rows_to_table("multiclass", rows).to_pandas()
    assert set(frame["fold"]) == {0, 1, 2}
    ratio = frame.dropna(subset="auc").groupby("fold")["auc_likelihood_ratio"].first()
    assert ratio.nunique() == 3  # of ensembles and templates of its own, each


# ---------------------------------------------------------------- what is said


def means(count, folder, signals):
    """Mean AUC over folds, of one split, and over folds that were trained on; by set of pools."""
    config = make_config(
        pools=SPLIT,
        signals=signals,
        ensembles=EnsembleSizes(train=60, validation=50, test=400),
    )
    single = replace(config, pools=Pools(), seed=99)
    found = []
    for seed in range(count):
        binned, place = folded_pools(size=3000, signals=signals, seed=seed), folder / str(seed)
        candidates = train_all(config, binned, place)[2]
        apart = areas(config, binned, candidates, place)
        # What a leak would look like: each network on the fold after the next, which it saw.
        swapped = [replace(c, fold=(c.fold + 2) % FOLDS) for c in candidates]
        leaked = areas(config, binned, swapped, place)
        pools = one_split(binned)
        one = areas(single, pools, train_all(single, pools, place)[2], place)
        found.append([np.mean(each) for each in (apart, one, leaked)])
    return np.array(found)


def test_folds_leak_nothing_and_agree_with_one_split(tmp_path):
    null = means(16, tmp_path / "null", ("null",))
    error = null.std(axis=0, ddof=1) / np.sqrt(len(null))
    apart, one, leaked = (null.mean(axis=0) - 0.5) / error
    # Without signal the AUC is .5 on average over pools: 4 standard errors of 16 sets of pools.
    assert abs(apart) < 4
    assert abs(one) < 4
    assert leaked > 8  # the same networks on events that they saw
    real = means(10, tmp_path / "real", ("hard",))
    between = real[:, 0] - real[:, 1]
    assert abs(between.mean()) < 4 * between.std(ddof=1) / np.sqrt(len(between))
    assert real[:, 0].mean() > 0.6
    # Five test pools in place of one (and overlapping trainings): less scatter from pool to pool.
    assert null[:, 0].std() < null[:, 1].std()


def test_an_auc_over_folds_is_a_mean_with_the_error_of_a_mean():
    rows = pd.DataFrame(
        [
            {"point": "p", "repeat": r, "fold": k, "test_signal": s, "trial": f"{r}{k}"}
            | {"auc": 0.6 + 0.1 * r + 0.01 * k, "auc_error": 0.01 * (1 + k), "auc_event": None}
            for r in (0, 1)
            for k in range(3)
            for s in (5, 9)
        ]
    )
    rows = rows.assign(recall_validated_error=rows["auc_error"])
    found = over_folds(rows, ["test_signal"])
    assert len(found) == 4
    assert list(found.columns) == list(rows.columns)
    assert sorted(found["auc"]) == pytest.approx([0.61, 0.61, 0.71, 0.71])
    assert found["auc_error"].tolist() == pytest.approx([0.01 * np.sqrt(1 + 4 + 9) / 3] * 4)
    assert found["recall_validated_error"].tolist() == found["auc_error"].tolist()
    assert found["auc_event"].isna().all()
    assert found["trial"].tolist() == ["00", "00", "10", "10"]
    apart = rows.assign(fold=None)
    pd.testing.assert_frame_equal(over_folds(apart, ["test_signal"]), apart)


def limits_of(folder, config, binned, candidates, **changes):
    changed = replace(config, limits=replace(config.limits, **changes))
    storage = Storage(str(folder))
    rows = limits_on("hard", candidates, config=changed, binned=binned, storage=storage)
    return {row["method"]: row for row in rows}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    config = make_config(
        pools=SPLIT,
        signals=("hard",),
        limits=Limits(
            methods=("template", "response"),
            background_uncertainty=0.0,
            signal_uncertainty=0.0,
            luminosity_uncertainty=0.0,
            referee=0,
            workspaces=False,
            channels=10,
        ),
    )
    binned = folded_pools(signals=("hard",))
    apart = train_all(config, binned, folder)[2]
    single = replace(config, pools=Pools())
    together = train_all(single, one_split(binned), folder)[2]
    return folder, (config, binned, apart), (single, one_split(binned), together)


def test_the_limit_of_folds_counts_every_event_and_agrees_with_one_split(both):
    folder, folds, single = both
    many = limits_of(folder, *folds, luminosity=(1.0,), monte_carlo_statistics=False)["response"]
    one = limits_of(folder, *single, luminosity=(1.0,), monte_carlo_statistics=False)["response"]
    assert (many["filled_from"], one["filled_from"]) == ("all", "test")
    assert many["fold"] is None
    # mu ~ R^-1/2, R = sum s^2/b = <s/b>_s; of N signal and N background test events R scatters by
    # 2 std_s(s/b)/sqrt(N) and std_b((s/b)^2)/sqrt(N). Both limits: the larger error twice, 4 sigma.
    s, b = density("hard"), density("bkg")
    ratio = s / b
    mean = np.sum(s * ratio)
    of_s = 2 * np.sqrt(np.sum(s * ratio**2) - mean**2)
    of_b = np.sqrt(np.sum(b * ratio**4) - mean**2)
    relative = 0.5 * np.hypot(of_s, of_b) / mean / np.sqrt(12_000)
    assert many["mu_expected_0"] == pytest.approx(
        one["mu_expected_0"], rel=4 * np.sqrt(2) * relative
    )


def test_where_simulation_rules_folds_gain_the_root_of_the_share(both):
    folder, folds, single = both
    only = {"luminosity": (1e6,), "channels": 1}
    many = limits_of(folder, *folds, **only)["response"]
    one = limits_of(folder, *single, **only)["response"]
    # One channel, b known to 1/sqrt(N) from N simulated events: 1.96 b / sqrt(N), N five times.
    gain = one["signal_events_expected_0"] / many["signal_events_expected_0"]
    assert gain == pytest.approx(np.sqrt(FOLDS), rel=2 / np.sqrt(12_000))
    template = limits_of(folder, *folds, **only, min_pool_count=10**9)["template"]
    assert template["signal_events_expected_0"] == pytest.approx(many["signal_events_expected_0"])


def test_a_fold_without_a_network_leaves_its_limit_without_a_number(both):
    folder, (config, binned, candidates), _ = both
    assert [len(team) for team in teams(candidates)] == [FOLDS]
    found = limits_of(folder, config, binned, candidates[:3])
    assert found["response"]["status"] == "failed"
    assert "fold 3, 4" in found["response"]["message"]
    rows_to_table("limits", list(found.values()))


def test_channels_of_folds_are_added_from_the_end_of_the_signal():
    parts = [
        Channels({"bkg": np.array([4, 2, 1])}, np.array([0, 1, 2, 2])),
        Channels({"bkg": np.array([5, 3])}, np.array([0, 0, 1, 1])),
    ]
    found = of_all_folds(parts)
    assert found.counts["bkg"].tolist() == [4, 7, 4]
    assert [groups.tolist() for groups in found.by_fold] == [[0, 1, 2, 2], [1, 1, 2, 2]]


def test_an_uncertain_shape_varies_the_events_of_each_fold_in_the_channels_of_its_network():
    """Folds of equal contents and equal networks are one sample, five times as large."""
    config = make_config(
        pools=SPLIT,
        signals=("hard",),
        ensembles=EnsembleSizes(
            method="multinomial",
            uncertainty=Uncertainty(shape=ShapeUncertainty(observable="jet1_pt", slope=0.2)),
        ),
    )
    one = {name: folded(name).counts["fold 0"] for name in ("bkg", "hard")}
    alike = {
        name: replace(folded(name), counts=dict.fromkeys(map(fold_name, range(FOLDS)), counts))
        for name, counts in one.items()
    }
    binned = gather(
        alike,
        binning=BINNING,
        split=SPLIT,
        backgrounds=("bkg",),
        benchmarks=("hard",),
        fingerprint="alike",
    )
    groups = np.arange(BINNING.bins) % 7
    filled = {name: np.bincount(groups, counts, 7).astype(int) for name, counts in one.items()}
    tools = {"benchmark": "hard", "luminosity": 1.0}
    single = PooledScan(config, one_split(binned))
    expected = fit_template(single, channels=Channels(filled, groups), **tools)
    team = of_all_folds([Channels(filled, groups)] * FOLDS)
    found = fit_template(PooledScan(config, binned), channels=team, **tools)
    for wanted, seen in zip(expected.shape["bkg"], found.shape["bkg"], strict=True):
        np.testing.assert_allclose(seen, wanted)
    assert not np.allclose(*found.shape["bkg"])
    np.testing.assert_allclose(found.background_stat, expected.background_stat / np.sqrt(FOLDS))


def test_folds_hold_every_event_once():
    binned = folded_pools(signals=("hard",))
    for name, part in binned.processes.items():
        whole = np.sum(fold_counts(part), axis=0)
        np.testing.assert_array_equal(every_event(binned).processes[name].counts["test"], whole)
        tested = [
            PooledScan(make_config(pools=SPLIT), binned)
            .at_fold(k)
            .binned.processes[name]
            .counts["test"]
            for k in range(FOLDS)
        ]
        np.testing.assert_array_equal(np.sum(tested, axis=0), whole)
    assert make_pools().folds == 0


def test_a_shard_of_ensembles_is_drawn_for_the_network_of_the_first_fold():
    binned, config = folded_pools(), make_config(pools=SPLIT, training=Training(strength="each"))
    wanted = Wanted.of(config, pool="train", benchmark="hard", strength=3, number=2000)
    plan = points(config, mixtures(config, binned), binned)
    point = next(each for each in plan if (each.benchmark, each.strength) == ("hard", 1))
    table = wanted.table(PooledScan(config, binned), 1)
    first = DrawnHistograms(PooledScan(config, binned).at_fold(0), point, draws=0)
    counts, labels = first.training(1)
    drawn = table["counts"].combine_chunks().to_numpy_ndarray().reshape(counts.shape)
    np.testing.assert_array_equal(drawn[0::2], counts[labels == 0])
    np.testing.assert_array_equal(drawn[1::2], counts[labels == 1])
    assert set(table["seed"].to_pylist()) == {first.scan.config.seed} != {config.seed}
