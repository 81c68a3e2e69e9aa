"""The Ledger: it commits rows in parts, and publishes them as tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rayscan.errors import DamagedError, SchemaMismatchError, TableError
from rayscan.results import seal, snapshots
from rayscan.results.lock import still_held
from rayscan.results.storage import Storage
from rayscan.results.tables.base import TableLayout
from rayscan.results.tables.registry import LAYOUTS

_KEY = re.compile(r"[A-Za-z0-9._=-]+")


class Ledger:
    """What has been finished. Rows are committed in parts named by a key; a part replaces itself.

    A part is one Parquet file, put in place whole, so that killing anything at any moment leaves
    either all rows of the part or none, and running anything twice never doubles a row. It carries
    its checksum.

    Args:
        storage: Folder or URL of the results.
        token: Key of the lock of the run that writes; each change asks whether it still holds it.
    """

    def __init__(self, storage: Storage | str, token: str = "") -> None:
        self.storage = storage if isinstance(storage, Storage) else Storage(storage)
        self._token = token

    def _held(self) -> None:
        if self._token:
            still_held(self.storage, self._token)

    def commit(self, table: str, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put the rows of one part in place.

        Raises:
            SchemaMismatchError: a row has a column the table has not, or lacks one of its key.
            StorageBusyError: another run has taken over.
            StorageError: the storage cannot be written.
        """
        if not _KEY.fullmatch(key):
            raise TableError(path=table, why=f"'{key}' cannot name a part")
        # Units and meanings would be most of a part of one row; the published tables have them.
        part = rows_to_table(table, rows).replace_schema_metadata(None)
        bare = pa.schema([field.remove_metadata() for field in part.schema])
        content = seal.encode(part.cast(bare))
        self.storage.write(_part(table, key), content, check=self._held)

    def keys(self, table: str) -> frozenset[str]:
        """Keys of the parts that are in place."""
        names = self.storage.names(f"ledger/{table}")
        return frozenset(n.removesuffix(".parquet") for n in names if n.endswith(".parquet"))

    def keep_only(self, table: str, keys: Iterable[str]) -> None:
        """Remove the parts of a table that no longer belong to the scan."""
        for key in self.keys(table) - frozenset(keys):
            self._held()
            self.storage.remove(_part(table, key))

    def contents(self, table: str, keys: Sequence[str]) -> list[bytes | None]:
        """Parts as they are stored, None for one that is not there."""
        return self.storage.read_many([_part(table, key) for key in keys])

    def set_aside(self, table: str, key: str) -> str:
        """Take a part out of the ledger, so that it is not done; where it is kept."""
        name = _part(table, key)
        aside = f"ledger/damaged/{table}/{key}.parquet"
        self.storage.write(aside, self.storage.read(name) or b"", check=self._held)
        self.storage.remove(name)
        return aside

    def read(self, table: str, keys: Iterable[str] | None = None) -> pa.Table:
        """All rows (or those of some parts), one per identity, in the order of the identity."""
        layout = LAYOUTS[table]
        names = sorted(self.keys(table) if keys is None else keys)
        contents = self.contents(table, names)
        if keys is None and None in contents:  # a run has removed parts since they were listed
            return self.read(table)
        parts = [
            _decoded(content, layout, self.storage.path(_part(table, name)))
            for name, content in zip(names, contents, strict=True)
        ]
        return _tidy(layout, pa.concat_tables(parts) if parts else layout.schema.empty_table())

    def publish(self) -> dict[str, int]:
        """Write all tables as one snapshot, and copies of them as ``tables/<name>.parquet``.

        Returns:
            Rows of each table.
        """
        found = {name: self.read(name) for name in LAYOUTS}
        contents = {name: seal.encode(rows) for name, rows in found.items()}
        snapshots.publish(self.storage, contents, check=self._held)
        return {name: rows.num_rows for name, rows in found.items()}

    def tables(self) -> dict[str, pa.Table]:
        """All tables of one moment: the last that were published, else what is finished so far."""
        published = snapshots.read(self.storage)
        if published is None:
            return {name: self.read(name) for name in LAYOUTS}
        found = {name: layout.schema.empty_table() for name, layout in LAYOUTS.items()}
        for name in found.keys() & published.keys():
            path, content = published[name]
            found[name] = _decoded(content, LAYOUTS[name], path)
        return found


def _part(table: str, key: str) -> str:
    return f"ledger/{table}/{key}.parquet"


def rows_to_table(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as an Arrow table of the documented schema; a column not given is missing (null)."""
    layout = LAYOUTS[table]
    known = {c.name for c in layout.columns}
    for row in rows:
        if strange := set(row) - known:
            raise SchemaMismatchError(path=table, why=f"no column {sorted(strange)}")
        if missing := [k for k in layout.key if k not in row]:
            raise SchemaMismatchError(path=table, why=f"a row lacks its key {missing}")
    try:
        return pa.Table.from_pylist([_plain(row) for row in rows], schema=layout.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SchemaMismatchError(
            path=table, why=f"a value has the wrong type ({error})"
        ) from error


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Numpy scalars as Python ones; NaN as missing, so that one sign means 'no number'."""
    values = {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
    return {k: None if isinstance(v, float) and v != v else v for k, v in values.items()}  # noqa: PLR0124


def _decoded(content: bytes | None, layout: TableLayout, path: str) -> pa.Table:
    """A sound stored table with the columns of today."""
    why = seal.damage(content)
    if why or content is None:
        raise DamagedError(path=path, why=why)
    found = seal.decode(content)
    columns = []
    for wanted in layout.schema:
        if wanted.name in found.column_names:
            columns.append(_cast(found.column(wanted.name), wanted, path))
        elif wanted.name in layout.key:
            raise SchemaMismatchError(path=path, why=f"has no column '{wanted.name}'")
        else:  # written by an older version that did not know the column yet
            columns.append(pa.nulls(found.num_rows, wanted.type))
    return pa.Table.from_arrays(columns, schema=layout.schema)


def _cast(column: pa.ChunkedArray, wanted: pa.Field, path: str) -> pa.ChunkedArray:
    try:
        return column.cast(wanted.type)
    except pa.ArrowException as error:
        why = f"column '{wanted.name}' holds {column.type}, not {wanted.type}"
        raise SchemaMismatchError(path=path, why=why) from error


def _tidy(layout: TableLayout, table: pa.Table) -> pa.Table:
    order = list(dict.fromkeys([*layout.order, *layout.key]))
    frame = table.select(order).to_pandas()
    frame["_row"] = np.arange(len(frame))
    first = frame.drop_duplicates(list(layout.key), keep="first")
    rows = first.sort_values(order, kind="stable")["_row"].to_numpy()
    return table.take(pa.array(rows))
