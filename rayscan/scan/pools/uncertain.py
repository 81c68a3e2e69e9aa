"""What a scan does not know of its background, in fits and tables."""

from __future__ import annotations

from typing import Any

from rayscan.scan.config.scan import ScanConfig


def background_uncertainty(config: ScanConfig) -> float:
    """Relative uncertainty of a background's yield in fits: that of the ensembles, if larger."""
    return max(config.limits.background_uncertainty, config.ensembles.unsure.background)


def uncertainty_columns(config: ScanConfig) -> dict[str, Any]:
    """What the tables say of the uncertainties inside ensembles; 0 or missing without."""
    found = config.ensembles.unsure
    return {
        "background_uncertainty": found.background,
        "shape_uncertainty": found.shape.slope if found.shape else 0.0,
        "shape_observable": found.shape.observable if found.shape else None,
    }
