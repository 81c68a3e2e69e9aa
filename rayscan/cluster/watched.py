"""A scan checked, run and shown while it runs: from Python, the command line or a job."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rayscan.errors import VariantsStoppedError
from rayscan.results.read import Tables
from rayscan.scan.checking import check
from rayscan.scan.config.given import Given
from rayscan.terminal.notebook import watcher

if TYPE_CHECKING:
    from rayscan.cluster.study import StudyResult

logger = logging.getLogger(__name__)


def run(
    scan: Given,
    *,
    storage: str | Path | None = None,
    workers: int | None = None,
    address: str | None = None,
    variants: Sequence[str] = (),
) -> Tables:
    """Run a scan and its variants, or what is missing of them, and show how far they are.

    A Ray is started on this machine and ended after the run; one that this process has started or
    joined before is used and stays. Ctrl-C (or the stop button of a notebook) loses nothing that
    finished: the same call again goes on.

    Args:
        scan: Path of a scan file, whose folder relative paths start from; or a mapping with the
            keys of one, or a scan of `load_scan`, of which they start from the working directory.
        storage: In place of the scan's own; relative to the working directory.
        workers: In place of the scan's ``resources: {workers}``.
        address: A Ray cluster to join: ``auto``, ``host:port`` or ``ray://host:port``.
        variants: Run only these variants, ``base`` for the scan itself; all if none is named.

    Returns:
        The tables; of several scans those of all, with a first column ``variant``. Trials without
        a classifier are logged, and are rows of `trials` that say why.

    Raises:
        ConfigError: with every problem of the scan, each with its line, before anything runs.
        VariantsStoppedError: some variants could not run to their end; the others have.
        RayscanError: what else must be changed, in one sentence.
        KeyboardInterrupt: it was stopped.
    """
    try:
        ended = run_watched(
            scan, storage=storage, workers=workers, address=address, variants=variants
        )
    except KeyboardInterrupt:
        what = "stopped; nothing that finished is lost, and the same call again goes on"
        raise KeyboardInterrupt(what) from None
    if ended.errors:
        raise VariantsStoppedError(storage=ended.storage, why=dict(ended.errors))
    for line in ended.complaints:
        logger.warning(line)
    return ended.tables()


def run_watched(
    scan: Given,
    *,
    storage: str | Path | None = None,
    workers: int | None = None,
    address: str | None = None,
    variants: Sequence[str] = (),
    retest: bool = False,
) -> StudyResult:
    """Check a scan, run it and show how far it is; see `run`.

    ``retest`` trains nothing: the stored classifiers are tested again.
    """
    here = not (address or os.environ.get("RAY_ADDRESS"))
    study = check(scan, storage=storage, workers=workers, here=here).study
    # Ray takes seconds to import: what is wrong with a scan is said before.
    from rayscan.cluster.connection import left_at_the_end
    from rayscan.cluster.study import run_study

    with left_at_the_end(), watcher() as reporter:
        return run_study(study, names=variants, reporter=reporter, address=address, retest=retest)
