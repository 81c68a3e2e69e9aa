"""What a study sets side by side, as tidy frames: architectures, models, strengths, numbers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from rayscan.report.frames.auc import auc_summary, own, spread_out, strengths
from rayscan.report.frames.comparison import auc_curves
from rayscan.results.read import Tables
from rayscan.results.variants import VARIANT

_TEST = ["test_benchmark", "test_signal", "test_background"]
_FEW = 4
_UNSEEN = 0.6


def family(study: Tables, prefix: str) -> dict[str, float]:
    """Variants called ``<prefix>-<number>`` with their numbers, in ascending order."""
    found = {}
    names = {str(name) for each in (study.provenance, study.auc) for name in each[VARIANT]}
    for name in names:
        match = re.fullmatch(rf"{re.escape(prefix)}-(\d+(?:\.\d+)?)", name)
        if match:
            found[name] = float(match[1])
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def by_number(study: Tables, prefix: str, label: str) -> pd.DataFrame:
    """`auc_curves` of one architecture in the variants of a family, with their ``number``."""
    numbers = family(study, prefix)
    rows = auc_curves(study)
    rows = rows[(rows["label"] == label) & rows[VARIANT].isin(list(numbers))]
    return rows.assign(number=rows[VARIANT].map(numbers))


def label_ratio(
    tables: Tables, above: str, below: str, *, independent: bool = False
) -> pd.DataFrame:
    """AUC of one architecture over that of another.

    With ``independent`` their test ensembles are drawn independently, as those of single events and
    of histograms are; else they are equal and their errors common.

    Returns:
        ``test_benchmark``, ``test_signal``, ``test_background``, ``test_s_over_sqrt_b``, ``ratio``
        and ``ratio_error``: from the spread of a single training where there are repeats, else from
        the statistical errors, as if they were independent (they share their test ensembles, so
        that this is too large). With ``independent`` both are added in quadrature.
    """
    rows = own(tables)
    key = [*_TEST, "test_s_over_sqrt_b"]
    top, bottom = (rows[rows["label"] == label] for label in (above, below))
    both = top.merge(bottom, on=key, suffixes=("_above", "_below"))
    squares = pd.Series(0.0, index=both.index)
    for side in ("above", "below"):
        spread, error = both[f"auc_std_{side}"], both[f"auc_error_{side}"]
        if independent:
            squares = squares + (error / both[f"auc_mean_{side}"]) ** 2
        spread = spread.fillna(0.0 if independent else error)
        squares = squares + (spread / both[f"auc_mean_{side}"]) ** 2
    ratio = both["auc_mean_above"] / both["auc_mean_below"]
    return both[key].assign(ratio=ratio, ratio_error=ratio * np.sqrt(squares))


def wrong_strength(tables: Tables, label: str) -> pd.DataFrame:
    """AUC of training at every strength, over that of training at the strength of the test.

    Fig. 11 of arXiv:2105.12018.

    Of a scan with ``training.strength: each`` and ``crosstest.strengths: all``.

    Returns:
        ``test_benchmark``, ``test_s_over_sqrt_b``, ``train_s_over_sqrt_b`` and ``ratio``; of more
        than four test strengths four that are spread evenly over the list.
    """
    rows = auc_summary(tables)
    rows = rows[(rows["label"] == label) & (rows["train_benchmark"] == rows["test_benchmark"])]
    matched = rows.loc[rows["train_signal"] == rows["test_signal"], [*_TEST, "auc_mean"]]
    both = rows.merge(matched, on=_TEST, suffixes=("", "_matched"))
    found = both.assign(ratio=both["auc_mean"] / both["auc_mean_matched"])
    columns = ["test_benchmark", "test_s_over_sqrt_b", "train_s_over_sqrt_b", "ratio"]
    return found.loc[_of_few(found["test_s_over_sqrt_b"], strengths(found)), columns].reset_index(
        drop=True
    )


def _of_few(values: pd.Series[float], known: tuple[float, ...]) -> pd.Series[bool]:
    """Which values are among at most four of the known ones (2 % are allowed)."""
    kept = pd.Series(False, index=values.index)  # noqa: FBT003
    for strength in spread_out(known, _FEW):
        kept |= (values / strength - 1.0).abs() < 0.02
    return kept


def wrong_model(tables: Tables, label: str) -> pd.DataFrame:
    """AUC after training on another benchmark, over that after training on the tested one.

    Fig. 12 of arXiv:2105.12018. Benchmarks that nothing can see (no ceiling above 0.6) are left
    out: what was trained on them saw noise.

    Returns:
        ``test_benchmark``, ``train_benchmark``, ``test_s_over_sqrt_b`` and ``ratio``.
    """
    rows = auc_summary(tables)
    rows = rows[rows["label"] == label].sort_values("train_signal", ascending=False)
    best = rows.groupby("test_benchmark")["auc_ceiling"].max()
    seen = best.index[best > _UNSEEN]
    rows = rows[rows["test_benchmark"].isin(seen) & rows["train_benchmark"].isin(seen)]
    single = rows.drop_duplicates([*_TEST, "train_benchmark"])
    same = single.loc[single["train_benchmark"] == single["test_benchmark"], [*_TEST, "auc_mean"]]
    both = single.merge(same, on=_TEST, suffixes=("", "_own"))
    found = both.assign(ratio=both["auc_mean"] / both["auc_mean_own"])
    columns = ["test_benchmark", "train_benchmark", "test_s_over_sqrt_b", "ratio"]
    other = found["train_benchmark"] != found["test_benchmark"]
    return found.loc[other, columns].sort_values(columns[:3], ignore_index=True)
