"""The less common ways to say a scan, on real Ray: each must come out whole and be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_scan import Silent

from rayscan.cluster.run import run_scan
from rayscan.errors import ConfigError
from rayscan.results.read import read_tables
from rayscan.scan.config.file import parse_scan

TWO_BACKGROUNDS = """
name: kinds
seed: 5
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 30000, source: density}}}}
  soft:
    role: background
    cross_section: 30
    generate: {{process: alp, events: 20000, source: density}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 12000, source: density}}}}
  blind:
    role: signal
    cross_section: 1
    generate: {{process: znunu_jet, events: 12000, source: density}}
selection:
  cuts: ["jet1_pt > 130", "abs(jet1_eta) < 4"]
binning:
  axes:
    - {{observable: jet1_pt, bins: 8, low: 130, high: 800, scale: log, overflow: last}}
    - {{observable: jet1_eta, bins: 4, low: -4, high: 4}}
pools: {{split: {split}}}
mixtures: {mixtures}
ensembles: {{train: 500, validation: 300, test: 1000}}
architectures:
  - name: likelihood_ratio
  - {{name: event_mlp, hyperparameters: {{epochs: 5}}}}
training: {{strength: {strength}, repeats: 1}}
crosstest: {{strengths: all}}
limits: {{luminosity: [1], channels: 6, ensembles: 600, referee: 0}}
resources: {{workers: 1}}
"""


def test_two_backgrounds_poisson_totals_and_yields_from_luminosity(
    tmp_path: Path, cache: Path
) -> None:
    text = TWO_BACKGROUNDS.format(
        storage=tmp_path,
        cache=cache,
        split="events",
        mixtures="{luminosity: 0.004, cross_section: [2, 6], totals: poisson}",
        strength="each",
    )
    run_scan(parse_scan(text), reporter=Silent())
    tables = read_tables(tmp_path)
    flow = tables.cutflow.set_index(["process", "step"]).sort_index()
    last = flow.groupby("process")["cross_section"].last()
    expected = round(1000 * 0.004 * (last["znunu"] + last["soft"]))
    assert set(tables.auc["test_background"]) == {expected}
    # S = cross-section x luminosity x efficiency of the selection and the axis ranges.
    efficiency = flow.groupby("process")["efficiency"].last()["spin1"]
    spin1 = tables.auc[tables.auc["test_benchmark"] == "spin1"]
    assert sorted(set(spin1["test_signal"])) == [
        round(1000 * 0.004 * sigma * efficiency) for sigma in (2, 6)
    ]
    # Every strength trained, every classifier tested at every strength of every benchmark.
    assert len(tables.trials) == 2 * 2 * 2
    assert len(tables.auc) == 8 * 4
    # The ceiling is that of the bins: a network of single events sees more, and is not held to it.
    per_event = tables.auc["architecture"] == "event_mlp"
    assert tables.auc.loc[per_event, "leakage_flag"].isna().all()
    assert (tables.auc.loc[~per_event, "leakage_flag"] == False).all()  # noqa: E712
    own = spin1[spin1["train_benchmark"] == "spin1"]
    assert ((own["auc"] - 0.5) / own["auc_error"]).min() > 3


def test_a_null_signal_is_not_seen(tmp_path: Path, cache: Path) -> None:
    text = TWO_BACKGROUNDS.format(
        storage=tmp_path,
        cache=cache,
        split="events",
        mixtures="{background: 300, s_over_sqrt_b: [5]}",
        strength="highest",
    )
    text = text.replace(text[text.index("  soft:") : text.index("  spin1:")], "")
    run_scan(parse_scan(text), reporter=Silent())
    auc = read_tables(tmp_path).auc
    blind = auc[(auc["train_benchmark"] == "blind") & (auc["test_benchmark"] == "blind")]
    # The error of the ceiling tells how far the finite pools may move an AUC from 1/2.
    error = np.hypot(blind["auc_error"], blind["auc_ceiling_error"])
    assert ((blind["auc"] - 0.5).abs() / error).max() < 4
    seen = auc[(auc["train_benchmark"] == "spin1") & (auc["test_benchmark"] == "spin1")]
    assert seen["auc"].min() > 0.9


def test_the_published_shared_pool_is_labelled_in_every_row(tmp_path: Path, cache: Path) -> None:
    text = TWO_BACKGROUNDS.format(
        storage=tmp_path,
        cache=cache,
        split="histograms",
        mixtures="{background: 300, s_over_sqrt_b: [2]}",
        strength="highest",
    )
    run_scan(parse_scan(text), reporter=Silent())
    tables = read_tables(tmp_path)
    assert set(tables.auc["pool_mode"]) == {"shared_pool"}
    assert set(tables.pools["pool_mode"]) == {"shared_pool"}
    sizes = tables.pools.pivot_table("events", "process", "pool")
    assert (sizes["train"] == sizes["test"]).all()
    assert (sizes["unseen"] > 0).all()
    assert (
        tables.auc[["auc_unseen", "auc_unseen_total_error", "leakage_sigma"]].notna().all(axis=None)
    )


def test_an_empty_selection_names_every_process_at_once(tmp_path: Path, cache: Path) -> None:
    text = TWO_BACKGROUNDS.format(
        storage=tmp_path,
        cache=cache,
        split="events",
        mixtures="{background: 300, s_over_sqrt_b: [2]}",
        strength="highest",
    ).replace("jet1_pt > 130", "jet1_pt > 13000")
    with pytest.raises(ConfigError) as raised:
        run_scan(parse_scan(text), reporter=Silent())
    assert len(raised.value.problems) == 4
    assert all("no event passes" in problem.what for problem in raised.value.problems)


def test_too_large_histograms_are_refused_before_training(tmp_path: Path, cache: Path) -> None:
    text = TWO_BACKGROUNDS.format(
        storage=tmp_path,
        cache=cache,
        split="events",
        mixtures="{background: 300000, s_over_sqrt_b: [0.1]}",
        strength="highest",
    )
    reporter = Silent()
    with pytest.raises(ConfigError, match="ask for at most"):
        run_scan(parse_scan(text), reporter=reporter)
    assert "train" not in reporter.stages
