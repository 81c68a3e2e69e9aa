"""The result tables of a scan and of its variants, put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from rayscan.results.ledger import Ledger
from rayscan.results.names import BASE, VARIANTS, variant_storage
from rayscan.results.read import Tables, read_tables
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS

VARIANT = "variant"
"""The column that says which scan a row is of."""


def read_study(path: str | Path) -> Tables:
    """The tables of a scan and of its variants, as far as they have run; no Ray, no TensorFlow.

    Args:
        path: The scan's ``storage``: a folder or a URL.

    Returns:
        The tables of `read_tables`, each with a first column ``variant``: ``base`` for the scan
        itself, then the variants in the order of their names (numbers in them count as numbers).

    Raises:
        TableError: there is no rayscan result at this place.
    """
    names = (BASE, *variant_names(str(path)))
    ledgers = {name: Ledger(variant_storage(str(path), name)) for name in names}
    begun = {n: each for n, each in ledgers.items() if any(each.keys(t) for t in LAYOUTS)}
    if not begun:
        return read_tables(path)  # says what is wrong
    found = {name: ledger.tables() for name, ledger in begun.items()}
    return Tables(**{table: _stacked(found, table) for table in LAYOUTS})


def variant_names(storage: str) -> tuple[str, ...]:
    """Names of the variants that a storage holds, numbers in them in the order of numbers."""
    return tuple(sorted(Storage(storage).folders(VARIANTS), key=_natural))


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def _stacked(scans: Mapping[str, Mapping[str, pa.Table]], table: str) -> pd.DataFrame:
    """One table of all scans, put together while its columns still have the types of the schema."""
    parts = []
    for name, tables in scans.items():
        rows = tables[table]
        parts.append(rows.add_column(0, VARIANT, pa.array([name] * rows.num_rows, pa.string())))
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return frame
