"""Draws every figure of a scan and writes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rayscan.report.figures import (
    auc,
    curves,
    events,
    examples,
    limits,
    spectra,
    style,
    trials,
)
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables


def draw_all(
    tables: Tables, folder: Path, *, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Draw what the tables allow and write it; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with style.look():
        for name, made in _figures(tables):
            if made is not None:
                paths += style.save(made, folder, name, formats)
    return paths


def _figures(tables: Tables) -> Iterator[tuple[str, Figure | None]]:
    yield "auc_vs_strength", auc.auc_vs_strength(tables)
    yield "auc_over_ceiling", auc.auc_over_ceiling(tables)
    for label in sorted(labelled(tables.auc)["label"].unique()):
        yield f"auc_matrix_{style.file_name(label)}", auc.auc_matrix(tables, label)
        yield f"limit_matrix_{style.file_name(label)}", limits.limit_matrix(tables, label)
        for kind in ("roc", "roc_validation", "roc_events", "scores", "scores_events"):
            yield f"{kind}_{style.file_name(label)}", getattr(curves, kind)(tables, label)
    yield from limits.limits(tables)
    yield "cutflow", events.cutflow(tables)
    yield from spectra.spectra(tables)
    for benchmark, made in examples.examples(tables):
        yield f"examples_{style.file_name(benchmark)}", made
    yield "learning_curves", trials.learning_curves(tables)
    yield "loss_curves", trials.loss_curves(tables)
