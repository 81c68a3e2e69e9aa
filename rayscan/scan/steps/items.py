"""Items (sets of events) of the pools of a scan: what is trained on, and scores of tests.

n items of N events with F features.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from rayscan.arrays import AnyIntegers, Floats
from rayscan.ensembles.items import ItemEnsembles, Places, labelled
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.oversampling import smote
from rayscan.models.contract import Arrangement, Classifier
from rayscan.models.networks.item_network import ItemClassifier
from rayscan.scan.plan.points import Point
from rayscan.scan.pools.binned import POOL_NAMES, PoolName
from rayscan.scan.pools.events import EventPool, Features
from rayscan.scan.pools.pooled import PooledScan
from rayscan.seeds import integer, stream

BLOCK = 128
"""Items of each class that are drawn at a time, from a stream of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPool:
    """The events that items of one benchmark are drawn from: backgrounds first.

    Attributes:
        scan: The scan and its pools.
        benchmark: Signal process.
        pool: Which of the pools.
        arrangement: Says which synthetic events are among them.
    """

    scan: PooledScan
    benchmark: str
    pool: PoolName
    arrangement: Arrangement

    @property
    def sizes(self) -> tuple[int, ...]:
        """Events of each background, and of the signal."""
        return tuple(
            len(events[self.pool]) + len(range(wanted.start, wanted.stop))
            for events in self._events.values()
            for _, wanted in [self._synthetic(events)]
        )

    def matrix(self, features: tuple[str, ...]) -> Features:
        """Features of all events, (E, F); of each process the synthetic ones last."""
        found = []
        for name, events in self._events.items():
            found.append(events[self.pool].matrix(features))
            made_of, wanted = self._synthetic(events)
            if made_of:
                seed = integer(self.scan.config.seed, "smote", name)
                made = _made(made_of, features, self.arrangement.synthetic, seed)
                found.append(made[wanted])
        return np.concatenate(found)

    def sampler(self, mixture: Mixture) -> ItemEnsembles:
        """Draws items of one mixture.

        Raises:
            PoolExhaustedError: An item needs more events than a pool has.
        """
        binned, sizes = self.scan.binned, self.sizes
        yields = [binned.processes[name].cross_section for name in binned.backgrounds]
        return ItemEnsembles(
            backgrounds=sizes[:-1],
            shares=tuple(each / sum(yields) for each in yields),
            signal=sizes[-1],
            mixture=mixture,
            method=self.scan.config.ensembles.method,
        )

    def by_process(self, values: Floats) -> dict[str, Floats]:
        """Numbers of all events, (E,), by process."""
        parts = np.split(values, np.cumsum(self.sizes)[:-1])
        return dict(zip(self._events, parts, strict=True))

    @property
    def _events(self) -> dict[str, Mapping[str, EventPool]]:
        names = (*self.scan.binned.backgrounds, self.benchmark)
        return {name: self.scan.binned.processes[name].events for name in names}

    def _synthetic(self, events: Mapping[str, EventPool]) -> tuple[tuple[EventPool, ...], slice]:
        """The pools that synthetic events of a process are made of, and which this pool has."""
        how, count = self.arrangement.oversample, self.arrangement.synthetic
        if how == "smote" and self.pool == "train":
            return (events["train"],), slice(0, count)
        if how != "smote_before_split" or self.pool not in POOL_NAMES:
            return (), slice(0, 0)
        made_of = tuple(dict.fromkeys((events["train"], events["test"])))
        if len(made_of) == 1:  # of a shared pool there is no split
            return made_of, slice(0, count)
        # Real validation events are the neighbours of none: `auc_unseen` is of those.
        ends = np.cumsum([0, *(len(events[name]) for name in POOL_NAMES)])
        edges = np.rint(count * ends / ends[-1]).astype(int).tolist()
        place = POOL_NAMES.index(self.pool)
        return made_of, slice(edges[place], edges[place + 1])


@lru_cache(maxsize=4)
def _made(
    pools: tuple[EventPool, ...], features: tuple[str, ...], count: int, seed: int
) -> Features:
    rows = np.concatenate([pool.matrix(features) for pool in pools])
    return smote(stream(seed, "synthetic"), rows, count)


@dataclass(frozen=True, slots=True, eq=False)
class PoolItems:
    """Labelled items of the pools of one point; a new epoch is a new draw.

    Where strengths are drawn each item is of one of the mixtures of the point. Blocks come from
    streams of their own, so that none but those asked for are in memory.
    """

    scan: PooledScan
    point: Point
    draws: int
    features: tuple[str, ...]

    @property
    def events(self) -> int:
        """Events N of an item."""
        return self.point.mixture.null_total

    def pool(self, pool: Literal["train", "validation"], arrangement: Arrangement) -> Features:
        """Features (E, F) of all events that items are made of."""
        return self._pool(pool, arrangement).matrix(self.features)

    def labels(self, pool: Literal["train", "validation"]) -> AnyIntegers:
        """Labels (n,), the classes in turn."""
        return np.tile(np.arange(2), self._count(pool))

    def items(
        self, pool: Literal["train", "validation"], epoch: int, arrangement: Arrangement
    ) -> Iterator[Places]:
        """Places (n, N) of their events, in blocks."""
        found, point = self._pool(pool, arrangement), self.point
        several = [found.sampler(mixture) for mixture in point.drawn or (point.mixture,)]
        purpose = point.head.stream(pool, point.benchmarks, point.mixture.name, self.draws, epoch)
        shuffled = arrangement.order == "shuffled"
        for number, size in enumerate(_blocks(self._count(pool))):
            rng = self.scan.stream(*purpose, "items", number)
            yield labelled(several, rng, size, shuffled=shuffled)[0]

    def _pool(self, pool: PoolName, arrangement: Arrangement) -> ItemPool:
        return ItemPool(
            scan=self.scan, benchmark=self.point.benchmark, pool=pool, arrangement=arrangement
        )

    def _count(self, pool: str) -> int:
        sizes = self.scan.config.ensembles
        return sizes.train if pool == "train" else sizes.validation


def _blocks(count: int) -> Iterator[int]:
    return (min(BLOCK, count - first) for first in range(0, count, BLOCK))


@dataclass(frozen=True, slots=True, eq=False)
class ItemScores:
    """What a classifier makes of items of both classes, and of the events they are made of.

    Attributes:
        null: Scores of class 0, shape (n,).
        alternative: Of class 1.
        added: What an event in place of a mean one adds to a score, by process.
    """

    null: Floats
    alternative: Floats
    added: Mapping[str, Floats]


def of_items(classifiers: Sequence[Classifier]) -> dict[int, ItemClassifier]:
    """Those classifiers that read items, by their position."""
    return {k: each for k, each in enumerate(classifiers) if isinstance(each, ItemClassifier)}


def item_scores(
    asked: Sequence[tuple[ItemClassifier, Arrangement]],
    *,
    scan: PooledScan,
    benchmark: str,
    mixture: Mixture,
    pool: PoolName,
    count: int,
    purpose: Sequence[str | int],
) -> list[ItemScores]:
    """Scores of items of a pool, by each classifier of items in its arrangement.

    Those of equal features and arrangement see the same items, which are drawn once.

    Args:
        asked: The classifiers.
        scan: The scan and its pools.
        benchmark: Signal process.
        mixture: Events of an item.
        pool: Which pool.
        count: Items of each class.
        purpose: Names the random stream.
    """
    groups: dict[tuple[tuple[str, ...], Arrangement], list[int]] = defaultdict(list)
    for k, (classifier, arrangement) in enumerate(asked):
        groups[classifier.features, arrangement].append(k)
    found: dict[int, ItemScores] = {}
    for (_, arrangement), ks in groups.items():
        own = ItemPool(scan=scan, benchmark=benchmark, pool=pool, arrangement=arrangement)
        scored = _scored([asked[k][0] for k in ks], own, mixture, count, purpose)
        found |= zip(ks, scored, strict=True)
    return [found[k] for k in range(len(asked))]


def _scored(
    classifiers: Sequence[ItemClassifier],
    pool: ItemPool,
    mixture: Mixture,
    count: int,
    purpose: Sequence[str | int],
) -> list[ItemScores]:
    """Those of classifiers that see the same features."""
    events = pool.matrix(classifiers[0].features)
    each = [classifier.each(events) for classifier in classifiers]
    sampler, shuffled = pool.sampler(mixture), pool.arrangement.order == "shuffled"
    parts: list[list[Floats]] = [[] for _ in classifiers]
    for number, size in enumerate(_blocks(count)):
        rng = pool.scan.stream(*purpose, "items", number)
        places, _ = labelled([sampler], rng, size, shuffled=shuffled)
        for part, classifier, rows in zip(parts, classifiers, each, strict=True):
            part.append(classifier.at(rows, places))
    scores, background = map(np.concatenate, parts), sum(pool.sizes[:-1])
    return [
        ItemScores(
            null=of_both[::2],
            alternative=of_both[1::2],
            added=pool.by_process(classifier.added(rows, rows[:background])),
        )
        for of_both, classifier, rows in zip(scores, classifiers, each, strict=True)
    ]
