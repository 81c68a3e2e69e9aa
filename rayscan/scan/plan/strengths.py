"""At which strengths a scan trains, and what a training at one of them knows of the others."""

from __future__ import annotations

from collections.abc import Sequence

from rayscan.ensembles.mixture import Mixture
from rayscan.models.ratio.likelihood_ratio import closed_form
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig, Strength
from rayscan.scan.pools.binned import BinnedPools
from rayscan.scan.pools.pooled import PooledScan

SATURATED = 0.96
"""Ceiling above which a strength is too easy to train at: nearly every histogram is classified
right, the loss has nothing left to say, and the network is worse at all lower strengths (its AUC at
S/sqrt(B) = 0.5 fell from 0.677 to 0.656, one training each, when the ceiling in training rose from
0.90 to 0.999)."""


def trained_at(
    config: ScanConfig,
    signals: Sequence[str],
    choices: Sequence[Mixture],
    binned: BinnedPools | None,
    choice: ArchitectureChoice,
) -> tuple[tuple[int, Mixture], ...]:
    """Mixtures that an architecture has points at, with their positions in the list of strengths.

    ``choices`` are those of its benchmarks, in the order of the strengths. Without pools the
    strength of ``highest`` is not known yet, and the strongest stands for it.
    """
    numbered = tuple(enumerate(choices))
    if trains_at_each(config, choice):
        return numbered
    rising = sorted(numbered, key=lambda pair: _rank(pair[1]))
    if binned is None:
        return (rising[-1],)
    plain = [pair for pair in rising if not _saturates(config, binned, signals, pair[1], choice)]
    return (plain[-1] if plain else rising[0],)


def trains_at_each(config: ScanConfig, choice: ArchitectureChoice) -> bool:
    """Whether an architecture has a classifier for every strength."""
    return head_of(choice).at_each_strength or not config.training.one_for_all


def trained_as(config: ScanConfig, choice: ArchitectureChoice) -> Strength:
    """What the strength asked for is to an architecture; see `Training.strength`."""
    if config.training.one_for_all and trains_at_each(config, choice):
        return "each"
    if config.training.strength == "drawn":
        return "drawn" if choice.architecture.learns_strength else "highest"
    if config.training.strength == "descending":
        warm = choice.architecture.warm_starts and not choice.searches
        return "descending" if warm else "each"
    return config.training.strength


def others(trained: Strength, choices: Sequence[Mixture], own: Mixture) -> tuple[Mixture, ...]:
    """Other mixtures of a benchmark that a training depends on.

    Returns:
        With ``drawn`` strengths all of them; with ``descending`` the stronger ones, the strongest
        first; else none.
    """
    if trained == "drawn":
        return tuple(choices)
    if trained == "descending":
        falling = sorted(choices, key=_rank, reverse=True)
        return tuple(falling[: falling.index(own)])
    return ()


def _rank(mixture: Mixture) -> tuple[float, int]:
    """What strengths are ordered by."""
    return mixture.fraction, mixture.signal


def _saturates(
    config: ScanConfig,
    binned: BinnedPools,
    signals: Sequence[str],
    mixture: Mixture,
    choice: ArchitectureChoice,
) -> bool:
    """Whether the easiest of the signals is too easy."""
    against = head_of(choice).null
    scan = PooledScan(config, binned)
    pairs = (scan.templates(name, mixture, against) for name in signals)
    return any(closed_form(templates).auc > SATURATED for templates in pairs)
