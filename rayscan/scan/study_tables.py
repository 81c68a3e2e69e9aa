"""The result tables of a scan and of its variants, put together."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pandas as pd

from rayscan.errors import TableError
from rayscan.scan.storage import Storage
from rayscan.scan.study import BASE, variant_storage
from rayscan.scan.tables import Tables, read_tables
from rayscan.scan.unknown_keys import VARIANTS

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
    found = {}
    for name in (BASE, *variant_names(str(path))):
        try:
            found[name] = read_tables(variant_storage(str(path), name))
        except TableError:  # not begun yet
            continue
    if not found:
        return read_tables(path)  # says what is wrong
    return Tables(**{each.name: _stacked(found, each.name) for each in fields(Tables)})


def variant_names(storage: str) -> tuple[str, ...]:
    """Names of the variants that a storage holds, numbers in them in the order of numbers."""
    return tuple(sorted(Storage(storage).folders(VARIANTS), key=_natural))


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def _stacked(found: dict[str, Tables], table: str) -> pd.DataFrame:
    """One table of all scans; a column that is empty in some keeps the type it has in others."""
    frames = {name: getattr(tables, table) for name, tables in found.items()}
    filled = {name: frame for name, frame in frames.items() if len(frame)} or frames
    parts = [frame.assign(**{VARIANT: name}) for name, frame in filled.items()]
    columns = [VARIANT, *next(iter(frames.values())).columns]
    return pd.concat(_typed(parts), ignore_index=True)[columns]


def _typed(parts: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Columns without any value take the type they have where they have values."""
    types = {
        name: part[name].dtype
        for part in parts
        for name in part.columns
        if part[name].notna().any()
    }
    return [
        part.astype(
            {
                name: kind
                for name, kind in types.items()
                if part[name].isna().all() and pd.api.types.is_float_dtype(kind)
            }
        )
        for part in parts
    ]
