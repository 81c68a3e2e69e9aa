"""Whether a scan is finished: nothing has changed since it ended, nothing is missing or damaged.

A mark in the storage says so; who finds another state than the marked one runs the scan, which then
does only what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from rayscan import places
from rayscan.errors import InputError, StorageError
from rayscan.keys import RESULTS_VERSION, digest
from rayscan.results.ledger import Ledger
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.manifest import numbers
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.soundness import is_sound

_NAME = "finished.json"

Stamps: TypeAlias = tuple[tuple[str, int, int], ...]


def stamps(config: ScanConfig, base: Path) -> Stamps:
    """Place, size and time of every input file that is there; none is opened."""
    found = []
    try:
        for process in config.processes.values():
            for pattern in process.files:
                found += [(p, *places.stamp_of(p)) for p in places.expand(pattern, base)]
    except (InputError, StorageError):  # the run will say what is wrong with it
        return ()
    return tuple(found)


def mark(config: ScanConfig, files: Stamps, rows: Mapping[str, int]) -> None:
    """Write down that a scan has ended and that nothing of it is missing.

    ``files`` are as they were when it began.
    """
    storage = Storage(config.storage)
    content = {"state": _state(config, storage, files), "rows": dict(rows)}
    storage.write(_NAME, json.dumps(content).encode())


def rows_of(config: ScanConfig, files: Stamps) -> dict[str, int] | None:
    """Rows of each table of a finished scan, None if something is to do."""
    storage = Storage(config.storage)
    content = storage.read(_NAME)
    if content is None:
        return None
    try:
        found = json.loads(content)
        rows, state = dict(found["rows"]), found["state"]
    except (ValueError, KeyError, TypeError):  # written by another version
        return None
    same = state == _state(config, storage, files)
    return rows if same and is_sound(storage) else None


def _state(config: ScanConfig, storage: Storage, files: Stamps) -> str:
    ledger = Ledger(storage)
    return digest(
        RESULTS_VERSION,
        numbers(config),
        files,
        {name: [column.name for column in layout.columns] for name, layout in LAYOUTS.items()},
        {name: sorted(ledger.keys(name)) for name in LAYOUTS},
        storage.names("tables"),
    )
