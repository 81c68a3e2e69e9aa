"""What of a planned scan its user may want to change before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rayscan.cores import memory_here
from rayscan.scan.cost import footprint
from rayscan.scan.cost.points import known_mixtures
from rayscan.scan.cost.stages import machine_workers
from rayscan.scan.cost.workload import Workload
from rayscan.scan.steps.tests.pairs import DRAW_WARNING

MANY_TRIALS = 10_000
_EPOCH_BYTES = 2e9
_BAND = 4_400  # pseudo-experiments that the -2 sigma band needs


def of_all(loads: Mapping[str, Workload]) -> tuple[str, ...]:
    """Those of a scan, then what only variants are warned of, with their names.

    Args:
        loads: The work of each, that of the scan itself first.
    """
    about: dict[str, list[str]] = {}
    for name, load in loads.items():
        for line in cautions(load):
            about.setdefault(line, []).append(name)
    base = next(iter(loads))
    own = [line for line, names in about.items() if base in names]
    others = [f"{', '.join(names)}: {line}" for line, names in about.items() if base not in names]
    return (*own, *others)


def cautions(load: Workload) -> Iterator[str]:
    """Sentences about what the user may want to change before a run."""
    yield from _unknown(load)
    yield from _small_pools(load)
    yield from _size(load)
    yield from _missing_limits(load)
    yield from _slow_limits(load)


def _unknown(load: Workload) -> Iterator[str]:
    if known_mixtures(load.config) is None:
        yield (
            "S and B follow from cross-sections and luminosity and are known only after the events "
            "are read; what depends on them (draw fractions, pseudo-experiments of single events) "
            "is not counted"
        )
    names = [name for name in load.config.processes if load.events(name) is None]
    if names:
        yield (
            f"numbers of events of {', '.join(names)} are known only after their files are opened "
            "(rayscan check counts them); reading them and training on single events is not counted"
        )


def _small_pools(load: Workload) -> Iterator[str]:
    """Draw fractions before the selection: those after it are larger."""
    known = known_mixtures(load.config)
    if known is None:
        return
    shares = load.config.pools
    each_share = {name: getattr(shares, name) for name in ("train", "validation", "test")}
    present = [(share, name) for name, share in each_share.items() if share > 0]
    share, small = min(present, key=lambda pair: pair[0])
    needed = max((m.null_total for each in known.values() for m in each), default=0)
    backgrounds = [load.pool(name, share) for name in load.config.backgrounds]
    if None not in backgrounds:
        pool = sum(count or 0 for count in backgrounds)
        yield from _fraction("background", small, needed, pool)
    alike: dict[tuple[int, int], list[str]] = {}
    for benchmark, each in known.items():
        signal = load.pool(benchmark, share)
        if signal is not None:
            alike.setdefault((max(m.signal for m in each), signal), []).append(benchmark)
    for (most, signal), names in alike.items():
        yield from _fraction(", ".join(names), small, most, signal)


def _fraction(processes: str, pool: str, needed: int, available: int) -> Iterator[str]:
    if needed <= DRAW_WARNING * available:
        return
    wanted = f"a histogram takes {needed:,} of at most {available:,} {processes} events"
    fix = "add events, or ask for fewer per histogram"
    if needed > available:
        yield f"{wanted} of the {pool} pool: there are not enough; {fix}"
        return
    yield (
        f"{wanted} of the {pool} pool (n/N = {needed / available:.2g} before the selection, more "
        f"after it): histograms then share events, and errors come out too small; {fix}"
    )


def _size(load: Workload) -> Iterator[str]:
    config = load.config
    if load.packs >= MANY_TRIALS:
        yield f"{load.packs:,} Tune trials: each has its own hand-out and entry; {_fewer(load)}"
    drawn = footprint.epoch_bytes(load)
    if drawn > _EPOCH_BYTES:
        yield (
            f"the histograms of one epoch take {drawn / 1e9:.3g} GB, and a training holds them "
            "several times: lower ensembles.train (fresh draws each epoch make up for it), or "
            "take fewer bins"
        )
    together = machine_workers(config) * footprint.worker_bytes(load)
    memory = memory_here()
    if together > memory:
        yield (
            f"{machine_workers(config)} workers need {together / 1e9:.2g} GB together, this "
            f"machine has {memory / 1e9:.2g} GB: set resources.workers, or use a larger machine"
        )


def _fewer(load: Workload) -> str:
    """What makes fewer Tune trials: the smallest pack that is enough, or the best there is."""
    most = max(point.kind.members for point in load.points)
    pack, left = load.config.training.pack, load.packs
    while left >= MANY_TRIALS and pack < most:
        pack = min(2 * pack, most)
        left = sum(point.kind.packs(pack) for point in load.points)
    fixes = [f"training.pack: {pack} makes {left:,} of them"] if left < load.packs else []
    if left >= MANY_TRIALS:
        fixes.append("train fewer members: fewer strengths, benchmarks, repeats or search trials")
    return "; ".join(fixes)


def _slow_limits(load: Workload) -> Iterator[str]:
    if load.binned_limits and load.config.ensembles.unsure.shape is not None:
        yield (
            f"{load.binned_limits:,} limits have an uncertain shape: pyhf itself solves them, a "
            "minute or more each; fewer limits.channels, or only limits.methods that fit nothing"
        )


def _missing_limits(load: Workload) -> Iterator[str]:
    limits = load.config.limits
    if not load.binned_limits + load.score_limits:
        yield "no limits will be set: limits.methods or limits.luminosity is empty"
    elif load.strengths and limits.ensembles < _BAND:
        yield (
            f"limits.ensembles: {limits.ensembles:,} pseudo-experiments leave the -2 sigma band of "
            f"limits from scores without a value; it needs about {_BAND:,}"
        )
