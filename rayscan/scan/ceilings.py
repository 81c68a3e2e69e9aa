"""The ceiling of one test set: what the best of all classifiers could reach on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rayscan.ensembles.draw import Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.models.ceiling import Ceiling, ceiling, template_noise
from rayscan.models.likelihood_ratio import closed_form, likelihood_ratio
from rayscan.scan.binned import BinnedPools
from rayscan.scan.config import ScanConfig
from rayscan.scan.examples import Histograms, pair_name
from rayscan.scan.uncertain import templates_for
from rayscan.seeds import stream
from rayscan.stats.auc import estimate
from rayscan.stats.placements import Placements, placements

KIND = "likelihood ratio of the training templates, corrected for the size of the pools"
MARGINAL = f"marginal {KIND}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CeilingOfTest:
    """The ceiling of a test set.

    Attributes:
        ceiling: The AUC no classifier passes beyond its error.
        placements: Of the likelihood ratio of the training templates.
        columns: What the table `auc` says of it.
    """

    ceiling: Ceiling
    placements: Placements
    columns: dict[str, Any]


def ceiling_of_test(
    config: ScanConfig,
    binned: BinnedPools,
    benchmark: str,
    mixture: Mixture,
    *,
    sampler: Ensembles,
    null: Histograms,
    alternative: Histograms,
    against: str | None = None,
) -> CeilingOfTest:
    """The ceiling on given test ensembles.

    Args:
        config: The scan.
        binned: Its pools.
        benchmark: Signal process in the ensembles.
        mixture: Their events.
        sampler: What drew them.
        null: Histograms of class 0, shape (N, bins).
        alternative: Histograms with signal, shape (N, bins).
        against: Signal process in class 0, if there is one.
    """
    templates = templates_for(config, binned, benchmark, mixture, against=against)
    ratio = likelihood_ratio(templates)
    placed = placements(ratio.scores(null), ratio.scores(alternative))
    seen = estimate(placed)
    noise = template_noise(
        templates,
        test_background=int(binned.background_counts("test").sum()),
        test_signal=binned.signal(benchmark, "test").size,
        shared=binned.mode == "shared_pool",
        test_against=0 if against is None else binned.signal(against, "test").size,
        rng=stream(config.seed, "template noise", *pair_name(benchmark, against), mixture.name),
    )
    found = ceiling(seen.auc, seen.error, noise)
    form = closed_form(templates, sampler)
    columns = {
        "auc_ceiling": found.auc,
        "auc_ceiling_error": found.error,
        "ceiling_kind": KIND if templates.nuisances is None else MARGINAL,
        "auc_likelihood_ratio": seen.auc,
        "auc_likelihood_ratio_error": seen.error,
        "auc_closed_form": form.auc,
        "auc_closed_form_error": form.auc_error,
        "separation_k": form.k,
        "separation_k_error": form.k_error,
    }
    return CeilingOfTest(ceiling=found, placements=placed, columns=columns)
