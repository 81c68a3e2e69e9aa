"""Folds and a grid on real Ray: the same tables again, by any number of workers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from small_scan import Silent

from rayscan.cluster.run import run_scan
from rayscan.report.frames.validation import fold_summary
from rayscan.report.views import sections
from rayscan.results.read import read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan

SCAN = """
name: folds
seed: 5
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 30000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 12000, source: density}}}}
binning:
  axes:
    - {{observable: jet1_pt, bins: 8, low: 130, high: 800, scale: log, overflow: last}}
    - {{observable: jet1_eta, bins: 4, low: -4, high: 4}}
mixtures: {{background: 300, s_over_sqrt_b: [2, 4]}}
ensembles: {{train: 60, validation: 50, test: 200}}
validation: {{folds: 3, repeats: 2}}
architectures:
  - {{name: linear_svm, hyperparameters: {{C: {{choices: [1.0e-4, 0.01, 1]}}}}}}
  - {{name: logistic_regression, preset: celik}}
  - {{name: likelihood_ratio}}
training: {{strength: each, repeats: 1}}
search: {{sampler: grid}}
limits: {{methods: []}}
resources: {{workers: {workers}}}
"""


def test_folds_and_a_grid_are_made_again_by_one_worker_as_by_two(
    tmp_path: Path, cache: Path
) -> None:
    def run(workers: int) -> None:
        text = SCAN.format(storage=tmp_path, cache=cache, workers=workers)
        assert run_scan(parse_scan(text), reporter=Silent()).failed == {}

    run(2)
    first = read_tables(tmp_path)
    packs = first.trials.groupby(["point", "label"])["trial"].size()
    assert sorted(packs) == [1, 1, 1, 1, 3, 3]
    assert len(list((tmp_path / "ledger" / "trials").iterdir())) == len(packs)
    assert len(first.validation) == 2 * (3 + 1) * 3 * 2
    summary = fold_summary(first)
    assert list(summary["folds"]) == [6] * 4
    assert summary[["auc_tested", "auc_ceiling", "auc_error"]].notna().all(axis=None)
    assert any("folds" in title for title in sections(first))
    best = first.trials[first.trials["trial"].isin(first.points["best_trial"])]
    means = first.validation.groupby("trial")["auc"].mean()
    own = best.set_index("trial")["objective_value"]
    for trial, value in own[own.index.isin(means.index)].items():
        assert abs(value - means[trial]) < 1e-12
    for table in ("trials", "validation"):
        for path in (tmp_path / "ledger" / table).iterdir():
            path.unlink()
    run(1)
    again = read_tables(tmp_path)
    for name in ("trials", "validation", "auc", "points"):
        drop = list(LAYOUTS[name].measured)
        pd.testing.assert_frame_equal(
            getattr(again, name).drop(columns=drop), getattr(first, name).drop(columns=drop)
        )
