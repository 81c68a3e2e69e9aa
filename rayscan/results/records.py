"""Small JSON objects of a storage, each the record it was written from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from rayscan.errors import StorageError
from rayscan.results.storage import Storage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)


def put(storage: Storage, name: str, record: DataclassInstance, *, lasting: bool) -> None:
    """Write a record."""
    storage.write(name, json.dumps(asdict(record)).encode(), lasting=lasting)


def get(storage: Storage, name: str, kind: type[Record], *, fix: str) -> Record | None:
    """A record as it was written, None where there is none.

    What is not understood is an error with ``fix``.

    Raises:
        StorageError: It cannot be read, or is not understood.
    """
    content = storage.read(name)
    if content is None or not content.strip(b"\0"):  # what a power failure leaves
        return None
    try:
        return kind(**json.loads(content))
    except (ValueError, TypeError) as error:
        why = f"is not understood ({error})"
        raise StorageError(path=storage.path(name), why=why, fix=fix) from error
