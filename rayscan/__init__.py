"""Which signal could a trained classifier see in my events, and what would I exclude?"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayscan.cluster.drawing import ensembles
    from rayscan.cluster.watched import run
    from rayscan.results.read import read_tables
    from rayscan.results.variants import read_study
    from rayscan.scan.checking import check
    from rayscan.scan.config.file import load_scan
    from rayscan.scan.config.scan import ScanConfig as Scan
    from rayscan.scan.cost.study import plan
    from rayscan.scan.steps.stored import load_classifier

__all__ = [
    "Scan",
    "check",
    "ensembles",
    "load_classifier",
    "load_scan",
    "plan",
    "read_study",
    "read_tables",
    "run",
]

_HOMES = {
    "Scan": ("rayscan.scan.config.scan", "ScanConfig"),
    "check": ("rayscan.scan.checking", "check"),
    "ensembles": ("rayscan.cluster.drawing", "ensembles"),
    "load_classifier": ("rayscan.scan.steps.stored", "load_classifier"),
    "load_scan": ("rayscan.scan.config.file", "load_scan"),
    "plan": ("rayscan.scan.cost.study", "plan"),
    "read_study": ("rayscan.results.variants", "read_study"),
    "read_tables": ("rayscan.results.read", "read_tables"),
    "run": ("rayscan.cluster.watched", "run"),
}


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: Ray only by `run` and `ensembles`."""
    if name in _HOMES:
        home, own = _HOMES[name]
        return getattr(import_module(home), own)
    raise AttributeError(f"module 'rayscan' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__


class _Face(ModuleType):
    """This module, in which `ensembles` is the function, not the package of that name.

    Python sets a package, once imported, as an attribute of the one above. `from` finds it still.
    """

    @property
    def ensembles(self) -> Any:
        """The public function."""
        return __getattr__("ensembles")

    @ensembles.setter
    def ensembles(self, package: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Face
