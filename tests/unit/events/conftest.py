"""Small Delphes-layout files made here, and tables of events without a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest
import uproot

from rayscan.events import table as event_table

Collections = Mapping[str, Mapping[str, list[list[float]]]]


def _append(file: Any, collections: Collections, tree: str) -> None:
    data = {
        name: ak.zip(
            {leaf: ak.values_astype(ak.Array(v), np.float32) for leaf, v in leaves.items()}
        )
        for name, leaves in collections.items()
    }
    made = file.mktree(
        tree,
        {name: array.type.content for name, array in data.items()},
        counter_name=lambda counted: counted + "_size",
        field_name=lambda outer, inner: inner if outer == "" else f"{outer}.{inner}",
    )
    made.extend(data)


@pytest.fixture
def write_delphes(tmp_path: Path) -> Callable[..., Path]:
    """Writes collections ({"Jet": {"PT": [[...], ...]}}) as trees of one file, one cycle each."""

    def write(*cycles: Collections, name: str = "made.root", tree: str = "Delphes") -> Path:
        path = tmp_path / name
        with uproot.recreate(path) as file:
            for collections in cycles:
                _append(file, collections, tree)
        return path

    return write


@pytest.fixture(scope="session")
def events() -> Callable[..., pa.Table]:
    """An event table with given weights, one observable and consecutive entries."""

    def make(
        weights: np.ndarray, *, process: str = "zvvj", file: str = "a", first: int = 0
    ) -> pa.Table:
        size = len(weights)
        columns = [
            pa.repeat(pa.scalar(process), size),
            pa.repeat(pa.scalar(file), size),
            pa.array(np.arange(first, first + size)),
            pa.array(np.asarray(weights, dtype=np.float64)),
            pa.array(np.arange(size, dtype=np.float32)),
        ]
        return pa.Table.from_arrays(columns, schema=event_table.schema(["met"]))

    return make
