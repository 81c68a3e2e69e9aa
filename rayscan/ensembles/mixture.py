"""How many signal and background events a histogram holds, and every way to say it.

Units: cross-sections in pb, luminosity in fb^-1; cross-section x efficiency x luminosity is a
number of events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NoReturn

PER_FB = 1000.0
"""Events of 1 pb in 1 fb^-1."""

_SIZES = ("background", "total", "luminosity")
_EXAMPLES = {
    "s_over_b": "s_over_b: [0.001, 0.01]",
    "s_over_sqrt_b": "s_over_sqrt_b: [0.5, 1, 2]",
    "signal": "signal: [100, 200]",
    "cross_section": "cross_section: [0.01, 0.1]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The events of one histogram.

    Attributes:
        signal: Signal events S of class 1; 0 is allowed (background only).
        background: Background events B of class 1; 0 is allowed (pure signal).
        totals: Whether every histogram holds exactly these numbers, or Poisson numbers around them.
        null: Events of class 0: as many as class 1 (S + B), or the background alone (B).

    >>> mixture = Mixture(signal=45, background=2025)
    >>> mixture.name, mixture.s_over_sqrt_b, mixture.null_total
    ('B2025_S45', 1.0, 2070)
    """

    signal: int
    background: int
    totals: Literal["fixed", "poisson"] = "fixed"
    null: Literal["matched", "background"] = "matched"

    def __post_init__(self) -> None:
        for key in ("signal", "background"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key}: {getattr(self, key)} events, expected at least 0")
        _check_choices(self.totals, self.null)
        if self.null_total == 0:
            raise ValueError("background: class 0 would hold no event, expected at least 1")

    @property
    def s_over_b(self) -> float:
        """S/B, infinite without background."""
        return self.signal / self.background if self.background else math.inf

    @property
    def s_over_sqrt_b(self) -> float:
        """S/sqrt(B), infinite without background."""
        return self.signal / math.sqrt(self.background) if self.background else math.inf

    @property
    def fraction(self) -> float:
        """Signal share f = S/(S + B) of class 1."""
        return self.signal / (self.signal + self.background)

    @property
    def null_total(self) -> int:
        """Events of class 0."""
        return self.background + (self.signal if self.null == "matched" else 0)

    @property
    def name(self) -> str:
        """Short, stable and different for different mixtures."""
        totals = "_poisson" if self.totals == "poisson" else ""
        null = "_nullB" if self.null == "background" else ""
        return f"B{self.background}_S{self.signal}{totals}{null}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixtures:
    """The strengths of a scan: one list of strengths and one size of the histograms.

    Attributes:
        s_over_b: Signal over background events.
        s_over_sqrt_b: Signal over the square root of background events.
        signal: Signal events.
        cross_section: Signal cross-sections [pb] before the selection; needs ``luminosity``.
        background: Background events B of class 1, the same at every strength.
        total: Events S + B of class 1, the same at every strength.
        luminosity: Integrated luminosity [fb^-1]; B is what the backgrounds yield in it.
        totals: See `Mixture`.
        null: See `Mixture`.

    >>> [m.name for m in Mixtures(s_over_sqrt_b=(1, 2), background=2500).expand()]
    ['B2500_S50', 'B2500_S100']
    """

    s_over_b: tuple[float, ...] | None = None
    s_over_sqrt_b: tuple[float, ...] | None = None
    signal: tuple[int, ...] | None = None
    cross_section: tuple[float, ...] | None = None
    background: int | None = None
    total: int | None = None
    luminosity: float | None = None
    totals: Literal["fixed", "poisson"] = "fixed"
    null: Literal["matched", "background"] = "matched"

    def __post_init__(self) -> None:
        _one_of(self, tuple(_EXAMPLES), "give one list, e.g. s_over_sqrt_b: [0.5, 1, 2]")
        _one_of(self, _SIZES, "give one, e.g. background: 50000")
        object.__setattr__(self, self.key, tuple(self.strengths))
        _check_strengths(self.key, self.strengths)
        for size in _SIZES:
            value = getattr(self, size)
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise ValueError(f"{size}: {value:g}, expected a finite number of at least 0")
        _check_choices(self.totals, self.null)
        if self.cross_section is not None and self.luminosity is None:
            raise ValueError(
                "cross_section: events follow from cross-section x luminosity, but no luminosity "
                "is given: write luminosity: 300 [fb^-1] in place of background or total"
            )
        if self.luminosity is None:
            self.expand()

    @property
    def key(self) -> str:
        """Which list of strengths is given."""
        return next(key for key in _EXAMPLES if getattr(self, key) is not None)

    @property
    def strengths(self) -> tuple[float, ...]:
        """The list itself."""
        return getattr(self, self.key)  # type: ignore[no-any-return]

    def expand(
        self, *, background_yield_pb: float | None = None, signal_efficiency: float | None = None
    ) -> tuple[Mixture, ...]:
        """One mixture per strength, in their order, with whole events.

        S is rounded to the nearest number; with a fixed total B = total - S.

        Args:
            background_yield_pb: Background cross-section after the selection [pb], all
                backgrounds together; needed if ``luminosity`` is given.
            signal_efficiency: Selected share of the signal; needed if ``cross_section`` is given.

        Raises:
            ValueError: A strength gives no signal event, more than the total, or the same S as
                another one; or the yields are missing.
        """
        background = self._background(background_yield_pb)
        found: dict[tuple[int, int], float] = {}
        for strength in self.strengths:
            signal = _rounded(self._signal(strength, background, signal_efficiency))
            if signal < 1:
                self._too_weak(strength, background, signal_efficiency)
            B = background if self.total is None else self.total - signal
            if B < 0:
                raise ValueError(
                    f"{self.key}: {strength:g} gives S = {signal} of {self.total} events"
                )
            if (signal, B) in found:
                raise ValueError(
                    f"{self.key}: {found[signal, B]:g} and {strength:g} both give S = {signal}, "
                    "expected different numbers of signal events: leave one out"
                )
            found[signal, B] = strength
        return tuple(
            Mixture(signal=S, background=B, totals=self.totals, null=self.null) for S, B in found
        )

    def _background(self, yield_pb: float | None) -> int:
        """B of every histogram; with a fixed total, that of a histogram without signal."""
        if self.luminosity is None:
            return int(self.background if self.background is not None else self.total or 0)
        if yield_pb is None:
            raise ValueError(
                "luminosity: the number of background events follows from the selected "
                "cross-section of the backgrounds, which is not known before the events are read"
            )
        return _rounded(yield_pb * self.luminosity * PER_FB)

    def _signal(self, strength: float, B: int, efficiency: float | None) -> float:
        """Expected signal events; with a fixed total N: S = rN/(1 + r) or S = x sqrt(N - S)."""
        if self.key == "s_over_b":
            return strength * B / (1 + strength) if self.total is not None else strength * B
        if self.key == "s_over_sqrt_b":
            if self.total is None:
                return strength * math.sqrt(B)
            # The positive root of S^2 + x^2 S - x^2 N, in the form that does not cancel.
            return 2 * B / (1 + math.sqrt(1 + 4 * B / strength**2))
        if self.key == "signal":
            return strength
        if efficiency is None:
            raise ValueError(
                "cross_section: the number of signal events follows from the efficiency of the "
                "selection, which is not known before the events are read"
            )
        return strength * efficiency * (self.luminosity or 0.0) * PER_FB

    def _too_weak(self, strength: float, B: int, efficiency: float | None) -> NoReturn:
        expected = self._signal(strength, B, efficiency)
        smallest = _one_event(self.key, B, fixed_total=self.total is not None)
        if self.key == "cross_section" and expected > 0:
            smallest = strength / expected
        fix = (
            f"the smallest {self.key} with one signal event is {smallest:.3g}"
            if math.isfinite(smallest)
            else "give background events, or signal: [...] in numbers of events"
        )
        raise ValueError(f"{self.key}: {strength:g} gives {expected:.3g} signal events; {fix}")


def _one_event(key: str, B: int, *, fixed_total: bool) -> float:
    """The strength with S = 1."""
    rest = B - 1 if fixed_total else B
    if rest <= 0:
        return math.inf
    return {"s_over_b": 1 / rest, "s_over_sqrt_b": 1 / math.sqrt(rest)}.get(key, math.inf)


def _rounded(number: float) -> int:
    return math.floor(number + 0.5)


def _check_choices(totals: str, null: str) -> None:
    if totals not in {"fixed", "poisson"}:
        raise ValueError(f"totals: '{totals}', expected fixed or poisson")
    if null not in {"matched", "background"}:
        raise ValueError(f"null: '{null}', expected matched or background")


def _check_strengths(key: str, strengths: tuple[float, ...]) -> None:
    if not strengths:
        raise ValueError(f"{key}: the list is empty, expected e.g. {_EXAMPLES[key]}")
    if wrong := [value for value in strengths if not (value > 0 and math.isfinite(value))]:
        raise ValueError(*(f"{key}: {value:g}, expected finite numbers above 0" for value in wrong))


def _one_of(config: Mixtures, keys: tuple[str, ...], fix: str) -> None:
    given = [key for key in keys if getattr(config, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        choice = " | ".join(keys)
        where = given[-1] if given else keys[0]
        raise ValueError(f"{where}: expected exactly one of {choice}, found {found}; {fix}")
