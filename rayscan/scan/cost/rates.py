"""Unit costs of a scan in CPU seconds, and what they add up to for one step of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from rayscan.scan.cost.points import PlannedPoint

DrawKind = Literal["exact", "shared_out", "multinomial", "poisson"]


def _fixed(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """CPU seconds of each kind of work.

    Attributes:
        generated_event: Per selected event, by ``<source>_<level>``.
        generated_file: Per generated file, by ``<source>_<level>``: the generator's own start.
        entry: Per entry of an input file read, selected and put into pools.
        draw: Per histogram and pool it is drawn from.
        draw_bin: The same, per bin, by how numbers of events are shared out among pools.
        ensemble_event: Per event drawn for a pseudo-experiment at event level.
        ensemble_sum: Per event of it and classifier that sums over it.
        architecture: Per second that an architecture needs on the reference machine.
        compilation: Per network shape and process.
        ceiling: Per test set, without its draws.
        marginal: Per histogram and bin, what integrating over nuisances adds to a ceiling.
        limit: Per limit of methods ``template`` and ``response``.
        referee: Per limit that pyhf re-checks.
        referee_channel: The same, per square of its channels.
        trial: Per Tune trial: hand-out, storing, ledger.
        process: Per worker and stage: start and imports.
        tensorflow: Import of TensorFlow, per worker.
        driver: Start of the driver and of Ray.
        training: Factor on all costs of training an architecture, 1 where not given.
        scoring: Factor on all costs of scoring an architecture, 1 where not given.
    """

    generated_event: Mapping[str, float]
    generated_file: Mapping[str, float]
    entry: float
    draw: float
    draw_bin: Mapping[str, float]
    ensemble_event: float
    ensemble_sum: float
    architecture: float
    compilation: float
    ceiling: float
    marginal: float
    limit: float
    referee: float
    referee_channel: float
    trial: float
    process: float
    tensorflow: float
    driver: float
    training: Mapping[str, float] = field(default_factory=dict)
    scoring: Mapping[str, float] = field(default_factory=dict)

    def drawing(self, kind: DrawKind, *, bins: int, pools: int) -> float:
        """One histogram drawn, the mean of both classes [s].

        Args:
            kind: How numbers of events are shared out.
            bins: Cells of the histogram.
            pools: Background pools it is drawn from.
        """
        # Without end all backgrounds are one density; class 1 draws one pool more, the signal's.
        sources = 1.0 if kind in {"multinomial", "poisson"} else float(pools)
        return (sources + 0.5) * (self.draw + self.draw_bin[kind] * bins)

    def fitting(self, point: PlannedPoint, shape: tuple[int, ...], examples: int) -> float:
        """All epochs of one member of a point, without draws and compilation [s]."""
        choice = point.choice
        cost = choice.architecture.work(point.values, shape, examples).training
        return cost * self.architecture * self.training.get(choice.name, 1.0)

    def scored(self, point: PlannedPoint, shape: tuple[int, ...]) -> float:
        """One histogram, or one event, scored by one classifier of a point [s]."""
        choice = point.choice
        cost = choice.architecture.work(point.values, shape, 1).row
        return cost * self.architecture * self.scoring.get(choice.name, 1.0)


def reference() -> Rates:
    """What the steps of a scan cost on one core of the reference machine.

    Two cores of an AMD EPYC virtual machine of 2025, numpy 2.4, TensorFlow 2.21 without oneDNN,
    OMP_NUM_THREADS=1; ``time.process_time`` of each step through the same functions that a scan
    calls, the least of two or three. ``trial``, ``process`` and ``driver`` are what was left of a
    whole run of ``jobs/quickstart.yaml`` (74 CPU seconds, nothing else running) after subtracting
    these.
    """
    return Rates(
        # 20,000 events at parton, 3,000 at shower, 1,000 at hadron level of one boson and one jet
        # (Z, W and mediators: 34-57, 410-430, 2,400-2,800 us with the start of the generator);
        # top pairs cost three to four times as much.
        generated_event=_fixed(
            pythia_parton=30e-6, pythia_shower=300e-6, pythia_hadron=1500e-6, density_parton=1e-6
        ),
        generated_file=_fixed(
            pythia_parton=0.3, pythia_shower=0.4, pythia_hadron=1.2, density_parton=0.02
        ),
        entry=5e-6,  # real Delphes files, 2 to 8 observables: 4.1-5.3 us; generated ones 0.7 us
        # 4,000 histograms of 25, 200, 900, 2,500 bins, B = 2,000 and 50,000, one and three pools.
        draw=0.2e-6,
        draw_bin=_fixed(exact=0.0122e-6, shared_out=0.06e-6, multinomial=0.055e-6, poisson=0.03e-6),
        ensemble_event=15e-9,  # 2-30 ns: up to 2 % of a pool is the slow end
        ensemble_sum=4e-9,  # 12 classifiers: 2.3-5.4 ns
        architecture=1.0,
        compilation=1.3,
        ceiling=0.04,
        marginal=9e-7,
        limit=5e-3,
        referee=0.3,  # 25, 100 and 180 channels: 0.8, 3.8 and 12 s on busy cores
        referee_channel=3e-4,
        trial=0.25,
        process=2.0,
        tensorflow=4.5,
        driver=7.0,
    )
