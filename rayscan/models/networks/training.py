"""The one training loop: packs of networks side by side, fresh draws, stopping from outside."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence

from rayscan.errors import DivergedError
from rayscan.models.contract import Watch
from rayscan.models.networks.pack import packs
from rayscan.models.networks.progress import Progress, Task

_LOG = logging.getLogger(__name__)


def train(
    tasks: Sequence[Task], *, architecture: str, watch: Watch | None = None
) -> list[Progress | DivergedError]:
    """Train all tasks (at least one) side by side, those of one shape in one pack.

    Returns:
        For each task its progress, ``best`` being the weights of ``best_epoch``.
    """
    members = [Progress(task) for task in tasks]
    running = packs(members)
    for epoch in itertools.count():
        for pack in running:
            pack.advance(epoch)
        if watch is not None:
            _ask(watch, epoch, members)
        running = [pack for pack in running if pack.active]
        if not running:
            break
    return [member.outcome(architecture) for member in members]


def _ask(watch: Watch, epoch: int, members: Sequence[Progress]) -> None:
    current = [
        member.history["validation_auc"][epoch] if member.epochs == epoch + 1 else float("nan")
        for member in members
    ]
    _LOG.debug("epoch %d: validation AUC %s", epoch, current)
    for member, stop in zip(members, watch(epoch, current), strict=True):
        member.ended = member.ended or bool(stop)
