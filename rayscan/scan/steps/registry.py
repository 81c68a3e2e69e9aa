"""Steps: a family. What follows the training, in the order of a scan."""

from __future__ import annotations

from rayscan.errors import MemberError
from rayscan.registry import Family
from rayscan.scan.steps.base import Step


def _made(name: str, found: object) -> Step:
    if not (isinstance(found, type) and issubclass(found, Step)):
        why = f"expected a class of {Step.__module__}.Step, found {found!r}"
        raise MemberError(what="step", name=name, why=why)
    return found()


STEPS: Family[Step] = Family(
    "step",
    {
        "pairs": "rayscan.scan.steps.tests.pairs:Pairs",
        "classes": "rayscan.scan.steps.tests.classes:Classes",
        "limits": "rayscan.scan.steps.exclusion.fits:Exclusions",
    },
    _made,
)
