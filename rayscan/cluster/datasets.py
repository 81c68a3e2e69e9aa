"""Ray Data and Ray tasks for events: slices read into event tables, and what was found in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rayscan.cluster.comparing import compare
from rayscan.cluster.filling import Filling
from rayscan.cluster.generation import Advance, generation_folder
from rayscan.cluster.tasks import mapped
from rayscan.errors import FileUnreadableError, StorageError, TreeMissingError
from rayscan.events.formats import EVENTS_PER_TASK, Slice
from rayscan.events.selection import select
from rayscan.events.spectra import Spectrum
from rayscan.keys import digest
from rayscan.results.faults import patiently
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.inputs import Inputs, slices_of
from rayscan.scan.pools.reading import Reading, keep

_TABLE_VERSION = 5
"""Raised when event tables are stored in another way, or hold other events than before."""
_EVENTS_VERSION = 3
"""Raised when the same files give other events than before: all is trained again."""
_TASKS = 16
"""Most tasks a core that read slices: of a thousand cores one driver starts no more in time."""


def parts(config: ScanConfig, inputs: Inputs, process: str) -> dict[str, Slice]:
    """Names of the event tables of a process in the cache, each with the slice it is made of.

    A name says all that the table depends on, of one file alone: a file added to a scan, or one
    left out, changes the tables of no other.
    """
    whole = {each.file.path: each.file.entries for each in inputs.of(process)}
    found = {}
    sources = _sources(config, inputs, process)
    for piece in slices_of(config, inputs, process):
        key = _selected(config, piece, _TABLE_VERSION, config.spectra)
        events = piece.last - piece.first
        part = "00000" if events == whole[piece.path] else f"{piece.first}_{piece.last}"
        found[f"events/{process}-{key}/{sources[piece.path]}-{part}"] = piece
    return found


def events_of(config: ScanConfig, inputs: Inputs, process: str) -> tuple[str, ...]:
    """What the events of a process depend on, however they are sliced and stored.

    As event tables were once named, so that classifiers keep their keys.
    """
    sources, found = _sources(config, inputs, process), []
    first = {piece.path: piece for piece in slices_of(config, inputs, process) if not piece.first}
    for each in inputs.of(process):
        path, entries = each.file.path, each.file.entries
        key = _selected(config, first[path], _EVENTS_VERSION)
        places = range(-(-entries // EVENTS_PER_TASK))
        found += [f"events/{process}-{key}/{sources[path]}-{k:05d}" for k in places]
    return tuple(found)


def _selected(
    config: ScanConfig, piece: Slice, version: int, spectra: Sequence[Spectrum] = ()
) -> str:
    tree, names = config.processes[piece.process].tree, sorted(config.observables)
    selected = config.selection.key(names)
    return digest(tree, piece.weight, selected, names, version, *spectra)


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
    config: ScanConfig, inputs: Inputs, cache: Storage, *, filling: Filling, advance: Advance
) -> tuple[tuple[str, str], ...]:
    """Selected events of every process as Parquet parts, one a slice; read once for all scans.

    Tables have the names of `parts`; ``advance`` hears of the entries of each finished slice. The
    pools of a process are begun to be filled as soon as all its slices are read.

    Returns:
        Path and why of files that are damaged where only reading their events shows it; the tables
        of all other slices are in the cache.
    """
    tables = {name: parts(config, inputs, name) for name in config.processes}
    missing = {name: _missing(cache, wanted) for name, wanted in tables.items()}
    for name, wanted in tables.items():
        there = [piece for stem, piece in wanted.items() if stem not in missing[name]]
        advance(sum(piece.last - piece.first for piece in there), earlier=True)
        if not missing[name]:
            filling.begin(name, wanted)
    rows = [
        {"slice": json.dumps(asdict(wanted[stem])), "stem": stem, "process": name}
        for name, wanted in tables.items()
        for stem in missing[name]
    ]
    left = Counter(row["process"] for row in rows)
    broken: dict[str, str] = {}
    read = _reader(config, cache)
    workers = config.resources.workers
    for done in mapped(read, rows, stage="read events", workers=workers, most=_TASKS):
        name = done["process"]
        if done["why"]:
            broken[done["path"]] = done["why"]
        else:
            left[name] -= 1
        if not left[name]:
            filling.begin(name, tables[name])
        filling.step()
        advance(int(done["entries"]))
    return tuple(sorted(broken.items()))


def _missing(cache: Storage, wanted: Iterable[str]) -> tuple[str, ...]:
    """Names of event tables that are not in the cache."""
    folders = dict.fromkeys(stem.rpartition("/")[0] for stem in wanted)
    there = {f"{folder}/{each}" for folder in folders for each in cache.names(folder)}
    return tuple(stem for stem in wanted if f"{stem}.json" not in there)


def _reader(config: ScanConfig, cache: Storage) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What a task does with a slice: it selects events, and says what it could not read."""
    selection, observables, spectra = config.selection, config.observables, config.shown

    def read(row: dict[str, Any]) -> dict[str, Any]:
        piece = Slice(**json.loads(row["slice"]))
        entries = piece.last - piece.first
        done = {"process": row["process"], "entries": entries, "path": piece.path, "why": ""}
        try:
            table, flow = patiently(
                lambda: select(
                    piece, selection=selection, observables=observables, spectra=spectra
                ),
                lambda error: isinstance(error, StorageError),
                patience=cache.patience,
                pause=1.0,
            )
        except (FileUnreadableError, TreeMissingError) as error:
            return done | {"why": str(error)}
        keep(cache, row["stem"], table, flow)
        return done

    return read


def look_at(config: ScanConfig, inputs: Inputs, cache: Storage) -> Reading:
    """What reading found in all files."""
    every = (parts(config, inputs, name) for name in config.processes)
    return compare({stem: piece for some in every for stem, piece in some.items()}, cache)
