"""Limits: what a scan file says of them, and the family of methods that set them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from rayscan.registry import Family, instances

if TYPE_CHECKING:
    from rayscan.scan.config.scan import ScanConfig
    from rayscan.scan.steps.exclusion.base import Exclusion, Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to set limits. It has ``limits.methods``' name in tables and views.

    Limits of no classifier have `rayscan.results.names.NO_TRIAL` for their ``trial``; those from
    scores `rayscan.results.names.ENSEMBLES` for their ``solver``.

    Attributes:
        limits: Sets those on one benchmark.
        count: How many these are, with so many teams of selected classifiers (one of each fold),
            and so many selected classifiers that were trained with background.
        channels: Most channels of a model that it has fitted; 0: it fits none.
        strengths: Most signal strengths at which classifiers score pseudo-experiments; 0: at none.
    """

    limits: Callable[[Exclusion], Found]
    count: Callable[[ScanConfig, int, int], int]
    channels: Callable[[ScanConfig], int]
    strengths: int


METHODS: Family[Method] = Family(
    "limit method",
    {
        "template": "rayscan.scan.steps.exclusion.template:METHOD",
        "response": "rayscan.scan.steps.exclusion.response:METHOD",
        "score": "rayscan.scan.steps.exclusion.score:METHOD",
    },
    instances("limit method", Method),
    group="rayscan.limits",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The 95 % CLs limits to set.

    Attributes:
        methods: Members of `METHODS`.
        luminosity: Integrated luminosities [fb^-1] of the models that are fitted.
        ensembles: Pseudo-experiments per strength that classifiers score; the -2 sigma band needs
            about 4,400.
        channels: Most groups of histogram bins (or of events) that a classifier makes.
        spacing: ``tail``: channels double from the signal's end; ``equal``: as much background in
            each.
        min_pool_count: Fewest simulated background events of a channel, or of a bin of the
            histogram itself: those with fewer are joined.
        max_mc_error: Largest relative Monte Carlo error of their background, likewise.
        background_uncertainty: Relative uncertainty of each background's yield; that of
            ``ensembles.uncertainty`` if larger.
        signal_uncertainty: Relative uncertainty of the signal's yield.
        luminosity_uncertainty: Relative, common to all processes.
        monte_carlo_statistics: Add the statistical uncertainty of the simulated events.
        referee: How many limits pyhf itself re-checks.
        workspaces: Write each limit's model as JSON for ``pyhf cls``.
    """

    methods: tuple[Annotated[str, AfterValidator(METHODS.known)], ...] = (
        "template",
        "response",
        "score",
    )
    luminosity: tuple[float, ...] = (139.0,)
    ensembles: int = 5_000
    channels: int = 12
    spacing: Literal["tail", "equal"] = "tail"
    min_pool_count: int = 20
    max_mc_error: float = 0.2
    background_uncertainty: float = 0.05
    signal_uncertainty: float = 0.05
    luminosity_uncertainty: float = 0.017
    monte_carlo_statistics: bool = True
    referee: int = 3
    workspaces: bool = True

    def __post_init__(self) -> None:
        if any(not value > 0 for value in self.luminosity):
            raise ValueError(f"luminosity: {self.luminosity} fb^-1, expected positive numbers")
        for name in ("channels", "ensembles"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, expected at least 1")
        if not self.max_mc_error > 0 or self.min_pool_count < 0:
            raise ValueError("expected max_mc_error > 0 and min_pool_count >= 0")
        for name in ("background_uncertainty", "signal_uncertainty", "luminosity_uncertainty"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, expected 0 <= value < 1")
