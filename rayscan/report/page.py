"""One HTML page with the results of a scan, which needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from rayscan.report import cautions
from rayscan.report.figures.all import draw_all
from rayscan.report.frames import composition
from rayscan.report.frames.auc import own, strength_needed
from rayscan.report.frames.limits import limit_summary
from rayscan.report.frames.trials import failures
from rayscan.results.read import Tables
from rayscan.yaml_text import values

_AUC = 0.9
_CAPTIONS = {
    "auc_vs_strength": "AUC against signal strength, with the most any classifier can reach.",
    "auc_over_ceiling": "AUC over its ceiling, the likelihood ratio's AUC on the same ensembles.",
    "auc_matrix": "AUC of a classifier trained on one benchmark and tested on another.",
    "roc": "ROC curves of a classifier on the benchmark it was trained on.",
    "roc_events": "ROC curves of a network of single events: signal against background.",
    "scores": "Scores of histograms with signal beside those of background only.",
    "scores_events": "Scores of single events of signal and of background.",
    "limits": "Expected 95 % CLs limits with their 68 % and 95 % bands.",
    "limit_matrix": "Expected limit over that of the classifier trained on the tested benchmark.",
    "cutflow": "Share of each process left after each cut.",
    "learning_curves": "AUC on the validation pool after each epoch.",
}
# Nothing may be loaded from anywhere, and nothing may run.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_CSS = """
:root { color-scheme: light dark; --ink: #1a1d21; --soft: #5c6670; --paper: #fff;
  --card: #f5f6f8; --line: #d9dde2; --alarm: #9d2a06; --alarm-paper: #fdf1ec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa4ae; --paper: #15181c;
  --card: #1e2227; --line: #363c44; --alarm: #ffb59b; --alarm-paper: #33211b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem; }
p, figcaption { color: var(--soft); margin: .3rem 0; }
.warnings { margin: 1.2rem 0; padding: .6rem 1rem; border-left: 4px solid var(--alarm);
  background: var(--alarm-paper); } .warnings li { margin: .3rem 0; color: var(--alarm); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .87rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .65rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); } tr:last-child td { border-bottom: 0; }
th { background: var(--card); } .text { text-align: left; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; display: block;
  padding: .5rem; background: #fff; border: 1px solid var(--line); border-radius: 6px; }
pre { overflow-x: auto; padding: .8rem; background: var(--card); border-radius: 6px; }
"""


def write_page(tables: Tables, path: Path) -> None:
    """Draw the figures of a scan and write its page, making the folder if it is not there."""
    with TemporaryDirectory() as folder:
        files = draw_all(tables, Path(folder), formats=("svg",))
        text = html(tables, {file.stem: file.read_bytes() for file in files})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def html(tables: Tables, figures: Mapping[str, bytes]) -> str:
    """The page: title, where the numbers come from, warnings, summary tables, figures.

    Args:
        tables: The result tables.
        figures: PNG or SVG files by the name of the figure, in the order they are shown.

    Raises:
        ValueError: A figure is neither PNG nor SVG.
    """
    title = f"{_name(tables)}: results"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_origin(tables))}</p>",
        _warnings(cautions.warnings(tables)),
        _section(
            f"Signal strength needed for an AUC of {_AUC}",
            "S/sqrt(B) at which each classifier and its ceiling reach it; missing where none of "
            "the tested strengths does.",
            strength_needed(tables, _AUC).drop(columns="auc").dropna(axis=1, how="all"),
        ),
        _section(
            "AUC by signal strength",
            "Tested on the benchmark of the training: trimmed mean over repeats and the share of "
            "the ceiling reached. Errors hold test set, finite pools and spread over repeats. "
            "Columns are S/sqrt(B) of the test.",
            _aucs(own(tables)),
        ),
        *(_figure(name, content) for name, content in figures.items()),
        _section("95 % CLs limits", "Expected, of the strongest training.", _limits(tables)),
        _section("Trainings that failed", "", failures(tables).drop(columns="trial")),
        _section(
            "Background composition",
            "Cross-section x efficiency of each background over that of the main one.",
            composition.shown(tables),
        ),
        _section("Cut flow", "", tables.cutflow.drop(columns=["sum_weights_squared"])),
        _section("Pools", "", tables.pools),
        _provenance(tables),
    ]
    return _document(title, "\n".join(part for part in body if part))


def _document(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _name(tables: Tables) -> str:
    """The name in the scan file, which provenance keeps as it was."""
    rows = tables.provenance
    files = rows.loc[(rows["kind"] == "scan") & (rows["name"] == "scan file"), "value"].dropna()
    return str(values(files.iloc[0])["name"]) if len(files) else "rayscan"


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


def _warnings(sentences: Sequence[str]) -> str:
    if not sentences:
        return "<p>No warnings: no leakage, no exhausted pool, no failed training or limit.</p>"
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<section class="warnings"><h2>Warnings</h2><ul>{items}</ul></section>'


def _section(heading: str, explanation: str, frame: pd.DataFrame) -> str:
    if frame.empty:
        return ""
    text = f"<p>{escape(explanation)}</p>" if explanation else ""
    return f"<section><h2>{escape(heading)}</h2>{text}{_table(frame)}</section>"


def _table(frame: pd.DataFrame) -> str:
    numeric = [pd.api.types.is_numeric_dtype(frame[column]) for column in frame.columns]
    heads = _row("th", map(str, frame.columns), numeric)
    rows = (
        _row("td", map(_cell, values), numeric)
        for values in frame.itertuples(index=False, name=None)
    )
    return (
        f'<div class="wide"><table><thead>{heads}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(tag: str, texts: Iterable[str], numeric: Sequence[bool]) -> str:
    cells = (
        f"<{tag}>{escape(text)}</{tag}>"
        if number
        else f'<{tag} class="text">{escape(text)}</{tag}>'
        for text, number in zip(texts, numeric, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


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
    tags = ("m2", "m1", "0", "p1", "p2")
    return rows[
        [
            "test_benchmark",
            "method",
            "label",
            "luminosity",
            *(f"mu_expected_{tag}" for tag in tags),
            "cross_section_expected_0",
            "signal_events_expected_0",
            "limits",
            "without_limit",
        ]
    ].rename(
        columns={
            "test_benchmark": "benchmark",
            "label": "classifier",
            "luminosity": "luminosity [fb⁻¹]",
            **{f"mu_expected_{t}": f"μ {n}" for t, n in zip(tags, _QUANTILES, strict=True)},
            "cross_section_expected_0": "σ median [pb]",
            "signal_events_expected_0": "S median",
            "without_limit": "without",
        }
    )


_QUANTILES = ("−2σ", "−1σ", "median", "+1σ", "+2σ")


def _figure(name: str, content: bytes) -> str:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = "png"
    elif b"<svg" in content[:2000]:
        kind = "svg+xml"  # as an image: scripts in it do not run
    else:
        raise ValueError(f"figures: {name} is neither PNG nor SVG")
    data = base64.b64encode(content).decode("ascii")
    known = sorted((p for p in _CAPTIONS if name.startswith(p)), key=len)
    caption = f"<figcaption>{escape(_CAPTIONS[known[-1]])}</figcaption>" if known else ""
    return (
        f'<figure><img alt="{escape(name)}" src="data:image/{kind};base64,{data}"/>'
        f"{caption}</figure>"
    )


def _provenance(tables: Tables) -> str:
    rows = tables.provenance
    long = rows["value"].fillna("").str.contains("\n")
    short = _section("Provenance", "", rows[~long].dropna(axis=1, how="all"))
    return short + "".join(
        f"<details><summary>{escape(name)}</summary><pre>{escape(value)}</pre></details>"
        for name, value in zip(rows.loc[long, "name"], rows.loc[long, "value"], strict=True)
    )
