"""What a limit is computed from: expected events in bins, and their uncertainties.

Shape: bins is the flat number of cells of the distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rayscan.arrays import Floats, Integers

SIGNAL = "signal"
LUMINOSITY = "luminosity"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """Expected events of one signal and its backgrounds in bins, with their uncertainties.

    The likelihood (HistFactory, CERN-OPEN-2012-016): bin contents are Poisson with mean
    gamma_b (mu s_b f_s + sum_i b_ib f_i); every normalisation f is kappa^alpha (kappa = 1 + the
    relative uncertainty, log-normal, polynomial inside |alpha| < 1: pyhf's code4) with a unit
    Gaussian constraint on alpha; gamma_b is 1 within the Monte Carlo uncertainty of the bin, a
    Gaussian constraint (Beeston-Barlow light, pyhf's staterror). An uncertain shape is one more
    parameter, common to all backgrounds, that adds to each b_ib (pyhf's histosys, code4p).

    Attributes:
        signal: Expected signal events at mu = 1, shape (bins,).
        backgrounds: Name and expected events of each background, each of shape (bins,).
        signal_stat: Monte Carlo uncertainty of the signal [events], shape (bins,). ``None``: gamma
            does not act on the signal. Given: gamma acts on the sum of all samples and its
            width is relative to their sum at mu = 1, as HistFactory defines it; the limit on
            events then depends on the scale of ``signal``, so give it near the expected limit.
        background_stat: Monte Carlo uncertainty of the summed backgrounds [events] (the root of
            the sum of squared weights), shape (bins,). ``None``: infinite Monte Carlo.
        normalisation: Relative uncertainty of the normalisation of each named sample, the signal
            under "signal"; independent of each other.
        luminosity_uncertainty: Relative uncertainty common to all samples (one parameter).
        observed: Events seen, shape (bins,), or ``None`` for expected limits only.
        shape: Expected events of each background at one sigma up and down of the common shape
            parameter, shape (bins,) each; empty without one. Our solver does not know it: such
            models go to pyhf itself.

    Raises:
        ValueError: Lengths differ, a number is negative or not finite, a name is unknown.
    """

    signal: Floats
    backgrounds: tuple[tuple[str, Floats], ...]
    signal_stat: Floats | None = None
    background_stat: Floats | None = None
    normalisation: Mapping[str, float] = field(default_factory=dict)
    luminosity_uncertainty: float = 0.0
    observed: Floats | None = None
    shape: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bins = np.size(self.signal)
        if bins == 0:
            raise ValueError("signal: has no bins, expected at least one")
        for name in _ARRAYS:
            if (values := getattr(self, name)) is not None:
                object.__setattr__(self, name, _bin_contents(name, values, bins))
        samples = tuple((name, _bin_contents(name, v, bins)) for name, v in self.backgrounds)
        object.__setattr__(self, "backgrounds", samples)
        varied = {
            name: (_bin_contents(f"shape of {name}", up, bins), _bin_contents(name, down, bins))
            for name, (up, down) in self.shape.items()
        }
        object.__setattr__(self, "shape", varied)
        self._check_names()
        if unknown := set(self.shape) - {name for name, _ in samples}:
            raise ValueError(f"shape: {sorted(unknown)} are no backgrounds")

    def _check_names(self) -> None:
        names = [SIGNAL, *(name for name, _ in self.backgrounds)]
        if len(names) == 1:
            raise ValueError("backgrounds: is empty, expected at least one background")
        if len(set(names)) < len(names):
            raise ValueError(f"backgrounds: {names[1:]} repeat a name or use '{SIGNAL}'")
        for name in self.normalisation:
            if name not in names:
                raise ValueError(f"normalisation: '{name}' is no sample, expected one of {names}")
        relative = {**self.normalisation, LUMINOSITY: self.luminosity_uncertainty}
        for name, value in relative.items():
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"relative uncertainty of {name}: {value}, expected >= 0")

    @property
    def background(self) -> Floats:
        """Expected events of all backgrounds together, shape (bins,)."""
        return np.asarray(np.sum([v for _, v in self.backgrounds], axis=0), dtype=np.float64)

    @property
    def has_gammas(self) -> bool:
        """Whether Monte Carlo uncertainties are part of the model."""
        return self.signal_stat is not None or self.background_stat is not None

    @property
    def gamma_widths(self) -> Floats:
        """Relative width of the constraint on each bin's gamma, shape (bins,); 0 where fixed."""
        if not self.has_gammas:
            return np.zeros_like(self.signal)
        acted_on = self.background if self.signal_stat is None else self.background + self.signal
        squares = [v * v for v in (self.signal_stat, self.background_stat) if v is not None]
        width = np.sqrt(np.sum(squares, axis=0)) / np.where(acted_on > 0, acted_on, np.inf)
        return np.asarray(width)

    def scaled(self, factor: float) -> Template:
        """The same analysis of ``factor`` times as much data; relative Monte Carlo errors stay."""
        changes: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name) * factor
            for name in ("signal", "signal_stat", "background_stat")
        }
        changes["backgrounds"] = tuple((name, v * factor) for name, v in self.backgrounds)
        changes["shape"] = {n: (up * factor, down * factor) for n, (up, down) in self.shape.items()}
        return replace(self, **changes, observed=None)

    def without_empty_bins(self) -> Template:
        """The template with every bin of no background merged into the one of least background.

        Where no background is expected a signal could never be excluded or claimed by an
        asymptotic formula, and one observed event would make the background-only likelihood zero:
        usually the simulated background has run out, not nature's. Merging gives up that
        sensitivity, keeps all events and all sums, and drops a bin in which nothing is expected.
        Without background anywhere the template comes back as it is.
        """
        background = self.background
        filled = background > 0
        if filled.all() or not filled.any():
            return self
        target = int(np.argmin(np.where(filled, background, np.inf)))
        return self.grouped(np.where(filled, np.cumsum(filled) - 1, np.cumsum(filled)[target] - 1))

    def grouped(self, into: Integers) -> Template:
        """The template with bins taken together, by the new number of each from 0, (bins,)."""
        size = int(into.max()) + 1

        def merged(values: Floats) -> Floats:
            sums = np.bincount(into, weights=values, minlength=size)
            return np.asarray(sums, dtype=np.float64)

        changes: dict[str, Any] = {"signal": merged(self.signal)}
        changes["backgrounds"] = tuple((name, merged(v)) for name, v in self.backgrounds)
        for name in ("signal_stat", "background_stat"):
            error = getattr(self, name)
            changes[name] = None if error is None else np.sqrt(merged(error * error))
        changes["shape"] = {n: (merged(up), merged(down)) for n, (up, down) in self.shape.items()}
        changes["observed"] = None if self.observed is None else merged(self.observed)
        return replace(self, **changes)


_ARRAYS = ("signal", "signal_stat", "background_stat", "observed")


def _bin_contents(name: str, values: Any, bins: int) -> Floats:
    contents = np.ascontiguousarray(values, dtype=np.float64)
    if contents.shape != (bins,):
        raise ValueError(f"{name}: shape {contents.shape}, expected ({bins},) as the signal")
    if not bool(np.all(np.isfinite(contents) & (contents >= 0.0))):
        raise ValueError(f"{name}: holds negative or non-finite numbers, expected all >= 0")
    return contents
