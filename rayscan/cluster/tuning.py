"""Ray Tune around scan.trial: one Tune trial trains one pack; one searcher hands out all packs."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.actor import ActorHandle
from ray.tune.search import Searcher

from rayscan.cluster import ledger as ledgers
from rayscan.cluster.studies import PointStudy, Pruning
from rayscan.errors import RayscanError
from rayscan.scan.binned import BinnedPools
from rayscan.scan.config import ScanConfig
from rayscan.scan.plan import MemberPlan, Point, fixed_packs, planned
from rayscan.scan.storage import Storage
from rayscan.scan.trial import failed_row, train_pack

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
Done = Callable[[Row], None]

MAX_RETRIES = 2
"""Times a pack is tried again after its worker died."""

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "600",
    "RAY_AIR_NEW_OUTPUT": "0",
}
"""The ledger is the truth: Tune need not write logs, nor often its own state."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What every trial needs; fetched once by each worker."""

    config: ScanConfig
    binned: BinnedPools
    storage: Storage
    ledger: ActorHandle


def train(settings: dict[str, Any], context: Context) -> None:
    """Train one pack, commit its rows to the ledger, then report: the order resume relies on."""
    pack: Sequence[MemberPlan] = settings["pack"]
    watch = (
        Pruning(context.config.search, settings["earlier"], pack) if settings["earlier"] else None
    )
    try:
        outcome = train_pack(
            pack,
            config=context.config,
            binned=context.binned,
            storage=context.storage,
            watch=watch,
            pruned=watch.stopped if watch else None,
            device=_device(),
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )
        rows = list(outcome.rows)
    except RayscanError as error:
        logger.exception("a pack of %s failed", pack[0].point.name)
        rows = [failed_row(p, context.config, status="error", error=str(error)) for p in pack]
    ledgers.commit(context.ledger, "trials", _part(pack), rows)
    tune.report({"rows": rows, "done": True})


def _part(pack: Sequence[MemberPlan]) -> str:
    return pack[0].key if len(pack) == 1 else f"{pack[0].key}-{pack[-1].key}"


def _device() -> str:
    """Name of the accelerator this trial was given, or ``cpu``."""
    if not ray.get_gpu_ids():
        return "cpu"
    from rayscan.models.backend import tensorflow

    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "cpu (TensorFlow has no GPU build here)"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu"))


Work = Callable[[dict[str, Any], Context], None]


@dataclass(slots=True)
class Queue:
    """Which packs are to train, which are out, and what came back; knows nothing of Tune.

    Packs whose rows are in the ledger already are told to their study and never handed out.
    """

    config: ScanConfig
    points: Sequence[Point]
    fingerprint: str
    finished: Mapping[str, Row]
    done: Done
    _ready: deque[tuple[MemberPlan, ...]] = field(init=False, default_factory=deque)
    _studies: dict[str, PointStudy] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for point in self.points:
            if point.mode == "search":
                self._studies[point.name] = PointStudy(
                    config=self.config, point=point, fingerprint=self.fingerprint
                )
        for pack in fixed_packs(self.config, self.points, fingerprint=self.fingerprint):
            self._put(pack)
        self._refill()

    def take(self) -> tuple[tuple[MemberPlan, ...], list[Any]] | None:
        """A pack and the earlier trials its pruner needs, or None while none is ready."""
        if not self._ready:
            self._refill()
        if not self._ready:
            return None
        pack = self._ready.popleft()
        study = self._studies.get(pack[0].point.name)
        prunes = study is not None and self.config.search.pruner != "none"
        return pack, study.earlier() if study is not None and prunes else []

    @property
    def exhausted(self) -> bool:
        """Whether nothing is ready and no study will suggest more."""
        return not self._ready and all(s.finished for s in self._studies.values())

    def receive(self, rows: Sequence[Row]) -> None:
        """Take the rows of a pack that ended."""
        for row in rows:
            self.done(row)
            self._tell(row)

    def _tell(self, row: Row) -> None:
        study = self._studies.get(row["point"])
        if study is not None:
            study.tell(row["repeat"], row)

    def _put(self, pack: tuple[MemberPlan, ...]) -> None:
        known = [self.finished[p.key] for p in pack if p.key in self.finished]
        if len(known) == len(pack):
            self.receive(known)
        else:
            self._ready.append(pack)

    def _refill(self) -> None:
        size = self.config.training.pack
        for study in self._studies.values():
            while batch := study.suggest():
                for first in range(0, len(batch), size):
                    self._put(batch[first : first + size])


class PackSearcher(Searcher):  # type: ignore[misc]  # ray is not typed here
    """Hands the packs of a `Queue` to Ray Tune, and what came of them back."""

    def __init__(self, queue: Queue, ledger: ActorHandle) -> None:
        super().__init__(metric="done", mode="max")
        self._queue = queue
        self._ledger = ledger
        self._out: dict[str, tuple[MemberPlan, ...]] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The settings of the next trial; None: ask again later."""
        taken = self._queue.take()
        if taken is None:
            return str(Searcher.FINISHED) if self._queue.exhausted and not self._out else None
        pack, earlier = taken
        self._out[trial_id] = pack
        return {"pack": pack, "earlier": earlier}

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Take the rows of a trial, or write failed ones for it."""
        pack = self._out.pop(trial_id, None)
        if pack is None:
            return
        if error or not result or "rows" not in result:
            why = "its worker died, or raised what rayscan does not know; see the log"
            config = self._queue.config
            rows = [failed_row(p, config, status="error", error=why) for p in pack]
            ledgers.commit(self._ledger, "trials", _part(pack), rows)
        else:
            rows = result["rows"]
        self._queue.receive(rows)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher into an experiment state that we never restore."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is what a resumed scan starts from."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, see `save`."""


def _name(trial: Any) -> str:
    """Short: Tune would write the whole pack into the name of a folder."""
    return str(trial.trial_id)


def slots(config: ScanConfig) -> int:
    """Trials that fit the cluster at a time."""
    resources = ray.cluster_resources()
    room = int(resources.get("CPU", 1) / config.resources.cpus_per_trial)
    if config.resources.gpus_per_trial > 0:
        room = min(room, int(resources.get("GPU", 0) / config.resources.gpus_per_trial))
    return max(1, min(room, config.resources.workers or room))


def run_trials(
    context: Context,
    points: Sequence[Point],
    finished: Mapping[str, Row],
    *,
    done: Done,
    work: Work = train,
) -> None:
    """Train every point; rows are in the ledger before ``done`` hears of them.

    Args:
        context: The scan, its pools, its storage and its ledger.
        points: What to train.
        finished: Rows of `trials` by key, from an earlier run.
        done: Called with the row of every member, those of an earlier run included.
        work: What a trial does; a benchmark of the bookkeeping trains nothing.
    """
    config = context.config
    queue = Queue(config, points, context.binned.fingerprint, finished, done)
    if queue.exhausted:
        return
    os.environ.update(ENVIRONMENT)
    resources = {"cpu": config.resources.cpus_per_trial, "gpu": config.resources.gpus_per_trial}
    searcher = PackSearcher(queue, context.ledger)
    with tempfile.TemporaryDirectory(prefix="rayscan-tune-") as folder:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(work, context=context), resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=sum(planned(config, point) for point in points),
                max_concurrent_trials=slots(config),
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="trials",
                storage_path=str(Path(folder)),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=MAX_RETRIES),
            ),
        )
        tuner.fit()
