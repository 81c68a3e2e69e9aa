"""One HTML page with the results of a scan, which needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rayscan.report import cautions
from rayscan.report.figures.all import draw_all
from rayscan.report.frames import composition
from rayscan.report.frames.auc import own, strength_needed
from rayscan.report.frames.limits import limit_summary
from rayscan.report.frames.trials import failures
from rayscan.results.read import Tables, scan_file
from rayscan.results.tables.limits import TAGS

_AUC = 0.9
_QUANTILES = ("−2σ", "−1σ", "median", "+1σ", "+2σ")
_CAPTIONS = {
    "auc_vs_strength": "AUC against signal strength, with the most any classifier can reach.",
    "auc_over_ceiling": "AUC over its ceiling, the likelihood ratio's AUC on the same ensembles.",
    "auc_matrix": "AUC of a classifier trained on one benchmark and tested on another.",
    "roc": "ROC curves of a classifier on the benchmark it was trained on.",
    "roc_validation": "ROC curves of the folds of a training set, each by a fit that lacks it.",
    "roc_events": "ROC curves of a network of single events: signal against background.",
    "scores": "Scores of histograms with signal beside those of background only.",
    "scores_events": "Scores of single events of signal and of background.",
    "limits": "Expected 95 % CLs limits with their 68 % and 95 % bands.",
    "limit_matrix": "Expected limit over that of the classifier trained on the tested benchmark.",
    "spectra": "Cross-sections: backgrounds stacked, signals as lines.",
    "spectra_shapes": "Distributions of unit sum: all backgrounds together, and each signal.",
    "examples": "Histograms of background only, and with signal, at up to four strengths.",
    "cutflow": "Share of each process left after each cut.",
    "learning_curves": "AUC on the validation pool after each epoch.",
    "loss_curves": "Loss in training and on the validation pool after each epoch.",
}


def write_page(tables: Tables, path: Path) -> None:
    """Draw the figures of a scan and write its page, making the folder if it is not there."""
    with TemporaryDirectory() as folder:
        files = draw_all(tables, Path(folder), formats=("svg",))
        text = html(tables, {file.stem: file.read_bytes() for file in files})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def html(tables: Tables, figures: Mapping[str, bytes]) -> str:
    """The page: title, where the numbers come from, warnings, summary tables, figures.

    Figures are PNG or SVG files by name, in the order they are shown.

    Raises:
        ValueError: A figure is neither PNG nor SVG.
    """
    long = tables.provenance["value"].fillna("").str.contains("\n")
    texts = tables.provenance.loc[long, ["name", "value"]]
    return _TEMPLATE.render(
        name=scan_file(tables).get("name", "rayscan"),
        origin=_origin(tables),
        warnings=cautions.warnings(tables),
        auc=_AUC,
        needed=strength_needed(tables, _AUC).drop(columns="auc").dropna(axis=1, how="all"),
        aucs=_aucs(own(tables)),
        figures=[_figure(name, content) for name, content in figures.items()],
        limits=_limits(tables),
        failures=failures(tables).drop(columns="trial"),
        composition=composition.shown(tables),
        cutflow=tables.cutflow.drop(columns=["sum_weights_squared"]),
        pools=tables.pools,
        provenance=tables.provenance[~long].dropna(axis=1, how="all"),
        texts=texts.itertuples(index=False, name=None),
    )


def _origin(tables: Tables) -> str:
    rows = tables.provenance
    known = rows[(rows["kind"] == "code") | rows["name"].isin(["rayscan", "python", "seed"])]
    versions = [
        f"{name} {value}" for name, value in zip(known["name"], known["value"], strict=True)
    ]
    trained = tables.trials["status"].isin(["ok", "pruned"]).sum()
    return ", ".join(
        [f"{trained} trained classifiers", f"{len(tables.auc)} tests", *sorted(versions)]
    )


def _numeric(frame: pd.DataFrame) -> list[bool]:
    return [pd.api.types.is_numeric_dtype(frame[column]) for column in frame.columns]


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _aucs(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.assign(
        cell=[_auc_cell(*v) for v in rows[_CELL].to_numpy()],
        classifier=rows["label"],
        benchmark=rows["test_benchmark"],
        strength=[
            _cell(s) if pd.isna(x) else f"{x:.3g}"
            for x, s in zip(rows["test_s_over_sqrt_b"], rows["test_signal"], strict=True)
        ],
    )
    order = rows.sort_values("test_signal")["strength"].drop_duplicates()
    wide = rows.pivot_table(
        index=["classifier", "benchmark", "test_background"],
        columns="strength",
        values="cell",
        aggfunc="first",
    )
    return wide[list(order)].fillna("–").rename_axis(columns=None).reset_index()


_CELL = ["auc_mean", "auc_total_error", "auc_over_ceiling", "auc_over_ceiling_error"]


def _auc_cell(mean: float, error: float, over: float, of_over: float) -> str:
    share = "" if pd.isna(over) else f" ({over:.1%} ± {of_over:.1%})"
    return f"{mean:.3f} ± {error:.3f}{share}"


def _limits(tables: Tables) -> pd.DataFrame:
    rows = limit_summary(tables)
    rows = rows[
        (rows["train_benchmark"] == rows["test_benchmark"]) | rows["train_benchmark"].isna()
    ]
    rows = rows.sort_values("train_signal", ascending=False).drop_duplicates(
        ["method", "label", "test_benchmark", "luminosity"]
    )
    rows = rows.sort_values(["test_benchmark", "luminosity", "method", "label"])
    return rows[list(_LIMITS)].rename(columns=_LIMITS)


_LIMITS = {
    "test_benchmark": "benchmark",
    "method": "method",
    "label": "classifier",
    "luminosity": "luminosity [fb⁻¹]",
    **{f"mu_expected_{t}": f"μ {n}" for t, n in zip(TAGS, _QUANTILES, strict=True)},
    "cross_section_expected_0": "σ median [pb]",
    "signal_events_expected_0": "S median",
    "limits": "limits",
    "without_limit": "without",
}


def _figure(name: str, content: bytes) -> dict[str, str]:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = "png"
    elif b"<svg" in content[:2000]:
        kind = "svg+xml"  # as an image: scripts in it do not run
    else:
        raise ValueError(f"figures: {name} is neither PNG nor SVG")
    known = sorted((p for p in _CAPTIONS if name.startswith(p)), key=len)
    data = base64.b64encode(content).decode("ascii")
    caption = _CAPTIONS[known[-1]] if known else ""
    return {"name": name, "kind": kind, "data": data, "caption": caption}


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {"cell": _cell, "numeric": _numeric}
_TEMPLATE = _ENVIRONMENT.get_template("page.html.j2")
