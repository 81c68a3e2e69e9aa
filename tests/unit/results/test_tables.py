"""The ledger and the tables: parts that replace themselves, rows that are never doubled."""

from __future__ import annotations

import io
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayscan.errors import SchemaMismatchError, TableError
from rayscan.results.ledger import Ledger, rows_to_table
from rayscan.results.read import hyperparameters, read_tables
from rayscan.results.storage import Storage
from rayscan.results.tables.base import markdown
from rayscan.results.tables.registry import LAYOUTS


def trial(name, **more):
    return {"trial": name, "repeat": 0, **more}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(str(tmp_path))


def names(ledger, table="trials"):
    return ledger.read(table).column("trial").to_pylist()


def test_rows_come_back_in_the_order_of_their_identity(ledger):
    ledger.commit("trials", "second", [trial("c"), trial("a")])
    ledger.commit("trials", "first", [trial("b")])
    assert names(ledger) == ["a", "b", "c"]
    assert ledger.keys("trials") == {"first", "second"}


def test_a_part_replaces_itself(ledger):
    ledger.commit("trials", "part", [trial("a", status="error")])
    ledger.commit("trials", "part", [trial("a", status="ok")])
    assert ledger.read("trials").column("status").to_pylist() == ["ok"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=6))
def test_no_order_of_commits_doubles_a_row(tmp_path_factory, commits):
    ledger = Ledger(str(tmp_path_factory.mktemp("ledger")))
    for part, row in commits:
        ledger.commit("trials", part, [trial(row)])
    last = dict(commits)
    assert names(ledger) == sorted(set(last.values()))


def test_missing_values_and_nan_are_one_thing(ledger):
    row = trial("a", objective_value=math.nan, validation_auc=np.float32(0.5), epochs=np.int64(3))
    ledger.commit("trials", "part", [row])
    (found,) = ledger.read("trials").to_pylist()
    assert found["objective_value"] is None
    assert found["validation_auc"] == 0.5
    assert found["epochs"] == 3
    assert found["error"] is None


def test_a_part_without_rows_is_a_part(ledger):
    ledger.commit("auc", "empty", [])
    assert ledger.keys("auc") == {"empty"}
    assert ledger.read("auc").num_rows == 0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"trial": "a", "colour": 1}, "no column .'colour'"),
        ({"repeat": 1}, "lacks its key .'trial'"),
        ({"trial": "a", "epochs": "many"}, "wrong type"),
    ],
)
def test_rows_of_another_layout_are_refused(row, why):
    with pytest.raises(SchemaMismatchError, match=why):
        rows_to_table("trials", [row])


@pytest.mark.parametrize("key", ["", "a/b", "ä", "a b"])
def test_a_key_that_cannot_name_a_file_is_refused(ledger, key):
    with pytest.raises(TableError, match="cannot name a part"):
        ledger.commit("trials", key, [])


def test_a_part_of_an_older_version_lacks_only_values(ledger, tmp_path):
    sink = io.BytesIO()
    pq.write_table(pa.table({"trial": ["a"], "repeat": pa.array([1], pa.int32())}), sink)
    Storage(str(tmp_path)).write("ledger/trials/old.parquet", sink.getvalue())
    (row,) = ledger.read("trials").to_pylist()
    assert (row["trial"], row["repeat"], row["status"]) == ("a", 1, None)


def test_a_part_without_its_key_is_refused(ledger, tmp_path):
    sink = io.BytesIO()
    pq.write_table(pa.table({"repeat": [1]}), sink)
    Storage(str(tmp_path)).write("ledger/trials/old.parquet", sink.getvalue())
    with pytest.raises(SchemaMismatchError, match="no column 'trial'"):
        ledger.read("trials")


def test_a_broken_part_is_named(ledger, tmp_path):
    Storage(str(tmp_path)).write("ledger/trials/bad.parquet", b"not parquet")
    with pytest.raises(TableError, match=r"bad\.parquet: is no sound Parquet file"):
        ledger.read("trials")


def test_every_table_is_published_with_units(ledger, tmp_path):
    ledger.commit("trials", "part", [trial("a")])
    assert ledger.publish() == {**dict.fromkeys(LAYOUTS, 0), "trials": 1}
    for name, layout in LAYOUTS.items():
        schema = pq.read_schema(tmp_path / "tables" / f"{name}.parquet")
        assert schema.names == [c.name for c in layout.columns]
        assert all(field.metadata[b"description"] for field in schema)


def test_tables_of_a_running_scan_can_be_read(ledger, tmp_path):
    ledger.commit("trials", "part", [trial("a", hyperparameters='{"C": 0.5}')])
    tables = read_tables(tmp_path)
    assert tables.trials["trial"].tolist() == ["a"]
    assert len(tables.auc) == 0
    assert hyperparameters(tables.trials)["C"].tolist() == [0.5]


def test_a_folder_without_results_says_what_to_give(tmp_path):
    with pytest.raises(TableError, match="no rayscan results here"):
        read_tables(tmp_path / "nowhere")


def test_every_column_is_documented():
    text = markdown(LAYOUTS.values())
    for layout in LAYOUTS.values():
        assert set(layout.key) <= {c.name for c in layout.columns}
        assert set(layout.measured) <= {c.name for c in layout.columns}
        for column in layout.columns:
            assert column.meaning
            assert f"`{column.name}`" in text
