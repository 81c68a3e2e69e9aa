"""Tables written by every released version stay readable."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rayscan.results.ledger import Ledger
from rayscan.results.read import read_tables
from rayscan.results.tables.registry import LAYOUTS

GOLDEN = Path(__file__).parents[2] / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


@pytest.mark.parametrize("version", VERSIONS)
def test_tables_of_an_old_version_are_read_with_todays_columns(
    version: str, tmp_path: Path
) -> None:
    known = [name for name in LAYOUTS if (GOLDEN / version / f"{name}.parquet").exists()]
    for name in known:
        old = GOLDEN / version / f"{name}.parquet"
        part = tmp_path / "ledger" / name / "old.parquet"
        part.parent.mkdir(parents=True)
        part.write_bytes(old.read_bytes())
    tables = read_tables(tmp_path)
    for name, layout in LAYOUTS.items():
        frame = getattr(tables, name)
        assert list(frame.columns) == [column.name for column in layout.columns]
        if name in known:
            assert len(frame) == pq.read_metadata(GOLDEN / version / f"{name}.parquet").num_rows > 0
        else:  # a table that came later
            assert frame.empty


@pytest.mark.parametrize("version", VERSIONS)
def test_a_column_an_old_version_did_not_know_is_missing(version: str, tmp_path: Path) -> None:
    old = pq.read_table(GOLDEN / version / "auc.parquet").drop_columns(["auc_likelihood_ratio"])
    part = tmp_path / "ledger" / "auc" / "old.parquet"
    part.parent.mkdir(parents=True)
    pq.write_table(old, part)
    read = Ledger(str(tmp_path)).read("auc")
    assert read.num_rows == old.num_rows
    assert read.column("auc_likelihood_ratio").null_count == read.num_rows
