"""The figures of Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, by their numbers.

From the tables of a scan: distributions before and after cuts (3), histograms at four S/B (4), AUC
against S/sqrt(B) beside the ceiling (8), losses of the networks (9), ROC curves of all repeats and
folds (10; those of all repeats are kept with ``crosstest: {curves: repeats}``).
"""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from rayscan.report.figures import auc, curves, examples, spectra, style, trials
from rayscan.report.frames.comparison import by_variant
from rayscan.report.frames.trials import labelled
from rayscan.results.names import BASE
from rayscan.results.read import Tables


def figures(study: Tables) -> Iterator[tuple[str, Figure | None]]:
    """Name of the file and figure, in the order of the paper."""
    base = dict(by_variant(study)).get(BASE)
    if base is None:
        return
    for name, made in spectra.spectra(base):
        yield f"fig03_{name}", made
    for benchmark, made in examples.examples(base):
        yield f"fig04_examples_{style.file_name(benchmark)}", made
    yield "fig08_auc_vs_strength", auc.auc_vs_strength(base)
    yield "fig09_loss_curves", trials.loss_curves(base)
    for label in sorted(labelled(base.auc)["label"].unique()):
        name = style.file_name(label)
        yield f"fig10_roc_{name}", curves.roc(base, label)
        yield f"fig10_roc_validation_{name}", curves.roc_validation(base, label)
