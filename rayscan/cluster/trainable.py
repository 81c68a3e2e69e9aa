"""What a Tune trial does in its worker: train one pack, commit its rows, then report."""

from __future__ import annotations

import logging
import os
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import ray
from ray import tune
from ray.actor import ActorHandle

from rayscan.cluster import ledger as ledgers
from rayscan.cluster.failures import cause
from rayscan.cluster.queue import part_of
from rayscan.cluster.studies import Pruning
from rayscan.errors import RayscanError, StorageError, first_line
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.pools.binned import BinnedPools
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.trial import failed_row, train_pack

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What every trial needs; fetched once by each worker."""

    config: ScanConfig
    binned: BinnedPools
    storage: Storage
    ledger: ActorHandle


Work: TypeAlias = Callable[[dict[str, Any], Context], None]


def train(settings: dict[str, Any], context: Context) -> None:
    """Train one pack, commit its rows to the ledger, then report: the order resume relies on.

    What goes wrong with the pack becomes rows. A storage that is away is no fault of the pack: it
    is reported as the reason for the whole run to stop, so that no row says what is not true.
    """
    try:
        rows = _rows(settings, context)
        ledgers.commit(context.ledger, "trials", part_of(settings["pack"]), rows)
    except StorageError as error:
        tune.report({"rows": [], "stop": cause(error) or error, "done": True})
        return
    tune.report({"rows": rows, "done": True})


def _rows(settings: dict[str, Any], context: Context) -> list[dict[str, Any]]:
    pack: Sequence[MemberPlan] = settings["pack"]
    attempts = {"attempts": int(settings["attempt"])}
    try:
        found = list(_trained(pack, settings["earlier"], context))
    except StorageError:
        raise
    except Exception as error:
        logger.exception("a pack of %s failed", pack[0].point.name)
        status = "out_of_memory" if _is_memory(error) else "error"
        why = str(error) if isinstance(error, RayscanError) else _told(error)
        found = [failed_row(plan, context.config, status=status, error=why) for plan in pack]
    return [row | attempts for row in found]


def _trained(
    pack: Sequence[MemberPlan], earlier: list[Any], context: Context
) -> Sequence[dict[str, Any]]:
    watch = Pruning(context.config.search, earlier, pack) if earlier else None
    return train_pack(
        pack,
        scan=PooledScan(context.config, context.binned),
        storage=context.storage,
        watch=watch,
        pruned=watch.stopped if watch else None,
        device=_device(),
        worker=f"{socket.gethostname()}:{os.getpid()}",
    ).rows


def _is_memory(error: Exception) -> bool:
    """Whether an allocation failed, in Python or on TensorFlow's device."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _told(error: Exception) -> str:
    """Type, first line of the message and place: enough to look for it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""  # noqa: PTH119
    return f"{type(error).__name__}: {first_line(error)[:300]}{place}"


def _device() -> str:
    """Name of the accelerator this trial was given, or ``cpu``."""
    if not ray.get_gpu_ids():
        return "cpu"
    from rayscan.models.networks.backend import tensorflow

    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "cpu (TensorFlow has no GPU build here)"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu"))
