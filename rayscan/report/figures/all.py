"""Draws every figure of a scan and writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rayscan.keys import digest
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
        yield f"auc_matrix_{_file_name(label)}", auc.auc_matrix(tables, label)
        yield f"limit_matrix_{_file_name(label)}", limits.limit_matrix(tables, label)
        for kind in ("roc", "roc_events", "scores", "scores_events"):
            yield f"{kind}_{_file_name(label)}", getattr(curves, kind)(tables, label)
    yield from limits.limits(tables)
    yield "cutflow", events.cutflow(tables)
    yield from spectra.spectra(tables)
    for benchmark, made in examples.examples(tables):
        yield f"examples_{_file_name(benchmark)}", made
    yield "learning_curves", trials.learning_curves(tables)
    yield "loss_curves", trials.loss_curves(tables)


def _file_name(label: str) -> str:
    """A name without what a path could mean, different for different labels."""
    clean = re.sub(r"[^A-Za-z0-9_.+=-]+", "_", label)[:80]
    return clean if clean == label else f"{clean}-{digest(label)[:8]}"
