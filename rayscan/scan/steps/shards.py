"""Labelled histograms in shards, each a set that a training or a cross-test draws, as rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rayscan.arrays import Counts
from rayscan.ensembles.binning import Axis
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import ConfigError, EnsemblesError, nearest
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.plan.points import Point, mixtures
from rayscan.scan.plan.requirements import pool_problems
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import DrawnHistograms
from rayscan.scan.steps.shown import show
from rayscan.scan.steps.tests.pairs import TestSet

DrawnPool: TypeAlias = Literal["train", "validation", "test"]
_GROUP = 1 << 20
"""Bytes of counts in a row group: what a core keeps near while it writes."""

_LOOP = """
for batch in dataset.iter_batches(batch_size=256):
    batch["counts"], batch["label"]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Histograms of one benchmark at one strength, from one of the pools, told from background.

    Of a scan with folds they are those of the first fold.

    Attributes:
        pool: Where they are drawn from.
        benchmark: Signal process in class 1.
        strength: Position in the list of strengths.
        number: Histograms of both classes together.
        of_class: Histograms of each class in a shard.
    """

    pool: DrawnPool
    benchmark: str
    strength: int
    number: int
    of_class: int

    @classmethod
    def of(
        cls, config: ScanConfig, *, pool: str, benchmark: str, strength: float, number: int
    ) -> Wanted:
        """Those a user asks for.

        Raises:
            EnsemblesError: the scan has no such pool, benchmark or strength, with all it has.
        """
        _known("pool", pool, get_args(DrawnPool))
        _known("benchmark", benchmark, config.benchmarks)
        place = _known("strength", _shown(strength), map(_shown, config.mixtures.strengths))
        if number < 2 or number % 2:
            why = f"{number}, expected an even number of at least 2: half of them of each class"
            raise EnsemblesError(key="number", why=why)
        return cls(
            pool=cast("DrawnPool", pool),
            benchmark=benchmark,
            strength=place,
            number=number,
            of_class=getattr(config.ensembles, pool),
        )

    @property
    def shards(self) -> int:
        """How many there are; the last may be cut."""
        return math.ceil(self.number / (2 * self.of_class))

    def rows(self, shard: int) -> int:
        """Histograms of a shard."""
        return min(2 * self.of_class, self.number - 2 * self.of_class * shard)

    def mixture(self, scan: PooledScan) -> Mixture:
        """Events of a histogram."""
        return mixtures(scan.config, scan.binned)[self.benchmark][self.strength]

    def check(self, scan: PooledScan) -> None:
        """Refuse histograms that need more events than a pool has, as a run of the scan does.

        Raises:
            ConfigError: with every pool that is too small.
        """
        only = {self.benchmark: (self.mixture(scan),)}
        if problems := pool_problems(scan.config, scan.binned, only):
            raise ConfigError(path=scan.config.name, problems=tuple(problems))

    def classes(self, scan: PooledScan, shard: int) -> tuple[Counts, Counts]:
        """All of a shard: histograms of class 0 and of class 1, shape (of_class, bins) each.

        The first shard is the set that a binary network trains on where it draws once (shard k:
        that of its epoch k), that it validates on, or the test set of the cross-test.
        """
        view, mixture = scan.at_fold(scan.config.pools.numbers[0]), self.mixture(scan)
        if self.pool == "test":
            test = TestSet(benchmark=self.benchmark, strength=self.strength, mixture=mixture)
            shown = show(test, scan=view, pool="test", shard=shard)
            return shown.null, shown.alternative
        choice = ArchitectureChoice(name="likelihood_ratio")  # any with a binary head
        point = Point(
            benchmark=self.benchmark, strength=self.strength, mixture=mixture, choice=choice
        )
        examples = DrawnHistograms(view, point, draws=0)
        train = self.pool == "train"
        counts, _ = examples.training(shard) if train else examples.fresh(0, shard)
        return counts[: self.of_class], counts[self.of_class :]

    def table(self, scan: PooledScan, shard: int) -> pa.Table:
        """Rows of a shard, the classes in turn: any number of them in a row is balanced."""
        null, alternative = self.classes(scan, shard)
        rows, shape = self.rows(shard), scan.binned.binning.shape
        counts = np.empty((rows, null.shape[1]), np.result_type(null, alternative))
        counts[0::2], counts[1::2] = null[: rows // 2], alternative[: rows // 2]
        mixture = self.mixture(scan)
        label = np.arange(rows, dtype=np.uint8) % 2
        view = scan.at_fold(scan.config.pools.numbers[0])
        columns = {
            "counts": _tensors(counts, shape),
            "label": pa.array(label),
            "signal_events": pa.array(np.where(label, mixture.signal, 0)),
            "background_events": pa.array(np.where(label, mixture.background, mixture.null_total)),
            "benchmark": pa.repeat(self.benchmark, rows),
            "strength": pa.repeat(float(scan.config.mixtures.strengths[self.strength]), rows),
            "seed": pa.repeat(pa.scalar(view.config.seed, pa.int64()), rows),
            "shard": pa.repeat(pa.scalar(shard, pa.int64()), rows),
        }
        return pa.table(columns).replace_schema_metadata({"rayscan": json.dumps(self.facts(scan))})

    def facts(self, scan: PooledScan) -> dict[str, Any]:
        """What the rows of all shards have in common."""
        config = scan.config
        return {
            "scan": config.name,
            "pool": self.pool,
            "strength_kind": config.mixtures.key,
            "mixture": asdict(self.mixture(scan)),
            "method": config.ensembles.method,
            "fold": config.pools.numbers[0],
            "axes": [_axis(axis) for axis in scan.binned.binning.axes],
        }


def _tensors(counts: Counts, shape: tuple[int, ...]) -> pa.ExtensionArray:
    """Histograms (N, bins) as lists of fixed size that know their shape.

    Ray and `to_numpy_ndarray` make one array of them, and one object a row of bare lists.
    """
    values = pa.array(counts.ravel())
    kind = pa.fixed_shape_tensor(values.type, shape)
    return kind.wrap_array(pa.FixedSizeListArray.from_arrays(values, counts.shape[1]))


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "observable": axis.observable,
        "edges": axis.edges.tolist(),
        "overflow": axis.overflow,
    }


def _shown(strength: float) -> str:
    return f"{strength:.12g}"


def _known(key: str, asked: str, known: Iterable[str]) -> int:
    """Position of what is asked for among what there is."""
    names = tuple(known)
    if asked not in names:
        why = f"there is no '{asked}'{nearest(asked, names)}; the scan has: {', '.join(names)}"
        raise EnsemblesError(key=key, why=why)
    return names.index(asked)


def encoded(table: pa.Table) -> bytes:
    """Rows as a Parquet file.

    Most counts are small: their bytes one by one, first all the low ones, leave little to write.
    """
    counts = table["counts"].type
    row = counts.storage_type.list_size * counts.value_type.bit_width // 8
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(1, _GROUP // row),
        compression="zstd",
        compression_level=1,
        use_dictionary=["benchmark"],
        write_statistics=["shard"],
        column_encoding={"counts.list.element": "BYTE_STREAM_SPLIT"},
    )
    return bytes(sink.getvalue())


def read_me(wanted: Wanted, scan: PooledScan, *, command: str, place: str) -> str:
    """What a folder of shards is, made by a command at a place, for who finds it."""
    config, mixture = scan.config, wanted.mixture(scan)
    axes = " x ".join(f"{axis.bins} bins of {axis.observable}" for axis in config.binning.axes)
    varies = "poisson" in {mixture.totals, config.ensembles.method} or config.ensembles.unsure
    fold = config.pools.numbers[0]
    return f"""# Pseudo-experiments of the scan {config.name}

{wanted.number:,} histograms of {axes} from the {wanted.pool} pools: in turn
background only (`label` 0), and {mixture.signal} events of {wanted.benchmark} beside
{mixture.background} of background (`label` 1). Made by

    {command}

- `counts`: events by bin, the first axis first; the schema has the edges, under `rayscan`.
- `signal_events`, `background_events`: what a histogram holds{", on average" if varies else ""}.
- `benchmark`, `strength`: of `label` 1; the strength is the scan file's `{config.mixtures.key}`.
- `seed`: of the scan{"" if fold is None else f" in fold {fold}, whose pools these are"}.
- `shard`: number of the file; {2 * wanted.of_class:,} histograms are a set as the scan draws it.

```python
import ray
dataset = ray.data.read_parquet("{place}"){_LOOP}
```

```python
import pyarrow.parquet as pq
counts = pq.read_table("shard-00000.parquet")["counts"].combine_chunks().to_numpy_ndarray()
```
"""
