"""A scan file with its variants: the scan itself, and a complete scan for each variant."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rayscan.errors import ConfigError, Problem, nearest
from rayscan.places import beside, named_host
from rayscan.results.names import BASE, VARIANTS, variant_storage
from rayscan.scan.config import merging
from rayscan.scan.config.file import (
    parse_keys,
    read_text,
    structured,
    told,
    with_faults,
    with_lines,
)
from rayscan.scan.config.given import Given, keys_over, lines_of, path_of
from rayscan.scan.config.old_place import left_behind
from rayscan.scan.config.ranges import ALPHABET, Found, is_name
from rayscan.scan.config.scan import ScanConfig
from rayscan.yaml_text import Node

logger = logging.getLogger(__name__)


_OWN = {
    "name": "a variant is called after the scan and itself; remove",
    "storage": "a variant is kept under the storage of the scan; remove",
    "cache": "a variant shares the cache of the scan; remove",
    VARIANTS: "a variant has no variants of its own; remove",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A scan and its variants by name, in the order of their file (empty where there is none)."""

    base: ScanConfig
    variants: Mapping[str, ScanConfig]
    path: str = ""

    @property
    def folder(self) -> Path:
        """Folder that relative input paths start from."""
        return Path(self.path).parent

    @property
    def scans(self) -> dict[str, ScanConfig]:
        """The scan itself, called ``base``, and its variants."""
        return {BASE: self.base, **self.variants}

    def chosen(self, names: Sequence[str]) -> dict[str, ScanConfig]:
        """The scans of these names in the order of the file; all if none is named.

        Raises:
            ConfigError: with every name that there is not.
        """
        scans = self.scans
        problems = tuple(
            Problem(
                where="--variant",
                what=f"no variant '{name}'"
                f"{nearest(name, scans) or ' (known: ' + ', '.join(scans) + ')'}",
            )
            for name in names
            if name not in scans
        )
        if problems:
            raise ConfigError(path=self.base.name, problems=problems)
        return {name: scan for name, scan in scans.items() if name in names or not names}


def load_study(
    scan: Given, *, storage: str | Path | None = None, workers: int | None = None
) -> Study:
    """The scan that a file or its keys describe, and its variants.

    Args:
        scan: Path of a scan file, or a mapping with its keys.
        storage: In place of the scan's own; relative to the working directory.
        workers: In place of the scan's ``resources: {workers}``.

    Raises:
        ConfigError: with every problem of the scan and of all variants, each with its line; or
            their results are below the working directory, where earlier versions put them.
    """
    over, path = keys_over(storage, workers), path_of(scan)
    with lines_of(scan):
        text = read_text(scan)
        study = parse_study(text, path=path, over=over)
        _say_hosts(study)
        if storage is None:
            _refuse_old_place(study, *parse_keys(text, path=path))
    return study


def _refuse_old_place(study: Study, node: Node, data: Mapping[Any, Any]) -> None:
    written = {n: (scan, variant_storage(data["storage"], n)) for n, scan in study.scans.items()}
    if why := left_behind(written):
        raise told([(("storage",), why)], node, study.path)


def _say_hosts(study: Study) -> None:
    """Hosts that URLs of a scan file name are said before any is asked: they see who asks."""
    told: dict[str, dict[str, None]] = {}
    for scan in study.scans.values():
        used = {"storage": [scan.storage], "cache": [scan.cache or ""]}
        used |= {f"files of {name}": list(each.files) for name, each in scan.processes.items()}
        for what, urls in used.items():
            for host in map(named_host, urls):
                told.setdefault(host, {})[what] = None
    for host, whats in told.items():
        if host:
            message = "%s is asked, named by the URL of %s; go on only if you know this host"
            logger.warning(message, host, ", ".join(whats))


def storage_of(what: str) -> str:
    """The storage that a scan file names; of anything else itself.

    Raises:
        ConfigError: with every problem of the scan file.
    """
    return load_study(what).base.storage if what.endswith((".yaml", ".yml")) else what


def parse_study(text: str, *, path: str = "", over: Mapping[str, Any] | None = None) -> Study:
    """The scan and the variants a YAML text with keys over it describes; see `load_study`."""
    node, data = parse_keys(text, path=path)
    data = merging.merged(data, over or {})
    base = {key: value for key, value in data.items() if key != VARIANTS}
    config, problems = structured(base, Path(path).parent)
    wrong = [*problems]
    overs = data.get(VARIANTS, {})
    if not isinstance(overs, dict):
        wrong.append(((VARIANTS,), "expected a mapping of names to keys"))
        overs = {}
    variants = {}
    for name, own in overs.items():
        found = list(_shape(name, own)) or list(_keys(base, name, own))
        if not found:
            variants[name], those = structured(_complete(base, name, own), Path(path).parent)
            found = [_moved(p, base, name, own) for p in _new(those, problems, base, own)]
        wrong += found
    wrong = with_faults(node, wrong)
    if config is None or wrong:
        raise told(wrong, node, path)
    complete = {name: each for name, each in variants.items() if each is not None}
    return Study(base=config, variants=complete, path=path)


def _complete(base: Mapping[Any, Any], name: str, over: Mapping[str, Any]) -> dict[Any, Any]:
    """All keys of a variant; where the scan has no storage or name yet, neither has it."""
    found: dict[Any, Any] = merging.merged(base, over)
    storage = base.get("storage")
    if isinstance(storage, str):
        found["storage"] = variant_storage(storage, name)
        found["cache"] = base.get("cache") or beside(storage, "cache")
    return found | ({"name": f"{base['name']}.{name}"} if "name" in base else {})


def _shape(name: Any, over: Any) -> Iterator[Found]:
    """What is wrong with a name, or with a variant that is no mapping."""
    place = (VARIANTS, name)
    if not isinstance(name, str):
        yield place, "the name is not text; write it in quotes"
    elif name.startswith(("_", "-")) or not is_name(name):
        yield place, ALPHABET
    elif name == BASE:
        yield place, f"'{BASE}' is the scan itself; take another name"
    if not isinstance(over, dict) or not over:
        yield place, "expected a mapping of the keys that differ from the scan"


def _keys(base: Mapping[Any, Any], name: str, over: Mapping[str, Any]) -> Iterator[Found]:
    """Keys that a variant may not have, and those that change nothing."""
    yield from (((VARIANTS, name, key), why) for key, why in _OWN.items() if key in over)
    yield from merging.idle(base, over, (VARIANTS, name))


def _new(found: Sequence[Found], of_base: Sequence[Found], base: Any, over: Any) -> Iterator[Found]:
    """Problems that the scan itself does not have, or that the variant has anew."""
    for place, what in found:
        if (place, what) not in of_base or merging.written(place, base, over)[1]:
            yield place, what


def _moved(found: Found, base: Any, name: str, over: Any) -> Found:
    place, _ = merging.written(found[0], base, over)
    return (VARIANTS, name, *place), found[1]


def located(path: str, problems: Mapping[str, Sequence[Problem]]) -> tuple[Problem, ...]:
    """Problems found later of the scans of a file, with their lines, sorted by them.

    What a variant shares with the scan itself is said once.
    """
    known = problems.get(BASE, ())
    moved = [
        replace(problem, where=f"{VARIANTS}.{name}.{problem.where}")
        for name, those in problems.items()
        for problem in those
        if name != BASE and problem not in known
    ]
    return with_lines(path, [*known, *moved])
