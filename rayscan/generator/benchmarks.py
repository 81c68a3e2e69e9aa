"""What a process is in a study: the mediator, its regime, its masses and its labels.

The ten benchmarks and the SM of arXiv:2105.12018, Table 1, are recipes with a ``benchmark`` entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Regime = Literal["on-shell", "off-shell", "off-shell PS"]
REGIMES: tuple[Regime, ...] = ("on-shell", "off-shell", "off-shell PS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The class of a benchmark's histograms in each kind of training; None where it takes no part.

    Attributes:
        individual: Trained alone against the SM: 0 is the SM, 1 a signal.
        multimodel: One network for many signals, binary: 0 or 1.
        multiclass: One network for many signals, a class for each: 0 is the SM.
    """

    individual: int
    multimodel: int | None = None
    multiclass: int | None = None

    def __post_init__(self) -> None:
        for name in ("individual", "multimodel"):
            if getattr(self, name) not in {0, 1, None}:
                raise ValueError(f"labels.{name}: {getattr(self, name)}, expected 0 or 1")
        if self.multiclass is not None and self.multiclass < 0:
            raise ValueError(f"labels.multiclass: {self.multiclass}, expected 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One row of the table of benchmarks.

    Attributes:
        labels: Its class in each kind of training.
        held_out: Tested by the networks of many models, and not in their training.
        spin: Spin of the mediator; None without a mediator.
        regime: ``on-shell``: the mediator decays to the dark matter. ``off-shell``: it is too light
            to. ``off-shell PS``: it is out of reach of the collision energy (phase space).
        mediator_mass: Mass [GeV] of the mediator or, without one, of what is produced.
        dark_matter_mass: Mass [GeV] of the dark matter it goes to.
    """

    labels: Labels
    held_out: bool = False
    spin: Literal[0, 1, 2] | None = None
    regime: Regime | None = None
    mediator_mass: float | None = None
    dark_matter_mass: float | None = None

    def __post_init__(self) -> None:
        if self.spin not in {0, 1, 2, None}:
            raise ValueError(f"spin: {self.spin} is not 0, 1 or 2")
        if self.regime not in {*REGIMES, None}:
            raise ValueError(f"regime: '{self.regime}' is not one of {', '.join(REGIMES)}")
        for name in ("mediator_mass", "dark_matter_mass"):
            mass = getattr(self, name)
            if mass is not None and not mass >= 0:
                raise ValueError(f"{name}: {mass} GeV, expected at least 0")
        self._check_regime()
        trained = {self.labels.multimodel, self.labels.multiclass} - {None}
        if self.held_out and trained:
            raise ValueError("held_out: a held-out benchmark has no multimodel, multiclass label")

    def _check_regime(self) -> None:
        if self.regime is None or self.mediator_mass is None or self.dark_matter_mass is None:
            return
        opens = self.mediator_mass > 2 * self.dark_matter_mass
        if opens == (self.regime == "off-shell"):
            needed = "above" if self.regime != "off-shell" else "below"
            raise ValueError(
                f"regime: '{self.regime}' needs a mediator {needed} twice the dark-matter mass, "
                f"found {self.mediator_mass:g} and {self.dark_matter_mass:g} GeV"
            )
