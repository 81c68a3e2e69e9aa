"""What a scan takes in memory and on disk, from its workload."""

from __future__ import annotations

from rayscan.models.architectures.network import NetworkArchitecture
from rayscan.models.networks.event_source import stays_in_memory
from rayscan.scan.cost.stages import generated
from rayscan.scan.cost.workload import Workload
from rayscan.scan.pools.filling import EVENTS_OF_A_PART
from rayscan.scan.steps.examples import event_features

PROCESS = 0.3e9
"""A worker with numpy, pyarrow and scikit-learn [bytes]."""
TENSORFLOW = 0.9e9
"""What TensorFlow adds, a compiled graph included [bytes]."""

# Event tables: 16.4 bytes with two observables, of which 9 are what an event is known by; each
# observable takes 2.9 to 3.6, in event pools too.
_TABLE_EVENT, _TABLE_OBSERVABLE = 10.0, 3.2
_TABLE_ROW = 1500  # tables and ledger together, per row
_TABLE_CURVE = 12_000  # tables and ledger together, per ROC curve with its score distributions
_CHANNEL = 160  # of a workspace in JSON
_COUNT_16_BITS = 65_535


def epoch_bytes(load: Workload) -> int:
    """Histograms of one epoch, as they are drawn."""
    rows = [load.examples(point) for point in load.points if not point.choice.reads_events]
    return max(rows, default=0) * load.config.binning.bins * _count_bytes(load)


def _count_bytes(load: Workload) -> int:
    most = max((p.mixture.null_total for p in load.points if p.mixture is not None), default=0)
    return 4 if most > _COUNT_16_BITS else 2


def training_bytes(load: Workload) -> int:
    """The training that needs most, as its architecture holds it."""
    counts = _count_bytes(load)
    held = (
        point.choice.architecture.held(
            point.kind.values,
            point.kind.shape,
            load.examples(point),
            size=4 if point.choice.reads_events else counts,
            members=min(load.config.training.pack, point.kind.members),
        )
        for point in load.points
    )
    return max(held, default=0)


def event_way(load: Workload) -> str:
    """Whether events stay in memory while networks train on them; empty without such networks."""
    pools = load.config.pools
    most = max(
        (
            load.pooled(point, pools.train + pools.validation) * point.kind.shape[0]
            for point in load.points
            if isinstance(point.choice.architecture, NetworkArchitecture)
            and point.choice.reads_events
        ),
        default=0,
    )
    kept = "in memory" if stays_in_memory(most) else "streamed"
    return kept if most else ""


def testing_bytes(load: Workload) -> int:
    """Histograms of a test set or of a limit from scores, and what scoring holds of them."""
    count = max(kind.hypotheses for kind in load.kinds) * load.config.ensembles.test
    if load.score_limits:
        count = max(count, 2 * load.config.limits.ensembles)
    return 2 * count * load.config.binning.bins


def event_bytes(load: Workload) -> int:
    """What a worker holds that fills pools of the largest process: a part of its event tables."""
    columns = 8 + 8 + 8 + 4 * len(load.config.observables)
    most = max((load.events(name) or 0 for name in load.config.processes), default=0)
    return 2 * columns * min(most, EVENTS_OF_A_PART)


def worker_bytes(load: Workload) -> float:
    """Memory of the worker that needs most."""
    engine = TENSORFLOW * any(kind.compiles for kind in load.kinds)
    return PROCESS + max(engine + training_bytes(load), testing_bytes(load), event_bytes(load))


def disk_bytes(load: Workload) -> dict[str, float]:
    """Bytes of generated files, event tables and pools, classifiers, and tables with workspaces."""
    config = load.config
    observables = len(config.observables) + len(event_features(config))
    event = _TABLE_EVENT + _TABLE_OBSERVABLE * observables
    events = sum(load.events(name) or 0 for name in config.processes if name not in load.read)
    rows = load.members + load.test_rows + load.binned_limits + load.score_limits
    channels = config.limits.channels * load.binned_limits * config.limits.workspaces
    stored = {
        kind.choice.key: kind.members * kind.choice.architecture.stored(kind.values, kind.shape)
        for kind in load.kinds
    }
    return {
        "generated files": float(sum(recipe.size for recipe in generated(load))),
        "event tables": event * events,
        "classifiers": float(sum(stored[point.choice.key] for point in load.points)),
        "tables": float(rows * _TABLE_ROW + load.curves * _TABLE_CURVE + channels * _CHANNEL),
    }
