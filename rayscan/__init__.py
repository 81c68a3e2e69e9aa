"""Which signal could a trained classifier see in my events, and what would I exclude?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayscan.cluster.run import run_scan
    from rayscan.scan.scan_file import load_scan
    from rayscan.scan.tables import read_tables

__all__ = ["load_scan", "read_tables", "run_scan"]


def __getattr__(name: str) -> Any:
    """The three names a notebook needs, imported when first used: Ray only by `run_scan`."""
    if name == "read_tables":
        from rayscan.scan.tables import read_tables  # noqa: PLC0415

        return read_tables
    if name == "load_scan":
        from rayscan.scan.scan_file import load_scan  # noqa: PLC0415

        return load_scan
    if name == "run_scan":
        from rayscan.cluster.run import run_scan  # noqa: PLC0415

        return run_scan
    raise AttributeError(f"module 'rayscan' has no attribute '{name}'")
