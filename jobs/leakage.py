"""How much of the published AUC is leakage from shared pools: a table and a figure (3 CPU minutes).

    OMP_NUM_THREADS=1 python jobs/leakage.py docs/leakage.png

The published procedure (arXiv:2105.12018) makes its histograms from one pool of events and splits
the histograms: training and test share events. Here the recipe of that paper is trained

    shared    on one pool, as published, and tested on that very pool;
    elsewhere the same classifier tested on a pool it never saw (`auc_unseen` of a scan);
    disjoint  with pools of their own for training, stopping and test, as rayscan does,

for pools of several sizes, beside the ceiling of the true densities. Events are drawn from the
shipped densities: pools of any size. A scan does the same on Pythia or real events: run its file
with ``pools: {split: histograms}`` and with ``{split: events}``; the table `auc` has the columns
used here. ``--signal null_signal`` is a signal that is background: 0.5 is true.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rayscan.generator.density import density
from rayscan.models.contract import Templates
from rayscan.models.ratio.likelihood_ratio import closed_form
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.binned import BinnedPools, PoolName, ProcessPools
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for, candidates_of
from rayscan.scan.steps.tests.pairs import cross_test, test_sets
from rayscan.scan.steps.trial import train_pack
from rayscan.seeds import stream

LOG = logging.getLogger("leakage")
SIZES = (10_000, 25_000, 40_000, 100_000, 400_000, 1_500_000)
STRENGTHS = (1.0, 2.0)
LARGE = 4_000_000
"""Events behind the densities taken for true: their noise moves the ceiling by less than 0.001."""

SCAN = """
name: leakage
storage: unused
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: {size}, source: density}}}}
  {signal}: {{role: signal, generate: {{process: {law}, events: {size}, source: density}}}}
binning:
  axes:
    - {{observable: jet1_pt, bins: 30, low: 130, high: 2000}}
    - {{observable: jet1_eta, bins: 30, low: -4, high: 4}}
pools: {{split: {split}}}
mixtures: {{background: {background}, s_over_sqrt_b: {strengths}}}
ensembles: {{train: {train}, validation: 1000, test: {test}}}
architectures:
  - name: mlp
    preset: published
    hyperparameters: {{learning_rate: 5.0e-4, epochs: {epochs}, patience: {epochs}}}
training: {{strength: each, repeats: 1}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is measured.

    Attributes:
        signal: A process with a shipped density, or ``null_signal``: the background's own.
        strengths: S/sqrt(B).
        background: B of a histogram.
        train: Histograms per class of the frozen training set.
        test: Histograms per class of each test set.
        epochs: Epochs of each training, the best of them kept.
        seed: Root of the pools' streams.
    """

    signal: str = "spin1_on"
    strengths: tuple[float, ...] = STRENGTHS
    background: int = 2_000
    train: int = 4_000
    test: int = 4_000
    epochs: int = 100
    seed: int = 1

    @property
    def law(self) -> str:
        """The density that signal events follow."""
        return "znunu_jet" if self.signal == "null_signal" else self.signal

    def config(self, size: int, *, split: str) -> ScanConfig:
        """The scan file of one pool size, ``split`` by ``events`` or, as published, histograms."""
        return parse_scan(
            SCAN.format(
                signal=self.signal,
                law=self.law,
                size=size,
                split=split,
                background=self.background,
                strengths=list(self.strengths),
                train=self.train,
                test=self.test,
                epochs=self.epochs,
            )
        )

    def counts(self, process: str, size: int, pool: str) -> npt.NDArray[np.int64]:
        """Bin counts of a pool of exactly ``size`` events inside the axis ranges."""
        binning = self.config(size, split="events").binning
        rng = stream(self.seed, "leakage", process, size, pool)
        pt, eta = density(self.law if process == self.signal else "znunu_jet").sample(
            rng, size + size // 10 + 100
        )
        index = binning.index({"jet1_pt": pt, "jet1_eta": eta})
        return np.bincount(index[index >= 0][:size], minlength=binning.bins)


def pools(study: Study, size: int, names: Mapping[PoolName, str]) -> BinnedPools:
    """Pools of ``size`` events each.

    Args:
        study: Densities, bins and seed.
        size: Events of each pool of each process.
        names: For each pool which pool of events it is; equal names are the same events.
    """
    config = study.config(size, split="events")

    def process(name: str, role: str) -> ProcessPools:
        made = {own: study.counts(name, size, own) for own in dict.fromkeys(names.values())}
        return ProcessPools(
            process=name,
            role=role,
            cross_section=1.0,
            counts={pool: made[own] for pool, own in names.items()},
            selected=dict.fromkeys(names, size),
            unweighting=(size, size, float(size)),
            flow=({"cross_section": 1.0},),
        )

    return BinnedPools(
        binning=config.binning,
        processes={
            "znunu": process("znunu", "background"),
            study.signal: process(study.signal, "signal"),
        },
        backgrounds=("znunu",),
        benchmarks=(study.signal,),
        mode="shared_pool" if names["test"] == names["train"] else "disjoint",
        fingerprint=f"leakage-{study.seed}-{size}-{sorted(names.items())}",
    )


SHARED: dict[PoolName, str] = {"train": "a", "validation": "a", "test": "a", "unseen": "c"}
DISJOINT: dict[PoolName, str] = {"train": "a", "validation": "b", "test": "c"}


def measured(study: Study, size: int) -> Iterator[dict[str, Any]]:
    """One row per strength: the three AUCs of a pool size with their ceilings and flags."""
    published = study.config(size, split="histograms")
    ours = study.config(size, split="events")
    with tempfile.TemporaryDirectory(prefix="rayscan-leakage-") as folder:
        shared = rows_of(published, pools(study, size, SHARED), folder)
        apart = rows_of(ours, pools(study, size, DISJOINT), folder)
    names = ("auc", "auc_error", "auc_total_error", "auc_ceiling", "leakage_flag", "draw_fraction")
    for found in zip(shared, apart, strict=True):
        own = found[0]
        row = {"signal": study.signal, "strength": own["test_s_over_sqrt_b"], "pool": size}
        for kind, each in zip(("shared", "disjoint"), found, strict=True):
            row |= {f"{name}_{kind}": each[name] for name in names}
        row["auc_elsewhere"] = own["auc_unseen"]
        row["auc_total_error_elsewhere"] = own["auc_unseen_total_error"]
        row["signal_in_empty_cells"] = own["signal_in_empty_cells"]
        row["leakage"] = own["auc"] - own["auc_unseen"]
        row["leakage_error"] = float(
            np.hypot(own["auc_total_error"], own["auc_unseen_total_error"])
        )
        yield row


def rows_of(config: ScanConfig, binned: BinnedPools, folder: str) -> list[dict[str, Any]]:
    """Rows of `auc` of a scan, trained in this process."""
    strengths = mixtures(config)
    plan = points(config, strengths, binned)
    trials: list[dict[str, Any]] = []
    for pack in fixed_packs(config, plan, fingerprint=binned.fingerprint):
        storage = Storage(folder)
        trials += train_pack(pack, scan=PooledScan(config, binned), storage=storage).rows
    candidates = candidates_of(plan, trials)
    tested: list[dict[str, Any]] = []
    for test in test_sets(config, strengths):
        met = candidates_for(config, test, candidates)
        tested += cross_test(test, met, scan=PooledScan(config, binned), storage=folder)
    return tested


def true_ceilings(study: Study) -> dict[float, float]:
    """AUC of the likelihood ratio of the true densities, pools without end, by strength."""
    background, signal = (study.counts(p, LARGE, "true") for p in ("znunu", study.signal))
    config = study.config(LARGE, split="events")
    found = {}
    for mixture in config.mixtures.expand():
        templates = Templates(
            background / LARGE, signal / LARGE, mixture.signal, mixture.background, LARGE, LARGE
        )
        found[mixture.s_over_sqrt_b] = (
            0.5 if study.law == "znunu_jet" else closed_form(templates).auc
        )
    return found


def table(study: Study, sizes: Sequence[int]) -> pd.DataFrame:
    """All rows, one line logged for each."""
    true = true_ceilings(study)
    rows = []
    LOG.info("%s", _HEAD)
    for size in sizes:
        for row in measured(study, size):
            row["auc_true_ceiling"] = true[row["strength"]]
            rows.append(row)
            LOG.info("%s", _line(row))
    return pd.DataFrame(rows)


_HEAD = (
    "signal      S/sqrt(B)      pool  shared  elsewhere  disjoint  ceiling  leakage            "
    "flagged: shared disjoint  in empty cells"
)


def _line(row: Mapping[str, Any]) -> str:
    flags = ["yes" if row[f"leakage_flag_{k}"] else "no" for k in ("shared", "disjoint")]
    return (
        f"{row['signal']:<12}{row['strength']:9.2f}{row['pool']:10,}{row['auc_shared']:8.3f}"
        f"{row['auc_elsewhere']:11.3f}{row['auc_disjoint']:10.3f}{row['auc_true_ceiling']:9.3f}"
        f"{row['leakage']:+9.3f} +- {row['leakage_error']:.3f}{flags[0]:>15}{flags[1]:>9}"
        f"{row['signal_in_empty_cells']:16.2%}"
    )


def draw(frame: pd.DataFrame, path: Path, background: int) -> None:
    """One panel per strength: AUC against pool size, with the ceiling."""
    os.environ["MPLBACKEND"] = "agg"
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcdefaults()

    strengths = sorted(frame["strength"].unique())
    width = 4.5 * len(strengths)
    figure, axes = plt.subplots(
        1, len(strengths), figsize=(width, 3.8), layout="constrained", squeeze=False, sharey=True
    )
    styles = {
        "shared": ("C3", "v", "published: tested on the pool it was trained on"),
        "elsewhere": ("C1", "s", "the same classifier on a pool it never saw"),
        "disjoint": ("C0", "o", "disjoint pools"),
    }
    for panel, strength in zip(axes[0], strengths, strict=True):
        rows = frame[frame["strength"] == strength].sort_values("pool")
        for kind, (colour, marker, label) in styles.items():
            panel.errorbar(
                rows["pool"], rows[f"auc_{kind}"], rows[f"auc_total_error_{kind}"],
                color=colour, marker=marker, ms=5, lw=1.2, label=label,
            )  # fmt: skip
            if kind != "elsewhere":
                flagged = rows[rows[f"leakage_flag_{kind}"]]
                panel.plot(flagged["pool"], flagged[f"auc_{kind}"], "o", ms=11, mfc="none", mec="k")
        panel.plot([], [], "o", ms=11, mfc="none", mec="k", label="leakage_flag")
        panel.axhline(rows["auc_true_ceiling"].iloc[0], color="k", lw=1, label="ceiling")
        panel.set(
            xscale="log", xlabel="events in each pool", ylabel="AUC",
            title=rf"{rows['signal'].iloc[0]}, $S/\sqrt{{B}}$ = {strength:.2g}, B = {background:,}",
        )  # fmt: skip
        panel.title.set_size(10)
    axes[0][-1].legend(fontsize=8, frameon=False, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="where the figure goes; a .csv beside it")
    parser.add_argument("--signal", default="spin1_on", help="a shipped density, or null_signal")
    parser.add_argument("--background", type=int, default=2_000, help="B of a histogram")
    parser.add_argument("--strengths", type=float, nargs="+", default=STRENGTHS)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="events of a pool")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    study = Study(
        signal=chosen.signal, background=chosen.background, strengths=tuple(chosen.strengths)
    )
    frame = table(study, chosen.sizes)
    draw(frame, chosen.path, study.background)
    frame.to_csv(chosen.path.with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
