"""Labelled histograms of a scan, drawn in parallel: streamed to a user's loop, or into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayscan.errors import StorageError
from rayscan.results.storage import Storage
from rayscan.scan.config.given import Given
from rayscan.scan.config.study import Study, load_study
from rayscan.scan.pools.inputs import open_inputs
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.shards import Wanted, encoded, read_me
from rayscan.terminal.notebook import watcher
from rayscan.terminal.progress import Reporter

if TYPE_CHECKING:
    from pyarrow import Table
    from ray.data import Dataset


def ensembles(
    scan: Given,
    *,
    pool: str,
    benchmark: str,
    strength: float,
    number: int,
    workers: int | None = None,
    address: str | None = None,
) -> Dataset:
    """Labelled histograms of a scan as a Ray dataset, drawn while a loop reads them.

    Events are read and pools filled first, as `run` does, or taken from the cache of the scan.
    Nothing is trained or written. Ray is started if there is none, and stays.

    Args:
        scan: As in `run`; of a scan with variants it is the scan itself.
        pool: ``train``, ``validation`` or ``test``: no two share an event.
        benchmark: The signal in histograms of label 1; those of label 0 are of background only.
        strength: One of the list in ``mixtures`` of the scan.
        number: Histograms, of both labels together: one half each, in turn.
        workers: In place of the scan's ``resources: {workers}``.
        address: A Ray cluster to join, as in `run`.

    Returns:
        A dataset in order, the same at every reading, with the columns ``counts`` (the bins of both
        axes), ``label``, ``signal_events``, ``background_events``, ``benchmark``, ``strength``,
        ``seed`` and ``shard``. A shard is a set that rayscan itself would draw: of the pool
        ``train`` those of the epochs of a training, of ``validation`` the first is the one that it
        validates on, of ``test`` the one that it is tested on.

    Raises:
        EnsemblesError: the scan has no such pool, benchmark or strength.
        ConfigError: with every problem of the scan, or of the files it names.
        RayscanError: what else must be changed, in one sentence.
    """
    study = load_study(scan, workers=workers)
    wanted = Wanted.of(study.base, pool=pool, benchmark=benchmark, strength=strength, number=number)
    with watcher() as reporter:
        pooled = _filled(study, wanted, reporter, address)
    return _dataset(pooled, wanted)


def write_ensembles(
    study: Study, wanted: Wanted, *, out: str, command: str, address: str | None = None
) -> None:
    """The same as Parquet files of a folder, a shard each, with a README.md beside them.

    A shard is put in place whole under a name of its own: drawn twice it is there once.

    Args:
        study: The scan.
        wanted: Which histograms.
        out: The folder: a path or URL.
        command: How it is made again.
        address: A Ray cluster to join.

    Raises:
        StorageError: there is something in the folder, or it cannot be written.
        RayscanError: what else must be changed, in one sentence.
    """
    folder = Storage(out)
    folder.check_writable()
    if folder.names("") or folder.folders(""):
        raise StorageError(path=out, why="is not empty", fix="give another folder, or empty it")
    from rayscan.cluster.connection import left_at_the_end

    with left_at_the_end(), watcher() as reporter:
        pooled = _filled(study, wanted, reporter, address)
        _write(pooled, wanted, folder, reporter)
        text = read_me(wanted, pooled, command=command, place=folder.uri)
        folder.write("README.md", text.encode())


def _filled(study: Study, wanted: Wanted, reporter: Reporter, address: str | None) -> PooledScan:
    """The scan and its pools, on a Ray that is there from now on."""
    config = study.base
    open_inputs(config, base=study.folder)  # what is wrong with them is said before Ray starts
    from rayscan.cluster import tasks
    from rayscan.cluster.connection import connect
    from rayscan.cluster.failures import ours
    from rayscan.cluster.run import Scan

    own = Scan(config, study.folder, reporter)
    own.cache.check_writable()
    with ours():
        connect(address, workers=config.resources.workers)
        tasks.quiet()
        _, _, binned = own.fill()
    pooled = PooledScan(config, binned)
    wanted.check(pooled)
    return pooled


def _dataset(pooled: PooledScan, wanted: Wanted) -> Dataset:
    """Rows of all shards, in order; each task draws one, and Ray Data holds tasks back."""
    import ray

    shared = ray.put(pooled)

    def draw(batch: Table) -> Table:
        return wanted.table(ray.get(shared), batch["id"][0].as_py())

    numbers = ray.data.range(wanted.shards, override_num_blocks=wanted.shards)
    numbers.context.execution_options.preserve_order = True
    workers = pooled.config.resources.workers
    most = min(workers, wanted.shards) if workers else None
    return numbers.map_batches(draw, batch_size=1, batch_format="pyarrow", concurrency=most)


def _write(pooled: PooledScan, wanted: Wanted, folder: Storage, reporter: Reporter) -> None:
    import ray

    from rayscan.cluster import tasks
    from rayscan.cluster.failures import ours

    shared = ray.put(pooled)

    def draw(row: dict[str, Any]) -> dict[str, Any]:
        shard = int(row["shard"])
        table = wanted.table(ray.get(shared), shard)
        folder.write(f"shard-{shard:05d}.parquet", encoded(table))
        return {"rows": table.num_rows}

    reporter.stage("draw ensembles", wanted.number, "histograms")
    rows = [{"shard": shard} for shard in range(wanted.shards)]
    with ours():
        workers = pooled.config.resources.workers
        for done in tasks.mapped(draw, rows, stage="draw ensembles", workers=workers):
            reporter.advance(int(done["rows"]))
