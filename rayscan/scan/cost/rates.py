"""Unit costs of a scan in CPU seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rayscan.scan.config.scan import ArchitectureChoice

DrawKind = Literal["exact", "shared_out", "multinomial", "poisson"]


def _draw_bins() -> Mapping[str, float]:
    return {"exact": 0.0122e-6, "shared_out": 0.06e-6, "multinomial": 0.055e-6, "poisson": 0.03e-6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """CPU seconds of each kind of work, by default on one core of the reference machine.

    Two cores of an AMD EPYC virtual machine of 2025, numpy 2.4, TensorFlow 2.21 without oneDNN,
    OMP_NUM_THREADS=1; ``time.process_time`` of each step through the same functions that a scan
    calls, the least of two or three. ``trial``, ``process`` and ``driver`` are what was left of a
    whole run of ``jobs/quickstart.yaml`` (74 CPU seconds, nothing else running) after subtracting
    these.
    """

    declared: float = 1.0  # a second that a member of a family says it takes on that machine
    # An entry of an input file read, selected and put into pools: real Delphes files, 2 to 8
    # observables: 4.1-5.3 us; generated ones 0.7 us.
    entry: float = 5e-6
    # A histogram and pool it is drawn from, and its bins by how numbers of events are shared out
    # among pools: 4,000 of 25, 200, 900, 2,500 bins, B = 2,000 and 50,000, one and three pools.
    draw: float = 0.2e-6
    draw_bin: Mapping[str, float] = field(default_factory=_draw_bins)
    # An event drawn for a pseudo-experiment at event level (2-30 ns: up to 2 % of a pool is the
    # slow end), and summed over by a classifier (12 of them: 2.3-5.4 ns).
    ensemble_event: float = 15e-9
    ensemble_sum: float = 4e-9
    compilation: float = 1.3  # a graph
    ceiling: float = 0.04  # a test set, without its draws
    marginal: float = 9e-7  # a histogram and bin whose ceiling is integrated over nuisances
    limit: float = 5e-3  # a limit of a fitted model
    # A limit that pyhf re-checks, and the square of its channels: 25, 100 and 180 of them 0.8, 3.8
    # and 12 s on busy cores.
    referee: float = 0.3
    referee_channel: float = 3e-4
    trial: float = 0.25  # a Tune trial: hand-out, storing, ledger
    process: float = 2.0  # a worker and stage: start and imports
    tensorflow: float = 4.5  # its import, per worker
    driver: float = 7.0  # start of the driver and of Ray
    training: Mapping[str, float] = field(default_factory=dict)  # factors by architecture
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

    def fitting(
        self, choice: ArchitectureChoice, values: Any, shape: tuple[int, ...], examples: int
    ) -> float:
        """All epochs of one member, without draws and compilation [s]."""
        cost = choice.architecture.work(values, shape, examples).training
        return cost * self.declared * self.training.get(choice.name, 1.0)

    def scored(self, choice: ArchitectureChoice, values: Any, shape: tuple[int, ...]) -> float:
        """One histogram, or one event, scored by one classifier [s]."""
        cost = choice.architecture.work(values, shape, 1).row
        return cost * self.declared * self.scoring.get(choice.name, 1.0)
