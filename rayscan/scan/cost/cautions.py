"""What of a planned scan its user may want to change before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.filesize import decimal

from rayscan.cores import memory_here
from rayscan.events.observables.names import kinds
from rayscan.events.reconstruction import TAGS, ObjectCuts
from rayscan.results.names import BASE
from rayscan.scan.config.folds import no_folds
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.cost.capacity import worker_bytes
from rayscan.scan.cost.workload import Workload
from rayscan.scan.steps.tests.pairs import DRAW_WARNING

_TAGGED = {"bjet": "b-tagged jets", "tau": "tau-tagged jets"}
_MANY_TRIALS = 10_000
_BAND = 4_400  # pseudo-experiments that the -2 sigma band needs


def of_all(loads: Mapping[str, Workload]) -> tuple[str, ...]:
    """Those of a scan, the first, then what only variants are warned of, with their names."""
    about: dict[str, list[str]] = {}
    for name, load in loads.items():
        for line in cautions(load):
            about.setdefault(line, []).append(name)
    return tuple(
        line if BASE in names else f"{', '.join(names)}: {line}" for line, names in about.items()
    )


def cautions(load: Workload) -> Iterator[str]:
    """Sentences about what the user may want to change before a run."""
    if load.known:
        yield from _small_pools(load)
    else:
        yield (
            "S and B follow from yields and are known only after the events are read; what depends "
            "on them (draw fractions, pseudo-experiments of single events) is not counted"
        )
    names = [name for name in load.config.processes if load.events(name) is None]
    if names:
        yield (
            f"numbers of events of {', '.join(names)} are known only after their files are opened "
            "(rayscan check counts them); reading them and training on single events is not counted"
        )
    yield from _without_folds(load)
    if (trials := load.total("trials")) >= _MANY_TRIALS:
        yield (
            f"{trials:,} Tune trials, each with its own hand-out and entry: raise training.pack, "
            "or train fewer members (strengths, benchmarks, repeats, search trials)"
        )
    workers, memory = load.config.resources.workers_here, memory_here()
    if (together := workers * worker_bytes(load)) > memory:
        needed, here = decimal(together), decimal(memory)
        what = f"{workers} workers need {needed} together, this machine has {here}"
        yield f"{what}: set resources.workers, or use a larger machine"
    yield from _tagged(load.config)
    yield from _made_up(load.config)
    yield from _limits(load)


def _tagged(config: ScanConfig) -> Iterator[str]:
    """Tagged jets that count wherever they are, while jets do not."""
    objects, used = config.selection.objects, kinds(config.observables)
    for kind in TAGS:
        if kind in used and objects.cuts(kind) == ObjectCuts() != objects.jets:
            yield (
                f"{_TAGGED[kind]} of any pT and eta count, also those that selection.objects.jets "
                f"leaves out; selection.objects.{kind}s gives them cuts of their own, such as "
                f"{{pt_min: {objects.jets.pt_min or 20:g}}}"
            )


def _made_up(config: ScanConfig) -> Iterator[str]:
    """What classifiers see of events from densities that no density holds."""
    features = (name for choice in config.architectures for name in choice.features)
    seen = tuple(dict.fromkeys((*config.binning.observables, *features)))
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for process, said in config.processes.items():
        held = said.generate.observables if said.generate is not None else None
        if held and (made := tuple(name for name in seen if name not in held)):
            alike.setdefault((made, held), []).append(process)
    for (made, held), processes in alike.items():
        yield (
            f"{', '.join(made)} of {', '.join(processes)} mean nothing: source: density draws "
            f"{', '.join(held)}, and the rest of the event is made up; write source: pythia"
        )


def _without_folds(load: Workload) -> Iterator[str]:
    """Architectures that a validation on folds passes over."""
    config = load.config
    found = [(c.key, no_folds(c, config.training)) for c in config.architectures]
    passed = "; ".join(f"{key} {why}" for key, why in found if why)
    if config.validation is not None and passed:
        yield f"validation: no folds of {passed}"


def _small_pools(load: Workload) -> Iterator[str]:
    """Draw fractions before the selection: those after it are larger."""
    config, known = load.config, load.mixtures
    shares = {name: getattr(config.pools, name) for name in ("train", "validation", "test")}
    pool = min((name for name in shares if shares[name]), key=lambda name: shares[name])
    null = max(m.null_total for each in known.values() for m in each)
    taken = [("background", tuple(config.backgrounds), null)]
    taken += [(name, (name,), max(m.signal for m in each)) for name, each in known.items()]
    alike: dict[tuple[int, int], list[str]] = {}
    for name, processes, most in taken:
        there = load.pool(processes, shares[pool])
        if there is not None and most > DRAW_WARNING * there:
            alike.setdefault((most, there), []).append(name)
    for (most, there), names in alike.items():
        why = "there are not enough"
        if most <= there:
            why = f"n/N = {most / there:.2g} before the selection, more after it, and histograms "
            why += "that share events make errors too small"
        yield (
            f"a histogram takes {most:,} of at most {there:,} {', '.join(names)} events of the "
            f"{pool} pool: {why}; add events, or ask for fewer per histogram"
        )


def _limits(load: Workload) -> Iterator[str]:
    limits, fitted = load.config.limits, load.limits(fitted=True)
    if fitted and load.config.ensembles.unsure.shape is not None:
        what = f"{fitted:,} limits have an uncertain shape: pyhf itself solves them, a minute or"
        yield f"{what} more each; fewer limits.channels, or only limits.methods that fit nothing"
    if not fitted + load.limits(fitted=False):
        yield "no limits will be set: limits.methods or limits.luminosity is empty"
    elif load.scored() and limits.ensembles < _BAND:
        yield (
            f"limits.ensembles: {limits.ensembles:,} pseudo-experiments leave the -2 sigma band of "
            f"limits from scores without a value; it needs about {_BAND:,}"
        )
