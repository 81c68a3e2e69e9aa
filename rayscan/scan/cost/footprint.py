"""What a scan takes in memory and on disk, from its workload."""

from __future__ import annotations

from rayscan.scan.cost import testing
from rayscan.scan.cost.points import PlannedPoint
from rayscan.scan.cost.stages import compiles
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


def epoch_bytes(load: Workload) -> int:
    """Histograms of one epoch, as they are drawn."""
    if all(point.reads_events for point in load.points):
        return 0
    rows = max(load.examples(point) for point in load.points if not point.reads_events)
    return rows * load.config.binning.bins * _count_bytes(load)


def _count_bytes(load: Workload) -> int:
    most = max((p.mixture.null_total for p in load.points if p.mixture is not None), default=0)
    return 4 if most > _COUNT_16_BITS else 2


def training_bytes(load: Workload) -> int:
    """Histograms or events of the training that needs most, as it holds them."""
    return max((_held(load, point) for point in load.points), default=0)


def _held(load: Workload, point: PlannedPoint) -> int:
    members = min(load.config.training.pack, point.members)
    size = 4 if point.reads_events else _count_bytes(load)
    shape, examples = load.input_shape(point), load.examples(point)
    architecture = point.choice.architecture
    return architecture.held(point.values, shape, examples, size=size, members=members)


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
    training = TENSORFLOW * any(map(compiles, load.points)) + training_bytes(load)
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
    return point.choice.architecture.stored(point.values, load.input_shape(point))
