"""The ceiling of one test set: what the best of all classifiers could reach on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.draw import Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.models.ceiling import Ceiling, ceiling, pool_difference, template_noise
from rayscan.models.likelihood_ratio import closed_form, likelihood_ratio
from rayscan.scan.binned import BinnedPools
from rayscan.scan.config import ScanConfig
from rayscan.scan.examples import Histograms, pair_name
from rayscan.scan.uncertain import templates_for
from rayscan.seeds import stream
from rayscan.stats.auc import difference, estimate
from rayscan.stats.placements import Placements, placements

KIND = "likelihood ratio of the training templates, corrected for the size of the pools"
MARGINAL = f"marginal {KIND}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CeilingOfTest:
    """The ceiling of a test set.

    Attributes:
        ceiling: The AUC no classifier passes beyond its error.
        placements: Of the likelihood ratio of the training templates.
        shift: How far pools of the test set shift mean scores (`pool_difference`); 0 if they are
            those of the training, whose fluctuations are what leaks.
        columns: What the table `auc` says of it.
    """

    ceiling: Ceiling
    placements: Placements
    shift: float
    columns: dict[str, Any]

    def above(self, placed: Placements) -> float | None:
        """How many sigma the AUC of a classifier on the same test set is above the ceiling.

        Args:
            placed: Placements of the classifier's scores.

        Returns:
            The difference over its error: the test set, which both share, the pools behind the
            templates, and those of the test; None where nothing is uncertain.
        """
        seen = estimate(placed)
        paired = difference(placed, self.placements)
        ranks = _correlation(placed.null, self.placements.null)
        # from that of ranks, for scores that are jointly normal (Pearson 1907)
        apart = pool_difference(seen.auc, 2 * math.sin(math.pi * ranks / 6), self.shift)
        # The pool error is the same fluctuation for the best classifier, less its own noise.
        error = math.hypot(paired.error, max(self.ceiling.pool_error, apart))
        return (seen.auc - self.ceiling.auc) / error if error > 0 else None


def _correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Of two samples; that of a constant with anything is taken as 1."""
    if min(one.std(), other.std()) == 0.0:
        return 1.0
    return float(np.corrcoef(one, other)[0, 1])


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
        test_background=[part.size for part in binned.background("test").pools],
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
    return CeilingOfTest(
        ceiling=found,
        placements=placed,
        shift=_shift(binned, benchmark, mixture, against),
        columns=columns,
    )


def _shift(binned: BinnedPools, benchmark: str, mixture: Mixture, against: str | None) -> float:
    if binned.mode == "shared_pool":
        return 0.0
    other = binned.background_size("test")
    if against is not None:
        other = binned.signal(against, "test").size
    sizes = 1 / binned.signal(benchmark, "test").size + 1 / other
    return mixture.signal / math.sqrt(mixture.signal + mixture.background) * math.sqrt(sizes)
