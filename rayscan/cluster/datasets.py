"""Ray Data and Ray tasks for events: files made, slices read, pools binned, test sets scored."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from rayscan.cluster.failures import ours
from rayscan.errors import ConfigError, InputError, Problem
from rayscan.events.delphes import Slice
from rayscan.events.generate import Generate, Generated, generate
from rayscan.events.selection import CutFlow, Step, add, select
from rayscan.events.table import schema
from rayscan.scan.binned import BinnedPools, ProcessPools, bin_process, gather
from rayscan.scan.config import ScanConfig
from rayscan.scan.examples import features_of
from rayscan.scan.inputs import Inputs, slices_of
from rayscan.scan.plan import digest
from rayscan.scan.storage import Storage
from rayscan.seeds import integer

logger = logging.getLogger(__name__)

EVENTS_PER_FILE = 20_000
"""Events of one generated file: the unit of work of a generator, with a stream of its own."""

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
    done = dataset.map(function, num_cpus=cpus, concurrency=workers)
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
    """A generation cut into files of at most `EVENTS_PER_FILE` events."""
    edges = [*range(0, recipe.events, EVENTS_PER_FILE), recipe.events]
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
    config: ScanConfig, cache: Path, *, advance: Advance
) -> dict[str, tuple[Generated, ...]]:
    """Make the files of every process that is generated, unless they are there already.

    Args:
        config: The scan.
        cache: Folder for generated files.
        advance: Called with the number of events of each finished file.

    Returns:
        Process -> its files, in order.
    """
    make = ray.remote(_generate_shard)
    pending: dict[Any, tuple[str, int]] = {}
    made: dict[tuple[str, int], Generated] = {}
    for name, process in config.processes.items():
        if process.generate is None:
            continue
        for index, shard in enumerate(shards(process.generate)):
            path = cache / generation_folder(config, name) / f"{index:04d}.root"
            seed = integer(config.seed, "generate", name, index)
            pending[make.remote(shard, path, seed, config.energy)] = (name, index)
    for place, file in finished(pending):
        made[place] = file
        advance(file.events)
    names = dict.fromkeys(name for name, _ in made)
    return {name: tuple(made[key] for key in sorted(made) if key[0] == name) for name in names}


def _generate_shard(shard: Generate, path: Path, seed: int, energy: float) -> Generated:
    """One file, or what is known of it if an earlier run finished it."""
    known = path.with_suffix(".json")
    if known.exists() and path.exists():
        return Generated(**json.loads(known.read_text()) | {"path": path})
    path.parent.mkdir(parents=True, exist_ok=True)
    generated = generate(shard, path=path, seed=seed, energy=energy)
    known.write_text(json.dumps(asdict(generated) | {"path": str(path)}))
    return generated


# ------------------------------------------------------------------- reading


def events_folder(config: ScanConfig, inputs: Inputs, process: str) -> str:
    """Folder of the event tables of a process, named by all that they depend on."""
    key = digest(
        source_identity(config, inputs, process),
        config.selection,
        sorted(config.observables),
        _TABLE_VERSION,
    )
    return f"events/{process}-{key}"


def source_identity(config: ScanConfig, inputs: Inputs, process: str) -> list[Any]:
    """What the events of a process are: the identities of its files, or how they were made.

    A file that is generated again holds equal events but is another file to ROOT.
    """
    if config.processes[process].generate is not None:
        return [generation_folder(config, process)]
    files = [(f.name, f.file.identity, f.file.entries) for f in inputs.of(process)]
    return [config.processes[process].tree, files]


_TABLE_VERSION = 1
"""Raised when the same files give other event tables than before."""


def read_events(
    config: ScanConfig, inputs: Inputs, cache: Storage, *, advance: Advance
) -> dict[str, str]:
    """Selected events of every process as Parquet parts, one a slice; read once for all scans.

    Args:
        config: The scan.
        inputs: Its opened files.
        cache: Where event tables are kept.
        advance: Called with the number of entries of each finished slice.

    Returns:
        Process -> its folder in the cache.
    """
    folders = {name: events_folder(config, inputs, name) for name in config.processes}
    rows = []
    for name, folder in folders.items():
        finished = set(cache.names(folder))
        for index, piece in enumerate(slices_of(config, inputs, name)):
            if f"{index:06d}.json" in finished:
                advance(piece.last - piece.first)
            else:
                rows.append({"slice": json.dumps(asdict(piece)), "folder": folder, "index": index})
    selection, observables = config.selection, config.observables

    def read(row: dict[str, Any]) -> dict[str, Any]:
        piece = Slice(**json.loads(row["slice"]))
        table, flow = select(piece, selection=selection, observables=observables)
        sink = BytesIO()
        pq.write_table(table, sink, compression="zstd")
        stem = f"{row['folder']}/{row['index']:06d}"
        cache.write(f"{stem}.parquet", sink.getvalue())
        cache.write(f"{stem}.json", json.dumps(asdict(flow)).encode())  # last: says it is whole
        return {"entries": piece.last - piece.first}

    for done in mapped(read, rows, workers=config.resources.workers):
        advance(int(done["entries"]))
    return folders


def load_events(
    cache: Storage, folder: str, observables: Sequence[str]
) -> tuple[pa.Table, CutFlow]:
    """The event table and the cut flow of one process."""
    names = cache.names(folder)
    parts, flows = [schema(observables).empty_table()], []
    for name in names:
        content = cache.read(f"{folder}/{name}") or b""
        if name.endswith(".parquet"):
            parts.append(pq.read_table(BytesIO(content)))
        else:
            flows.append(_flow(json.loads(content)))
    return pa.concat_tables(parts), add(flows)


def _flow(stored: Mapping[str, Any]) -> CutFlow:
    steps = tuple(Step(**step) for step in stored["steps"])
    return CutFlow(process=stored["process"], steps=steps)


# --------------------------------------------------------------------- pools


def bin_pools(
    config: ScanConfig,
    folders: Mapping[str, str],
    cross_sections: Mapping[str, float],
    cache: Storage,
    *,
    fingerprint: str,
    advance: Advance,
) -> BinnedPools:
    """The pools of all processes, each binned by a task of its own.

    Args:
        config: The scan.
        folders: Process -> folder of its event tables.
        cross_sections: Process -> cross-section [pb] before selection.
        cache: Where the event tables are.
        fingerprint: Hash of all that the pools depend on.
        advance: Called with 1 for each finished process.
    """
    one = ray.remote(_bin_one)
    shared = ray.put(config)
    pending = {
        one.remote(shared, name, folders[name], cross_sections[name], cache): name
        for name in config.processes
    }
    parts: dict[str, ProcessPools] = {}
    for name, part in finished(pending):
        parts[name] = part
        advance(1)
    return gather(
        {name: parts[name] for name in config.processes},
        binning=config.binning,
        split=config.pools,
        backgrounds=config.backgrounds,
        benchmarks=config.benchmarks,
        fingerprint=fingerprint,
    )


def _bin_one(
    config: ScanConfig, name: str, folder: str, cross_section: float, cache: Storage
) -> ProcessPools:
    table, flow = load_events(cache, folder, config.observables)
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
