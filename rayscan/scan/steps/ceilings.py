"""The ceiling of one test set: what the best of all classifiers could reach on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.models.ratio.ceiling import Ceiling, ceiling, pool_difference, template_noise
from rayscan.models.ratio.likelihood_ratio import closed_form, likelihood_ratio
from rayscan.scan.config.heads.base import pair_name
from rayscan.scan.steps.shown import Shown
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
        shift: How far pools of the test set shift mean scores (`pool_difference`).
        columns: What the table `auc` says of it.
    """

    ceiling: Ceiling
    placements: Placements
    shift: float
    columns: dict[str, Any]

    def above(self, placed: Placements) -> tuple[float, float]:
        """How far the AUC of a classifier on the same test set is above the ceiling, and its error.

        The error is that of the test set, which both share, the pools behind the templates, and
        those of the test; 0 where nothing is uncertain.
        """
        seen = estimate(placed)
        paired = difference(placed, self.placements)
        ranks = _correlation(placed.null, self.placements.null)
        # from that of ranks, for scores that are jointly normal (Pearson 1907)
        apart = pool_difference(seen.auc, 2 * math.sin(math.pi * ranks / 6), self.shift)
        # The pool error is the same fluctuation for the best classifier, less its own noise.
        error = math.hypot(paired.error, max(self.ceiling.pool_error, apart))
        return seen.auc - self.ceiling.auc, error


def _correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Of two samples; that of a constant with anything is taken as 1."""
    if min(one.std(), other.std()) == 0.0:
        return 1.0
    return float(np.corrcoef(one, other)[0, 1])


def ceiling_of_test(shown: Shown) -> CeilingOfTest:
    """The ceiling on given test ensembles; those of a shared pool must be of its unseen part."""
    binned, test = shown.scan.binned, shown.test
    benchmark, mixture, against, pool = test.benchmark, test.mixture, test.against, shown.pool
    templates = shown.scan.templates(benchmark, mixture, against)
    ratio = likelihood_ratio(templates)
    placed = placements(ratio.scores(shown.null), ratio.scores(shown.alternative))
    seen = estimate(placed)
    noise = template_noise(
        templates,
        test_background=[part.size for part in binned.background(pool).pools],
        test_signal=binned.signal(benchmark, pool).size,
        shared=False,
        test_against=0 if against is None else binned.signal(against, pool).size,
        rng=shown.scan.stream("template noise", *pair_name(benchmark, against), mixture.name),
    )
    found = ceiling(seen.auc, seen.error, noise)
    form = closed_form(templates, shown.sampler)
    columns = {
        "auc_ceiling": found.auc,
        "auc_ceiling_error": found.error,
        "auc_ceiling_total_error": found.total_error,
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
        shift=_shift(shown),
        columns=columns,
    )


def _shift(shown: Shown) -> float:
    binned, pool, mixture = shown.scan.binned, shown.pool, shown.test.mixture
    other = binned.background_size(pool)
    if shown.test.against is not None:
        other = binned.signal(shown.test.against, pool).size
    sizes = 1 / binned.signal(shown.test.benchmark, pool).size + 1 / other
    return mixture.signal / math.sqrt(mixture.signal + mixture.background) * math.sqrt(sizes)
