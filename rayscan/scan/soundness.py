"""What of a storage is damaged or gone, and how it comes to be done again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rayscan.errors import FileUnreadableError
from rayscan.models import storage as classifiers
from rayscan.scan import folders, seal, snapshots
from rayscan.scan.columns import LAYOUTS
from rayscan.scan.storage import Storage
from rayscan.scan.tables import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A part of the ledger that must be done again.

    Attributes:
        table: Its table.
        key: Its name there.
        why: What is wrong, with the path.
    """

    table: str
    key: str
    why: str


def damages(ledger: Ledger) -> Iterator[Damage]:
    """Parts that are not what was written, and those that name a classifier that is not."""
    for table in LAYOUTS:
        keys = sorted(ledger.keys(table))
        for key, content in zip(keys, ledger.contents(table, keys), strict=True):
            if why := seal.damage(content):
                place = f"ledger/{table}/{key}.parquet"
                yield Damage(table=table, key=key, why=f"{place} {why}")
            elif table == "trials" and content is not None:
                yield from _classifiers(ledger.storage, key, content)


def _classifiers(storage: Storage, key: str, content: bytes) -> Iterator[Damage]:
    part = seal.decode(content)
    if "classifier" not in part.column_names:  # written by an older version
        return
    for name in part.column("classifier").to_pylist():
        if name and (why := _damage(storage, name)):
            yield Damage(table="trials", key=key, why=f"{name} {why}")
            return


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


def is_sound(storage: Storage) -> bool:
    """Whether nothing of a storage is damaged: ledger, classifiers and published tables."""
    return not snapshots.damage(storage) and next(damages(Ledger(storage)), None) is None


def mend(ledger: Ledger, say: Callable[[str], None]) -> None:
    """Set aside what is damaged: it is not done any more, and a run does it again.

    Only for the run that holds the storage.

    Args:
        ledger: Of the scan.
        say: Told of each damaged part in a line.
    """
    for each in list(damages(ledger)):
        aside = ledger.set_aside(each.table, each.key)
        say(f"{each.why}: done again (what was there is kept as {aside})")
