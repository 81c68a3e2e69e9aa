"""Upper limits on a signal from a classifier's output on whole pseudo-experiments.

Shapes: N background-only ensembles, n signal strengths, M ensembles at each strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, isotonic_regression
from scipy.special import gammaln, ndtr, ndtri

from rayscan.arrays import Floats
from rayscan.errors import SampleUnusableError
from rayscan.stats.profile import BANDS

# Fewer ensembles than this beyond a threshold say nothing about a probability there.
_FEWEST = 5
_Curve = tuple[Floats, Floats]
_UNBOUNDED = "not excluded at the largest strength"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLimit:
    """CLs upper limits on the number of signal events, with their statistical errors.

    Attributes:
        expected: Limits [events] for background-only scores at -2, -1, 0, 1, 2 standard
            deviations; ``None`` where there is none, never an extrapolation.
        error: Statistical uncertainty [events] of each, from the finite number of ensembles.
        observed: The limit for the observed score; ``None`` without one.
        observed_error: Its statistical uncertainty.
        status: "ok": all are there; "partial": the median is, another is not; "unbounded": the
            median is beyond the largest strength tested; "failed": too few ensembles for it.
        message: Which are missing and why.
    """

    expected: tuple[float | None, ...]
    error: tuple[float | None, ...]
    observed: float | None
    observed_error: float | None
    status: Literal["ok", "partial", "unbounded", "failed"]
    message: str


@dataclass(frozen=True, slots=True)
class _Crossing:
    """Where CLs falls to the level, or why it is not known."""

    strength: float | None
    error: float | None
    why: str = ""


def score_limit(
    null_scores: ArrayLike,
    strengths: ArrayLike,
    scores: ArrayLike,
    *,
    level: float = 0.05,
    observed: float | None = None,
    exact_numbers: bool = False,
) -> ScoreLimit:
    """The signal that the classifier's output excludes.

    The score of a whole pseudo-experiment is the test statistic t, large for signal:
    CLs(S) = P(t <= t_obs | S + B) / P(t <= t_obs | B), from the ensembles. For the expected limits
    t_obs is a quantile of the background-only scores. Between strengths Phi^-1 of the numerator
    is interpolated linearly in S: exact for Gaussian scores whose mean moves in proportion to S.
    A monotone (isotonic) fit comes first, because CLs+b cannot rise with S but its estimates can.

    The errors contain the binomial spread of the numerator at the two strengths around the limit,
    and that of the background-only quantile. A limit needs five ensembles below its threshold:
    at 95 % about 4,400 per strength for the -2 sigma band, 200 for the median.

    Args:
        null_scores: Scores of background-only ensembles, shape (N,).
        strengths: Signal events of the tested ensembles, increasing, > 0, shape (n,).
        scores: Scores of signal + background ensembles at each strength, shape (n, M).
        level: CLs at the limit.
        observed: The score of the data, if there are data.
        exact_numbers: Whether each ensemble holds exactly S signal events, where Poisson numbers
            around S were not drawn. The limit is on the expected number, so that CLs+b is then
            the mean over such numbers: it holds ``exp(-S)`` ensembles without signal, and no
            limit lies below -ln(level). (Else pure signal would be excluded at one event.)

    Raises:
        SampleUnusableError: Shapes do not fit, strengths do not increase, or there is a NaN.
    """
    null, signal, tested = _checked(null_scores, strengths, scores, level)
    thresholds = _quantiles(null, ndtr(np.array(BANDS)))
    sample = _Sample(null, signal, tested, exact_numbers)
    bands = [_crossing(sample, float(t), level) for t in thresholds]
    named = [*zip((f"{b:+d} sigma" for b in BANDS), bands, strict=True)]
    seen = _Crossing(None, None)
    if observed is not None:
        seen = _crossing(sample, observed, level, exact=True)
        named.append(("observed", seen))
    missing = [f"{name}: {found.why}" for name, found in named if found.strength is None]
    return ScoreLimit(
        expected=tuple(band.strength for band in bands),
        error=tuple(band.error for band in bands),
        observed=seen.strength,
        observed_error=seen.error,
        status=_status(bands[BANDS.index(0)], missing),
        message="; ".join(missing),
    )


def _status(
    median: _Crossing, missing: list[str]
) -> Literal["ok", "partial", "unbounded", "failed"]:
    if not missing:
        return "ok"
    if median.strength is not None:
        return "partial"
    return "unbounded" if median.why.startswith(_UNBOUNDED) else "failed"


def _quantiles(ordered: Floats, probability: Floats) -> Floats:
    """Scores that the given fractions of background-only ensembles do not exceed."""
    return np.quantile(ordered, np.clip(probability, 0.0, 1.0), method="inverted_cdf")


@dataclass(frozen=True, slots=True)
class _Sample:
    """Sorted background-only scores (N,), strengths (n,), scores at each (n, M)."""

    null: Floats
    strengths: Floats
    scores: Floats
    exact_numbers: bool


def _crossing(sample: _Sample, threshold: float, level: float, *, exact: bool = False) -> _Crossing:
    """The limit for one score; ``exact`` if it was observed, not estimated as a quantile."""
    null, count = sample.null, sample.scores.shape[1]
    below = float(np.mean(null <= threshold))
    target = level * below
    if min(below * len(null), target * count) < _FEWEST:
        return _Crossing(None, None, _too_few(below, target, len(null), count))
    beyond = _Crossing(None, None, f"{_UNBOUNDED}, S = {sample.strengths[-1]:g}")
    found = _interpolate(sample, threshold, below, target)
    if found is None:
        return beyond
    strength, variance, curve = found
    step = np.sqrt(below * (1.0 - below) / len(null))
    if not exact:
        shifted = _quantiles(null, below + step * np.array([-1.0, 1.0]))
        moved = [_interpolate(sample, float(t), below, target) for t in shifted]
    else:
        clbs = np.clip([below - step, below + step], 1.0 / len(null), 1.0)
        moved = [_interpolate(sample, threshold, p, level * p) for p in clbs]
    variance += float(np.mean([(m[0] - strength) ** 2 for m in moved if m is not None] or [0.0]))
    if sample.exact_numbers:
        averaged = _of_expected_number(*curve, strength, target)
        if averaged is None:
            return beyond
        strength = averaged
    return _Crossing(strength, float(np.sqrt(variance)))


def _too_few(below: float, target: float, of_null: int, count: int) -> str:
    if below * of_null < _FEWEST:
        return f"fewer than {_FEWEST} of {of_null} background-only ensembles score below it"
    needed = int(np.ceil(_FEWEST / target))
    return f"needs {needed} ensembles per strength, has {count}"


def _interpolate(
    sample: _Sample, threshold: float, below: float, target: float
) -> tuple[float, float, _Curve] | None:
    """The strength at which P(t <= threshold) is the target; None if beyond.

    Its variance comes with it, and Phi^-1 of the probability at each strength, from 0.
    """
    count = sample.scores.shape[1]
    # Half an ensemble is added where none or all fall below, to keep Phi^-1 finite.
    passing = (np.count_nonzero(sample.scores <= threshold, axis=1) + 0.5) / (count + 1.0)
    falling = isotonic_regression(passing, increasing=False).x
    grid = np.concatenate([[0.0], sample.strengths])
    p = np.concatenate([[min(below, 1.0 - 0.5 / (count + 1.0))], np.minimum(falling, below)])
    under = np.flatnonzero(p[1:] <= target)
    if len(under) == 0:
        return None
    left, right = under[0], under[0] + 1
    z = ndtri(p)
    fall, width = z[left] - z[right], grid[right] - grid[left]
    share = (z[left] - ndtri(target)) / fall
    spread = np.sqrt(p * (1.0 - p) / count) / (np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))
    spread[0] = 0.0  # at S = 0 the quantile itself, accounted for by the caller
    variance = ((1.0 - share) * spread[left]) ** 2 + (share * spread[right]) ** 2
    strength = float(grid[left] + share * width)
    return strength, float(variance * (width / fall) ** 2), (grid, z)


def _of_expected_number(grid: Floats, z: Floats, start: float, target: float) -> float | None:
    """The mean number at which the Poisson average of Phi(z(n)) is the target; None if beyond."""

    def excess(mean: float) -> float:
        reach = 8.0 * np.sqrt(mean) + 10.0
        first, last = max(np.floor(mean - reach), 0.0), np.ceil(mean + reach)
        numbers = np.arange(first, last + 1.0, max(np.floor((last - first) / 64), 1.0))
        share = np.exp(numbers * np.log(mean) - mean - gammaln(numbers + 1.0))
        # Beyond the largest tested strength as there, too much: no limit is too low for it.
        return float(share @ ndtr(np.interp(numbers, grid, z)) / share.sum()) - target

    if excess(float(grid[-1])) > 0.0:
        return None
    return float(brentq(excess, 1e-6 * start, float(grid[-1]), rtol=1e-5))


def _checked(
    null_scores: ArrayLike, strengths: ArrayLike, scores: ArrayLike, level: float
) -> tuple[Floats, Floats, Floats]:
    null = np.sort(np.asarray(null_scores, dtype=np.float64))
    signal = np.asarray(strengths, dtype=np.float64)
    tested = np.asarray(scores, dtype=np.float64)
    if null.ndim != 1 or tested.ndim != 2 or min(null.size, tested.size) == 0:
        raise SampleUnusableError(
            what="scores of ensembles",
            expected="shapes (N,) and (strengths, M), not empty",
            found=f"{null.shape} and {tested.shape}",
        )
    if signal.shape != tested.shape[:1] or bool(np.any(np.diff(signal, prepend=0.0) <= 0)):
        raise SampleUnusableError(
            what="signal strengths",
            expected=f"{len(tested)} increasing numbers > 0",
            found=f"{signal.tolist()}",
        )
    if bool(np.isnan(null).any() or np.isnan(tested).any()):
        raise SampleUnusableError(what="scores of ensembles", expected="no NaN", found="NaN")
    if not 0.0 < level < 1.0:
        raise SampleUnusableError(what="level", expected="between 0 and 1", found=str(level))
    return null, signal, tested
