"""The columns of an event table."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rayscan.events import table


def test_a_schema_starts_with_the_identity_of_the_event() -> None:
    found = table.schema(["jet1_pt", "met"])
    assert tuple(found.names) == ("process", "file", "entry", "weight", "jet1_pt", "met")
    assert found.types == [
        pa.string(),
        pa.string(),
        pa.int64(),
        pa.float64(),
        pa.float32(),
        pa.float32(),
    ]


def test_every_column_says_its_unit_and_meaning() -> None:
    for column in table.schema(["jet1_pt", "dphi_jet1_met", "n_jets"]):
        assert set(column.metadata) == {b"unit", b"description"}
    assert table.schema(["jet1_pt"]).field("jet1_pt").metadata[b"unit"] == b"GeV"


def test_an_observable_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'met' is named twice"):
        table.schema(["met", "ht", "met"])


def test_an_unknown_observable_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="nearest: 'jet1_pt'"):
        table.schema(["jet1_pT"])
