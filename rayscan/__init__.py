"""Which signal could a trained classifier see in my events, and what would I exclude?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayscan.cluster.watched import run
    from rayscan.scan.checking import check
    from rayscan.scan.config import ScanConfig as Scan
    from rayscan.scan.scan_file import load_scan
    from rayscan.scan.stored import load_classifier
    from rayscan.scan.study_cost import plan
    from rayscan.scan.study_tables import read_study
    from rayscan.scan.tables import read_tables

__all__ = [
    "Scan",
    "check",
    "load_classifier",
    "load_scan",
    "plan",
    "read_study",
    "read_tables",
    "run",
]

_HOMES = {
    "Scan": ("rayscan.scan.config", "ScanConfig"),
    "check": ("rayscan.scan.checking", "check"),
    "load_classifier": ("rayscan.scan.stored", "load_classifier"),
    "load_scan": ("rayscan.scan.scan_file", "load_scan"),
    "plan": ("rayscan.scan.study_cost", "plan"),
    "read_study": ("rayscan.scan.study_tables", "read_study"),
    "read_tables": ("rayscan.scan.tables", "read_tables"),
    "run": ("rayscan.cluster.watched", "run"),
}


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: Ray only by `run`."""
    if name in _HOMES:
        home, own = _HOMES[name]
        return getattr(import_module(home), own)
    raise AttributeError(f"module 'rayscan' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
