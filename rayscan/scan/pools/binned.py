"""The pools of a scan as a worker needs them: bin counts, cross-sections, where events are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.binning import Binning, merge_map, merged
from rayscan.ensembles.draw import Background, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.events.selection import Step
from rayscan.events.spectra import SpectrumCounts
from rayscan.events.split import Pools, fold_name
from rayscan.keys import digest
from rayscan.models.contract import Templates
from rayscan.models.ratio.mixed import Part, effective_size
from rayscan.models.ratio.separation import HALF_AN_EVENT
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.events import EventPool
from rayscan.scan.pools.folds import least_training, with_first_fold

PoolName: TypeAlias = Literal["train", "validation", "test", "unseen"]
POOL_NAMES: tuple[PoolName, ...] = ("train", "validation", "test")
Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ProcessPools:
    """The three pools of one process, and of a shared pool the part that is kept out of it.

    With folds the pools of the first fold, and each fold itself.

    Attributes:
        process: Its name.
        role: ``background`` or ``signal``.
        cross_section: Cross-section [pb] after selection and inside the axis ranges.
        counts: Events per bin of each pool, shape (bins,).
        events: Events inside the axis ranges of each pool; empty unless a network of single events
            asks for them.
        selected: Selected events of each pool, inside the axis ranges or not.
        unweighting: Events kept, of how many, and the effective number before.
        flow: Cut flow, with the axis ranges as its last step.
        heaviest: Share of the weight of the selected events that the heaviest has.
        spectra: Of all its events, before and after the cuts, by observable.
    """

    process: str
    role: str
    cross_section: float
    counts: Mapping[str, Counts]
    events: Mapping[str, EventPool] = field(default_factory=dict)
    selected: Mapping[str, int]
    unweighting: tuple[int, int, float]
    flow: tuple[dict[str, Any], ...]
    heaviest: float | None = None
    spectra: Mapping[str, SpectrumCounts] = field(default_factory=dict)


def flow_rows(
    process: str, role: str, cross_section: float, steps: Sequence[Step]
) -> Iterator[dict[str, Any]]:
    """The steps of the cut flow of a process, with efficiencies and cross-sections [pb]."""
    total, total_squared = steps[0].sum_weights, steps[0].sum_weights_squared
    for number, step in enumerate(steps):
        share = step.sum_weights / total
        # Binomial error of a weighted share: passing and failing events fluctuate apart.
        variance = (
            (1 - 2 * share) * step.sum_weights_squared + share**2 * total_squared
        ) / total**2
        yield {
            "process": process,
            "role": role,
            "step": number,
            **asdict(step),
            "efficiency": share,
            "efficiency_error": float(np.sqrt(max(variance, 0.0))),
            "cross_section": cross_section * share,
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BinnedPools:
    """All processes of a scan, on one binning, with sparse bins merged if the scan asks for it.

    Attributes:
        binning: Axes of the histograms.
        processes: Pools by process.
        backgrounds: Names of the backgrounds, the main one first.
        benchmarks: Names of the signals.
        mode: ``disjoint`` or ``shared_pool``.
        fingerprint: Hash of everything the pools depend on.
        folds: Number of folds, 0 for one split.
    """

    binning: Binning
    processes: Mapping[str, ProcessPools]
    backgrounds: tuple[str, ...]
    benchmarks: tuple[str, ...]
    mode: Literal["disjoint", "shared_pool"]
    fingerprint: str
    folds: int = 0

    def background(self, pool: str) -> Background:
        """The backgrounds of one pool, mixed in proportion to their selected cross-sections."""
        parts = [self.processes[name] for name in self.backgrounds]
        return Background(
            pools=tuple(Pool(name=f"{p.process} ({pool})", counts=p.counts[pool]) for p in parts),
            shares=tuple(p.cross_section for p in parts),
        )

    def signal(self, benchmark: str, pool: str) -> Pool:
        """One pool of one benchmark."""
        return Pool(name=f"{benchmark} ({pool})", counts=self.processes[benchmark].counts[pool])

    def background_counts(self, pool: str) -> Counts:
        """Pool events per bin of all backgrounds together, shape (bins,)."""
        parts = [self.processes[name].counts[pool] for name in self.backgrounds]
        return np.asarray(np.sum(parts, axis=0))

    def background_density(self, pool: str) -> npt.NDArray[np.float64]:
        """Probability of each bin for one background event, backgrounds mixed by yield."""
        parts = [self.processes[name] for name in self.backgrounds]
        total = sum(p.cross_section for p in parts)
        densities = [p.cross_section / total * p.counts[pool] / p.counts[pool].sum() for p in parts]
        return np.asarray(np.sum(densities, axis=0))

    def background_parts(self, pool: str) -> tuple[Part, ...]:
        """The pool of each background, with its share of the yield."""
        mixed = self.background(pool)
        return tuple(
            Part(density=part.density, share=share, size=part.size)
            for part, share in zip(mixed.pools, mixed.shares, strict=True)
        )

    def background_size(self, pool: str) -> float:
        """Events of one background pool as uncertain as those of all, mixed by yield."""
        parts = self.background_parts(pool)
        return effective_size([part.share for part in parts], [part.size for part in parts])

    def weighted_counts(self, pool: str) -> npt.NDArray[np.float64]:
        """Events per bin of such a pool; of one background those that it holds, shape (bins,)."""
        # rounded, because 49 * (1 / 49) is below 1 and a bin of 20 events has not 19.999999
        return np.round(self.background_density(pool) * self.background_size(pool), 9)

    @property
    def background_cross_section(self) -> float:
        """Cross-section [pb] of all backgrounds after selection, inside the axis ranges."""
        return sum(self.processes[name].cross_section for name in self.backgrounds)


def gather(
    parts: Mapping[str, ProcessPools],
    *,
    binning: Binning,
    split: Pools,
    backgrounds: tuple[str, ...],
    benchmarks: tuple[str, ...],
    fingerprint: str,
) -> BinnedPools:
    """Put the processes together and merge bins with too few background events.

    With folds a bin is kept if every network has enough to train on.
    """
    found = BinnedPools(
        binning=binning,
        processes={name: with_first_fold(part, split.folds) for name, part in parts.items()},
        backgrounds=backgrounds,
        benchmarks=benchmarks,
        mode="disjoint" if split.split == "events" else "shared_pool",
        fingerprint=fingerprint,
        folds=split.folds,
    )
    if split.min_pool_count == 0:
        return found
    mapping = merge_map(least_training(found), split.min_pool_count)
    joined = {
        name: replace(part, counts={p: merged(each, mapping) for p, each in part.counts.items()})
        for name, part in found.processes.items()
    }
    return replace(found, processes=joined)


def fingerprint(
    config: ScanConfig, events: Mapping[str, Iterable[str]], cross_sections: Mapping[str, float]
) -> str:
    """Hash of everything that pools depend on: events and cross-sections [pb] of processes.

    Later rules are in it only where they hold: classifiers of older scans keep their keys.
    """
    pools = config.pools
    split = asdict(pools)
    if not pools.folds:
        del split["folds"]
    weighed = pools.min_pool_count and len(config.backgrounds) > 1
    rules = [
        *(["test share kept out of the shared pool"] if pools.split == "histograms" else []),
        *(["bins merged by weight"] if weighed else []),
    ]
    return digest(
        sorted((name, tuple(those)) for name, those in events.items()),
        sorted(cross_sections.items()),
        [process.normalise for process in config.processes.values()],
        config.binning,
        split,
        config.seed,
        *rules,
    )


def templates_of(
    binned: BinnedPools,
    benchmark: str,
    mixture: Mixture,
    *,
    pool: PoolName = "train",
    against: str | None = None,
) -> Templates:
    """Bin probabilities of background and signals in one pool, for a mixture.

    ``against`` is a signal of which class 0 holds as many events as class 1 of the benchmark.
    """
    second = None if against is None else binned.signal(against, pool)
    signal = binned.signal(benchmark, pool).counts
    return Templates(
        background=binned.background_density(pool),
        signal=signal / signal.sum(),
        S=mixture.signal,
        B=mixture.background,
        background_size=binned.background_size(pool),
        signal_size=int(signal.sum()),
        null=mixture.null,
        against=None if second is None else second.density,
        against_size=0 if second is None else second.size,
        mixed=binned.background_parts(pool),
    )


def pool_rows(binned: BinnedPools) -> list[dict[str, Any]]:
    """Rows of the table `pools`."""
    rows = []
    for part in binned.processes.values():
        kept, of, effective = part.unweighting
        for name in [fold_name(k) for k in range(binned.folds)] or part.counts:
            counts = part.counts[name]
            empty = binned.weighted_counts(name) < HALF_AN_EVENT
            inside = int(counts.sum())
            rows.append(
                {
                    "process": part.process,
                    "role": part.role,
                    "pool": name,
                    "events": part.selected[name],
                    "events_in_binning": inside,
                    "kept_by_unweighting": kept / of,
                    "heaviest_event": part.heaviest,
                    "effective_events": effective,
                    "cross_section": part.cross_section,
                    "in_empty_cells": float(counts[empty].sum() / inside) if inside else None,
                    "pool_mode": binned.mode,
                }
            )
    return rows


def cutflow_rows(binned: BinnedPools) -> list[dict[str, Any]]:
    """Rows of the table `cutflow`, with each process relative to the first background."""
    reference = binned.processes[binned.backgrounds[0]].flow
    rows = []
    for part in binned.processes.values():
        for row, main in zip(part.flow, reference, strict=True):
            base = main["cross_section"]
            ratio = row["cross_section"] / base if base > 0 else None
            rows.append({**row, "composition": ratio})
    return rows
