"""Result tables whose every number follows from the closed form, for tests of the reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from scipy.special import ndtr

from rayscan.results.ledger import rows_to_table
from rayscan.results.read import Tables
from rayscan.results.tables.registry import LAYOUTS

Row = dict[str, Any]

POOL_ERROR = 0.01


@dataclass(frozen=True, kw_only=True)
class FakeScan:
    """A scan whose AUC is Phi(efficiency rho k x / sqrt 2), x = S/sqrt(S+B)."""

    benchmarks: Mapping[str, float] = field(  # k of each
        default_factory=lambda: {"alp": 0.29, "susy_300": 0.89, "spin1": 1.18}
    )
    architectures: Mapping[str, float] = field(  # share of the ceiling's separation
        default_factory=lambda: {"cnn": 0.92, "logistic": 0.99}
    )
    strengths: Sequence[float] = (0.5, 1.0, 2.0, 5.0)
    backgrounds: Sequence[int] = (1_000_000,)
    repeats: int = 3
    spread: float = 0.003  # repeat i is off by spread * (i - middle)
    train: str = "each"
    histograms: int = 5000
    luminosities: Sequence[float] = (139.0,)
    methods: Sequence[str] = ("template", "response", "score")

    def separation(self, benchmark: str, strength: float, background: int) -> float:
        signal = round(strength * math.sqrt(background))
        return self.benchmarks[benchmark] * signal / math.sqrt(signal + background)

    def overlap(self, train: str, test: str) -> float:
        """How well the direction of one benchmark serves another, 1 for itself."""
        return math.exp(-0.5 * abs(math.log(self.benchmarks[train] / self.benchmarks[test])))

    def auc(
        self, label: str, train: str, test: str, strength: float, background: int, repeat: int
    ) -> float:
        share = self.architectures[label] * self.overlap(train, test)
        exact = ndtr(share * self.separation(test, strength, background) / math.sqrt(2))
        return min(float(exact) + self.spread * (repeat - (self.repeats - 1) / 2), 1.0)


def _mixture(prefix: str, strength: float, background: int) -> Row:
    signal = round(strength * math.sqrt(background))
    return {
        f"{prefix}_signal": signal,
        f"{prefix}_background": background,
        f"{prefix}_s_over_b": signal / background,
        f"{prefix}_s_over_sqrt_b": signal / math.sqrt(background),
    }


def _trainings(scan: FakeScan) -> list[tuple[Row, float, int]]:
    chosen = scan.strengths if scan.train == "each" else (max(scan.strengths),)
    found = []
    for label, benchmark, x, b, repeat in product(
        scan.architectures, scan.benchmarks, chosen, scan.backgrounds, range(scan.repeats)
    ):
        point = f"{benchmark}-B{b}_x{x}-{label}"
        row = {
            "trial": f"{point}-{repeat}",
            "point": point,
            "train_benchmark": benchmark,
            "architecture": label,
            "label": label,
            "repeat": repeat,
            **_mixture("train", x, b),
            "trained_at": x,
            "strength_kind": "s_over_sqrt_b",
        }
        found.append((row, x, b))
    return found


def _auc_rows(scan: FakeScan) -> list[Row]:
    rows = []
    for (trained, own, b), test in product(_trainings(scan), scan.benchmarks):
        for x in (own,) if scan.train == "each" else scan.strengths:
            ceiling = float(ndtr(scan.separation(test, x, b) / math.sqrt(2)))
            error = math.sqrt(ceiling * (1 - ceiling) / scan.histograms)
            rows.append(
                {
                    **trained,
                    "selected": True,
                    "test_benchmark": test,
                    "strength": x,
                    **_mixture("test", x, b),
                    "auc": scan.auc(
                        trained["label"], trained["train_benchmark"], test, x, b, trained["repeat"]
                    ),
                    "auc_error": error,
                    "auc_total_error": math.hypot(error, POOL_ERROR),
                    "auc_ceiling": ceiling,
                    "auc_ceiling_error": error,
                    "auc_ceiling_total_error": math.hypot(error, POOL_ERROR),
                    "auc_over_ceiling_error": error,
                    "ceiling_kind": "train_pool",
                    "auc_closed_form": ceiling,
                    "auc_closed_form_error": 0.03 * (ceiling - 0.5) * (1 - ceiling) * 4,
                    "separation_k": scan.benchmarks[test],
                    "separation_k_error": 0.02 * scan.benchmarks[test],
                    "auc_over_ceiling_sigma": -1.0,
                    "leakage_flag": False,
                    "pool_mode": "disjoint",
                    "histograms": scan.histograms,
                    "draw_fraction": 0.02,
                    "draw_warning": False,
                    "reuse_factor": 3.0,
                    "signal_in_empty_cells": 1e-5,
                }
            )
    return rows


def _limit(scan: FakeScan, trained: Row, test: str, method: str, luminosity: float) -> Row:
    share = 1.0
    if method != "template":
        share = scan.architectures[trained["label"]] * scan.overlap(
            trained["train_benchmark"], test
        )
    background = 40_000.0 * luminosity
    signal = 1.96 * math.sqrt(background) / scan.benchmarks[test] / share
    factors = {"m2": 0.53, "m1": 0.72, "0": 1.0, "p1": 1.39, "p2": 1.86}
    row = {
        **trained,
        "test_benchmark": test,
        "method": method,
        "luminosity": luminosity,
        "background_events": background,
        "channels": 25,
        "solver": "ensembles" if method == "score" else "profile",
        "status": "ok",
    }
    for tag, factor in factors.items():
        row[f"signal_events_expected_{tag}"] = signal * factor
        row[f"mu_expected_{tag}"] = signal * factor / (200.0 * luminosity)
        row[f"cross_section_expected_{tag}"] = signal * factor / (2000.0 * luminosity)
    return row


def _limit_rows(scan: FakeScan) -> list[Row]:
    rows: dict[tuple[Any, ...], Row] = {}
    for (trained, _, _), test, method in product(_trainings(scan), scan.benchmarks, scan.methods):
        of_score = trained["train_background"] / 40_000.0
        for luminosity in (of_score,) if method == "score" else scan.luminosities:
            row = _limit(scan, trained, test, method, luminosity)
            key = (trained["trial"], test, method, luminosity)
            if method == "template":
                key, row["trial"] = ("none", test, method, luminosity), "none"
            rows.setdefault(key, row)
    return list(rows.values())


def _trial_rows(scan: FakeScan) -> list[Row]:
    more = {"hyperparameters": '{"learning_rate": 0.001}', "status": "ok", "epochs": 40}
    curve = [0.5, 0.6, 0.65, 0.66]
    return [
        {**row, **more, "seconds": 3.0, "learning_curve": [v + 0.01 * row["repeat"] for v in curve]}
        for row, _, _ in _trainings(scan)
    ]


def _point_rows(scan: FakeScan) -> list[Row]:
    known = {c.name for c in LAYOUTS["points"].columns}
    return [
        {k: v for k, v in row.items() if k in known}
        | {"planned": scan.repeats, "done": scan.repeats, "failed": 0, "status": "done"}
        for row, _, _ in _trainings(scan)
        if row["repeat"] == 0
    ]


CUTS = ("all", "n_leptons == 0", "jet1_pt > 130", "abs(jet1_eta) < 4", "met > 130", "binning")


def _cutflow_rows(scan: FakeScan) -> list[Row]:
    rows = []
    for process in ("zvv", *scan.benchmarks):
        hard = scan.benchmarks.get(process, 0.1)
        left = [1.0, 0.99, 0.5 + hard / 4, 0.48 + hard / 4, 0.3 + hard / 4, 0.29 + hard / 4]
        for step, (cut, share) in enumerate(zip(CUTS, left, strict=True)):
            rows.append(
                {
                    "process": process,
                    "role": "background" if process == "zvv" else "signal",
                    "step": step,
                    "cut": cut,
                    "events": round(50_000_000 * share),
                    "sum_weights": 50_000 * share,
                    "sum_weights_squared": 50_000 * share,
                    "efficiency": share,
                    "efficiency_error": math.sqrt(share * (1 - share) / 50_000),
                    "cross_section": 53.6 * share,
                }
            )
    return rows


def _pool_rows(scan: FakeScan) -> list[Row]:
    return [
        {
            "process": process,
            "role": "background" if process == "zvv" else "signal",
            "pool": pool,
            "events": round(50_000_000 * share),
            "events_in_binning": round(49_000_000 * share),
            "cross_section": 53.6,
            "pool_mode": "disjoint",
        }
        for process in ("zvv", *scan.benchmarks)
        for pool, share in (("train", 0.64), ("validation", 0.16), ("test", 0.2))
    ]


def fake_tables(scan: FakeScan, **changes: Callable[[list[Row]], list[Row] | None]) -> Tables:
    """The tables of a fake scan; a change edits the rows of one table before they are typed."""
    rows: dict[str, list[Row]] = {
        "points": _point_rows(scan),
        "trials": _trial_rows(scan),
        "auc": _auc_rows(scan),
        "limits": _limit_rows(scan),
        "cutflow": _cutflow_rows(scan),
        "pools": _pool_rows(scan),
        "provenance": [
            {"kind": "scan", "name": "scan file", "value": "name: fake <monojet> & co\nseed: 1\n"},
            {"kind": "scan", "name": "seed", "value": "1"},
            {"kind": "version", "name": "rayscan", "value": "0.1.0"},
            {"kind": "input", "name": "zvv_001.root", "value": "zvv", "bytes": 7, "entries": 9},
        ],
    }
    for name, change in changes.items():
        rows[name] = change(rows.get(name, [])) or rows.get(name, [])
    return Tables(**{name: rows_to_table(name, rows.get(name, [])).to_pandas() for name in LAYOUTS})


@pytest.fixture(scope="session")
def fake_scan() -> type[FakeScan]:
    return FakeScan


@pytest.fixture(scope="session")
def fake() -> Callable[..., Tables]:
    return fake_tables


@pytest.fixture(scope="session")
def tables() -> Tables:
    """Three benchmarks, four strengths, two architectures, three repeats."""
    return fake_tables(FakeScan())
