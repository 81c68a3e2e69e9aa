"""A scan as a user gives it, from Python too: a scan file, its keys, or a scan that was loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import Field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from rayscan import yaml_text
from rayscan.errors import ConfigError, Problem
from rayscan.results.storage import absolute
from rayscan.scan.config.scan import ScanConfig
from rayscan.yaml_text import Place

Given: TypeAlias = str | Path | Mapping[str, Any] | ScanConfig
"""Path of a scan file, whose folder relative paths start from; or the keys of one, or a loaded
scan, of which they start from the working directory."""


def path_of(scan: Given) -> str:
    """Path of the scan file, empty where there is none."""
    return str(scan) if isinstance(scan, str | Path) else ""


@contextmanager
def lines_of(scan: Given) -> Iterator[None]:
    """Problems of what is in no file have no lines."""
    try:
        yield
    except ConfigError as error:
        if path_of(scan):
            raise
        bare = tuple(replace(problem, line=None) for problem in error.problems)
        raise ConfigError(problems=bare) from None


def keys_over(storage: str | Path | None, workers: int | None) -> dict[str, Any]:
    """The keys that arguments put in place of those of a scan."""
    over: dict[str, Any] = {} if workers is None else {"resources": {"workers": workers}}
    if storage is not None:
        place = str(storage)
        over["storage"] = place if "://" in place else absolute(place)
    return over


def dump(scan: Mapping[str, Any] | ScanConfig) -> str:
    """The text of a scan file with these keys; arrays and paths are lists and text there.

    Of a resolved scan every key is written out; it loads to an equal scan.

    Raises:
        ConfigError: a value that no scan file can hold.
    """
    return yaml_text.dump(_plain(scan, ()))


def _is_unsaid(key: Field[Any], value: Any) -> bool:
    """Whether a key holds nothing and means it when it is not written, too."""
    return (value is None or value == ()) and bool(value == key.default)


def _plain(value: Any, place: Place) -> Any:
    if is_dataclass(value):
        items = {f: getattr(value, f.name) for f in fields(value) if f.init}
        value = {f.name.rstrip("_"): item for f, item in items.items() if not _is_unsaid(f, item)}
    if isinstance(value, Mapping):
        return {key: _plain(each, (*place, key)) for key, each in value.items()}
    if hasattr(value, "tolist"):  # numbers and arrays of numpy, columns of pandas
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each, (*place, index)) for index, each in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    what = f"found {type(value).__name__}, expected text, a number, a list or a mapping"
    where = ".".join(map(str, place)) or "scan"
    raise ConfigError(problems=(Problem(where=where, what=what),))
