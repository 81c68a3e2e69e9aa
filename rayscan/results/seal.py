"""Files that carry their own checksum, inside or as their name: a damaged one is known."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

_KEY = b"rayscan.checksum"
_SIZE = 16
_BLANK = b"0" * (2 * _SIZE)
_GAP = 2
"""Bytes between key and value in a Parquet footer: a field's header and the length of a text."""

_EARLIER = frozenset({b"ARROW:schema", b"table", b"row", b"key"})
"""What the footers hold that were written before there were checksums."""


def checksum(*content: bytes | memoryview) -> str:
    """BLAKE2b of some bytes, one after the other, as 32 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=_SIZE)
    for some in content:
        found.update(some)
    return found.hexdigest()


def encode(table: pa.Table, compression: str = "zstd") -> bytes:
    """A table as a Parquet file whose footer holds the checksum of all its other bytes."""
    sink = io.BytesIO()
    # Numbers hardly repeat: dictionaries of them would make larger files, three times as slowly.
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(
        sink, table.schema, compression=compression, use_dictionary=texts
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_KEY: _BLANK})
    content = sink.getvalue()
    start = _start(content)
    return _with(content, start, checksum(content).encode())


def damage(content: bytes | None) -> str:
    """What is wrong with a stored table, empty if it is sound.

    Files from before there were checksums are sound if they can be read.
    """
    if not content:
        return _lost(content)
    start = _start(content)
    if start < 0:
        return _unread(content)
    stored = content[start : start + len(_BLANK)]
    view = memoryview(content)  # copies of all bytes would take as long as their checksum
    found = checksum(view[:start], _BLANK, view[start + len(_BLANK) :]).encode()
    return "" if stored == found else "does not match its checksum"


def damage_of_named(name: str, content: bytes | None) -> str:
    """What is wrong with a file whose name is its checksum, empty if it is sound.

    Of one with a name from before there were checksums no more is known than that it is there.
    """
    if not content:
        return _lost(content)
    stem = PurePosixPath(name).stem
    named = len(stem) == len(_BLANK) and stem != checksum(content)
    return "does not match its checksum" if named else ""


def _lost(content: bytes | None) -> str:
    return "is empty" if content is not None else "vanished"


def decode(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a sound file, or some of its columns."""
    file = pq.ParquetFile(pa.BufferReader(content))
    wanted = file.schema_arrow.names if columns is None else list(columns)
    return file.read(wanted, use_threads=False).select(wanted)


def _start(content: bytes) -> int:
    """Where the checksum begins, -1 without one."""
    place = content.rfind(_KEY)
    return place + len(_KEY) + _GAP if place >= 0 else -1


def _with(content: bytes, start: int, value: bytes) -> bytes:
    return content[:start] + value + content[start + len(value) :]


def _unread(content: bytes) -> str:
    try:
        found = pq.ParquetFile(io.BytesIO(content))
        # A checksum whose name was hit must not pass for a file that never had one.
        names = set(found.metadata.metadata or {})
        strange = names - _EARLIER
        if b"ARROW:schema" not in names:
            return "has lost the end of its footer"
        found.read().validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"is no sound Parquet file ({str(error).splitlines()[0][:200] or 'nothing said'})"
    return f"holds what was never written ({strange.pop()!r})" if strange else ""
