"""What a scan takes in memory and on disk, from its workload."""

from __future__ import annotations

import math

from rayscan.scan.cost import testing
from rayscan.scan.cost.points import PlannedPoint
from rayscan.scan.cost.rates import NETWORKS, weights
from rayscan.scan.cost.workload import Workload

PROCESS = 0.3e9
"""A worker with numpy, pyarrow and scikit-learn [bytes]."""
TENSORFLOW = 0.9e9
"""What TensorFlow adds, a compiled graph included [bytes]."""

# Bytes per event of a generated file: 58-131, 96-170, 132-202 measured, more for busy events.
_GENERATED = {"parton": 80, "shower": 120, "hadron": 150}
# Event tables: 23.6 bytes with two observables, 42.7 with eight; 10 are what an event is known by.
_TABLE_EVENT, _TABLE_OBSERVABLE = 18.0, 3.2
_TABLE_ROW = 1500  # tables and ledger together, per row
_TABLE_CURVE = 12_000  # tables and ledger together, per ROC curve with its score distributions
_CHANNEL = 160  # of a workspace in JSON
_COUNT_16_BITS = 65_535
_WEIGHT = 20  # of a network in training: itself, its best, its gradient, Adam's two moments


def epoch_bytes(load: Workload) -> int:
    """Histograms of one epoch, as they are drawn."""
    if all(point.reads_events for point in load.points):
        return 0
    most = max((p.mixture.null_total for p in load.points if p.mixture is not None), default=0)
    count = 4 if most > _COUNT_16_BITS else 2
    rows = max(load.examples(point) for point in load.points if not point.reads_events)
    return rows * load.config.binning.bins * count


def training_bytes(load: Workload) -> int:
    """Histograms or events of the training that needs most, as it holds them."""
    drawn = epoch_bytes(load)
    return max((_held(load, point, drawn) for point in load.points), default=0)


def _held(load: Workload, point: PlannedPoint, drawn: int) -> int:
    """Networks hold an epoch twice here and twice on the device, linear fits as float64."""
    name = point.choice.name
    together = min(load.config.training.pack, point.members)
    learned = _WEIGHT * together * _weights(load, point) if name in NETWORKS else 0
    if point.reads_events:
        return learned + 4 * 4 * load.training_events(point) * math.prod(load.input_shape(point))
    if name in NETWORKS:
        return learned + 4 * drawn
    if name == "likelihood_ratio":
        return 0
    rows = load.examples(point) * int(point.knobs["draws"])
    cells = 2 * rows * load.config.binning.bins
    if name == "linear_svm":
        cells += min(int(point.knobs["histograms"]), rows) ** 2
    return 8 * cells


def testing_bytes(load: Workload) -> int:
    """Histograms of a test set or of a limit from scores, and what scoring holds of them."""
    kinds = [testing.hypotheses(load.config, point.choice) for point in load.points]
    count = max(kinds, default=2) * load.config.ensembles.test
    if load.score_limits:
        count = max(count, 2 * load.config.limits.ensembles)
    return 2 * count * load.config.binning.bins


def event_bytes(load: Workload) -> int:
    """The event table of the largest process, as the worker that fills its pools holds it."""
    columns = 8 + 8 + 8 + 4 * len(load.config.observables)
    most = max((load.events(name) or 0 for name in load.config.processes), default=0)
    return 2 * columns * most


def worker_bytes(load: Workload) -> float:
    """Memory of the worker that needs most."""
    network = any(point.choice.name in NETWORKS for point in load.points)
    training = TENSORFLOW * network + training_bytes(load)
    return PROCESS + max(training, testing_bytes(load), event_bytes(load))


def disk_bytes(load: Workload) -> dict[str, float]:
    """Bytes of generated files, event tables, classifiers, and tables with workspaces."""
    config = load.config
    recipes = {name: p.generate for name, p in config.processes.items() if name not in load.made}
    each = _TABLE_EVENT + _TABLE_OBSERVABLE * len(config.observables)
    limits = load.binned_limits + load.score_limits
    rows = load.members + load.test_rows + limits
    channels = config.limits.channels * load.binned_limits * config.limits.workspaces
    return {
        "generated files": float(
            sum(g.events * _GENERATED[g.level] for g in recipes.values() if g is not None)
        ),
        "event tables": each
        * sum(load.events(name) or 0 for name in config.processes if name not in load.read),
        "classifiers": float(sum(p.members * _classifier(load, p) for p in load.points)),
        "tables": float(rows * _TABLE_ROW + load.curves * _TABLE_CURVE + channels * _CHANNEL),
    }


def _classifier(load: Workload, point: PlannedPoint) -> int:
    shape, name = load.input_shape(point), point.choice.name
    size = 1000 + 16 * math.prod(shape)
    return size + 4 * _weights(load, point) if name in NETWORKS else size


def _weights(load: Workload, point: PlannedPoint) -> int:
    return weights(point.choice.name, point.knobs, load.input_shape(point))
