"""Ray Data and Ray tasks for events: files made, slices read, pools binned, test sets scored."""

from __future__ import annotations

import itertools
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from rayscan.cluster.failures import ours
from rayscan.errors import (
    ConfigError,
    FileUnreadableError,
    InputError,
    Problem,
    StorageError,
    TableError,
    TreeMissingError,
)
from rayscan.events.delphes import EVENTS_PER_TASK, Slice
from rayscan.events.generate import Generate, Generated, generate
from rayscan.events.selection import CutFlow, Selection, Step, add, select
from rayscan.events.table import schema
from rayscan.scan.binned import BinnedPools, ProcessPools, bin_process, gather
from rayscan.scan.config import ScanConfig
from rayscan.scan.examples import features_of
from rayscan.scan.inputs import Inputs, slices_of
from rayscan.scan.plan import digest
from rayscan.scan.storage import Storage
from rayscan.seeds import integer

logger = logging.getLogger(__name__)

Advance = Callable[[int], None]


def quiet() -> None:
    """Ray Data without bars and execution plans of its own on the user's screen."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray.data._internal", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)


def mapped(
    function: Callable[[dict[str, Any]], dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    *,
    cpus: float = 1.0,
    workers: int | None = None,
) -> Iterator[dict[str, Any]]:
    """A function of one specification row, over all rows, one Ray Data task each.

    Rows come back as they finish. Streams are named by what a row says, never by a block or a
    worker, so that order and number of tasks change nothing.
    """
    if not rows:
        return
    dataset = ray.data.from_items(list(rows), override_num_blocks=len(rows))
    most = min(workers, len(rows)) if workers else None  # Ray warns of tasks there cannot be
    done = dataset.map(function, num_cpus=cpus, concurrency=most)
    yield from done.iter_rows()


def finished(pending: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """What tasks give, each with its name, as they end.

    Raises:
        ConfigError: with every problem of every task, once all have ended.
    """
    problems: list[Problem] = []
    waiting = list(pending)
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=1)
        for reference in ready:
            try:
                with ours():
                    yield pending[reference], ray.get(reference)
            except InputError as error:
                problems.append(Problem(where="processes", what=str(error)))
    if problems:
        raise ConfigError(path="the input", problems=tuple(dict.fromkeys(problems)))


# ---------------------------------------------------------------- generation


def shards(recipe: Generate) -> tuple[Generate, ...]:
    """A generation cut into files of at most `EVENTS_PER_TASK` events, each with its stream."""
    edges = [*range(0, recipe.events, EVENTS_PER_TASK), recipe.events]
    sizes = [b - a for a, b in itertools.pairwise(edges)]
    return tuple(
        Generate(process=recipe.process, events=size, level=recipe.level, source=recipe.source)
        for size in sizes
    )


def generation_folder(config: ScanConfig, name: str) -> str:
    """Folder of the generated files of a process, named by all that they depend on."""
    recipe = config.processes[name].generate
    return f"generated/{name}-{digest(recipe, config.energy, config.seed)}"


def generate_files(
    config: ScanConfig, cache: Storage, *, advance: Advance
) -> dict[str, tuple[Generated, ...]]:
    """Make the files of every process that is generated, unless they are there already.

    Args:
        config: The scan.
        cache: Where generated files are kept, local or not: any node makes them and reads them.
        advance: Called with the number of events of each finished file.

    Returns:
        Process -> its files, in order.
    """
    make, known = ray.remote(_generate_shard), ray.remote(_known_shard)
    pending: dict[Any, tuple[str, int]] = {}
    made: dict[tuple[str, int], Generated] = {}
    for name, process in config.processes.items():
        if process.generate is None:
            continue
        folder = generation_folder(config, name)
        there = frozenset(cache.names(folder))
        for index, shard in enumerate(shards(process.generate)):
            stem = f"{index:04d}"
            place = f"{folder}/{stem}"
            if {f"{stem}.root", f"{stem}.json"} <= there:
                task = known.remote(cache, place)
            else:
                seed = integer(config.seed, "generate", name, index)
                task = make.remote(shard, cache, place, seed, config.energy)
            pending[task] = (name, index)
    for which, file in finished(pending):
        made[which] = file
        advance(file.events)
    names = dict.fromkeys(name for name, _ in made)
    return {name: tuple(made[key] for key in sorted(made) if key[0] == name) for name in names}


def _generate_shard(
    shard: Generate, cache: Storage, stem: str, seed: int, energy: float
) -> Generated:
    """One file, made in a temporary folder and put into the cache."""
    place = cache.place(f"{stem}.root")
    with tempfile.TemporaryDirectory(prefix="rayscan-") as local:
        path = Path(local) / "events.root"
        generated = replace(generate(shard, path=path, seed=seed, energy=energy), path=place)
        cache.write(f"{stem}.root", path.read_bytes())
    cache.write(f"{stem}.json", json.dumps(asdict(generated)).encode())  # last: says it is whole
    return generated


def _known_shard(cache: Storage, stem: str) -> Generated:
    """What is known of a file that an earlier run made."""
    place = cache.place(f"{stem}.root")
    return Generated(**json.loads(_whole(cache, f"{stem}.json")) | {"path": place})


# ------------------------------------------------------------------- reading


_TABLE_VERSION = 2
"""Raised when the same files give other event tables than before."""


def parts(config: ScanConfig, inputs: Inputs, process: str) -> dict[str, Slice]:
    """Names of the event tables of a process in the cache, each with the slice it is made of.

    A name says all that the table depends on, of one file alone: a file added to a scan, or one
    left out, changes the tables of no other.
    """
    names = sorted(config.observables)
    key = digest(config.processes[process].tree, config.selection, names, _TABLE_VERSION)
    count: dict[str, int] = {}
    found = {}
    sources = _sources(config, inputs, process)
    for piece in slices_of(config, inputs, process):
        index = count[piece.path] = count.get(piece.path, -1) + 1
        found[f"events/{process}-{key}/{sources[piece.path]}-{index:05d}"] = piece
    return found


def _sources(config: ScanConfig, inputs: Inputs, process: str) -> dict[str, str]:
    """Path -> hash of what the events of a file are: its identity, or how it was made.

    A file that is generated again holds equal events but is another file to ROOT.
    """
    if config.processes[process].generate is not None:
        folder = generation_folder(config, process)
        return {f.file.path: digest(folder, f.name, f.file.entries) for f in inputs.of(process)}
    return {
        f.file.path: digest(f.name, f.file.identity, f.file.entries) for f in inputs.of(process)
    }


def read_events(
    config: ScanConfig, inputs: Inputs, cache: Storage, *, advance: Advance
) -> tuple[tuple[str, str], ...]:
    """Selected events of every process as Parquet parts, one a slice; read once for all scans.

    Args:
        config: The scan.
        inputs: Its opened files.
        cache: Where event tables are kept, under the names of `parts`.
        advance: Called with the number of entries of each finished slice.

    Returns:
        Path and why of files that are damaged where only reading their events shows it; the tables
        of all other slices are in the cache.
    """
    rows = []
    for name in config.processes:
        wanted = parts(config, inputs, name)
        folder = next(iter(wanted), "/").rpartition("/")[0]
        there = frozenset(f"{folder}/{each}" for each in cache.names(folder)) if wanted else ()
        for stem, piece in wanted.items():
            if f"{stem}.json" in there:
                advance(piece.last - piece.first)
            else:
                rows.append({"slice": json.dumps(asdict(piece)), "stem": stem})
    selection, observables = config.selection, config.observables

    def read(row: dict[str, Any]) -> dict[str, Any]:
        piece = Slice(**json.loads(row["slice"]))
        done = {"entries": piece.last - piece.first, "path": piece.path, "why": ""}
        try:
            table, flow = _selected(piece, selection, observables, patience=cache.patience)
        except (FileUnreadableError, TreeMissingError) as error:
            return done | {"why": str(error)}
        sink = BytesIO()
        pq.write_table(table, sink, compression="zstd")
        stem = row["stem"]
        cache.write(f"{stem}.parquet", sink.getvalue())
        cache.write(f"{stem}.json", json.dumps(asdict(flow)).encode())  # last: says it is whole
        return done

    broken: dict[str, str] = {}
    for done in mapped(read, rows, workers=config.resources.workers):
        if done["why"]:
            broken[done["path"]] = done["why"]
        advance(int(done["entries"]))
    return tuple(sorted(broken.items()))


def _selected(
    piece: Slice, selection: Selection, observables: Sequence[str], *, patience: float
) -> tuple[pa.Table, CutFlow]:
    """`select`, again and again while the server of a remote file does not answer."""
    deadline, pause = time.monotonic() + patience, 1.0
    while True:
        try:
            return select(piece, selection=selection, observables=observables)
        except StorageError as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            logger.warning("%s; tried again for another %.0f s", error, left)
            time.sleep(min(pause, left))
            pause = min(2 * pause, 15.0)


def load_events(
    cache: Storage, stems: Sequence[str], observables: Sequence[str]
) -> tuple[pa.Table, CutFlow]:
    """The event table and the cut flow of one process, from its parts."""
    tables, flows = [schema(observables).empty_table()], []
    for stem in stems:
        tables.append(pq.read_table(BytesIO(_whole(cache, f"{stem}.parquet"))))
        flows.append(_flow(json.loads(_whole(cache, f"{stem}.json"))))
    return pa.concat_tables(tables), add(flows)


def _whole(cache: Storage, name: str) -> bytes:
    content = cache.read(name)
    if content is None:
        raise TableError(path=cache.path(name), why="vanished from the cache; run the scan again")
    return content


def _flow(stored: Mapping[str, Any]) -> CutFlow:
    steps = tuple(Step(**step) for step in stored["steps"])
    return CutFlow(process=stored["process"], steps=steps)


# --------------------------------------------------------------------- pools


def bin_pools(
    config: ScanConfig,
    tables: Mapping[str, Sequence[str]],
    cross_sections: Mapping[str, float],
    cache: Storage,
    *,
    fingerprint: str,
    advance: Advance,
) -> BinnedPools:
    """The pools of all processes, each binned by a task of its own.

    Args:
        config: The scan.
        tables: Process -> names of its event tables in the cache (`parts`).
        cross_sections: Process -> cross-section [pb] before selection.
        cache: Where the event tables are.
        fingerprint: Hash of all that the pools depend on.
        advance: Called with 1 for each finished process.
    """
    one = ray.remote(_bin_one)
    shared = ray.put(config)
    pending = {
        one.remote(shared, name, tables[name], cross_sections[name], cache): name
        for name in config.processes
    }
    binned: dict[str, ProcessPools] = {}
    for name, part in finished(pending):
        binned[name] = part
        advance(1)
    return gather(
        {name: binned[name] for name in config.processes},
        binning=config.binning,
        split=config.pools,
        backgrounds=config.backgrounds,
        benchmarks=config.benchmarks,
        fingerprint=fingerprint,
    )


def _bin_one(
    config: ScanConfig, name: str, stems: Sequence[str], cross_section: float, cache: Storage
) -> ProcessPools:
    table, flow = load_events(cache, stems, config.observables)
    return bin_process(
        table,
        flow,
        process=name,
        role=config.processes[name].role,
        cross_section=cross_section,
        binning=config.binning,
        split=config.pools,
        seed=config.seed,
        features=event_features(config),
    )


def event_features(config: ScanConfig) -> tuple[str, ...]:
    """Observables that networks of single events of this scan see, none without such networks."""
    names = [
        feature
        for choice in config.architectures
        if choice.name.startswith("event_")
        for feature in features_of(config, choice.features)
    ]
    return tuple(dict.fromkeys(names))
