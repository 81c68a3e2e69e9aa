"""AUCs summarised over repeats: of ensembles and events, in matrices, and strengths needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from rayscan.report.frames.errors import with_total_errors
from rayscan.report.frames.repeats import BENCHMARK, TRAINED, over_repeats, selected
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables
from rayscan.stats.auc import separation

_TESTED = [
    "test_benchmark",
    "test_against",
    "test_signal",
    "test_background",
    "test_s_over_b",
    "test_s_over_sqrt_b",
]
_CEILING = ["auc_ceiling", "auc_ceiling_error", "auc_closed_form", "auc_closed_form_error"]
_EVENT = ["label", "train_benchmark", "test_benchmark"]
_TOTALS = ["auc_total_error", "auc_ceiling_total_error", "auc_over_ceiling_error"]

# Strengths of two benchmarks are the same if they differ by no more than this: S is a whole number.
_SAME_STRENGTH = 0.02


def auc_summary(tables: Tables) -> pd.DataFrame:
    """AUCs summarised over repeats: a row per classifier, training and test ensembles.

    Of a hyperparameter search only the best member counts (column ``selected``). The networks of
    all folds are one repeat (`rayscan.report.frames.repeats.over_folds`).

    Returns:
        What was trained (``label``, ``architecture``, ``train_benchmark``, ``train_signal``, ...)
        and tested (``test_benchmark``, ``test_signal``, ...), and

        - ``auc_mean``, ``auc_std``: the published trimmed mean and standard deviation
          (`rayscan.stats.auc.summary`); the latter is missing for a single repeat,
        - ``repeats``: how many there were,
        - ``auc_error``: mean statistical error of one AUC; ``mean_error``: with the spread of the
          repeats / sqrt(repeats),
        - ``auc_total_error``: error of ``auc_mean``: test set and finite test pools, which the
          repeats share, and their spread / sqrt(repeats),
        - ``auc_ceiling`` and ``auc_closed_form`` with their errors: mean over the repeats, which
          share their test ensembles, so that the errors do not shrink,
        - ``auc_ceiling_total_error``: with what other test pools would give,
        - ``auc_over_ceiling``: the ratio of the means, and ``auc_over_ceiling_error``: what is
          common to both does not count.

        Tables of older versions have test-set errors for total ones.
    """
    rows = selected(tables.auc[tables.auc["auc"].notna()], _TESTED)
    rows = with_total_errors(rows).assign(mean_error=rows["auc_error"])
    groups = rows.groupby([*TRAINED, *_TESTED], dropna=False)
    means = ["auc_error", "mean_error", *_CEILING, *_TOTALS]
    totals = ("mean_error", "auc_total_error", "auc_over_ceiling_error")
    found = over_repeats(groups, "auc", means, totals)
    found["auc_over_ceiling"] = found["auc_mean"] / found["auc_ceiling"]
    found["auc_over_ceiling_error"] /= found["auc_ceiling"]
    return found


def event_aucs(tables: Tables) -> pd.DataFrame:
    """AUC of single events, signal against background, of the strongest training (Fig. 5).

    Returns:
        ``label``, ``train_benchmark``, ``test_benchmark``, ``auc_mean`` and ``auc_std`` (the
        published trimmed mean and deviation over repeats; the latter missing for one repeat),
        ``auc_error`` (mean statistical error), ``auc_total_error`` (of the mean: with spread /
        sqrt(repeats)) and ``repeats``; empty without such networks.
    """
    rows = tables.auc[tables.auc["auc_event"].notna()]
    rows = rows[
        rows["train_signal"] == labelled(rows).groupby(_EVENT)["train_signal"].transform("max")
    ]
    once = selected(rows.drop_duplicates(["trial", "test_benchmark"]), ["test_benchmark"])
    once = once.assign(auc_error=once["auc_event_error"], auc_total_error=once["auc_event_error"])
    means = ["auc_error", "auc_total_error"]
    found = over_repeats(once.groupby(_EVENT), "auc_event", means, ["auc_total_error"])
    return found[[*_EVENT, "auc_mean", "auc_std", *means, "repeats"]]


def own(tables: Tables) -> pd.DataFrame:
    """The rows of `auc_summary` where a classifier is tested on what it was trained for.

    Train and test benchmark are the same, class 0 is background only; and of several training
    strengths, the one equal to the test strength. Where nothing was to be trained at the test
    strength (`strength: highest`), the strongest training, of the same background if there is one.
    """
    rows = matched(tables)
    same = (rows["train_benchmark"] == rows["test_benchmark"]) & rows["test_against"].isna()
    return rows[same].sort_values(["label", "test_benchmark", "test_signal"], ignore_index=True)


def matched(tables: Tables) -> pd.DataFrame:
    """`auc_summary` with one training per classifier, train benchmark and test: see `own`."""
    rows = auc_summary(tables)
    columns = [*BENCHMARK, "train_signal", "train_background"]
    trained = pd.concat([labelled(tables.points)[columns], rows[columns]], ignore_index=True)
    planned = set(trained.itertuples(index=False, name=None))
    tested = rows[[*BENCHMARK, "test_signal", "test_background"]]
    dedicated = [mixture in planned for mixture in tested.itertuples(index=False, name=None)]
    same_background = rows["train_background"] == rows["test_background"]
    same = same_background & (rows["train_signal"] == rows["test_signal"])
    usable = rows.assign(_same=same, _same_background=same_background)[
        same | ~np.array(dedicated, dtype=bool)
    ]
    ordered = usable.sort_values(["_same", "_same_background", "train_signal"], ascending=False)
    best = ordered.drop_duplicates([*BENCHMARK, *_TESTED]).sort_index()
    return best.drop(columns=["_same", "_same_background"])


def matrix(
    tables: Tables, architecture: str, strength: float | None, *, values: str = "auc_mean"
) -> pd.DataFrame:
    """A column of `auc_summary` with train benchmarks as rows and test benchmarks as columns.

    ``strength`` is S/sqrt(B) of the tests (2 % are allowed, because S is a whole number), None for
    pure signal (B = 0).

    Returns:
        The matrix; a cell that was not tested is missing. Of several training strengths the one
        equal to the test strength is taken, as in `own`; of several B the largest.
    """
    rows = matched(tables)
    return _pivot(rows[rows["label"] == architecture], strength, values)


def matrices(
    tables: Tables, architecture: str, *, values: str = "auc_mean"
) -> dict[float, pd.DataFrame]:
    """The `matrix` of every test strength of an architecture, by S/sqrt(B)."""
    rows = matched(tables)
    rows = rows[rows["label"] == architecture]
    return {strength: _pivot(rows, strength, values) for strength in strengths(rows)}


def _pivot(rows: pd.DataFrame, strength: float | None, values: str) -> pd.DataFrame:
    tested = rows["test_s_over_sqrt_b"]
    if strength is None:
        here = rows[tested.isna()]
    else:
        here = rows[(tested - strength).abs() <= _SAME_STRENGTH * strength]
    largest = here.sort_values("test_background", ascending=False)
    single = largest.drop_duplicates(["train_benchmark", "test_benchmark"])
    return single.pivot_table(
        index="train_benchmark", columns="test_benchmark", values=values, dropna=False
    )


def strengths(rows: pd.DataFrame) -> tuple[float, ...]:
    """The distinct test S/sqrt(B), ascending; values within 2 % count as one, their median."""
    values = np.sort(rows["test_s_over_sqrt_b"].dropna().unique())
    values = values[values > 0]
    breaks = np.flatnonzero(values[1:] > values[:-1] * (1 + _SAME_STRENGTH)) + 1
    return tuple(float(np.median(part)) for part in np.split(values, breaks) if len(part))


def spread_out(values: Sequence[float] | NDArray[np.float64], most: int) -> list[float]:
    """Some of ascending values, evenly spread over the list, the first and the last among them."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[place] for place in dict.fromkeys(places)]


def curves(rows: pd.DataFrame) -> Iterator[tuple[str, str, int | None, pd.DataFrame]]:
    """AUC against S/sqrt(B): the curves in rows of `own`.

    Yields:
        Label, benchmark, B (None unless the same strengths were tested at several B), and the rows
        of the curve in ascending S/sqrt(B).
    """
    for (label, benchmark), group in rows.groupby(["label", "test_benchmark"], sort=False):
        known = group[group["test_s_over_sqrt_b"].notna()].sort_values("test_s_over_sqrt_b")
        sizes = known.groupby("test_background").size()
        if len(sizes) > 1 and sizes.max() > 1:
            for background in sizes.index:
                part = known[known["test_background"] == background]
                yield str(label), str(benchmark), int(background), part
        elif len(known):
            yield str(label), str(benchmark), None, known


def strength_needed(tables: Tables, auc: float = 0.9) -> pd.DataFrame:
    """The signal strength at which each classifier, and its ceiling, reaches an AUC.

    Interpolated linearly in the separation d' = sqrt(2) Phi^-1(AUC), which is 0 without signal and
    nearly proportional to S/sqrt(B) (arXiv:2105.12018; d' = k S/sqrt(S+B)).

    Returns:
        ``label``, ``benchmark``, ``background`` (missing unless several B were tested at equal
        strengths), ``auc``, ``s_over_sqrt_b`` and ``ceiling_s_over_sqrt_b`` (missing where no
        tested strength reaches the AUC) and ``over_ceiling``, their ratio.
    """
    if not 0.5 < auc < 1:
        raise ValueError(f"auc: {auc}, expected 0.5 < auc < 1")
    rows = [
        {
            "label": label,
            "benchmark": benchmark,
            "background": np.nan if background is None else float(background),
            "auc": auc,
            "s_over_sqrt_b": _crossing(part["test_s_over_sqrt_b"], part["auc_mean"], auc),
            "ceiling_s_over_sqrt_b": _crossing(
                part["test_s_over_sqrt_b"], part["auc_ceiling"], auc
            ),
        }
        for label, benchmark, background, part in curves(own(tables))
    ]
    columns = ["label", "benchmark", "background", "auc"]
    found = pd.DataFrame(rows, columns=[*columns, "s_over_sqrt_b", "ceiling_s_over_sqrt_b"])
    return found.assign(over_ceiling=found["s_over_sqrt_b"] / found["ceiling_s_over_sqrt_b"])


def between(
    at: NDArray[np.float64], strength: pd.Series[float], area: pd.Series[float]
) -> NDArray[np.float64]:
    """An AUC curve between its points: linear in d' = sqrt(2) Phi^-1(AUC), 0 without signal.

    At S/sqrt(B) of shape (P,), from points in ascending S/sqrt(B) with their AUCs, shape (N,).
    """
    x, d = _separations(strength, area)
    return np.asarray(ndtr(np.interp(at, np.r_[0.0, x], np.r_[0.0, d]) / np.sqrt(2.0)))


def _crossing(strength: pd.Series[float], area: pd.Series[float], wanted: float) -> float:
    """The first S/sqrt(B) at which an AUC curve reaches a value; NaN if it does not.

    Where even the weakest tested strength has an AUC of 1, that strength: an upper bound.
    """
    x, d = _separations(strength, area)
    goal = float(separation(wanted))
    reached = np.flatnonzero(d >= goal)
    if not len(reached):
        return float("nan")
    first = int(reached[0])
    if not np.isfinite(d[first]):
        return float(x[first])
    x0, d0 = (x[first - 1], d[first - 1]) if first else (0.0, 0.0)
    return float(x0 + (goal - d0) / (d[first] - d0) * (x[first] - x0))


def _separations(
    strength: pd.Series[float], area: pd.Series[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """S/sqrt(B) and d' of the points of a curve.

    An AUC of exactly 1 has no finite d': the proportionality d' ~ S/sqrt(B) from the strongest
    point below 1 stands in, if there is one.
    """
    known = area.notna().to_numpy()
    x = np.asarray(strength[known], dtype=np.float64)
    d = np.asarray(separation(area[known]), dtype=np.float64)
    finite = np.flatnonzero(np.isfinite(d) & (d > 0))
    if len(finite):
        d = np.where(np.isposinf(d), d[finite[-1]] * x / x[finite[-1]], d)
    return x, d
