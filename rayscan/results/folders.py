"""Folders of a storage with the checksums of their files: classifiers."""

from __future__ import annotations

import json
from pathlib import Path

from rayscan.errors import StorageError
from rayscan.results.seal import checksum
from rayscan.results.storage import Storage

SUMS = "files.json"


def put(storage: Storage, local: Path, name: str) -> None:
    """Copy the files of a local folder (and of its folders) to a folder of a storage.

    Their checksums come last: a folder that has them was whole. None is flushed to the disk, which
    would cost as much as a small training: what a power failure takes is known by its checksum.
    """
    sums = {}
    for file in sorted(p for p in local.rglob("*") if p.is_file()):
        inner, content = file.relative_to(local).as_posix(), file.read_bytes()
        storage.write(f"{name}/{inner}", content, lasting=False)
        sums[inner] = checksum(content)
    storage.write(f"{name}/{SUMS}", json.dumps(sums).encode(), lasting=False)


def damage(storage: Storage, name: str) -> str:
    """What is wrong with a folder that `put` wrote, empty if it is sound.

    Of a folder from before there were checksums only that it is there is known.
    """
    stored = storage.read(f"{name}/{SUMS}")
    if stored is None:
        return "" if storage.files(name) else "is missing"
    try:
        sums = dict(json.loads(stored))
    except (ValueError, TypeError):
        return f"has a damaged {SUMS}"
    there = set(storage.files(name))
    for inner, wanted in sums.items():
        if inner not in there:
            return f"lacks {inner}"
        if checksum(storage.whole(f"{name}/{inner}")) != wanted:
            return f"has a damaged {inner}"
    return ""


def get(storage: Storage, name: str, local: Path) -> Path:
    """The files of a folder of a storage as a local folder: itself if it is local already.

    Raises:
        StorageError: there is no such folder, or it is damaged.
    """
    if why := damage(storage, name):
        fix = "run the same command again, which makes it anew"
        raise StorageError(path=storage.path(name), why=why, fix=fix)
    if storage.is_local:
        return Path(storage.path(name))
    for inner in storage.files(name):
        target = local / inner
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(storage.whole(f"{name}/{inner}"))
    return local
