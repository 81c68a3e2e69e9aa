"""Expected events from cross-sections, and what they allow in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from rayscan.errors import SampleUnusableError
from rayscan.stats.limits import Limit, upper_limits
from rayscan.stats.template import SIGNAL, Template

PER_FB = 1000.0
"""Events of 1 pb in 1 fb^-1."""
_MEDIAN = 1.959963984540054
"""Phi^-1(1 - 0.05/2): 95 % CLs in standard deviations, for data as expected without signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yields:
    """Expected numbers of selected events.

    >>> found = Yields(signal=300.0, background=10_000.0)
    >>> found.s_over_b, found.s_over_sqrt_b
    (0.03, 3.0)
    """

    signal: float
    background: float

    def __post_init__(self) -> None:
        _positive(self.signal, "signal events")
        _positive(self.background, "background events")

    @property
    def s_over_b(self) -> float:
        """S/B."""
        return self.signal / self.background

    @property
    def s_over_sqrt_b(self) -> float:
        """S/sqrt(B)."""
        return self.signal / math.sqrt(self.background)

    @property
    def s_over_sqrt_total(self) -> float:
        """S/sqrt(S + B), the x of AUC = Phi(k x/sqrt 2)."""
        return self.signal / math.sqrt(self.signal + self.background)


def yields(
    *,
    cross_section_signal: float,
    efficiency_signal: float,
    cross_section_background: float,
    efficiency_background: float,
    luminosity: float,
) -> Yields:
    """S and B of an analysis (arXiv:2105.12018, section 4.1).

    From cross-sections [pb] before the selection, the shares of them that are selected, and the
    luminosity [fb^-1].

    Raises:
        SampleUnusableError: A number is not positive, or an efficiency above 1.

    >>> round(yields(cross_section_signal=1.0, efficiency_signal=0.5, luminosity=1.0,
    ...     cross_section_background=53.6, efficiency_background=0.78).background)
    41808
    """
    _positive(luminosity, "luminosity [fb^-1]")
    events = []
    for cross_section, efficiency, of in (
        (cross_section_signal, efficiency_signal, "signal"),
        (cross_section_background, efficiency_background, "background"),
    ):
        _positive(cross_section, f"cross-section of the {of} [pb]")
        _positive(efficiency, f"efficiency of the {of}")
        if efficiency > 1:
            expected = "a share, above 0 and at most 1"
            raise SampleUnusableError(
                what=f"efficiency of the {of}", expected=expected, found=f"{efficiency:g}"
            )
        events.append(cross_section * efficiency * luminosity * PER_FB)
    return Yields(signal=events[0], background=events[1])


def _positive(value: float, what: str) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise SampleUnusableError(what=what, expected="a positive number", found=f"{value:g}")


def closed_form_auc(k: float, x: float, k_error: float = 0.0) -> tuple[float, float]:
    """The AUC that no classifier passes at small S/B, Phi(k x/sqrt 2), and its error from k's.

    Of the separation k^2 = sum (p1 - p0)^2/p0 and x = S/sqrt(S + B), assuming k^2 S << B (see
    `next_order_auc`).
    """
    z = k * x / math.sqrt(2.0)
    slope = math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi) * x / math.sqrt(2.0)
    return float(ndtr(z)), slope * k_error


def next_order_auc(k: float, found: Yields, k_error: float = 0.0) -> tuple[float, float]:
    """`closed_form_auc` with its next order in S/B, and its error.

    Phi(k x/sqrt 2) is the limit of small S/B: it overstates where the likelihood ratio saturates,
    by .04 at B = 1,500. How much depends on the densities; here they are two Gaussians with this k
    (a shift of sqrt(ln(1 + k^2)) standard deviations), with the exact moments of the ratio's
    logarithm. What it changes is counted as an error of its own, which holds for falling spectra up
    to k = 3.

    >>> value, error = next_order_auc(1.18, Yields(signal=1.0, background=250_000.0))
    >>> abs(value - closed_form_auc(1.18, 0.002)[0]) < 1e-6
    True
    """
    x = found.s_over_sqrt_total
    first, by_k = closed_form_auc(k, x, k_error)
    value = float(ndtr(k * x * saturation(k, found) / math.sqrt(2.0)))
    return value, math.hypot(by_k, first - value)


def saturation(k: float, found: Yields) -> float:
    """The separation of the likelihood ratio of two Gaussians over its limit of small S/B."""
    if k == 0.0:
        return 1.0
    nodes, share = np.polynomial.hermite_e.hermegauss(200)
    shift = math.sqrt(math.log1p(k * k))
    total = found.signal + found.background
    f = found.signal / total
    means, variances = [], []
    for of in (0.0, shift):
        ratio = np.exp(shift * (nodes + of) - 0.5 * shift * shift)
        weights = np.log1p(f * (ratio - 1.0))
        mean = float(share @ weights / share.sum())
        means.append(mean)
        variances.append(float(share @ (weights - mean) ** 2 / share.sum()))
    spread = (total + found.background) * variances[0] + found.signal * variances[1]
    apart = found.signal * (means[1] - means[0]) / math.sqrt(spread)
    return float(math.sqrt(2.0) * apart / (k * found.s_over_sqrt_total))


def shape_limit(background: float, k: float, background_uncertainty: float = 0.0) -> Limit:
    """95 % CLs limits on selected signal events of a shape of which k alone is known.

    Where many events decide, the median of `closed_form_limit`. Where few do the shape matters: it
    is that of two Gaussians with this k, in 24 bins, and the limits are those of toys.
    """
    median = closed_form_limit(background, k, background_uncertainty)
    shift = math.sqrt(math.log1p(k * k))
    inner = np.linspace(-3.0, 3.0 + shift, 23)
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    template = Template(
        signal=median * np.diff(ndtr(edges - shift)),
        backgrounds=(("background", background * np.maximum(np.diff(ndtr(edges)), 1e-12)),),
        normalisation={"background": background_uncertainty},
    )
    found = upper_limits([template])[0]
    if found.status == "ok" and found.calculator == "asymptotic":
        return Limit(observed=None, expected=(None, None, median, None, None), status="ok")
    return found.scaled(median)


def closed_form_limit(
    background: float, k: float = 0.0, background_uncertainty: float = 0.0
) -> float:
    """The median expected 95 % CLs limit on selected signal events, of Gaussian statistics.

    The Fisher information of S in the histogram is k^2/B, and 1/(B (1 + d^2 B)) from the number
    of events, d the relative uncertainty of B: a shape of separation k is not hurt by an unknown
    normalisation. With k = 0 this is the counting experiment, 1.96 sqrt(B + (d B)^2).

    Raises:
        SampleUnusableError: B is not positive, or another number negative.

    >>> round(closed_form_limit(10_000.0), 1)
    196.0
    """
    _positive(background, "background events")
    for value, what in ((k, "k"), (background_uncertainty, "background uncertainty")):
        if not (value >= 0 and math.isfinite(value)):
            raise SampleUnusableError(what=what, expected="a number >= 0", found=f"{value:g}")
    number = 1.0 / (background * (1.0 + background_uncertainty**2 * background))
    return _MEDIAN / math.sqrt(k * k / background + number)


def counting_limit(
    background: float, *, background_uncertainty: float = 0.0, signal_uncertainty: float = 0.0
) -> Limit:
    """95 % CLs limits on selected signal events of the counting experiment: one bin, no shape.

    Uncertainties are relative, of the expected background events and of the signal efficiency.
    """
    unit = closed_form_limit(background, 0.0, background_uncertainty)
    template = Template(
        signal=np.array([unit]),
        backgrounds=(("background", np.array([background])),),
        normalisation={"background": background_uncertainty, SIGNAL: signal_uncertainty},
    )
    return upper_limits([template])[0].scaled(unit)
