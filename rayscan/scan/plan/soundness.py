"""What of a storage is damaged or gone, and how it comes to be done again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rayscan.errors import FileUnreadableError
from rayscan.models import storage as classifiers
from rayscan.results import folders, seal, snapshots
from rayscan.results.ledger import Ledger
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A part of the ledger that must be done again."""

    table: str
    key: str
    why: str


def damages(ledger: Ledger) -> Iterator[Damage]:
    """Parts that are not what was written, and those that name what is damaged or gone."""
    for table in LAYOUTS:
        keys = sorted(ledger.keys(table))
        sound: dict[str, bytes] = {}
        for key, content in zip(keys, ledger.contents(table, keys), strict=True):
            if why := seal.damage(content):
                place = f"ledger/{table}/{key}.parquet"
                yield Damage(table=table, key=key, why=f"{place} {why}")
            else:
                sound[key] = content or b""
        if table in _NAMED:
            yield from _of_named(ledger.storage, table, sound)


def _of_named(storage: Storage, table: str, parts: Mapping[str, bytes]) -> Iterator[Damage]:
    column, look = _NAMED[table]
    named = [(key, name) for key, part in parts.items() for name in _column(part, column)]
    whys = storage.each(partial(look, storage), [name for _, name in named])
    found: dict[str, Damage] = {}
    for (key, name), why in zip(named, whys, strict=True):
        if why:
            found.setdefault(key, Damage(table=table, key=key, why=f"{name} {why}"))
    yield from found.values()


def _column(content: bytes, name: str) -> list[str]:
    """What a column of a part holds; an older version may not have had it."""
    part = seal.decode(content)
    values = part.column(name).to_pylist() if name in part.column_names else []
    return [str(value) for value in values if value]


def _damage(storage: Storage, name: str) -> str:
    """What is wrong with a classifier; one without checksums is read to find out."""
    if why := folders.damage(storage, name):
        return why
    if storage.read(f"{name}/{folders.SUMS}") is not None:
        return ""
    try:
        with tempfile.TemporaryDirectory(prefix="rayscan-") as local:
            classifiers.read(folders.get(storage, name, Path(local)))
    except FileUnreadableError as error:
        return error.why
    return ""


def _misnamed(storage: Storage, name: str) -> str:
    return seal.damage_of_named(name, storage.read(name))


_NAMED = {"trials": ("classifier", _damage), "limits": ("workspace", _misnamed)}
"""Columns that name something else in the storage."""


def is_sound(storage: Storage) -> bool:
    """Whether ledger, published tables, classifiers and workspaces of a storage are whole."""
    return not snapshots.damage(storage) and next(damages(Ledger(storage)), None) is None


def mend(ledger: Ledger, say: Callable[[str], None]) -> None:
    """Set aside what is damaged: it is not done any more, and a run does it again.

    Only for the run that holds the storage.
    """
    for each in list(damages(ledger)):
        aside = ledger.set_aside(each.table, each.key)
        say(f"{each.why}: done again (what was there is kept as {aside})")
