"""Folds of frozen training sets, as a scan file says it: the published protocol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Repeated k-fold validation on the histograms that a classifier is trained on.

    Attributes:
        folds: Parts of the set, each left out of one fit.
        repeats: Times the set is divided anew.
        stratified: Whether each part has as many histograms of each class; published without.
    """

    folds: int = 5
    repeats: int = 5
    stratified: bool = False

    def __post_init__(self) -> None:
        for name, least, most in (("folds", 2, 100), ("repeats", 1, 1000)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: {getattr(self, name)}, expected {least} to {most}")
