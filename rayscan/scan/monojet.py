"""The figures of arXiv:2105.12018 as charts, from the tables of a scan and its variants.

What is compared is told by names: architectures by their labels (``mlp``, ``cnn``, ``event_mlp``),
variants by theirs. A variant called ``bins-20`` is one of a family: ``bins`` (per axis), ``B``
(background events per histogram), ``cut`` (on the leading jet's pT [GeV]). Charts whose rows are not
in the study are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from rayscan.scan.charts import Chart, chart_rows
from rayscan.scan.comparison import auc_curves, auc_ratio, by_variant
from rayscan.scan.report import auc_summary, own, strengths
from rayscan.scan.study import BASE
from rayscan.scan.study_tables import VARIANT
from rayscan.scan.tables import Tables

MLP, CNN, EVENTS = "mlp", "cnn", "event_mlp"
_STRENGTH = r"$S/\sqrt{B}$"
_SPREAD = "error bars: spread over repeats and statistical error"
_LADDER = ("highest", "each", "drawn", "descending", "published")
_FEW_STRENGTHS = 4


def charts(study: Tables) -> Iterator[tuple[str, Chart]]:
    """Name of the file and chart, in the order of the paper.

    Args:
        study: Tables of `rayscan.read_study`.
    """
    base = dict(by_variant(study)).get(BASE)
    if base is None:
        return
    yield "fig09_cnn_over_mlp", _labels(base, CNN, MLP, "Convolutional over dense network")
    yield "fig10_background_size", _sizes(study)
    yield "fig11_wrong_strength", _wrong_strength(study)
    yield "fig12_wrong_model", _wrong_model(base)
    yield "fig19_event_over_histogram", _labels(base, EVENTS, MLP, "Combined events over histogram")
    for name, title in (("log-pt", "Logarithmic over linear pT"), ("shower", "Shower over parton")):
        yield f"fig26_{name}", _variant_ratio(study, name, title)
    yield "fig28_bins", _family_chart(study, "bins", "bins per axis", "Number of bins")
    yield "fig29_cut_auc", _cuts(study, "auc_mean", "AUC")
    yield "fig29_cut_strength", _cuts(study, "test_s_over_sqrt_b", _STRENGTH)
    yield "leakage", _side_by_side(study, ("base", "shared"), "Disjoint and shared pools")
    yield "train_strength", _over_ceiling(study)


def family(study: Tables, prefix: str) -> dict[str, float]:
    """Variants called ``<prefix>-<number>``, by name, in the order of their numbers.

    >>> import pandas as pd
    >>> def named(*names): return pd.DataFrame({"variant": names})
    >>> empty = named()
    >>> study = Tables(**{f: empty for f in Tables.__dataclass_fields__} | {
    ...     "provenance": named("base", "bins-20", "bins-5", "binsx")})
    >>> family(study, "bins")
    {'bins-5': 5.0, 'bins-20': 20.0}
    """
    found = {}
    for name in {str(n) for each in (study.provenance, study.auc) for n in each[VARIANT]}:
        match = re.fullmatch(rf"{re.escape(prefix)}-(\d+(?:\.\d+)?)", name)
        if match:
            found[name] = float(match[1])
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def label_ratio(tables: Tables, above: str, below: str) -> pd.DataFrame:
    """AUC of one architecture over that of another, on equal test ensembles.

    Returns:
        ``test_benchmark``, ``test_s_over_sqrt_b``, ``ratio`` and ``ratio_error``: the spread of a
        single training where there are repeats, and else the statistical errors, as if independent.
    """
    rows = own(tables)
    key = ["test_benchmark", "test_signal", "test_background", "test_s_over_sqrt_b"]
    top, bottom = (rows[rows["label"] == label] for label in (above, below))
    both = top.merge(bottom, on=key, suffixes=("_above", "_below"))
    ratio = both["auc_mean_above"] / both["auc_mean_below"]
    return both[key].assign(ratio=ratio, ratio_error=ratio * _relative(both))


def _relative(both: pd.DataFrame) -> pd.Series[float]:
    """Relative errors of two columns of means, in quadrature."""
    squares = 0.0
    for side in ("above", "below"):
        std, error = both[f"auc_std_{side}"], both[f"auc_error_{side}"]
        squares = squares + (std.where(std.notna(), error) / both[f"auc_mean_{side}"]) ** 2
    return pd.Series(np.sqrt(squares), index=both.index)


def _ratio_chart(rows: pd.DataFrame, title: str, y_label: str) -> Chart:
    return Chart(
        rows=rows, title=title, note=_SPREAD, x_label=_STRENGTH, y_label=y_label, reference=1.0
    )


def _labels(tables: Tables, above: str, below: str, title: str) -> Chart:
    frame = label_ratio(tables, above, below).assign(series=f"{above} / {below}")
    rows = chart_rows(
        frame,
        panel="test_benchmark",
        series="series",
        x="test_s_over_sqrt_b",
        y="ratio",
        error="ratio_error",
    )
    return _ratio_chart(rows, title, "ratio of AUCs")


def _against_base(study: Tables, names: list[str]) -> pd.DataFrame:
    """Ratios of the MLP's AUC of variants over the base, one under the other."""
    parts = [auc_ratio(study, name, BASE).assign(series=name) for name in names]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return found[found["label"] == MLP] if len(found) else found


def _ratios(frame: pd.DataFrame) -> pd.DataFrame:
    if frame.empty:
        return frame
    return chart_rows(
        frame,
        panel="test_benchmark",
        series="series",
        x="s_over_sqrt_b",
        y="ratio",
        error="ratio_error",
    )


def _sizes(study: Tables) -> Chart:
    """AUC at other B over that of the base, at equal S/sqrt(B)."""
    rows = _ratios(_against_base(study, list(family(study, "B"))))
    return _ratio_chart(rows, "Another number of background events", "AUC(B) / AUC(base)")


def _variant_ratio(study: Tables, name: str, title: str) -> Chart:
    known = set(study.auc[VARIANT])
    rows = _ratios(_against_base(study, [name] if name in known else []))
    return _ratio_chart(rows, title, "ratio of AUCs")


def _wrong_strength(study: Tables) -> Chart:
    """Trained at one strength and tested at another, over trained where it is tested."""
    tables = dict(by_variant(study)).get("each")
    frame = wrong_strength(tables) if tables is not None else pd.DataFrame()
    rows = frame
    if len(frame):
        rows = chart_rows(
            frame,
            panel="test_benchmark",
            series=frame["test_s_over_sqrt_b"].map(lambda x: f"tested at {x:.3g}"),
            x="train_s_over_sqrt_b",
            y="ratio",
            error="",
        )
    return Chart(
        rows=rows,
        title="Trained at another strength",
        x_label=rf"{_STRENGTH} in training",
        y_label="AUC / AUC trained where tested",
        reference=1.0,
    )


def wrong_strength(tables: Tables) -> pd.DataFrame:
    """AUC of training at every strength, over that of training at the strength of the test.

    Args:
        tables: Of a scan with ``training.strength: each`` and ``crosstest.strengths: all``.

    Returns:
        ``test_benchmark``, ``test_s_over_sqrt_b``, ``train_s_over_sqrt_b`` and ``ratio`` of the
        MLP; at most four test strengths, those spread evenly over the list.
    """
    rows = auc_summary(tables)
    rows = rows[(rows["label"] == MLP) & (rows["train_benchmark"] == rows["test_benchmark"])]
    matched = rows[rows["train_signal"] == rows["test_signal"]]
    key = ["test_benchmark", "test_signal", "test_background"]
    both = rows.merge(matched[[*key, "auc_mean"]], on=key, suffixes=("", "_matched"))
    found = both.assign(ratio=both["auc_mean"] / both["auc_mean_matched"])
    known = np.array(strengths(found))
    if len(known) > _FEW_STRENGTHS:
        places = np.linspace(0, len(known) - 1, _FEW_STRENGTHS).round().astype(int)
        known = known[places]
    near = (found["test_s_over_sqrt_b"].to_numpy()[:, None] / known - 1.0) if len(known) else []
    kept = np.any(np.abs(near) < 0.02, axis=1) if len(known) else np.zeros(len(found), dtype=bool)
    columns = ["test_benchmark", "test_s_over_sqrt_b", "train_s_over_sqrt_b", "ratio"]
    return found.loc[kept, columns].reset_index(drop=True)


def wrong_model(tables: Tables) -> pd.DataFrame:
    """AUC of the MLP trained on another benchmark, over that of the MLP trained on the tested one.

    Returns:
        ``test_benchmark``, ``train_benchmark``, ``test_s_over_sqrt_b``, ``ratio``.
    """
    rows = auc_summary(tables)
    rows = rows[rows["label"] == MLP]
    key = ["test_benchmark", "test_signal", "test_background"]
    ordered = rows.sort_values("train_signal", ascending=False)
    single = ordered.drop_duplicates([*key, "train_benchmark"])
    same = single[single["train_benchmark"] == single["test_benchmark"]]
    both = single.merge(same[[*key, "auc_mean"]], on=key, suffixes=("", "_own"))
    other = both[both["train_benchmark"] != both["test_benchmark"]]
    found = other.assign(ratio=other["auc_mean"] / other["auc_mean_own"])
    columns = ["test_benchmark", "train_benchmark", "test_s_over_sqrt_b", "ratio"]
    return found[columns].sort_values(columns[:3], ignore_index=True)


def _wrong_model(base: Tables) -> Chart:
    rows = chart_rows(
        wrong_model(base),
        panel="test_benchmark",
        series="train_benchmark",
        x="test_s_over_sqrt_b",
        y="ratio",
        error="",
    )
    return Chart(
        rows=rows,
        title="Trained on another model",
        note="a panel per tested model, a curve per trained one",
        x_label=_STRENGTH,
        y_label="AUC / AUC trained on the tested model",
        reference=1.0,
    )


def by_number(study: Tables, prefix: str) -> pd.DataFrame:
    """`auc_curves` of the MLP in the variants of a family, with their ``number``."""
    numbers = family(study, prefix)
    rows = auc_curves(study)
    rows = rows[(rows["label"] == MLP) & rows[VARIANT].isin(list(numbers))]
    return rows.assign(number=rows[VARIANT].map(numbers))


def _family_chart(study: Tables, prefix: str, x_label: str, title: str) -> Chart:
    frame = by_number(study, prefix)
    rows = chart_rows(
        frame,
        panel="test_benchmark",
        series=frame["test_s_over_sqrt_b"].map(lambda x: f"{x:.2g}"),
        x="number",
        y="auc_mean",
        error="auc_error",
    )
    return Chart(
        rows=rows,
        title=f"{title}, a curve per {_STRENGTH}",
        note="error bars: statistical error of the test",
        x_label=x_label,
        y_label="AUC",
    )


def _cuts(study: Tables, column: str, y_label: str) -> Chart:
    """At fixed luminosity and couplings S and B fall together: strengths are told by their order."""
    frame = by_number(study, "cut")
    place = frame.groupby([VARIANT, "test_benchmark"])["test_signal"].rank(method="dense")
    rows = chart_rows(
        frame.assign(error=frame["auc_error"] if column == "auc_mean" else np.nan),
        panel="test_benchmark",
        series=place.map(lambda number: f"cross-section {number:.0f}"),
        x="number",
        y=column,
        error="error",
    )
    return Chart(
        rows=rows,
        title="Cut on the leading jet at fixed luminosity and couplings",
        x_label="cut on the leading jet's pT [GeV]",
        y_label=y_label,
    )


def _side_by_side(study: Tables, names: tuple[str, ...], title: str) -> Chart:
    """AUC of variants beside each other, with the ceiling of the base."""
    rows = auc_curves(study)
    rows = rows[(rows["label"] == MLP) & rows[VARIANT].isin(names)]
    if set(rows[VARIANT]) != set(names):
        rows = rows.iloc[:0]
    shared = set(rows.loc[rows[VARIANT] != BASE, "test_benchmark"])
    rows = rows[rows["test_benchmark"].isin(shared)]
    drawn = chart_rows(
        rows,
        panel="test_benchmark",
        series=VARIANT,
        x="test_s_over_sqrt_b",
        y="auc_mean",
        error="auc_error",
    )
    ceiling = rows[rows[VARIANT] == BASE].assign(series="ceiling", error=np.nan)
    line = chart_rows(
        ceiling,
        panel="test_benchmark",
        series="series",
        x="test_s_over_sqrt_b",
        y="auc_ceiling",
        error="error",
    )
    return Chart(
        rows=pd.concat([drawn, line], ignore_index=True),
        title=title,
        note="error bars: statistical error of the test",
        x_label=_STRENGTH,
        y_label="AUC",
        line="ceiling",
    )


def _over_ceiling(study: Tables) -> Chart:
    """What each way to choose the training strength reaches of the possible."""
    rows = auc_curves(study)
    names = {BASE: "highest"} | {name: name for name in _LADDER}
    rows = rows[(rows["label"] == MLP) & rows[VARIANT].isin(list(names))]
    if rows[VARIANT].nunique() < 2:
        rows = rows.iloc[:0]
    shared = set(rows.loc[rows[VARIANT] != BASE, "test_benchmark"])
    rows = rows[rows["test_benchmark"].isin(shared)]
    drawn = chart_rows(
        rows.assign(error=rows["auc_error"] / rows["auc_ceiling"]),
        panel="test_benchmark",
        series=rows[VARIANT].map(names),
        x="test_s_over_sqrt_b",
        y="auc_over_ceiling",
        error="error",
    )
    return Chart(
        rows=drawn,
        title="Where to train: AUC over its ceiling",
        note="error bars: statistical error of the test",
        x_label=_STRENGTH,
        y_label="AUC / ceiling",
        reference=1.0,
    )
