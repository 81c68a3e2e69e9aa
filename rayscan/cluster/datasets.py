"""Ray Data and Ray tasks for events: slices read into event tables, pools filled from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import ray

from rayscan.cluster.comparing import compare
from rayscan.cluster.generation import Advance, generation_folder
from rayscan.cluster.tasks import finished, mapped
from rayscan.errors import FileUnreadableError, StorageError, TreeMissingError
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow, add, scaled, select, with_broken
from rayscan.events.table import schema, weighted
from rayscan.events.weights import Weights
from rayscan.keys import digest
from rayscan.results.faults import patiently
from rayscan.results.storage import Storage
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import BinnedPools, ProcessPools, bin_process, gather
from rayscan.scan.pools.inputs import Inputs, slices_of
from rayscan.scan.pools.reading import Reading, columns_of, factors_of, flow_of, keep
from rayscan.scan.steps.examples import event_features

_TABLE_VERSION = 3
"""Raised when the same files give other event tables than before."""


def parts(config: ScanConfig, inputs: Inputs, process: str) -> dict[str, Slice]:
    """Names of the event tables of a process in the cache, each with the slice it is made of.

    A name says all that the table depends on, of one file alone: a file added to a scan, or one
    left out, changes the tables of no other.
    """
    names = sorted(config.observables)
    tree = config.processes[process].tree
    whole = {each.file.path: each.file.entries for each in inputs.of(process)}
    found = {}
    sources = _sources(config, inputs, process)
    for piece in slices_of(config, inputs, process):
        key = digest(tree, piece.weight, config.selection, names, _TABLE_VERSION)
        events = piece.last - piece.first
        part = "00000" if events == whole[piece.path] else f"{piece.first}_{piece.last}"
        found[f"events/{process}-{key}/{sources[piece.path]}-{part}"] = piece
    return found


def _sources(config: ScanConfig, inputs: Inputs, process: str) -> dict[str, str]:
    """Path -> hash of what the events of a file are: its identity, or how it was made.

    A file that is generated again holds equal events but is another file to ROOT.
    """
    files = inputs.of(process)
    if config.processes[process].generate is not None:
        folder = generation_folder(config, process)
        return {f.file.path: digest(folder, f.name, f.file.entries) for f in files}
    return {f.file.path: digest(f.name, f.file.identity, f.file.entries) for f in files}


def read_events(
    config: ScanConfig, inputs: Inputs, cache: Storage, *, advance: Advance
) -> tuple[tuple[str, str], ...]:
    """Selected events of every process as Parquet parts, one a slice; read once for all scans.

    Tables have the names of `parts`; ``advance`` hears of the entries of each finished slice.

    Returns:
        Path and why of files that are damaged where only reading their events shows it; the tables
        of all other slices are in the cache.
    """
    rows = []
    for name in config.processes:
        wanted = parts(config, inputs, name)
        folders = dict.fromkeys(stem.rpartition("/")[0] for stem in wanted)
        there = {f"{folder}/{each}" for folder in folders for each in cache.names(folder)}
        for stem, piece in wanted.items():
            if f"{stem}.json" in there:
                advance(piece.last - piece.first, earlier=True)
            else:
                rows.append({"slice": json.dumps(asdict(piece)), "stem": stem})
    selection, observables = config.selection, config.observables

    def read(row: dict[str, Any]) -> dict[str, Any]:
        piece = Slice(**json.loads(row["slice"]))
        done = {"entries": piece.last - piece.first, "path": piece.path, "why": ""}
        try:
            table, flow = patiently(
                lambda: select(piece, selection=selection, observables=observables),
                lambda error: isinstance(error, StorageError),
                patience=cache.patience,
                pause=1.0,
            )
        except (FileUnreadableError, TreeMissingError) as error:
            return done | {"why": str(error)}
        keep(cache, row["stem"], table, flow)
        return done

    broken: dict[str, str] = {}
    for done in mapped(read, rows, stage="read events", workers=config.resources.workers):
        if done["why"]:
            broken[done["path"]] = done["why"]
        advance(int(done["entries"]))
    return tuple(sorted(broken.items()))


def look_at(config: ScanConfig, inputs: Inputs, cache: Storage) -> Reading:
    """What reading found in all files."""
    every = (parts(config, inputs, name) for name in config.processes)
    return compare({stem: piece for some in every for stem, piece in some.items()}, cache)


def load_events(
    cache: Storage, stems: Sequence[str], observables: Sequence[str], process: Process
) -> tuple[pa.Table, CutFlow]:
    """The event table and the cut flow of one process, from its parts.

    Raises:
        StorageError: a part is gone or damaged; the next run makes it anew.
    """
    layout = schema(observables)
    flows = [flow_of(cache, stem) for stem in stems]
    of_file: dict[str, Weights] = {}
    for stem, flow in zip(stems, flows, strict=True):
        source = stem.rpartition("-")[0]
        of_file[source] = of_file.get(source, Weights()) + flow.weights
    factors = factors_of(process, of_file)
    each = [factors[stem.rpartition("-")[0]] for stem in stems]
    tables = [
        weighted(columns_of(cache, stem, layout.names), factor)
        for stem, factor in zip(stems, each, strict=True)
    ]
    flow = add([scaled(flow, factor) for flow, factor in zip(flows, each, strict=True)])
    return pa.concat_tables([layout.empty_table(), *tables]), flow


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

    Cross-sections [pb] are those before the selection; ``tables`` are names of `parts`.
    """
    one = ray.remote(_bin_one)
    shared = ray.put(config)
    pending = {
        one.options(name=f"fill pools: {name}").remote(
            shared, name, tables[name], cross_sections[name], cache
        ): name
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
    table, flow = load_events(cache, stems, config.observables, config.processes[name])
    if config.skip_broken_events:
        flow = with_broken(flow)
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
