"""Published tables: snapshots of which a reader sees one whole, named by a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from rayscan.errors import DamagedError
from rayscan.results import seal
from rayscan.results.storage import Storage

_FOLDER = "tables"
_MANIFEST = f"{_FOLDER}/manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Which tables count, in which snapshot; somebody may still read the one before (or empty)."""

    snapshot: str
    before: str
    tables: tuple[str, ...]


def publish(storage: Storage, contents: Mapping[str, bytes], *, check: Callable[[], None]) -> None:
    """Make tables the current snapshot: its manifest is swapped when all are in place.

    The snapshot before stays for who is reading it; older ones are removed. Plain copies of the
    tables follow, one by one.

    ``check`` is asked before each change, and raises to end it.
    """
    name = f"snapshot-{seal.checksum(b''.join(contents.values()))}"
    try:
        earlier = _manifest(storage)
    except DamagedError:
        earlier = None
    before = "" if earlier is None else earlier.snapshot
    if earlier is not None and earlier.snapshot == name:
        before = earlier.before
    for table, content in contents.items():
        storage.write(f"{_FOLDER}/{name}/{table}.parquet", content, check=check)
    manifest = Manifest(snapshot=name, before=before, tables=tuple(contents))
    storage.write(_MANIFEST, json.dumps(asdict(manifest), indent=1).encode(), check=check)
    for table, content in contents.items():
        storage.write(f"{_FOLDER}/{table}.parquet", content, lasting=False, check=check)
    for old in set(storage.folders(_FOLDER)) - {name, before}:
        check()
        storage.remove_folder(f"{_FOLDER}/{old}")


def read(storage: Storage) -> dict[str, tuple[str, bytes | None]] | None:
    """The current snapshot: path and content of each table; None if there never was one.

    Raises:
        DamagedError: the manifest is not what was written.
    """
    manifest = _manifest(storage)
    while manifest is not None:
        places = [f"{_FOLDER}/{manifest.snapshot}/{table}.parquet" for table in manifest.tables]
        contents = storage.read_many(places)
        latest = _manifest(storage)
        if None not in contents or latest == manifest:
            paths = [storage.path(place) for place in places]
            return dict(zip(manifest.tables, zip(paths, contents, strict=True), strict=True))
        manifest = latest  # two new ones came while this one was read
    return None


def damage(storage: Storage) -> str:
    """What is wrong with the published tables, empty if they are sound or not there yet."""
    try:
        found = read(storage)
    except DamagedError as error:
        return str(error)
    for table, (path, content) in (found or {}).items():
        copy = f"{_FOLDER}/{table}.parquet"
        for place, each in ((path, content), (storage.path(copy), storage.read(copy))):
            if why := seal.damage(each):
                return f"{place}: {why}"
    return ""


def _manifest(storage: Storage) -> Manifest | None:
    content = storage.read(_MANIFEST)
    if content is None:
        return None
    try:
        found = Manifest(**json.loads(content))
        "/".join([found.snapshot, found.before, *found.tables])  # texts, all of them
    except (ValueError, TypeError) as error:
        why = f"is not understood ({error})"
        raise DamagedError(path=storage.path(_MANIFEST), why=why) from error
    return found
