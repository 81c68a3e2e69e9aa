"""Where thresholds of scores are taken from, and what the decisions of a classifier are worth."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rayscan.scan.steps.scoring import Scores
from rayscan.scan.steps.shown import Shown, show
from rayscan.stats.decisions import Decisions, decisions

SHARE = 80
"""Test ensembles for each of those that a threshold is taken from, which cost more to draw."""
LEAST = 16


def for_thresholds(shown: Shown) -> Shown | None:
    """Ensembles of the same test from the validation pool; None where it has no events."""
    if not shown.filled("validation"):
        return None
    sizes = shown.scan.config.ensembles
    count = min(sizes.validation, max(LEAST, sizes.test // SHARE))
    return show(shown.test, scan=shown.scan, pool="validation", histograms=count, endless=True)


def decision_columns(scores: tuple[Scores, Scores], threshold: float | None) -> dict[str, Any]:
    """What the table `auc` says of the decisions at score 0, and at a threshold if there is one."""
    found = _named(decisions(*scores), "")
    if threshold is not None:
        found |= {"threshold_validated": threshold}
        found |= _named(decisions(*scores, threshold), "_validated")
    return found


def _named(found: Decisions, suffix: str) -> dict[str, float | None]:
    return {name + suffix + error: getattr(found, name + error) for name, error in _COLUMNS}


_COLUMNS = [
    (field.name.removesuffix("_error"), "_error" * field.name.endswith("_error"))
    for field in fields(Decisions)
]
