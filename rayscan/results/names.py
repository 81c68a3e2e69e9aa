"""Names that both halves know: of variants, of classes, of limits without a classifier."""

from __future__ import annotations

from rayscan.places import inside

BASE = "base"
"""What the scan itself is called among its variants."""

VARIANTS = "variants"
"""The key of a scan file that is no part of a scan (study.py)."""


def variant_storage(storage: str, name: str) -> str:
    """Where the results of a variant are, or of ``base``, the scan itself."""
    return storage if name == BASE else inside(storage, f"{VARIANTS}/{name}")


BACKGROUND = "SM"
"""Name of class 0 of a multiclass head."""

UNDECIDED = "undecided"
"""Name of no class: histograms that no class is sure of."""

NO_TRIAL = "none"
"""The ``trial`` of limits that no classifier is needed for."""

ENSEMBLES = "ensembles"
"""The ``solver`` of limits from scores of pseudo-experiments, where nothing is fitted."""
