"""What is done to generated hard processes: dark-matter threshold, propagator, finite top mass.

Each is a probability to keep the event, so that the events that remain have equal weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rayscan.arrays import Floats
from rayscan.generator.finite_top import finite_top_table
from rayscan.generator.recipes import Propagator, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class HardProcess:
    """Incoming partons (PDG codes) and invariants [GeV^2] of E two-to-two processes, shapes (E,).

    s, t = (p1 - p3)^2 and u = (p1 - p4)^2, 3 being the mediator and 4 the jet.
    """

    id1: NDArray[np.int32]
    id2: NDArray[np.int32]
    s: Floats
    t: Floats
    u: Floats

    @property
    def mediator_mass(self) -> Floats:
        """Mass [GeV] of what recoils against a massless jet, shape (E,)."""
        return np.sqrt(np.maximum(self.s + self.t + self.u, 0.0))


def threshold_factor(mediator_spin: int, mass: float, mediator_mass: Floats) -> Floats:
    """Width of mediator -> Dirac pair over its massless limit, in [0, 1], (E,); masses [GeV].

    With r = (m/M)^2 and beta = sqrt(1 - 4 r): beta^3 for a scalar, beta (1 + 2 r) for a vector
    (both arXiv:1507.00966, section 2), beta^3 (1 + 8 r / 3) for a graviton (hep-ph/9811350).
    """
    r = np.minimum((mass / mediator_mass) ** 2, 0.25)
    beta = np.sqrt(1.0 - 4.0 * r)
    if mediator_spin == 0:
        return np.asarray(beta**3)
    if mediator_spin == 1:
        return np.asarray(beta * (1.0 + 2.0 * r))
    return np.asarray(beta**3 * (1.0 + 8.0 * r / 3.0))


def breit_wigner(mediator_mass: Floats, mass: float, width: float) -> Floats:
    """Relativistic Breit-Wigner in M^2 with the running width M^2 width / mass, shape of M."""
    running = mediator_mass**2 * width / mass
    return np.asarray(running / ((mediator_mass**2 - mass**2) ** 2 + running**2))


def propagator_acceptance(mediator_mass: Floats, propagator: Propagator, energy: float) -> Floats:
    """Probability to keep an event so that the wanted propagator replaces the generated one, (E,).

    The centre-of-mass energy [GeV] is the highest mediator mass that counts.
    """

    def ratio(mass: Floats) -> Floats:
        wanted = breit_wigner(mass, propagator.mass, propagator.width)
        return wanted / breit_wigner(mass, propagator.generated_mass, propagator.generated_width)

    envelope = ratio(np.linspace(propagator.mass_min, energy, 4000)).max()
    above = mediator_mass >= propagator.mass_min
    return np.where(above, np.minimum(ratio(mediator_mass) / envelope, 1.0), 0.0)


def acceptance(hard: HardProcess, recipe: Recipe, *, energy: float) -> Floats | None:
    """Probability to keep each event, (E,), at an energy [GeV]; None where the recipe keeps all."""
    factors = []
    if recipe.dark_matter is not None:
        dark = recipe.dark_matter
        factors.append(threshold_factor(dark.mediator_spin, dark.mass, hard.mediator_mass))
    if recipe.propagator is not None:
        factors.append(propagator_acceptance(hard.mediator_mass, recipe.propagator, energy))
    if recipe.finite_top is not None:
        table = finite_top_table(recipe.finite_top.mass_min, recipe.finite_top.mass_max)
        factors.append(table.acceptance(hard.s, hard.t, hard.u, hard.id1, hard.id2))
    return np.asarray(np.prod(factors, axis=0), dtype=np.float64) if factors else None
