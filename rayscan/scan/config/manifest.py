"""What a storage holds: the resolved scan file, which a later run of it must agree with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rayscan.errors import ConfigError, StorageError
from rayscan.events.reconstruction import TAGS
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.scan import ScanConfig
from rayscan.yaml_text import YamlError, values

_NAME = "scan.yaml"
_FREE = ("storage", "cache", "resources", "skip_broken_files", "skip_broken_events")
"""Keys that change no number and may differ from run to run."""

_SHOWN = ("spectra",)
"""Keys that add numbers to those that are there, and may differ from run to run."""

_RETESTED = ("crosstest", "limits", "ensembles.test")
"""Keys that change no classifier and may differ when stored classifiers are tested again."""


def claim(config: ScanConfig, storage: Storage, *, retest: bool = False) -> None:
    """Write the scan into its storage, or see that it is the one already there.

    Only for the run that holds the storage: what killed runs left half-written is removed.

    A ``retest`` tests stored classifiers again: what only tests depend on may differ.

    Raises:
        StorageError: the storage belongs to another scan file; says which keys differ.
    """
    storage.sweep("ledger")
    agree(config, storage, retest=retest)
    storage.write(_NAME, dump(config).encode())


def release(storage: Storage) -> None:
    """Let the user change the scan file of a run that was refused before it had any result."""
    if not storage.folders("ledger"):
        storage.remove(_NAME)


def agree(config: ScanConfig, storage: Storage, *, retest: bool = False) -> None:
    """See that a storage holds nothing, or the results of this scan; changes nothing there.

    Raises:
        StorageError: as `claim`.
    """
    found = storage.read(_NAME)
    if found is None and retest:
        raise StorageError(
            path=storage.uri, why="holds no scan to test again", fix="run the scan first"
        )
    mine = _keys(config)
    different = set() if found is None else differences(_resolved(found, storage.uri), mine)
    if retest:
        different = {key for key in different if not key.startswith(_RETESTED)}
    if different:
        raise StorageError(
            path=storage.uri,
            why="holds the results of a scan file with other values of "
            + ", ".join(sorted(different)),
            fix="give another 'storage', or set these keys back, or remove the folder",
        )


def holds(config: ScanConfig, storage: Storage) -> bool:
    """Whether a storage holds results of this scan, with equal values of all keys."""
    found = storage.read(_NAME)
    try:
        return found is not None and not differences(_resolved(found, storage.uri), _keys(config))
    except StorageError:  # it is damaged
        return False


def stored_scan(storage: Storage) -> ScanConfig:
    """The scan whose results a storage holds.

    Older ones say nothing of tagged jets: for these the cuts on jets held.

    Raises:
        StorageError: there is none, or it is damaged.
    """
    text = storage.whole(_NAME).decode()
    config = parse_scan(text, path=storage.place(_NAME))
    objects, said = config.selection.objects, values(text)["selection"]["objects"]
    of_jets = {f"{kind}s": objects.jets for kind in TAGS if f"{kind}s" not in said}
    selection = replace(config.selection, objects=replace(objects, **of_jets))
    return replace(config, selection=selection)


def changed(config: ScanConfig, other: ScanConfig) -> list[str]:
    """Dotted keys in which two scans differ, but for their names and what changes no number."""
    return sorted(differences(_keys(config), _keys(other)) - {"name"})


def numbers(config: ScanConfig) -> dict[str, Any]:
    """All keys of a resolved scan file but those that change no number."""
    return {key: value for key, value in _keys(config).items() if key not in _FREE}


def _keys(config: ScanConfig) -> Any:
    return values(dump(config))


def _resolved(stored: bytes, uri: str) -> Any:
    """A stored scan file with today's keys: one that is new since has its default value."""
    try:
        text = stored.decode()
        try:
            return _keys(parse_scan(text))
        except ConfigError:  # of a newer version, which knows other keys
            return values(text)
    except (UnicodeDecodeError, YamlError) as error:
        why, fix = f"its {_NAME} is damaged", "give another 'storage', or remove the folder"
        raise StorageError(path=uri, why=why, fix=fix) from error


def differences(old: Any, new: Any, place: str = "") -> set[str]:
    """Dotted keys in which two resolved scan files differ.

    >>> differences({"a": {"b": 1}}, {"a": {"b": 2}})
    {'a.b'}
    """
    if isinstance(old, dict) and isinstance(new, dict):
        keys = (set(old) | set(new)) - ({*_FREE, *_SHOWN} if not place else set())
        return set().union(
            *(differences(old.get(k), new.get(k), f"{place}.{k}" if place else k) for k in keys)
        )
    return set() if old == new else {place}
