"""What uncertain backgrounds do to a likelihood ratio: directions, and weights blind to them.

Letters: bins = flat cells, J nuisances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rayscan.arrays import Floats

if TYPE_CHECKING:
    from rayscan.models.contract import Templates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BackgroundNuisances:
    """Unit Gaussian nuisances of the background, drawn for each histogram (ensembles/nuisance.py).

    Attributes:
        relative: sigma of the factor (1 + sigma)^theta on the number of background events.
        tilt: What the shape nuisance adds to the logarithm of the density at theta = 1, shape
            (bins,); None without one.
        poisson: Whether numbers of events are Poisson around their means, or the means themselves.
    """

    relative: float = 0.0
    tilt: Floats | None = None
    poisson: bool = False


def directions(templates: Templates, extra: int) -> Floats:
    """First-order changes of the expected background by one sigma of each nuisance, (J, bins).

    Beside the B that the normalisation scales there are ``extra`` background events: class 0 has S
    if its total is matched and no second signal is in it.
    """
    unsure = templates.nuisances
    assert unsure is not None  # noqa: S101 - callers have asked
    found = []
    if unsure.relative > 0:
        found.append(templates.B * math.log1p(unsure.relative) * templates.background)
    if unsure.tilt is not None:
        away = unsure.tilt - templates.background @ unsure.tilt
        found.append((templates.B + extra) * templates.background * away)
    return np.array(found).reshape(-1, len(templates.background))


def blind(weights: Floats, templates: Templates) -> Floats:
    """The weights (bins,) of a linear statistic, corrected for what nuisances alone can do to it.

    The best linear statistic between classes with means apart by delta and covariances that add up
    to V + G^T G, G the directions of both classes, is (V + G^T G)^-1 delta. With V diagonal and the
    likelihood ratio's weights w for V^-1 delta, to which they tend at small S/B, this is

        w - V^-1 G^T (1 + G V^-1 G^T)^-1 G w                        (Sherman and Morrison, 1950)

    and w itself without nuisances. Its separation is d'^2 = delta^T (V + G^T G)^-1 delta.
    """
    S, B, p = templates.S, templates.B, templates.background
    against = 0.0 if templates.against is None else templates.against
    extra = S if templates.null == "matched" and templates.against is None else 0
    both = np.concatenate([directions(templates, extra), directions(templates, 0)])
    variance = (2 * B + extra) * p + S * (templates.signal + against)
    scaled = np.divide(both, variance, out=np.zeros_like(both), where=variance > 0)
    inner = np.eye(len(both)) + scaled @ both.T
    return np.asarray(weights - scaled.T @ np.linalg.solve(inner, both @ weights))
