"""Limits from the classifier's output on whole pseudo-experiments, by their shape alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.mixture import Mixture
from rayscan.models.contract import Classifier, Templates
from rayscan.models.ratio.likelihood_ratio import best_weights, closed_form
from rayscan.models.ratio.separation import Endless
from rayscan.results.names import ENSEMBLES
from rayscan.scan.config.limits import Method
from rayscan.scan.pools.folds import by_fold
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.uncertain import uncertainty_columns
from rayscan.scan.steps.candidates import Candidate, trained_columns
from rayscan.scan.steps.examples import features_of
from rayscan.scan.steps.exclusion.base import (
    FEMTO,
    Exclusion,
    Found,
    Row,
    band_columns,
    mixture_of_row,
)
from rayscan.scan.steps.scoring import Scores, event_odds, event_scores, stored, terms_of
from rayscan.stats.score_limits import score_limit

_SEPARATIONS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0)
"""Strengths of the tested ensembles: standard deviations that an ideal classifier sees."""


def _limits(task: Exclusion) -> Found:
    """Limits on one benchmark from the output on ensembles of N = S + B events.

    Both hypotheses have the same total N, the B of the training: the limit is on the signal that
    may hide among N events by their shape alone. It is quoted at the luminosity that gives N
    background events. The network of each fold has a limit of its own, from ensembles of that fold.
    """
    rows: list[Row] = []
    for fold, those in by_fold(task.candidates):
        scan = task.scan.at_fold(fold)
        for total in sorted({int(c.row["train_background"]) for c in those} - {0}):
            group = [c for c in those if c.row["train_background"] == total]
            rows += _at_total(replace(task, candidates=group, scan=scan), total)
    return Found(rows=rows)


def _at_total(task: Exclusion, total: int) -> list[Row]:
    scan, benchmark = task.scan, task.benchmark
    config, binned = scan.config, scan.binned
    mixtures = strengths_to_test(benchmark, total, scan=scan)
    classifiers = [stored(task.storage.uri, c.row["classifier"]) for c in task.candidates]
    null, tested = _scores(benchmark, task.candidates, classifiers, mixtures, scan)
    signals = np.array([mixture.signal for mixture in mixtures], dtype=np.float64)
    luminosity = total / (binned.background_cross_section * FEMTO)
    signal = binned.processes[benchmark]
    events = signal.cross_section * FEMTO * luminosity
    rows = []
    for index, candidate in enumerate(task.candidates):
        limit = score_limit(null[index], signals, tested[index], exact_numbers=True)
        strengths = [None if value is None else value / events for value in limit.expected]
        head = trained_columns(candidate) | {
            "filled_from": "shared_pool" if binned.mode == "shared_pool" else "test",
            "luminosity": luminosity,
            "background_events": float(total),
            "solver": ENSEMBLES,
            "calculator": ENSEMBLES,
            "status": limit.status,
            "message": limit.message or None,
            "limit_error": limit.error[2],
            **uncertainty_columns(config),
        }
        band = band_columns(strengths, events=events, cross_section=signal.flow[0]["cross_section"])
        rows.append(head | band)
    return rows


def strengths_to_test(benchmark: str, total: int, *, scan: PooledScan) -> tuple[Mixture, ...]:
    """Mixtures of N events with the signal an ideal classifier separates by 0.5 to 10 sigma.

    Signal that looks like background is tested up to all N events, or to all there are in the test
    pool: a limit beyond them is 'unbounded'.
    """
    unit = Mixture(signal=1, background=total)
    templates = scan.templates(benchmark, unit)
    form = closed_form(templates)
    k = form.k if form.k > form.k_error else form.k_raw
    k *= _left_by_nuisances(templates)
    most = total
    if scan.config.ensembles.method == "without_replacement":
        most = min(total, scan.binned.signal(benchmark, "test").size)
    if k == 0:  # one bin, or the very same histograms
        return (Mixture(signal=most, background=total - most),)
    wanted = {min(int(np.ceil(d * np.sqrt(total) / k)), most) for d in _SEPARATIONS}
    return tuple(Mixture(signal=s, background=total - s) for s in sorted(wanted))


def _left_by_nuisances(templates: Templates) -> float:
    """The share of the separation that uncertain backgrounds leave to the best linear statistic."""
    if templates.nuisances is None:
        return 1.0
    apart = [
        each.difference / np.sqrt(each.null_variance + each.alternative_variance)
        for known in (replace(templates, nuisances=None), templates)
        for each in [Endless(known).separation(best_weights(known))]
    ]
    return float(apart[1] / apart[0])


def _scores(
    benchmark: str,
    candidates: Sequence[Candidate],
    classifiers: Sequence[Classifier],
    mixtures: Sequence[Mixture],
    scan: PooledScan,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Null scores (K, N) and scores at each strength (K, n, N) of all classifiers."""
    count = scan.config.limits.ensembles
    null = np.empty((len(classifiers), count))
    tested = np.empty((len(classifiers), len(mixtures), count))
    terms = _terms_of_events(benchmark, candidates, classifiers, scan)
    of_histograms = [i for i in range(len(classifiers)) if i not in terms]
    for place, mixture in enumerate(mixtures):
        sampler = scan.ensembles(benchmark, mixture, "test")
        purpose = ("limit", benchmark, mixture.name)
        rng = scan.stream(*purpose)
        drawn_null = sampler.null(rng, count) if place == 0 else None
        drawn = sampler.alternative(rng, count)
        for index in of_histograms:
            tested[index, place] = classifiers[index].scores(drawn)
            if drawn_null is not None:
                null[index] = classifiers[index].scores(drawn_null)
        of_events = event_scores(
            list(terms.values()),
            scan=scan,
            benchmark=benchmark,
            mixture=mixture,
            histograms=count,
            purpose=purpose,
        )
        for index, (of_null, of_mixture) in zip(terms, of_events, strict=True):
            tested[index, place] = of_mixture
            null[index] = of_null if place == 0 else null[index]
    return null, tested


def _terms_of_events(
    benchmark: str,
    candidates: Sequence[Candidate],
    classifiers: Sequence[Classifier],
    scan: PooledScan,
) -> dict[int, dict[str, Scores]]:
    """What the test pools' events add to scores, of each classifier that reads single events."""
    found = {}
    for i, (candidate, classifier) in enumerate(zip(candidates, classifiers, strict=True)):
        if classifier.reads == "events":
            odds = event_odds(
                classifier,
                binned=scan.binned,
                benchmark=benchmark,
                pool="test",
                features=features_of(scan.config, candidate.features),
            )
            found[i] = terms_of(odds, mixture_of_row(candidate.row, scan.config))
    return found


METHOD = Method(
    limits=_limits,
    count=lambda _config, _teams, scored: scored,
    channels=lambda _config: 0,
    strengths=len(_SEPARATIONS),
)
