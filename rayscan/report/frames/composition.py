"""What the background is made of: the yield of each process over that of the main one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rayscan.report.frames.errors import with_error
from rayscan.results.read import Tables


def relative_yields(
    cross_section: ArrayLike, efficiency: ArrayLike, efficiency_error: ArrayLike, main: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R = sigma eff/(sigma eff of the main process), arXiv:2105.12018, Table 3, and its error.

    Of P processes, whose cross-sections [pb] are taken as exact and whose efficiencies have the
    errors of their simulated statistics; ``main`` is the place of the main one.

    Returns:
        R and its error, each of shape (P,); of the main process 1 and 0.

    >>> ratio, _ = relative_yields([53.6, 24.8], [0.78, 0.20], [0.0, 0.0])
    >>> ratio.round(2).tolist()
    [1.0, 0.12]
    """
    share = np.asarray(efficiency, dtype=np.float64)
    selected = np.asarray(cross_section, dtype=np.float64) * share
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.where(share > 0, np.asarray(efficiency_error, dtype=np.float64) / share, 0.0)
        ratio = selected / selected[main]
    error = ratio * np.hypot(known, known[main])
    error[main] = 0.0
    return ratio, error


def composition(tables: Tables) -> pd.DataFrame:
    """The backgrounds of a scan after its selection, the main one first, then by yield.

    Returns:
        ``process``, ``cross_section`` [pb] before any cut, ``efficiency`` with
        ``efficiency_error``, ``selected`` [pb], and ``relative`` with ``relative_error``.
    """
    flow = tables.cutflow[tables.cutflow["role"] == "background"].sort_values("step")
    groups = flow.groupby("process")
    first, last = groups.first(), groups.last()
    frame = pd.DataFrame(
        {
            "cross_section": first["cross_section"],
            "efficiency": last["efficiency"],
            "efficiency_error": last["efficiency_error"],
            "selected": last["cross_section"],
        }
    )
    # the table knows the main one as that which it divides by
    main = last["composition"].eq(1.0).reindex(frame.index)
    frame = frame.assign(_main=main).sort_values(["_main", "selected"], ascending=False)
    ratio, error = np.zeros(0), np.zeros(0)
    if len(frame):
        ratio, error = relative_yields(
            frame["cross_section"], frame["efficiency"], frame["efficiency_error"]
        )
    found = frame.drop(columns="_main").assign(relative=ratio, relative_error=error)
    return found.rename_axis("process").reset_index()


def shown(tables: Tables) -> pd.DataFrame:
    """The composition as a person reads it; empty with fewer than two backgrounds."""
    rows = composition(tables)
    frame = pd.DataFrame(
        {
            "background": rows["process"],
            "sigma [pb]": rows["cross_section"],
            "efficiency": _text(rows["efficiency"], rows["efficiency_error"]),
            "selected [pb]": rows["selected"],
            "relative to the first": _text(rows["relative"], rows["relative_error"]),
        }
    )
    return frame if len(frame) > 1 else frame.iloc[:0]


def _text(values: pd.Series[float], errors: pd.Series[float]) -> list[str]:
    known = zip(values, errors.where(errors > 0), strict=True)
    return [with_error(value, error, "{:.4g}", " ± {:.1g}") for value, error in known]
