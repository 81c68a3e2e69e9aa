"""What reading must notice before anything is trained: weights, broken events, repeated events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from rayscan.errors import (
    BrokenEventsError,
    InputError,
    Problem,
    RepeatedEventsError,
    WeightError,
)
from rayscan.events import repeats, weights
from rayscan.events.formats import Slice
from rayscan.events.repeats import Known
from rayscan.events.selection import CutFlow, Step, add
from rayscan.events.table import CONTENT
from rayscan.events.weights import Weights
from rayscan.results import seal
from rayscan.results.storage import Storage
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.events import damaged, sound

_AT_ONCE = 8
"""Objects of a storage asked for at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """What an input file was found to hold; ``weight`` is the branch of its weights or ``none``."""

    process: str
    name: str
    path: str
    weight: str
    flow: CutFlow


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All input files as they were read: ``compared`` of their events hold enough for that."""

    files: tuple[FileRead, ...]
    repeated: tuple[RepeatedEventsError, ...]
    selected: int
    compared: int

    def of(self, process: str) -> tuple[FileRead, ...]:
        """The files of one process."""
        return tuple(file for file in self.files if file.process == process)


def keep(cache: Storage, stem: str, table: pa.Table, flow: CutFlow) -> None:
    """Put what was selected of a slice, and its cut flow, into the cache under a name."""
    cache.write(f"{stem}.parquet", seal.encode(table))
    cache.write(f"{stem}.json", json.dumps(asdict(flow)).encode())  # last: says it is whole


def flow_of(cache: Storage, stem: str) -> CutFlow:
    """A cut flow as `keep` has put it there.

    Raises:
        StorageError: it is gone or damaged; the next run makes it anew.
    """
    content = cache.whole(f"{stem}.json")
    try:
        data: dict[str, Any] = json.loads(content)
        steps = tuple(Step(**step) for step in data.pop("steps"))
        weights = {name: Weights(**data[name]) for name in ("weights", "selected")}
        return CutFlow(**data | {"steps": steps} | weights)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(cache, f"{stem}.parquet", str(error), mark=f"{stem}.json") from error


def columns_of(cache: Storage, stem: str, columns: Sequence[str]) -> pa.Table:
    """Columns of an event table as `keep` has put it there.

    Raises:
        StorageError: it is gone or damaged; the next run makes it anew.
    """
    return sound(cache, f"{stem}.parquet", columns, mark=f"{stem}.json")


def look(parts: Mapping[str, Slice], cache: Storage) -> Reading:
    """What all files were found to hold, by the event tables in the cache and their slices."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        flows = pool.map(lambda stem: flow_of(cache, stem), parts)
        tables = pool.map(lambda stem: columns_of(cache, stem, CONTENT), parts)
        read = list(zip(parts.values(), flows, tables, strict=True))
    by_file: dict[tuple[str, str], list[tuple[Slice, CutFlow, pa.Table]]] = {}
    for one in read:
        by_file.setdefault((one[0].process, one[0].path), []).append(one)
    files, known = [], {}
    for (process, path), those in by_file.items():
        slices, flows_of_file, contents = zip(*those, strict=True)
        files.append(
            FileRead(
                process=process,
                name=slices[0].file,
                path=path,
                weight=slices[0].weight,
                flow=add(flows_of_file),
            )
        )
        entries, hashes, bits = (pa.concat_tables(contents)[name].to_numpy() for name in CONTENT)
        known[f"{path} of '{process}'"] = Known(entries=entries, hashes=hashes, bits=bits)
    return Reading(
        files=tuple(files),
        repeated=repeats.repeats(known),
        selected=sum(len(each.entries) for each in known.values()),
        compared=repeats.compared(known),
    )


def reading_problems(config: ScanConfig, reading: Reading) -> list[Problem]:
    """Everything that makes the events that were read unfit for the scan."""
    found = [
        Problem(where=f"processes.{name}", what=str(error))
        for name, process in config.processes.items()
        for error in (
            *_broken(config, reading.of(name)),
            *_weights(name, process, reading.of(name)),
        )
    ]
    return [*found, *(Problem(where="processes", what=str(e)) for e in reading.repeated)]


def _broken(config: ScanConfig, files: Sequence[FileRead]) -> Iterator[InputError]:
    if config.skip_broken_events:
        return
    for file in files:
        if file.flow.broken:
            columns = tuple(file.flow.broken_columns.items())
            yield BrokenEventsError(path=file.path, events=file.flow.broken, columns=columns)


def _weights(name: str, process: Process, files: Sequence[FileRead]) -> Iterator[InputError]:
    """What is wrong with the weights of one process; the first that explains the others."""
    if not sum(file.flow.weights.events for file in files):
        return
    if spike := _spike(process, files):
        yield WeightError(process=name, why=spike)
        return
    each = {file.name: file.flow.weights for file in files}
    per_file = process.normalise == "per_file"
    lost = [
        n for n, w in each.items() if w.events and w.total <= 0 and (per_file or len(files) == 1)
    ]
    if lost or sum(w.total for w in each.values()) <= 0:
        yield WeightError(
            process=name,
            why="event weights sum to nothing or less "
            f"({weights.described(each, lost or list(each))}); "
            "a cross-section after selection is a share of that sum: look how the files were made",
        )
    elif process.normalise is None and (odd := weights.off(each)):
        yield WeightError(
            process=name,
            why="event weights of its files are normalised differently, by their means before any "
            f"cut ({weights.described(each, odd)}); write 'normalise: per_file' to give every file "
            "a part in proportion to its events, or 'normalise: as_is' if the weights are right "
            "together, as those of slices of one process",
        )


def _spike(process: Process, files: Sequence[FileRead]) -> str:
    factors = factors_of(process, {file.name: file.flow.weights for file in files})
    scaled = {file.path: file.flow.weights.scaled(factors[file.name]) for file in files}
    whole = sum(scaled.values(), Weights())
    if not whole.dominated:
        return ""
    path = max(scaled, key=lambda p: scaled[p].largest)
    return weights.spike(whole, f"entry {scaled[path].entry} of {path}")


def factors_of(process: Process, files: Mapping[str, Weights]) -> dict[str, float]:
    """What the weights of each file are multiplied by.

    Args:
        process: What the user says of it: ``per_file`` makes the mean weight of every file 1, so
            that files count in proportion to their events.
        files: File -> weights of all its events before any cut.
    """
    if process.normalise != "per_file":
        return dict.fromkeys(files, 1.0)
    return {name: 1 / each.mean if each.mean > 0 else 1.0 for name, each in files.items()}
