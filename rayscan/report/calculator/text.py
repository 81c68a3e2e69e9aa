"""What the calculator says, as a short table and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pandas as pd

from rayscan.report.calculator.answer import Analysis, Answer
from rayscan.report.calculator.reach import AucAt
from rayscan.report.frames.errors import band, with_error


def table(answer: Answer) -> pd.DataFrame:
    """The answer as a person reads it: quantity, value, error or range, how."""
    found, given = answer.yields, answer.analysis
    x = found.s_over_sqrt_total
    rows: list[tuple[str, str, str]] = [
        ("S", f"{found.signal:.5g}", _product(given, "signal")),
        ("B", f"{found.background:.5g}", _product(given, "background")),
        ("S/B", f"{found.s_over_b:.4g}", ""),
        ("S/sqrt(B)", f"{found.s_over_sqrt_b:.4g}", ""),
        ("x = S/sqrt(S+B)", f"{x:.4g}", ""),
        *((f"AUC of {auc.label}", _area(auc), auc.how) for auc in answer.aucs),
    ]
    if answer.ceiling is not None:
        found_ceiling = answer.ceiling
        shown = _pm(found_ceiling.auc, found_ceiling.error)
        rows.append(("AUC ceiling", shown, found_ceiling.how))
    for limit in answer.limits:
        rows.append((f"limit on S, {limit.name}", _band(limit.expected), limit.how))
        if limit.method == "none":
            continue
        pb = tuple(answer.cross_section(each) for each in limit.expected)
        rows.append((f"limit on sigma [pb], {limit.name}", _band(pb), ""))
    return pd.DataFrame(rows, columns=["quantity", "value", "how"])


def _product(given: Analysis, which: str) -> str:
    sigma, share = getattr(given, f"cross_section_{which}"), getattr(given, f"efficiency_{which}")
    return f"{sigma:.4g} pb x {share:.4g} x {given.luminosity:g} fb^-1"


def _area(auc: AucAt) -> str:
    if auc.auc is None:
        return f"at least {auc.at_least:.3f}"
    return _pm(auc.auc, auc.error or 0.0)


def _pm(value: float, error: float) -> str:
    return with_error(value, error or math.nan, "{:.4f}", " +- {:.4f}")


def _band(expected: tuple[float | None, ...]) -> str:
    low, middle, high = expected[1:4]
    return band(low, middle, high, "{:.4g}")


def as_json(answer: Answer) -> str:
    """The answer for machines; cross-sections in pb, limits at -2, -1, 0, +1, +2 sigma."""
    found = answer.yields
    values = {
        "analysis": asdict(answer.analysis),
        "signal": found.signal,
        "background": found.background,
        "s_over_b": found.s_over_b,
        "s_over_sqrt_b": found.s_over_sqrt_b,
        "s_over_sqrt_total": found.s_over_sqrt_total,
        "aucs": [asdict(each) for each in answer.aucs],
        "auc_ceiling": answer.ceiling.auc if answer.ceiling else None,
        "auc_ceiling_error": answer.ceiling.error if answer.ceiling else None,
        "auc_ceiling_how": answer.ceiling.how if answer.ceiling else None,
        "limits": [
            asdict(each) | {"cross_section": [answer.cross_section(v) for v in each.expected]}
            for each in answer.limits
        ],
        "cautions": list(answer.cautions),
    }
    return json.dumps(values, indent=1)
