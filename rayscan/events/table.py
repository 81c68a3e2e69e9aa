"""The event table: its columns, their units, and the identity of an event.

One row per selected event: who it is (process, file, entry), its weight, and one float32 column per
observable, NaN where the object is absent; in the cache also what it is known by in any file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from rayscan.events.observables import names as named

CONTENT = ("entry", "content", "content_bits")


def schema(observables: Sequence[str]) -> pa.Schema:
    """The Arrow schema of an event table with these observables, in this order.

    Returns:
        ``process`` and ``file`` (string), ``entry`` (int64), ``weight`` (float64), then a float32
        field per observable; each field's metadata has ``unit`` and ``description``.

    Raises:
        ValueError: A name is no observable, or is given twice.
    """
    twice = [name for name, times in Counter(observables).items() if times > 1]
    if twice:
        raise ValueError(f"observables: '{twice[0]}' is named twice, expected each once")
    return pa.schema(
        [
            _field("process", pa.string(), "1", "process the event belongs to"),
            _field("file", pa.string(), "1", "short name of the file the event comes from"),
            _field("entry", pa.int64(), "1", "entry of the event in the tree of its file"),
            _field("weight", pa.float64(), "1", "event weight of the generator"),
            *(_field(name, pa.float32(), *named.describe(name)) for name in observables),
        ]
    )


def cached(observables: Sequence[str]) -> pa.Schema:
    """The schema of an event table as it is read: `schema`, and what an event is known by.

    That is ``content`` (uint64) and ``content_bits`` (uint8), as `content.known`.
    """
    return pa.schema(
        [
            *schema(observables),
            _field("content", pa.uint64(), "1", "hash of all that was read of the event"),
            _field("content_bits", pa.uint8(), "bit", "how much that tells events apart"),
        ]
    )


def _field(name: str, kind: pa.DataType, unit: str, description: str) -> pa.Field:
    meta = {b"unit": unit.encode(), b"description": description.encode()}
    return pa.field(name, kind, metadata=meta)
