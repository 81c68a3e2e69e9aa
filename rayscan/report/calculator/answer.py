"""The four-step calculator: cross-sections, efficiencies and luminosity to AUC and limit.

arXiv:2105.12018, section 4.1: count S and B, form S/sqrt(B), read the AUC; and the limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from rayscan.errors import ConfigError, Problem, StorageError, nearest
from rayscan.report.calculator.reach import (
    AucAt,
    CeilingAt,
    LimitAt,
    aucs_at,
    by_what,
    ceiling_at,
    limits_at,
    separation_of,
)
from rayscan.report.frames.limits import from_scores
from rayscan.results.read import Tables, scan_file
from rayscan.results.seal import damage_of_named
from rayscan.results.storage import Storage
from rayscan.stats.yields import PER_FB, Yields, counting_limit, next_order_auc, shape_limit, yields

_CLASSES = ("signal", "background")
_LARGE = 0.1
"""S/B above which an AUC is no longer that of the same S/sqrt(S + B) at other B to a per cent."""

_ROUGH = 0.005
"""Error of a ceiling above which its formula is cautioned about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What is known of an analysis; None where it is to come from the tables of a scan.

    Attributes:
        cross_section_signal: Of the signal [pb], before the selection.
        efficiency_signal: Share of it that is selected.
        cross_section_background: Of all backgrounds [pb].
        efficiency_background: Share of it that is selected.
        luminosity: Integrated luminosity [fb^-1].
        background_uncertainty: Relative uncertainty of the background yield.
        k: Separation of signal and background, k^2 = sum (p1 - p0)^2/p0.
        k_error: Its error.
    """

    cross_section_signal: float | None = None
    efficiency_signal: float | None = None
    cross_section_background: float | None = None
    efficiency_background: float | None = None
    luminosity: float | None = None
    background_uncertainty: float | None = None
    k: float | None = None
    k_error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the calculator says.

    Attributes:
        analysis: What it went out from, what came from the tables included.
        yields: S and B.
        aucs: Of each architecture; none without tables.
        ceiling: AUC that no classifier passes; None without k.
        limits: Expected 95 % CLs limits on selected signal events.
        cautions: What to know before believing it.
    """

    analysis: Analysis
    yields: Yields
    aucs: tuple[AucAt, ...] = ()
    ceiling: CeilingAt | None = None
    limits: tuple[LimitAt, ...] = ()
    cautions: tuple[str, ...] = ()

    def cross_section(self, events: float | None) -> float | None:
        """The signal cross-section [pb] that gives so many selected events."""
        if events is None:
            return None
        given = self.analysis
        return events / (
            float(given.efficiency_signal or 0) * float(given.luminosity or 0) * PER_FB
        )


def calculate(
    analysis: Analysis,
    *,
    tables: Tables | None = None,
    benchmark: str | None = None,
    storage: Storage | None = None,
) -> Answer:
    """S, B, S/B, S/sqrt(B), the AUC with its ceiling, and the limit of an analysis.

    Args:
        analysis: What is known; the rest comes from the tables.
        tables: Result tables of a scan; without, AUC and limit follow from k alone.
        benchmark: Signal process of the scan.
        storage: Where the workspaces of the scan are.

    Raises:
        ConfigError: A number or the benchmark is missing, or the scan does not have it.
        SampleUnusableError: A number cannot be.
        StorageError: A workspace is damaged.
    """
    cautions: tuple[str, ...] = ()
    own_k = analysis.k is not None
    if tables is not None:
        cautions = (*_other_uncertainty(analysis, tables), *_uncertain_ensembles(tables))
        analysis = _completed(analysis, tables, _known(tables, benchmark))
    _check_complete(analysis)
    found = _yields(analysis)
    answer = Answer(analysis=analysis, yields=found, limits=tuple(_without_shape(analysis, found)))
    of_table = None if tables is None or own_k else ceiling_at(tables, str(benchmark), found)
    answer = replace(answer, ceiling=of_table or _of_k(analysis, found))
    if tables is not None and benchmark is not None:
        answer = _looked_up(answer, tables, benchmark, storage)
    return replace(answer, cautions=(*cautions, *_cautions(answer)))


def _of_k(analysis: Analysis, found: Yields) -> CeilingAt | None:
    if analysis.k is None:
        return None
    value, error = next_order_auc(analysis.k, found, analysis.k_error)
    given = f" +- {analysis.k_error:.2g}" if analysis.k_error else ""
    how = f"of the histogram: Phi(k x/sqrt 2) and its next order in S/B, k = {analysis.k:.3g}"
    return CeilingAt(auc=value, error=error, how=how + given, formula=True)


def _looked_up(answer: Answer, tables: Tables, benchmark: str, storage: Storage | None) -> Answer:
    def read(name: str) -> Any:
        if storage is None or (content := storage.read(name)) is None:
            return None
        if why := damage_of_named(name, content):
            fix = "run the scan again, which writes it anew"
            raise StorageError(path=storage.place(name), why=why, fix=fix)
        return json.loads(content)

    of_scan = limits_at(tables, benchmark, answer.yields.background, read)
    return replace(
        answer,
        aucs=tuple(aucs_at(tables, benchmark, answer.yields.s_over_sqrt_total)),
        limits=(*of_scan, *answer.limits),
    )


def _yields(analysis: Analysis) -> Yields:
    names = [f"{what}_{of}" for what in ("cross_section", "efficiency") for of in _CLASSES]
    return yields(**{name: float(getattr(analysis, name)) for name in [*names, "luminosity"]})


def _without_shape(analysis: Analysis, found: Yields) -> Iterator[LimitAt]:
    """Limits that need no histogram: of k in closed form, and of the number of events alone."""
    uncertainty = analysis.background_uncertainty or 0.0
    said = f"background known to {uncertainty:.3g}"
    if analysis.k is not None:
        shape = shape_limit(found.background, analysis.k, uncertainty)
        formula = shape.calculator == "asymptotic"
        of = "1.96/sqrt(k^2/B + 1/(B + (d B)^2))" if formula else "two Gaussians with this k"
        yield LimitAt(
            name="ideal shape",
            expected=shape.expected,
            method="closed form" if formula else "shape",
            how=f"{of}, {said}, no other systematics" + by_what(shape),
        )
    limit = counting_limit(found.background, background_uncertainty=uncertainty)
    yield LimitAt(
        name="number of events",
        expected=limit.expected,
        method="counting",
        how=f"counting experiment, {said}" + by_what(limit),
    )


def _known(tables: Tables, benchmark: str | None) -> str:
    known = sorted(tables.cutflow.loc[tables.cutflow["role"] == "signal", "process"].unique())
    if benchmark in known:
        return str(benchmark)
    hint = nearest(benchmark, known) if benchmark else ""
    what = "missing" if benchmark is None else f"'{benchmark}' is not in the scan{hint}"
    raise _problem("benchmark", f"{what}; it has {', '.join(known)}")


def _problem(where: str, what: str) -> ConfigError:
    return ConfigError(path="the calculation", problems=(Problem(where=where, what=what),))


def _completed(analysis: Analysis, tables: Tables, benchmark: str) -> Analysis:
    """The analysis with what the tables know in place of what is not given."""
    flow = tables.cutflow
    signal = flow[flow["process"] == benchmark]
    background = flow[flow["role"] == "background"]
    luminosities = tables.limits.loc[~from_scores(tables.limits), "luminosity"].unique()
    k = separation_of(tables, benchmark)
    known: dict[str, Any] = {
        "cross_section_signal": _total(signal, first=True),
        "efficiency_signal": _total(signal) / _total(signal, first=True),
        "cross_section_background": _total(background, first=True),
        "efficiency_background": _total(background) / _total(background, first=True),
        "luminosity": float(luminosities[0]) if len(luminosities) == 1 else None,
        "background_uncertainty": _background_uncertainty(tables),
    }
    if analysis.k is None and k is not None:
        known |= {"k": k[0]}
        analysis = replace(analysis, k_error=k[1])
    missing = {name: value for name, value in known.items() if getattr(analysis, name) is None}
    return replace(analysis, **missing)


def _total(rows: pd.DataFrame, *, first: bool = False) -> float:
    """Cross-section [pb] of some processes before any cut, or after the last."""
    step = rows.groupby("process")["step"].transform("min" if first else "max")
    return float(rows.loc[rows["step"] == step, "cross_section"].sum())


def _background_uncertainty(tables: Tables) -> float | None:
    """What the fits of the scan take for it: that of limits, or of the ensembles if larger."""
    scan = scan_file(tables)
    found = scan.get("limits", {}).get("background_uncertainty")
    in_ensembles = _of_ensembles(scan).get("background", 0.0)
    return None if found is None else max(float(found), float(in_ensembles))


def _of_ensembles(scan: dict[str, Any]) -> dict[str, Any]:
    return scan.get("ensembles", {}).get("uncertainty") or {}


def _uncertain_ensembles(tables: Tables) -> Iterator[str]:
    if any(_of_ensembles(scan_file(tables)).values()):
        yield (
            "the background of the scan's ensembles is uncertain: AUCs depend on B, not on "
            "S/sqrt(S + B) alone, and ceiling and ideal shape are those of a known background"
        )


def _other_uncertainty(analysis: Analysis, tables: Tables) -> Iterator[str]:
    given, known = analysis.background_uncertainty, _background_uncertainty(tables)
    if given is not None and known is not None and given != known:
        yield (f"fitted limits have the scan's background uncertainty, {known:g}, not {given:g}")


def _check_complete(analysis: Analysis) -> None:
    optional = {"k", "k_error", "background_uncertainty"}
    missing = [n for n, value in asdict(analysis).items() if value is None and n not in optional]
    if missing:
        what = "missing; give it, or the results of a scan that knows it"
        problems = (Problem(where="--" + name.replace("_", "-"), what=what) for name in missing)
        raise ConfigError(path="the calculation", problems=tuple(problems))


def _cautions(answer: Answer) -> Iterator[str]:
    if answer.yields.s_over_b > _LARGE and answer.aucs:
        yield (
            f"S/B = {answer.yields.s_over_b:.2g} is not small: AUCs of classifiers are those of "
            "the same S/sqrt(S + B) at the tested B"
        )
    if answer.ceiling is not None and answer.ceiling.error > _ROUGH and answer.ceiling.formula:
        yield (
            f"AUC ceiling: k alone knows it to {answer.ceiling.error:.2g} here, for k up to 3; "
            "Phi(k x/sqrt 2) holds where k^2 S/B is small and is too high elsewhere; scan at this B"
        )
    for auc in answer.aucs:
        if auc.auc is None:
            yield f"AUC of {auc.label}: {auc.how}; scan stronger signals for a number"
