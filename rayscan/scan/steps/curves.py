"""ROC points and score distributions of tested classifiers, as rows of `roc` and `scores`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rayscan.ensembles.mixture import Mixture
from rayscan.scan.plan.points import mixture_columns
from rayscan.stats.auc import thin_roc

if TYPE_CHECKING:
    from rayscan.scan.steps.candidates import Candidate
    from rayscan.scan.steps.scoring import Scores

POINTS = 101
"""Points of a ROC curve; its area is the AUC within `WITHIN`."""
WITHIN = 1e-3
BINS = 50
"""Bins of a score distribution, per class."""
_TAIL = 0.001
_EVENT = Mixture(signal=1, background=0)


@dataclass(slots=True, kw_only=True)
class Curves:
    """Where the curves of one test set are gathered.

    Rows of `roc` and `scores`, of the ``trials`` whose curves are kept.
    """

    trials: frozenset[str]
    roc: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)

    def gather(
        self,
        tested: Sequence[Mapping[str, Any]],
        scores: Sequence[tuple[Scores, Scores]],
        events: Mapping[int, tuple[Scores, Scores]],
    ) -> None:
        """Add the curves of the classifiers that are kept.

        Args:
            tested: What was trained and tested, as columns, for each classifier.
            scores: Of class 0 and class 1 of the test set, for each classifier.
            events: Of single events, background and signal, of classifiers that read them. They
                are rows of ensembles of one event: S = 1 and B = 0.
        """
        for i, (head, own) in enumerate(zip(tested, scores, strict=True)):
            self._add({**head, "unit": "ensemble"}, own)
            if i in events:
                single = mixture_columns("test", _EVENT)
                self._add({**head, **single, "unit": "event"}, events[i])

    def _add(self, head: dict[str, Any], scores: tuple[Scores, Scores]) -> None:
        if head["trial"] in self.trials:
            self.roc += roc_rows(head, scores)
            self.scores += score_rows(head, scores)


def kept(
    which: Literal["first", "repeats", "all", "none"],
    benchmark: str,
    candidates: Sequence[Candidate],
) -> frozenset[str]:
    """Trials whose curves are kept on the test sets of a benchmark.

    ``first`` is the first repeat (of a search: the best member) of each point, in the first fold if
    there are folds, on the benchmark it was trained on; ``repeats`` all of them, in all folds.
    """
    if which == "none":
        return frozenset()
    if which == "all":
        return frozenset(str(c.row["trial"]) for c in candidates)
    own = [c for c in candidates if c.selected and c.row["train_benchmark"] == benchmark]
    if which == "repeats":
        return frozenset(str(c.row["trial"]) for c in own)
    first: dict[str, Candidate] = {}
    for candidate in sorted(own, key=lambda c: (c.fold or 0, int(c.row["repeat"]))):
        first.setdefault(candidate.row["point"], candidate)
    return frozenset(str(c.row["trial"]) for c in first.values())


def roc_rows(head: Mapping[str, Any], scores: tuple[Scores, Scores]) -> list[dict[str, Any]]:
    """A thinned ROC curve, from (0, 0) to (1, 1)."""
    curve = thin_roc(*scores, points=POINTS, within=WITHIN)
    rates = zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)
    return [
        {**head, "number": i, "false_positive_rate": false, "true_positive_rate": true}
        for i, (false, true) in enumerate(rates)
    ]


def score_rows(head: Mapping[str, Any], scores: tuple[Scores, Scores]) -> list[dict[str, Any]]:
    """Histograms of the scores of both classes, on the same bins.

    The bins span the inner 99.8 % of each class; scores beyond are in the outermost bins.
    """
    ends = np.array([np.quantile(each, [_TAIL, 1.0 - _TAIL]) for each in scores])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if not high > low:  # all scores are equal
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    return [
        {
            **head,
            "true_class": label,
            "bin": i,
            "score_low": edges[i],
            "score_high": edges[i + 1],
            "count": count,
        }
        for label, each in enumerate(scores)
        for i, count in enumerate(np.histogram(np.clip(each, low, high), edges)[0])
    ]
