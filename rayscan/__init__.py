"""Which signal could a trained classifier see in my events, and what would I exclude?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayscan.cluster.run import run_scan
    from rayscan.cluster.study import run_study
    from rayscan.scan.scan_file import load_scan
    from rayscan.scan.study import load_study
    from rayscan.scan.study_tables import read_study
    from rayscan.scan.tables import read_tables

__all__ = ["load_scan", "load_study", "read_study", "read_tables", "run_scan", "run_study"]

_HOMES = {
    "load_scan": "rayscan.scan.scan_file",
    "load_study": "rayscan.scan.study",
    "read_study": "rayscan.scan.study_tables",
    "read_tables": "rayscan.scan.tables",
    "run_scan": "rayscan.cluster.run",
    "run_study": "rayscan.cluster.study",
}


def __getattr__(name: str) -> Any:
    """The names a notebook needs, imported when first used: Ray only by those that run."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rayscan' has no attribute '{name}'")
