"""Classifiers of several classes against the test ensembles of all hypotheses, at one strength."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayscan.ensembles.mixture import Mixture
from rayscan.models.ratio.likelihood_ratio import likelihood_ratio
from rayscan.results.names import BACKGROUND, UNDECIDED
from rayscan.results.storage import Storage
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures, mixture_columns
from rayscan.scan.pools.folds import by_fold
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.uncertain import uncertainty_columns
from rayscan.scan.steps.base import Rows
from rayscan.scan.steps.candidates import Candidate, trained_columns
from rayscan.scan.steps.examples import Histograms
from rayscan.scan.steps.scoring import Scores, stored
from rayscan.scan.steps.tests.base import CrossTests
from rayscan.stats.auc import AucEstimate
from rayscan.stats.classes import counts, log_probabilities, one_vs_rest, threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTest:
    """The test ensembles of the background and of every benchmark at one strength.

    ``strength`` is its position in the list of strengths.
    """

    strength: int
    mixture: Mixture

    @property
    def name(self) -> str:
        """Stable, readable and unique in a scan."""
        return f"multiclass.{self.mixture.name}"

    def meets(self, candidate: Candidate) -> bool:
        """Whether a classifier is of several classes."""
        return candidate.head.test == "classes"


def class_tests(config: ScanConfig, mixtures: Mixtures) -> tuple[ClassTest, ...]:
    """The test sets of the table `multiclass`; their mixtures are those of every benchmark."""
    if all(head_of(choice).test != "classes" for choice in config.architectures):
        return ()
    common = mixtures[config.benchmarks[0]]
    return tuple(ClassTest(strength=i, mixture=mixture) for i, mixture in enumerate(common))


class Classes(CrossTests):
    """The table `multiclass`."""

    tables = ("multiclass",)

    def sets(self, config: ScanConfig, strengths: Mixtures) -> Sequence[ClassTest]:
        """See `class_tests`."""
        return class_tests(config, strengths)

    def rows(
        self,
        test: ClassTest,
        candidates: Sequence[Candidate],
        scan: PooledScan,
        storage: Storage,
    ) -> Mapping[str, Rows]:
        """See `class_test`."""
        found: list[dict[str, Any]] = []
        for fold, those in by_fold(candidates):
            found += class_test(test, those, scan=scan.at_fold(fold), storage=storage.uri)
        return {"multiclass": found}


def class_test(
    test: ClassTest,
    candidates: Sequence[Candidate],
    *,
    scan: PooledScan,
    storage: str,
) -> list[dict[str, Any]]:
    """Rows of the table `multiclass`: what every candidate says of every hypothesis.

    Ensembles are drawn from the test pools.
    """
    config, drawn = scan.config, dict(_ensembles(test, scan))
    rows: list[dict[str, Any]] = []
    best: dict[tuple[str, ...], list[AucEstimate]] = {}
    for candidate in candidates:
        classes = (BACKGROUND, *candidate.row["train_benchmark"].split("+"))
        classifier = stored(storage, candidate.row["classifier"])
        head = trained_columns(candidate) | {
            "selected": candidate.selected,
            "strength": config.mixtures.strengths[test.strength],
            **mixture_columns("test", test.mixture),
            "n_classes": len(classes),
            "threshold": threshold(len(classes)),
            "histograms": config.ensembles.test,
            "pool_mode": scan.binned.mode,
            **uncertainty_columns(config),
        }
        said = {name: log_probabilities(classifier.scores(x)) for name, x in drawn.items()}
        areas = one_vs_rest([said[name] for name in classes])
        if classes not in best:
            ideal = [_posterior(test, classes, drawn[name], scan) for name in classes]
            best[classes] = one_vs_rest(ideal)
        rows += [
            head | row | _areas(row, classes, areas, best[classes])
            for true, log_p in said.items()
            for row in _rows(true, classes, log_p)
        ]
    return rows


def _ensembles(test: ClassTest, scan: PooledScan) -> Iterator[tuple[str, Histograms]]:
    """Test histograms of each hypothesis, background only first."""
    count = scan.config.ensembles.test
    for index, name in enumerate(scan.config.benchmarks):
        sampler = scan.ensembles(name, test.mixture, "test")
        purpose = "test", "multiclass", test.mixture.name
        if index == 0:
            rng = scan.stream(*purpose)
            yield BACKGROUND, sampler.null(rng, count)
        rng = scan.stream(*purpose, name)
        yield name, sampler.alternative(rng, count)


def _posterior(test: ClassTest, classes: Sequence[str], x: Histograms, scan: PooledScan) -> Scores:
    """Log-probabilities of the classes from the training templates, shape (N, classes).

    With equal priors they are the softmax of the log-likelihoods, the best there is for every class
    against the others (Neyman and Pearson), as far as the templates are true; where the background
    is uncertain, of the likelihoods integrated over it.
    """
    templates = [scan.templates(name, test.mixture) for name in classes[1:]]
    ratios = [likelihood_ratio(each).scores(x) for each in templates]
    return log_probabilities(np.stack([np.zeros(len(x)), *ratios], axis=1))


def _rows(true: str, classes: Sequence[str], log_p: Scores) -> Iterator[dict[str, Any]]:
    """A row for each class, and one for no class, that histograms of a process counted for."""
    shared = {"true_process": true, "true_is_class": true in classes}
    means: list[float | None] = [*np.exp(log_p).mean(axis=0).tolist(), None]
    for name, count, mean in zip((*classes, UNDECIDED), counts(log_p), means, strict=True):
        yield shared | {
            "predicted": name,
            "counts": int(count),
            "share": float(count / len(log_p)),
            "mean_probability": mean,
        }


def _areas(
    row: Mapping[str, Any],
    classes: Sequence[str],
    areas: Sequence[AucEstimate],
    best: Sequence[AucEstimate],
) -> dict[str, float]:
    """The areas of a class against the others, in the row of its own histograms."""
    if row["true_process"] != row["predicted"]:
        return {}
    k = classes.index(row["predicted"])
    return {
        "auc": areas[k].auc,
        "auc_error": areas[k].error,
        "auc_likelihood_ratio": best[k].auc,
        "auc_likelihood_ratio_error": best[k].error,
    }
