"""Results of a scan at the place that earlier versions meant: below the working directory."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rayscan.errors import StorageError
from rayscan.results.storage import Storage
from rayscan.scan.config import manifest
from rayscan.scan.config.scan import ScanConfig


def left_behind(scans: Mapping[str, tuple[ScanConfig, str]]) -> str:
    """What to do about results that lie where they are no longer looked for; empty if none do.

    A relative ``storage`` starts from the folder of the scan file. Where nothing is there yet, but
    the same path below the working directory holds this very scan, it would silently run again.

    The scan itself comes first; each has its ``storage`` as it is written.
    """
    pairs = [(_place(config.storage), _place(written)) for config, written in scans.values()]
    new, old = pairs[0]
    if new is None or old is None or new == old or Path(new.root).exists():
        return ""
    if not any(
        _holds(config, there) for (config, _), (_, there) in zip(scans.values(), pairs, strict=True)
    ):
        return ""
    source, target = shlex.quote(old.root), shlex.quote(new.root)
    return (
        f"a relative path starts from the folder of the scan file ({new.root}, where nothing is), "
        f"but {old.root} holds results of this scan; to go on with them: mkdir -p "
        f"{shlex.quote(str(Path(new.root).parent))} && mv {source} {target}; to begin anew: "
        f"mkdir -p {target}"
    )


def _place(uri: str) -> Storage | None:
    """A folder of this machine, never a URL."""
    try:
        return None if "://" in uri else Storage(uri, 0.0)
    except StorageError:  # said when the storage is tried
        return None


def _holds(config: ScanConfig, there: Storage | None) -> bool:
    try:
        return there is not None and manifest.holds(config, there)
    except StorageError:
        return False
