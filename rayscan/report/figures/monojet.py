"""The figures of arXiv:2105.12018 as charts, from the tables of a scan and its variants.

What is compared is told by names: architectures by their labels (``mlp``, ``cnn``, ``event_mlp``),
variants by theirs. A variant called ``bins-20`` is one of a family: ``bins`` (per axis), ``B``
(background events per histogram), ``cut`` (on the leading jet's pT [GeV]). A chart whose rows are
not in the study is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from rayscan.report.figures import style
from rayscan.report.figures.charts import Chart, chart_rows
from rayscan.report.frames import contrasts
from rayscan.report.frames.comparison import auc_curves, auc_ratio, by_variant
from rayscan.report.frames.errors import OF_RATIO, TOTAL
from rayscan.report.frames.heads import against_signal, multimodel_ratio, one_against_rest
from rayscan.results.names import BASE
from rayscan.results.read import Tables
from rayscan.results.variants import VARIANT

MLP, CNN, EVENTS = "mlp", "cnn", "event_mlp"
_SPREAD = "error bars: spread over repeats, statistical error where there are none"
_INDEPENDENT = "error bars: spread over repeats and statistical errors of both tests"
_STATISTICAL = "error bars: statistical error of the test, and spread over repeats"
_LADDER = ("each", "drawn", "descending", "published")


def charts(study: Tables) -> Iterator[tuple[str, Chart]]:
    """Name of the file and chart, in the order of the paper."""
    scans = dict(by_variant(study))
    base = scans.get(BASE)
    if base is not None:
        yield "fig09_cnn_over_mlp", _labels(base, CNN, MLP, "Convolutional over dense network")
        yield "fig12_wrong_model", _wrong_model(base)
        yield "fig13_against", _against(base)
        yield "fig14_multimodel", _multimodel(base)
        yield "fig16_one_against_rest", _one_against_rest(base)
        yield (
            "fig19_events_over_histogram",
            _labels(base, EVENTS, MLP, "Events over histogram", _INDEPENDENT),
        )
    yield (
        "fig10_background_size",
        _ratios(study, tuple(contrasts.family(study, "B")), "Another number of background events"),
    )
    yield "fig11_wrong_strength", _wrong_strength(scans)
    yield "fig26_axis", _ratios(study, ("log-pt", "linear-pt"), "Another pT axis over the base")
    yield "fig26_level", _ratios(study, ("shower", "parton"), "Another level over the base")
    yield "fig28_bins", _numbers(study, "bins", "bins per axis", "Number of bins")
    yield "fig29_cut_auc", _cuts(study, "auc_mean", "AUC")
    yield "fig29_cut_strength", _cuts(study, "test_s_over_sqrt_b", style.STRENGTH)
    yield "leakage", _beside(study, ("shared",), "Disjoint pools, and the published shared pool")
    yield "uncertain", _beside(study, ("uncertain",), "Without and with background uncertainty")
    yield "train_strength", _over_ceiling(study)


def _ratio_chart(rows: pd.DataFrame, title: str, y_label: str, note: str = _SPREAD) -> Chart:
    return Chart(rows=rows, title=title, note=note, y_label=y_label, reference=1.0)


def _labels(tables: Tables, above: str, below: str, title: str, note: str = _SPREAD) -> Chart:
    rows = chart_rows(
        contrasts.label_ratio(tables, above, below, independent=note == _INDEPENDENT),
        series=f"{above} / {below}",
        y="ratio",
        error="ratio_error",
    )
    return _ratio_chart(rows, title, "ratio of AUCs", note)


def _ratios(study: Tables, names: Sequence[str], title: str) -> Chart:
    """Ratios of the MLP's AUC of variants over the base."""
    known = set(study.auc[VARIANT])
    parts = [auc_ratio(study, name, BASE).assign(of=name) for name in names if name in known]
    found = pd.concat(parts, ignore_index=True) if parts and BASE in known else pd.DataFrame()
    rows = found
    if len(found):
        rows = chart_rows(
            found[found["label"] == MLP],
            series="of",
            x="s_over_sqrt_b",
            y="ratio",
            error="ratio_error",
        )
    note = "error bars: standard error, variants taken as independent"
    return _ratio_chart(rows, title, "AUC / AUC of the base", note)


def _wrong_strength(scans: Mapping[str, Tables]) -> Chart:
    rows = pd.DataFrame()
    if "each" in scans:
        frame = contrasts.wrong_strength(scans["each"], MLP)
        rows = chart_rows(
            frame.assign(of=[f"tested at {x:.3g}" for x in frame["test_s_over_sqrt_b"]]),
            series="of",
            x="train_s_over_sqrt_b",
            y="ratio",
        )
    return Chart(
        rows=rows,
        title="Trained at another strength",
        x_label=rf"{style.STRENGTH} in training",
        y_label="AUC / AUC trained where tested",
        reference=1.0,
    )


def _wrong_model(base: Tables) -> Chart:
    rows = chart_rows(contrasts.wrong_model(base, MLP), series="train_benchmark", y="ratio")
    note = "a panel per tested model, a curve per trained one"
    return _ratio_chart(
        rows, "Trained on another model", "AUC / AUC trained on the tested one", note
    )


def _against(base: Tables) -> Chart:
    frame = against_signal(base)
    rows = chart_rows(
        frame.assign(panel=[f"against {name}" for name in frame["test_against"]]),
        panel="panel",
        series="test_benchmark",
        y="auc_mean",
        error="auc_total_error",
    )
    return Chart(rows=rows, title="Model against model", note=TOTAL, reference=0.5)


def _multimodel(base: Tables) -> Chart:
    frame = multimodel_ratio(base)
    panels = [
        f"{name} (held out)" if held else str(name)
        for name, held in zip(frame["test_benchmark"], frame["held_out"], strict=True)
    ]
    rows = chart_rows(
        frame.assign(panel=panels), panel="panel", series="label", y="ratio", error="ratio_std"
    )
    note = "error bars: spread over repeats"
    return _ratio_chart(rows, "One network for many models", "AUC / AUC of the model's own", note)


def _one_against_rest(base: Tables) -> Chart:
    rows = chart_rows(
        one_against_rest(base, own_strength=False),
        panel="process",
        series="label",
        y="auc_mean",
        error="mean_error",
    )
    return Chart(rows=rows, title="A class against all others", note=_STATISTICAL, reference=0.5)


def _numbers(study: Tables, prefix: str, x_label: str, title: str) -> Chart:
    order = ["test_benchmark", "test_s_over_sqrt_b"]
    frame = contrasts.by_number(study, prefix, MLP).sort_values(order)
    rows = chart_rows(
        frame.assign(of=[f"S/sqrt(B) = {x:.2g}" for x in frame["test_s_over_sqrt_b"]]),
        series="of",
        x="number",
        y="auc_mean",
        error="auc_total_error",
    )
    return Chart(rows=rows, title=title, note=TOTAL, x_label=x_label)


def _cuts(study: Tables, column: str, y_label: str) -> Chart:
    """At fixed luminosity and couplings S and B fall together: strengths are told by order."""
    frame = contrasts.by_number(study, "cut", MLP)
    place = frame.groupby([VARIANT, "test_benchmark"])["test_signal"].rank(method="dense")
    error = frame["auc_total_error"] if column == "auc_mean" else np.nan
    rows = chart_rows(
        frame.assign(error=error, of=[f"cross-section {number:.0f}" for number in place]),
        series="of",
        x="number",
        y=column,
        error="error",
    )
    return Chart(
        rows=rows,
        title="Cut on the leading jet, at fixed luminosity and couplings",
        x_label="cut on the leading jet's pT [GeV]",
        y_label=y_label,
    )


def _of_variants(study: Tables, names: Sequence[str]) -> pd.DataFrame:
    """`auc_curves` of the MLP in the base and variants, on the benchmarks that they share."""
    rows = auc_curves(study)
    rows = rows[(rows["label"] == MLP) & rows[VARIANT].isin([BASE, *names])]
    shared = set(rows.loc[rows[VARIANT] != BASE, "test_benchmark"])
    return rows[rows["test_benchmark"].isin(shared)]


def _beside(study: Tables, names: Sequence[str], title: str) -> Chart:
    """AUC of the base and of variants, with the ceiling of the base."""
    rows = _of_variants(study, names)
    drawn = chart_rows(rows, series=VARIANT, y="auc_mean", error="auc_total_error")
    ceiling = chart_rows(
        rows[rows[VARIANT] == BASE].assign(of="ceiling of the base"),
        series="of",
        y="auc_ceiling",
        error="auc_ceiling_total_error",
    )
    return Chart(
        rows=pd.concat([drawn, ceiling], ignore_index=True),
        title=title,
        note=TOTAL,
        line="ceiling of the base",
    )


def _over_ceiling(study: Tables) -> Chart:
    """What each way to choose the training strength reaches of the possible."""
    rows = _of_variants(study, _LADDER)
    names = {BASE: "highest"} | {name: name for name in _LADDER}
    drawn = chart_rows(
        rows.assign(of=rows[VARIANT].map(names)),
        series="of",
        y="auc_over_ceiling",
        error="auc_over_ceiling_error",
    )
    return _ratio_chart(drawn, "Where to train", "AUC / ceiling", OF_RATIO)
