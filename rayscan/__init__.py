"""Which signal could a trained classifier see in my events, and what would I exclude?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayscan.cluster.run import run_scan
    from rayscan.cluster.study import run_study
    from rayscan.results.read import read_tables
    from rayscan.results.variants import read_study
    from rayscan.scan.config.file import load_scan
    from rayscan.scan.config.study import load_study

__all__ = ["load_scan", "load_study", "read_study", "read_tables", "run_scan", "run_study"]

_HOMES = {
    "load_scan": "rayscan.scan.config.file",
    "load_study": "rayscan.scan.config.study",
    "read_study": "rayscan.results.variants",
    "read_tables": "rayscan.results.read",
    "run_scan": "rayscan.cluster.run",
    "run_study": "rayscan.cluster.study",
}


def __getattr__(name: str) -> Any:
    """The names a notebook needs, imported when first used: Ray only by those that run."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rayscan' has no attribute '{name}'")
