"""Limits from the classifier's output on whole pseudo-experiments, method ``score``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.mixture import Mixture
from rayscan.models.architecture import Classifier, Templates
from rayscan.models.likelihood_ratio import best_weights, closed_form
from rayscan.models.separation import Endless
from rayscan.scan.binned import BinnedPools
from rayscan.scan.candidates import Candidate, trained_columns
from rayscan.scan.config import ScanConfig
from rayscan.scan.examples import ensembles_of, features_of
from rayscan.scan.exclusion import band_columns, mixture_of_row
from rayscan.scan.scoring import Scores, event_scores, stored
from rayscan.scan.storage import Storage
from rayscan.scan.uncertain import templates_for, uncertainty_columns
from rayscan.seeds import stream
from rayscan.stats.score_limits import score_limit

_FEMTO = 1000.0  # fb in a pb
_SEPARATIONS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0)
"""Strengths of the tested ensembles: standard deviations that an ideal classifier sees."""


def score_limits(
    benchmark: str,
    candidates: Sequence[Candidate],
    *,
    config: ScanConfig,
    binned: BinnedPools,
    storage: Storage,
) -> list[dict[str, Any]]:
    """Limits on one benchmark from the output on ensembles of N = S + B events.

    Both hypotheses have the same total N, the B of the training: the limit is on the signal that
    may hide among N events by their shape alone. It is quoted at the luminosity that gives N
    background events.
    """
    if "score" not in config.limits.methods:
        return []
    totals = sorted({int(c.row["train_background"]) for c in candidates} - {0})
    rows = []
    for total in totals:
        group = [c for c in candidates if c.row["train_background"] == total]
        rows += _at_total(benchmark, group, total, config=config, binned=binned, storage=storage)
    return rows


def _at_total(
    benchmark: str,
    candidates: Sequence[Candidate],
    total: int,
    *,
    config: ScanConfig,
    binned: BinnedPools,
    storage: Storage,
) -> list[dict[str, Any]]:
    mixtures = strengths_to_test(benchmark, total, config=config, binned=binned)
    classifiers = [stored(storage.uri, c.row["classifier"]) for c in candidates]
    null, tested = _scores(benchmark, candidates, classifiers, mixtures, config, binned)
    signals = np.array([mixture.signal for mixture in mixtures], dtype=np.float64)
    luminosity = total / (binned.background_cross_section * _FEMTO)
    signal = binned.processes[benchmark]
    events = signal.cross_section * _FEMTO * luminosity
    rows = []
    for index, candidate in enumerate(candidates):
        limit = score_limit(null[index], signals, tested[index])
        strengths = [None if value is None else value / events for value in limit.expected]
        head = trained_columns(candidate) | {
            "test_benchmark": benchmark,
            "method": "score",
            "luminosity": luminosity,
            "background_events": float(total),
            "solver": "ensembles",
            "status": limit.status,
            "message": limit.message or None,
            "limit_error": limit.error[2],
            **uncertainty_columns(config),
        }
        band = band_columns(strengths, events=events, cross_section=signal.flow[0]["cross_section"])
        rows.append(head | band)
    return rows


def strengths_to_test(
    benchmark: str, total: int, *, config: ScanConfig, binned: BinnedPools
) -> tuple[Mixture, ...]:
    """Mixtures of N events with the signal an ideal classifier separates by 0.5 to 10 sigma.

    Signal that looks like background is tested up to all N events, or to all there are in the test
    pool: a limit beyond them is 'unbounded'.
    """
    unit = Mixture(signal=1, background=total)
    templates = templates_for(config, binned, benchmark, unit)
    form = closed_form(templates)
    k = form.k if form.k > form.k_error else form.k_raw
    k *= _left_by_nuisances(templates)
    most = total
    if config.ensembles.method == "without_replacement":
        most = min(total, binned.signal(benchmark, "test").size)
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
    config: ScanConfig,
    binned: BinnedPools,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Null scores (K, N) and scores at each strength (K, n, N) of all classifiers."""
    count = config.limits.ensembles
    null = np.empty((len(classifiers), count))
    tested = np.empty((len(classifiers), len(mixtures), count))
    for place, mixture in enumerate(mixtures):
        sampler = ensembles_of(config, binned, benchmark, mixture, "test")
        rng = stream(config.seed, "limit", benchmark, mixture.name)
        drawn_null = sampler.null(rng, count) if place == 0 else None
        drawn = sampler.alternative(rng, count)
        for index, classifier in enumerate(classifiers):
            if classifier.reads == "events":
                of_null, of_mixture = _of_events(
                    classifier, candidates[index], benchmark, mixture, config, binned
                )
                tested[index, place] = of_mixture
                null[index] = of_null if place == 0 else null[index]
                continue
            tested[index, place] = classifier.scores(drawn)
            if drawn_null is not None:
                null[index] = classifier.scores(drawn_null)
    return null, tested


def _of_events(
    classifier: Classifier,
    candidate: Candidate,
    benchmark: str,
    mixture: Mixture,
    config: ScanConfig,
    binned: BinnedPools,
) -> tuple[Scores, Scores]:
    return event_scores(
        classifier,
        config=config,
        binned=binned,
        benchmark=benchmark,
        mixture=mixture,
        pool="test",
        histograms=config.limits.ensembles,
        purpose=("limit", benchmark, mixture.name),
        features=features_of(config, candidate.features),
        statistic=mixture_of_row(candidate.row, config),
    )
