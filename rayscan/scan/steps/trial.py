"""One pack of one or more members, trained in this process."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayscan.errors import DivergedError
from rayscan.models.contract import Classifier, Member, Trained, Watch
from rayscan.models.folds import Folds
from rayscan.models.storage import carry
from rayscan.results import folders
from rayscan.results.storage import Storage
from rayscan.scan.config.folds import folds_of
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import examples_of
from rayscan.scan.steps.objectives import objective_value
from rayscan.scan.steps.tests.folds import mean_area
from rayscan.seeds import integer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a pack left behind.

    Attributes:
        rows: One row of the table `trials` for every member.
    """

    rows: tuple[dict[str, Any], ...]


def train_pack(
    pack: Sequence[MemberPlan],
    *,
    scan: PooledScan,
    storage: Storage,
    watch: Watch | None = None,
    pruned: Mapping[int, int] | None = None,
    device: str = "cpu",
    worker: str = "",
) -> Outcome:
    """Train a pack, store its classifiers and say what came out.

    Args:
        pack: Members of one point, in one fold; or of a chain of points, those of one point
            together: each repeat then starts from the last classifier that it got at the points
            before.
        scan: The scan and its pools.
        storage: Where classifiers go.
        watch: Asked after each epoch which members shall stop.
        pruned: Filled by ``watch``: members it stopped, and at which epoch.
        device: What it runs on, for the table.
        worker: Where it runs, for the table.

    Raises:
        PoolExhaustedError: the pools are too small for the mixture.
    """
    architecture = pack[0].point.choice.architecture
    scan = scan.at_fold(pack[0].fold)
    before: dict[int, Classifier] = {}
    rows = []
    for _, same in itertools.groupby(pack, key=lambda plan: plan.point.name):
        link = tuple(same)
        started = time.perf_counter()
        members = _members(link, before, scan=scan, reads=architecture.reads)
        folds = _folds(scan.config, link[0])
        if folds is None:
            results = architecture.train(members, watch=watch)
        else:
            results = architecture.train_with_folds(members, folds, watch=watch)
        seconds = time.perf_counter() - started
        for index, (plan, result) in enumerate(zip(link, results, strict=True)):
            row = _row(plan, scan.config) | {"seconds": seconds, "device": device, "worker": worker}
            if isinstance(result, DivergedError):
                row |= {"status": "diverged", "error": str(result), "epochs": result.epoch}
            else:
                before[plan.repeat] = result.classifier
                row |= _finished(plan, result, scan=scan, storage=storage)
                row["status"] = "pruned" if index in (pruned or {}) else "ok"
            rows.append(row)
    return Outcome(rows=tuple(rows))


def _folds(config: ScanConfig, plan: MemberPlan) -> Folds | None:
    """How training sets are divided: equally, whatever is trained on them."""
    asked = folds_of(config, plan.point.choice)
    if asked is None:
        return None
    seed = integer(config.seed, "folds of training sets")
    return Folds(folds=asked.folds, repeats=asked.repeats, stratified=asked.stratified, seed=seed)


def _members(
    link: Sequence[MemberPlan],
    before: Mapping[int, Classifier],
    *,
    scan: PooledScan,
    reads: str,
) -> list[Member]:
    """Members of one point; those with the same draws share their examples."""
    shared: dict[int, Any] = {}
    for plan in link:
        if plan.draws not in shared:
            shared[plan.draws] = examples_of(scan, plan, reads=reads)
    return [
        Member(
            examples=shared[plan.draws],
            hyperparameters=plan.hyperparameters,
            seed=plan.seed,
            start=before.get(plan.repeat),
        )
        for plan in link
    ]


def failed_row(plan: MemberPlan, config: ScanConfig, *, status: str, error: str) -> dict[str, Any]:
    """The row of a member that left no classifier."""
    return _row(plan, config) | {"status": status, "error": error}


def _row(plan: MemberPlan, config: ScanConfig) -> dict[str, Any]:
    return {
        "trial": plan.key,
        **plan.point.columns,
        "repeat": plan.repeat,
        "fold": plan.fold,
        "artefacts": _artefacts(plan),
        "hyperparameters": json.dumps(dict(plan.hyperparameters), sort_keys=True),
        "seed": plan.seed,
        "objective": config.search.objective if plan.point.mode == "search" else "auc",
    }


def _artefacts(plan: MemberPlan) -> str | None:
    architecture = plan.point.choice.architecture
    return architecture.artefacts(architecture.valued(plan.hyperparameters)) or None


def _finished(
    plan: MemberPlan,
    trained: Trained,
    *,
    scan: PooledScan,
    storage: Storage,
) -> dict[str, Any]:
    folder = f"classifiers/{plan.key}"
    with tempfile.TemporaryDirectory(prefix="rayscan-") as local:
        trained.classifier.save(Path(local))
        carry(Path(local), plan.point.choice.origin)
        if trained.left_out is not None:
            trained.left_out.save(Path(local))
        folders.put(storage, Path(local), folder)
    validation = objective_value("auc", plan, trained.classifier, scan=scan)
    name = scan.config.search.objective if plan.point.mode == "search" else "auc"
    losses = trained.history.get("validation_loss", [])
    loss = losses[trained.best_epoch] if losses else None
    if name == "auc" and trained.left_out is not None:
        value: float | None = mean_area(trained.left_out)
    elif name == "auc":
        value = validation
    elif name == "loss":
        value = loss
    else:
        value = objective_value(name, plan, trained.classifier, scan=scan)
    return {
        "classifier": folder,
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "validation_auc": validation,
        "validation_loss": loss,
        "objective_value": value,
        "learning_curve": [float(v) for v in trained.history.get("validation_auc", [])],
        "losses": [float(v) for v in trained.history.get("loss", [])],
        "validation_losses": [float(v) for v in losses],
    }
