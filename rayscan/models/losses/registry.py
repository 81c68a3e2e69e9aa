"""The family of losses: a line each, and whatever installed packages bring."""

from __future__ import annotations

from collections.abc import Collection

from rayscan.models.losses.base import Loss
from rayscan.registry import Family, instances

LOSSES: Family[Loss] = Family(
    "loss",
    {"cross_entropy": "rayscan.models.losses.cross_entropy:CrossEntropy"},
    instances("loss", Loss),
    group="rayscan.losses",
)


def problem(name: str, known: Collection[str]) -> str:
    """Why a loss cannot be trained with; empty if it can.

    ``known`` are the numbers that the examples have for it.
    """
    if name not in LOSSES:
        return LOSSES.unknown(name)
    missing = ", ".join(sorted(LOSSES[name].needs.difference(known)))
    return f"'{name}' needs {missing}, which examples of this network do not have" * bool(missing)
