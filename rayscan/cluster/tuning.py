"""Ray Tune around the packs: one Tune trial trains one pack; one searcher hands out all packs."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError
from ray.tune.error import TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from rayscan.cluster import ledger as ledgers
from rayscan.cluster.failures import cause, chain
from rayscan.cluster.queue import MAX_RETRIES, Done, Pack, Queue, Row, part_of
from rayscan.cluster.trainable import Context, Work, train
from rayscan.errors import RayscanError, StorageError, first_line
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Point, planned
from rayscan.scan.steps.trial import failed_row

logger = logging.getLogger(__name__)

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "600",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
"""The ledger is the truth: Tune need not write logs, nor often its own state, nor print errors."""


class _Unstored:
    """Tune pickles what it is given into an experiment state that we never restore."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: the ledger is what a resumed scan starts from."""
        return {}


class PackSearcher(_Unstored, Searcher):  # type: ignore[misc]  # ray is not typed here
    """Hands the packs of a `Queue` to Ray Tune, and what came of them back.

    Tune itself retries nothing: a pack whose worker died goes back to the queue, which counts.
    """

    def __init__(self, queue: Queue, context: Context) -> None:
        super().__init__(metric="done", mode="max")
        self.stopped: RayscanError | None = None
        self.causes: dict[str, BaseException | None] = {}
        self._queue = queue
        self._context = context
        self._out: dict[str, Pack] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The settings of the next trial; None: ask again later."""
        if self.stopped is not None:
            return str(Searcher.FINISHED)
        taken = self._queue.take()
        if taken is None:
            return str(Searcher.FINISHED) if self._queue.exhausted and not self._out else None
        pack, earlier = taken
        self._out[trial_id] = pack
        return {"pack": pack, "earlier": earlier, "attempt": self._queue.starts(pack)}

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Take the rows of a trial, or its pack back if it has none."""
        pack = self._out.pop(trial_id, None)
        if pack is None:
            return
        if result and result.get("stop") is not None:
            self.stopped = result["stop"]
            return
        try:
            if error or not result or "rows" not in result:
                self._lost(pack, self.causes.pop(trial_id, None))
            else:
                self._queue.receive(result["rows"])
        except StorageError as why:  # raised here, Tune would print it with its own insides
            self.stopped = cause(why) or why

    def collapse(self, error: BaseException) -> int:
        """Take back every pack that was out when Tune itself gave up; how many there were.

        Which of them was the cause is not told. A pack that was alone is to blame; several are
        tried again without blame, one after the other.
        """
        packs, self._out = list(self._out.values()), {}
        for pack in packs:
            if len(packs) == 1:
                self._lost(pack, error)
            else:
                self._queue.give_back(pack, blamed=False)
        return len(packs)

    def _lost(self, pack: Pack, why: BaseException | None) -> None:
        if self._queue.give_back(pack):
            logger.warning("a worker of %s died (%s); trying again", pack[0].point.name, why)
            return
        memory = isinstance(why, MemoryError) or "OutOfMemory" in f"{type(why).__name__} {why}"
        status = "out_of_memory" if memory else "error"
        told = f"its worker died {MAX_RETRIES + 1} times"
        if why:
            told += f": {type(why).__name__}: {first_line(why)[:300]}"
        rows = [
            failed_row(plan, self._context.config, status=status, error=told)
            | {"attempts": self._queue.starts(pack)}
            for plan in pack
        ]
        ledgers.commit(self._context.ledger, "trials", part_of(pack), rows)
        self._queue.receive(rows)

    def save(self, checkpoint_path: str) -> None:
        """Nothing, see `_Unstored`."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, see `_Unstored`."""


class Witness(_Unstored, FIFOScheduler):  # type: ignore[misc]  # ray is not typed here
    """Tells the searcher why a trial died: it hears of it first, and Tune tells nobody else."""

    def __init__(self, searcher: PackSearcher) -> None:
        super().__init__()
        self._searcher = searcher

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002
        """Remember the cause."""
        self._searcher.causes[trial.trial_id] = trial.get_pickled_error()


class Stop(_Unstored, tune.Stopper):  # type: ignore[misc]  # ray is not typed here
    """Ends Tune at once when the searcher knows that the run cannot go on."""

    def __init__(self, searcher: PackSearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        """No trial is stopped for what it reports."""
        return False

    def stop_all(self) -> bool:
        """Whether to end."""
        return self._searcher.stopped is not None


def _name(trial: Any) -> str:
    """Short: Tune would write the whole pack into the name of a folder."""
    return str(trial.trial_id)


def slots(config: ScanConfig) -> int:
    """Trials that fit the cluster at a time."""
    resources = ray.cluster_resources()
    return config.resources.slots(resources.get("CPU", 1), resources.get("GPU", 0))


def run_trials(
    context: Context,
    points: Sequence[Point],
    finished: Mapping[str, Row],
    *,
    done: Done,
    work: Work = train,
) -> None:
    """Train every point; rows are in the ledger before ``done`` hears of them.

    Ray's memory monitor kills a worker in a way that ends the whole of Tune. Then a new Tune goes
    on with what is left, one pack at a time until those that were out are through.

    ``finished`` are rows of `trials` by key, from an earlier run; ``done`` is called with the row
    of every member, those included. A benchmark of the bookkeeping gives another ``work``.

    Raises:
        StorageError: the storage went away and did not come back.
    """
    config = context.config
    queue = Queue(config, points, context.binned.fingerprint, finished, done)
    if queue.exhausted:
        return
    os.environ.update(ENVIRONMENT)
    members = sum(planned(config, point) for point in points)
    at_once, careful, idle = slots(config), False, 0
    while not queue.exhausted:
        searcher = PackSearcher(queue, context)
        samples = 2 * at_once if careful else (MAX_RETRIES + 1) * members
        try:
            _fit(context, searcher, work, samples=samples, at_once=1 if careful else at_once)
        except (TuneError, RayError, RuntimeError) as error:
            idle = 0 if searcher.collapse(_memory_kill(error) or error) else idle + 1
            known = cause(error)
            if known is not None or idle > MAX_RETRIES:
                raise known or error from error
            logger.warning("Tune gave up (%s); going on with a new one", error)
            careful = True
        else:
            if not careful or searcher.stopped is not None:
                break
            careful = False
    if searcher.stopped is not None:
        raise searcher.stopped


def _memory_kill(error: BaseException) -> BaseException | None:
    """The report of Ray's memory monitor in a chain of errors."""
    if any("OutOfMemoryError" in f"{type(each).__name__} {each}" for each in chain(error)):
        return MemoryError("Ray's memory monitor killed it: its node ran out of memory")
    return None


def _fit(
    context: Context, searcher: PackSearcher, work: Work, *, samples: int, at_once: int
) -> None:
    need = context.config.resources
    resources = {"cpu": need.cpus_per_trial, "gpu": need.gpus_per_trial}
    with tempfile.TemporaryDirectory(prefix="rayscan-tune-") as folder:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(work, context=context), resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=Witness(searcher),
                num_samples=samples,
                max_concurrent_trials=at_once,
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="trials",
                storage_path=str(Path(folder)),
                verbose=0,
                progress_reporter=tune.CLIReporter(),  # that of a notebook clears what is shown
                stop=Stop(searcher),
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        )
        tuner.fit()
