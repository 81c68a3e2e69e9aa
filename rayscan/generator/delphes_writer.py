"""Reconstructed events into a ROOT file with the layout of Delphes.

Leaves are named as Delphes names them (``Jet.PT``, ``MissingET.MET``); ``Event``, ``MissingET`` and
``ScalarHT`` are arrays of length one, as there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from rayscan.errors import StorageError
from rayscan.generator.particles import Columns, Reconstructed, joined

CLUSTER = 20_000
"""Events written at once; entry ranges of this size are cheap to read."""
_JET = {"PT": "pt", "Eta": "eta", "Phi": "phi", "Mass": "mass", "BTag": "btag", "Flavor": "flavour"}
_LEPTON = {"PT": "pt", "Eta": "eta", "Phi": "phi", "Charge": "charge"}


def write(
    path: Path, batches: Iterable[Reconstructed], events: int, meta: Callable[[], Mapping[str, Any]]
) -> None:
    """Write exactly ``events`` events, atomically, to one file.

    Args:
        path: Where the finished file appears; its folder is made, an older file is replaced, a
            half-written one is never seen.
        batches: Events, more than enough.
        events: How many to write.
        meta: What is stored as JSON beside the tree under ``rayscan_meta``; asked for after the
            last batch was drawn, when efficiencies are known.

    Raises:
        StorageError: The file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with uproot.recreate(part, compression=uproot.ZSTD(5)) as file:
            _fill(file, batches, events)
            file["rayscan_meta"] = json.dumps(dict(meta()), sort_keys=True)
        part.replace(path)
    except OSError as error:
        fix = "give a writable folder with free space"
        raise StorageError(path=str(path), why=str(error), fix=fix) from error
    finally:
        if part.exists():
            part.unlink()


def _fill(file: Any, batches: Iterable[Reconstructed], events: int) -> None:
    tree, written = None, 0
    for cluster in _clusters(batches, events):
        columns = collections(cluster, first=written)
        if tree is None:
            types = {name: array.type.content for name, array in columns.items()}
            tree = file.mktree(
                "Delphes",
                types,
                title="Analysis tree",
                counter_name=lambda collection: f"{collection}_size",
                field_name=lambda collection, name: ".".join(filter(None, (collection, name))),
            )
        tree.extend(columns)
        written += cluster.events


def _clusters(batches: Iterable[Reconstructed], events: int) -> Iterable[Reconstructed]:
    """The first ``events`` events in pieces of `CLUSTER`."""
    waiting: list[Reconstructed] = []
    left = events
    for batch in batches:
        waiting.append(batch)
        while (held := sum(piece.events for piece in waiting)) >= min(left, CLUSTER):
            together = joined(waiting)
            number = np.arange(held)
            size = min(left, CLUSTER)
            yield together.keep(number < size)
            waiting = [together.keep(number >= size)]
            left -= size
            if left == 0:
                return


def collections(events: Reconstructed, *, first: int = 0) -> dict[str, ak.Array]:
    """Delphes collections of events as jagged records, numbered from ``first``."""
    count = events.events
    electrons = events.leptons.take(events.leptons.electron)
    muons = events.leptons.take(~events.leptons.electron)
    ht = np.bincount(events.jets.event, events.jets.pt, count)
    number = np.arange(first, first + count, dtype=np.int64)
    return {
        "Event": _single(Number=number, Weight=np.ones(count)),
        "Jet": _jagged(events.jets, _JET, count),
        "Electron": _jagged(electrons, _LEPTON, count),
        "Muon": _jagged(muons, _LEPTON, count),
        "MissingET": _single(MET=events.met, Eta=np.zeros(count), Phi=events.met_phi),
        "ScalarHT": _single(HT=ht),
    }


def _stored(values: NDArray[Any]) -> NDArray[Any]:
    """Delphes stores real numbers in single precision."""
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _single(**columns: NDArray[Any]) -> ak.Array:
    one = np.ones(len(next(iter(columns.values()))), dtype=np.int64)
    return ak.zip({name: ak.unflatten(_stored(values), one) for name, values in columns.items()})


def _jagged(objects: Columns, names: Mapping[str, str], events: int) -> ak.Array:
    number = np.bincount(objects.event, minlength=events)
    values = {leaf: _stored(getattr(objects, name)) for leaf, name in names.items()}
    return ak.zip({leaf: ak.unflatten(column, number) for leaf, column in values.items()})
