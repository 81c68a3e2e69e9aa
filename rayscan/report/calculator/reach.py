"""What stored tables say at yields that were not scanned: the AUC between strengths, the limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr

from rayscan.report.frames.auc import curves, own
from rayscan.report.frames.limits import from_scores, of_classifiers
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables
from rayscan.results.tables.limits import TAGS
from rayscan.stats.auc import separation
from rayscan.stats.limits import Limit, upper_limits
from rayscan.stats.workspace import template_of
from rayscan.stats.yields import Yields, saturation

_SAME = 1e-3
"""Background yields that differ by no more are the same: the limit differs by less."""

ReadWorkspace = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AucAt:
    """The AUC of one architecture at a strength x = S/sqrt(S + B).

    Attributes:
        label: The architecture.
        auc: None where x is beyond the tested strengths: no extrapolation.
        error: Statistical error, and spread of the mean over repeats.
        at_least: The AUC at the strongest tested strength, where x is beyond it.
        how: Between which points it stands.
    """

    label: str
    auc: float | None
    error: float | None
    at_least: float | None = None
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingAt:
    """The AUC that no classifier passes.

    Attributes:
        auc: The AUC.
        error: Its error: of the pools, of test sets, of what is not known of the shape.
        how: Where it comes from.
        formula: Whether from k alone.
    """

    auc: float
    error: float
    how: str
    formula: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitAt:
    """An expected 95 % CLs limit on selected signal events.

    Attributes:
        name: What was fitted.
        expected: -2, -1, 0, +1, +2 sigma [events]; None where there is none.
        method: Where it comes from.
        error: Bound on the relative error of an interpolation; 0 otherwise.
        how: In words.
    """

    name: str
    expected: tuple[float | None, ...]
    method: Literal[
        "stored", "rescaled", "interpolated", "counting", "closed form", "shape", "none"
    ]
    error: float = 0.0
    how: str


def aucs_at(tables: Tables, benchmark: str, x: float) -> list[AucAt]:
    """The AUC of every architecture on its own benchmark, interpolated in d' = sqrt 2 Phi^-1(AUC).

    d' is linear in x for the likelihood ratio, whatever B (arXiv:2105.12018, Fig. 10), and 0
    without signal. Of several B the largest is taken.
    """
    rows = own(tables)
    found: dict[str, pd.DataFrame] = {}
    for label, _, background, part in curves(rows[rows["test_benchmark"] == benchmark]):
        if label not in found or background is not None:  # ascending in B: the last is the largest
            found[label] = part
    return [_auc_at(label, part, x) for label, part in found.items()]


def _auc_at(label: str, part: pd.DataFrame, x: float) -> AucAt:
    # an AUC of 1 within the error of test set and repeats has no d' to speak of
    usable = part[(part["auc_mean"] + part["mean_error"] < 1) & (part["auc_mean"] > 0)]
    total = (usable["test_signal"] + usable["test_background"]).to_numpy(np.float64)
    known = np.append(0.0, usable["test_signal"].to_numpy(np.float64) / np.sqrt(total))
    order = np.argsort(known, kind="stable")
    area = np.append(0.5, usable["auc_mean"].to_numpy(np.float64))[order]
    known = known[order]
    error = np.append(0.0, usable["auc_total_error"])[order]
    if x > known[-1] * (1 + 1e-9):
        how = f"beyond the strongest tested x = {known[-1]:.3g}"
        return AucAt(label=label, auc=None, error=None, at_least=float(area[-1]), how=how)
    d = np.asarray(separation(area))
    spread = error / _slope(d)
    above = max(int(np.searchsorted(known, x)), 1)
    below = min(above, len(known) - 1) - 1
    share = (x - known[below]) / (known[below + 1] - known[below])
    value = (1 - share) * d[below] + share * d[below + 1]
    sigma = math.hypot((1 - share) * spread[below], share * spread[below + 1])
    start = f"the tested x = {known[below]:.3g}" if below else "no signal"
    how = f"between {start} and x = {known[below + 1]:.3g}"
    area_at = float(ndtr(value / math.sqrt(2)))
    return AucAt(label=label, auc=area_at, error=float(sigma * _slope(value)), how=how)


def _slope(d: Any) -> Any:
    """dA/dd' = phi(d'/sqrt 2)/sqrt 2, phi the normal density."""
    return np.exp(-(d**2) / 4) / math.sqrt(4 * math.pi)


def ceiling_at(tables: Tables, benchmark: str, found: Yields) -> CeilingAt | None:
    """The ceiling of a benchmark between those of the table; None without.

    The best classifier's d' = sqrt 2 Phi^-1(AUC) is x g(f) with f = S/(S + B): of many events the
    per-event likelihood ratio, hence g, knows the mixture only. g falls from g(0) = k as the ratio
    saturates, and is interpolated in f between k and the tested mixtures, whatever their B. Beyond
    them it falls on as that of two Gaussians with this k would, with what it falls as an error.
    """
    k = separation_of(tables, benchmark)
    known = _saturations(tables, benchmark)
    if k is None or known.empty:
        return None
    f = found.signal / (found.signal + found.background)
    places = np.append(0.0, known["f"].to_numpy(np.float64))
    g, error = (
        np.append(v, known[n].to_numpy(np.float64)) for v, n in zip(k, ("g", "error"), strict=True)
    )
    above = min(max(int(np.searchsorted(places, f)), 1), len(places) - 1)
    share = min((f - places[above - 1]) / (places[above] - places[above - 1]), 1.0)
    value = (1 - share) * g[above - 1] + share * g[above]
    sigma = math.hypot((1 - share) * error[above - 1], share * error[above])
    how = f"of the histogram: between table auc at S/B <= {_odds(places[above]):.2g}"
    if f > places[-1] * (1 + 1e-9):
        tested = Yields(signal=places[-1], background=1 - places[-1])
        asked = Yields(signal=f, background=1 - f)
        fall = min(saturation(k[0], asked) / saturation(k[0], tested), 1.0)
        sigma, value = math.hypot(sigma, (1 - fall) * value), fall * value
        how = f"of the histogram: beyond table auc (S/B up to {_odds(places[-1]):.2g}), next order"
    x = found.s_over_sqrt_total
    error_at = float(_slope(value * x) * x * sigma)
    return CeilingAt(auc=float(ndtr(value * x / math.sqrt(2))), error=error_at, how=how)


def _odds(share: float) -> float:
    return share / (1 - share)


def _saturations(tables: Tables, benchmark: str) -> pd.DataFrame:
    """What d'/x is of the table's ceilings (g), with its error, by rising f = S/(S + B)."""
    rows = tables.auc[tables.auc["test_benchmark"] == benchmark]
    if "test_against" in rows:
        rows = rows[rows["test_against"].isna()]
    total = "auc_ceiling_total_error"
    own = rows["auc_ceiling_error"]
    errors = rows[total].fillna(own) if total in rows else own
    rows = rows.assign(error=errors).dropna(subset=["auc_ceiling", "error"])
    # 0.5 is "no worse than nothing", 1 within its error has no d' to speak of
    rows = rows[(rows["auc_ceiling"] > 0.5) & (rows["auc_ceiling"] + rows["error"] < 1)]
    rows = rows.groupby(["test_signal", "test_background"], as_index=False)[
        ["auc_ceiling", "error"]
    ].mean()
    size = (rows["test_signal"] + rows["test_background"]).to_numpy(np.float64)
    x = rows["test_signal"].to_numpy(np.float64) / np.sqrt(size)
    d = np.asarray(separation(rows["auc_ceiling"].to_numpy(np.float64)))
    error = rows["error"] / _slope(d) / x
    found = pd.DataFrame({"f": x / np.sqrt(size), "g": d / x, "error": error})
    # Equal mixtures of other sizes: the best known one.
    found = found.sort_values(["f", "error"]).drop_duplicates("f")
    return found[found["f"] > 0].reset_index(drop=True)


def separation_of(tables: Tables, benchmark: str) -> tuple[float, float] | None:
    """K of a benchmark and its error, at the largest B that was tested; None without."""
    rows = tables.auc[(tables.auc["test_benchmark"] == benchmark)].dropna(subset=["separation_k"])
    if rows.empty:
        return None
    rows = rows[rows["test_background"] == rows["test_background"].max()]
    return float(rows["separation_k"].median()), float(rows["separation_k_error"].median())


def limits_at(
    tables: Tables, benchmark: str, background: float, read: ReadWorkspace
) -> Iterator[LimitAt]:
    """Limits of the fits of the scan at another number of background events.

    Signal and background keep their shapes, so that the limit on signal events depends on B only.
    A row of `limits` at this B is taken as it is; else the workspace of the nearest one is scaled
    to it and solved again; else two rows around it are interpolated, log against log.
    """
    rows = labelled(tables.limits)
    rows = rows[(rows["test_benchmark"] == benchmark) & rows["status"].isin(["ok", "partial"])]
    rows = rows[~from_scores(rows)]
    trained = of_classifiers(rows)
    for method, group in rows[~trained].groupby("method"):
        yield _limit_at(str(method), group, background, read)
    used = rows[trained & (rows["train_benchmark"] == benchmark)]
    for names, group in used.groupby(["label", "method"]):
        strongest = group.sort_values(["train_signal", "repeat"], ascending=[False, True])
        one = strongest[strongest["trial"] == strongest["trial"].iloc[0]]
        yield _limit_at(" of ".join(map(str, reversed(names))), one, background, read)


def _limit_at(name: str, rows: pd.DataFrame, background: float, read: ReadWorkspace) -> LimitAt:
    rows = rows.sort_values("background_events")
    distance = np.log(rows["background_events"].to_numpy(np.float64) / background)
    nearest = rows.iloc[int(np.argmin(np.abs(distance)))]
    at = f"{nearest['luminosity']:g} fb^-1"
    if np.abs(distance).min() < _SAME:
        how = f"table limits at {at}"
        return LimitAt(name=name, expected=_events(nearest), method="stored", how=how)
    file = nearest["workspace"]
    spec = read(file) if isinstance(file, str) else None
    if spec is not None:
        return _rescaled(name, spec, background, f"workspace of {at} scaled to this B")
    if distance[0] < 0 < distance[-1]:
        return _interpolated(name, rows, distance)
    known = ", ".join(f"{value:.4g}" for value in rows["background_events"].unique())
    how = f"the table has limits for B = {known} and no workspace to scale"
    return LimitAt(name=name, expected=(None,) * 5, method="none", how=how)


def _events(row: pd.Series[Any]) -> tuple[float | None, ...]:
    values = (row[f"signal_events_expected_{tag}"] for tag in TAGS)
    return tuple(None if pd.isna(value) else float(value) for value in values)


def _rescaled(name: str, spec: Mapping[str, Any], background: float, how: str) -> LimitAt:
    template = template_of(spec)
    scaled = template.scaled(background / float(template.background.sum()))
    limit = upper_limits([scaled])[0].scaled(float(scaled.signal.sum()))
    told = f"{how}: {limit.message}" if limit.status != "ok" else how + by_what(limit)
    return LimitAt(name=name, expected=limit.expected, method="rescaled", how=told)


def by_what(limit: Limit) -> str:
    """What decided a limit, if not an asymptotic formula."""
    return {"toys": "; few events: toys", "exact": "; few events: exact count"}.get(
        limit.calculator, ""
    )


def _interpolated(name: str, rows: pd.DataFrame, distance: Any) -> LimitAt:
    """Between two rows, linear in log S against log B.

    log S = log sqrt(B + (d B)^2) + const has a second derivative of at most 1/8 in log B, so that
    the chord is too high by at most t (1 - t) h^2/16, h the step in log B and t the place in it.
    """
    above = int(np.searchsorted(distance, 0.0))
    h = float(distance[above] - distance[above - 1])
    t = float(-distance[above - 1] / h)
    ends = [_events(rows.iloc[i]) for i in (above - 1, above)]
    values = [
        None if a is None or b is None else math.exp((1 - t) * math.log(a) + t * math.log(b))
        for a, b in zip(*ends, strict=True)
    ]
    between = " and ".join(f"{rows.iloc[i]['luminosity']:g}" for i in (above - 1, above))
    error = t * (1 - t) * h * h / 16
    how = f"between the limits at {between} fb^-1, at most {error:.1%} too high"
    return LimitAt(name=name, expected=tuple(values), method="interpolated", error=error, how=how)
