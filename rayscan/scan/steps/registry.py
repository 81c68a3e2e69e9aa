"""Steps: a family. What follows the training, in the order of a scan."""

from __future__ import annotations

from rayscan.registry import Family, instances
from rayscan.scan.steps.base import Step

STEPS: Family[Step] = Family(
    "step",
    {
        "pairs": "rayscan.scan.steps.tests.pairs:Pairs",
        "classes": "rayscan.scan.steps.tests.classes:Classes",
        "folds": "rayscan.scan.steps.tests.folds:Folds",
        "limits": "rayscan.scan.steps.exclusion.fits:Exclusions",
    },
    instances("step", Step),
)
