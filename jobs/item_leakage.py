"""What fakes how much on items of events, beside the exact ceiling: a table (7 CPU minutes).

    OMP_NUM_THREADS=1 python jobs/item_leakage.py item_leakage.csv

Items hold 1,000 events, S of them signal. Events are Gaussian in F features, so that the most that
can be reached blind to their order is exact: the likelihood ratio of an item is the mean over all
choices of S events of the product of their ratios, a symmetric polynomial. Their separation is
about that of compressed sleptons: 1.5 standard deviations in two features, 2.4 in twelve. Trained
and tested as a scan does are

    set           the permutation-invariant network (``item_set``), disjoint pools;
    shuffled      the published dense network (``item_mlp``), rows in random order;
    last          the same with signal in fixed places;
    shared        ``item_set`` with one pool for training and test, as published;
    smote         ``item_set`` with SMOTE in the training pool alone;
    smote_before  ``item_set`` with SMOTE before training and test are split.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rayscan.ensembles.binning import Axis, Binning
from rayscan.ensembles.mixture import Mixtures
from rayscan.results.storage import Storage
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, ScanConfig, Training
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.binned import BinnedPools, PoolName, ProcessPools
from rayscan.scan.pools.events import EventPool
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for, candidates_of
from rayscan.scan.steps.tests.pairs import cross_test, test_sets
from rayscan.scan.steps.trial import train_pack
from rayscan.seeds import stream
from rayscan.stats.auc import auc

LOG = logging.getLogger("item_leakage")
EXACT = 20_000
"""Items of each class behind a ceiling: its error is 0.003 at most."""
DISJOINT: dict[PoolName, str] = {"train": "a", "validation": "b", "test": "c"}
SHARED: dict[PoolName, str] = {"train": "a", "validation": "a", "test": "a", "unseen": "c"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is measured.

    Attributes:
        features: F, the signal's shift being split evenly among them.
        shift: Distance of the means of signal and background [standard deviations].
        events: N of an item.
        signal: S of items of class 1, rising; trained on the last.
        background_pool: Events of each background pool.
        signal_pool: Of each signal pool.
        synthetic: Events that SMOTE adds to each process.
        items: Of each class, to train on in an epoch.
        test: Of each class.
        epochs: Of ``item_set``.
        units: Of ``item_set``, enough to learn its training events by heart.
        seed: Root of the streams.
    """

    features: int = 12
    shift: float = 2.4
    events: int = 1000
    signal: tuple[int, ...] = (1, 2, 5)
    background_pool: int = 20_000
    signal_pool: int = 500
    synthetic: int = 5_000
    items: int = 1_000
    test: int = 2_000
    epochs: int = 20
    units: int = 96
    seed: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Observables that stand for the features."""
        return tuple(f"jet{k + 1}_pt" for k in range(self.features))

    def config(self, choice: ArchitectureChoice) -> ScanConfig:
        """The scan of one architecture, trained at the largest strength alone."""
        made = replace(choice, features=self.names)
        axis = Axis(observable="jet1_pt", bins=45, low=-20, high=25)
        return ScanConfig(
            name="items",
            seed=self.seed,
            storage="unused",
            processes={
                "background": Process(role="background", files=("b",), cross_section=1.0),
                "signal": Process(role="signal", files=("s",), cross_section=1.0),
            },
            binning=Binning(axes=(axis,)),
            mixtures=Mixtures(total=self.events, signal=self.signal),
            ensembles=EnsembleSizes(
                train=self.items, validation=self.items // 2, test=self.test, method="multinomial"
            ),
            architectures=(made,),
            training=Training(strength="highest", repeats=1),
        )

    def draw(self, process: str, size: int, *purpose: str | int) -> npt.NDArray[np.float32]:
        """Events of a process, shape (size, F)."""
        rng = stream(self.seed, process, *purpose)
        mean = self.shift / math.sqrt(self.features) * (process == "signal")
        return rng.normal(mean, size=(size, self.features)).astype(np.float32)

    def ceiling(self, signal: int) -> float:
        """AUC of the exact likelihood ratio of items, trained on nothing."""
        ratios = []
        for number, label in enumerate((0, signal)):
            rng = stream(self.seed, "exact", signal, number)
            # All that an event says lies along the shift.
            along = rng.normal(size=(EXACT, self.events))
            along[:, :label] += self.shift
            ratios.append(_symmetric(self.shift * along - self.shift**2 / 2, signal))
        return auc(*ratios)


def _symmetric(log_ratios: npt.NDArray[np.float64], chosen: int) -> npt.NDArray[np.float64]:
    """Mean over all choices of so many events of the product of their ratios, (n, N) to (n,)."""
    sums = np.zeros((len(log_ratios), chosen + 1))
    sums[:, 0] = 1.0
    for column in np.exp(log_ratios).T:
        sums[:, 1:] += column[:, None] * sums[:, :-1]
    return np.asarray(sums[:, -1] / math.comb(log_ratios.shape[1], chosen))


def pools(study: Study, names: Mapping[PoolName, str], folder: str) -> BinnedPools:
    """Pools of events; equal names are the same events."""
    cache, binning = Storage(folder), study.config(ArchitectureChoice(name="item_set")).binning

    def process(name: str, size: int) -> ProcessPools:
        drawn = {own: study.draw(name, size, own) for own in dict.fromkeys(names.values())}
        columns = {own: dict(zip(study.names, x.T, strict=True)) for own, x in drawn.items()}
        stored = {
            own: EventPool.stored(cache, f"pools/{name}-{own}.parquet", each)
            for own, each in columns.items()
        }
        counts = {
            own: np.bincount(binning.index({"jet1_pt": each["jet1_pt"]}), minlength=binning.bins)
            for own, each in columns.items()
        }
        return ProcessPools(
            process=name,
            role=name,
            cross_section=1.0,
            counts={pool: counts[own] for pool, own in names.items()},
            events={pool: stored[own] for pool, own in names.items()},
            selected=dict.fromkeys(names, size),
            unweighting=(size, size, float(size)),
            flow=({"cross_section": 1.0},),
        )

    return BinnedPools(
        binning=binning,
        processes={
            "background": process("background", study.background_pool),
            "signal": process("signal", study.signal_pool),
        },
        backgrounds=("background",),
        benchmarks=("signal",),
        mode="shared_pool" if "unseen" in names else "disjoint",
        fingerprint=f"items-{study.seed}-{sorted(names.items())}",
    )


def arrangements(study: Study) -> dict[str, tuple[ArchitectureChoice, Mapping[PoolName, str]]]:
    """What is trained, and on which pools."""
    own = {"epochs": study.epochs, "units": study.units, "synthetic": study.synthetic}

    def of_sets(**knobs: Any) -> ArchitectureChoice:
        return ArchitectureChoice(name="item_set", hyperparameters=own | knobs)

    def flat(**knobs: Any) -> ArchitectureChoice:
        return ArchitectureChoice(name="item_mlp", hyperparameters=knobs)

    return {
        "set": (of_sets(), DISJOINT),
        "shuffled": (flat(order="shuffled"), DISJOINT),
        "last": (flat(order="last"), DISJOINT),
        "shared": (of_sets(), SHARED),
        "smote": (of_sets(oversample="smote"), DISJOINT),
        "smote_before": (of_sets(oversample="smote_before_split"), DISJOINT),
    }


def rows_of(config: ScanConfig, binned: BinnedPools, folder: str) -> list[dict[str, Any]]:
    """Rows of `auc` of a scan, trained in this process at the largest strength."""
    strengths, scan = mixtures(config), PooledScan(config, binned)
    strongest = replace(config.mixtures, signal=(int(config.mixtures.strengths[-1]),))
    top = replace(config, mixtures=strongest)
    plan = points(top, mixtures(top), binned)
    trials = [
        row
        for pack in fixed_packs(top, plan, fingerprint=binned.fingerprint)
        for row in train_pack(pack, scan=PooledScan(top, binned), storage=Storage(folder)).rows
    ]
    candidates = candidates_of(plan, trials)
    return [
        row
        for test in test_sets(config, strengths)
        for row in cross_test(
            test, candidates_for(config, test, candidates), scan=scan, storage=folder
        )
    ]


def measured(study: Study, which: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One row for each arrangement and strength."""
    ceilings = {signal: study.ceiling(signal) for signal in study.signal}
    for name in which:
        choice, names = arrangements(study)[name]
        with tempfile.TemporaryDirectory(prefix="rayscan-items-") as folder:
            binned = pools(study, names, folder)
            for row in rows_of(study.config(choice), binned, folder):
                exact = ceilings[row["test_signal"]]
                error = math.hypot(row["auc_total_error"], 1 / math.sqrt(6 * EXACT))
                yield {
                    "arrangement": name,
                    "signal": row["test_signal"],
                    "auc": row["auc"],
                    "auc_total_error": row["auc_total_error"],
                    "auc_exact_ceiling": exact,
                    "over_exact_ceiling_sigma": (row["auc"] - exact) / error,
                    "auc_unseen": row.get("auc_unseen"),
                    "leakage_flag": bool(row.get("leakage_flag")),
                    "artefacts": row["artefacts"] or "",
                    "pool_mode": row["pool_mode"],
                }


def table(study: Study, which: Sequence[str]) -> pd.DataFrame:
    """All rows, one line logged for each."""
    rows = []
    LOG.info("arrangement      S    AUC             exact  sigma above  elsewhere  flagged  label")
    for row in measured(study, which):
        rows.append(row)
        elsewhere = "" if row["auc_unseen"] is None else f"{row['auc_unseen']:.3f}"
        shared = "shared pool" if row["pool_mode"] == "shared_pool" else ""
        label = ", ".join(filter(None, [row["artefacts"], shared]))
        LOG.info(
            "%s",
            f"{row['arrangement']:<13}{row['signal']:5}  {row['auc']:.3f} +- "
            f"{row['auc_total_error']:.3f}  {row['auc_exact_ceiling']:.3f}"
            f"{row['over_exact_ceiling_sigma']:+11.1f}  {elsewhere:>11}"
            f"{'yes' if row['leakage_flag'] else 'no':>9}  {label}",
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, print and write."""
    study = Study()
    known = tuple(arrangements(study))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="where the table goes, as .csv")
    parser.add_argument("--features", type=int, default=study.features)
    parser.add_argument("--shift", type=float, default=study.shift, help="standard deviations")
    for name in ("events", "background_pool", "signal_pool", "synthetic", "units"):
        flag, own = f"--{name.replace('_', '-')}", getattr(study, name)
        parser.add_argument(flag, type=int, default=own, help=f"default {own}")
    parser.add_argument("--only", nargs="+", choices=known, default=known)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asked = {name: value for name, value in vars(chosen).items() if name not in {"path", "only"}}
    table(replace(study, **asked), chosen.only).to_csv(chosen.path, index=False)


if __name__ == "__main__":
    main()
