"""Events in windows: from memory and from their blocks, one order, the weights of one training."""

from __future__ import annotations

import functools
import resource
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.errors import StorageError
from rayscan.models.architectures.event_mlp import EventMLP, EventMLPKnobs
from rayscan.models.event_blocks import EventBlocks, ahead, cut, together
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.event_source import WINDOW, EventSource
from rayscan.models.networks.progress import Task
from rayscan.models.networks.sources import Source
from rayscan.models.networks.training import train
from rayscan.seeds import stream

SIZES = {
    "train": ((700, 300, 450), (810,), (400, 240)),
    "validation": ((2000, 300), (200,), (900,)),
}
LABELS = (0, 0, 1)
TRAINED, WINDOWED = 2900, 1100


@dataclass(eq=False)
class Pools:
    """Two backgrounds and a signal in blocks; the first feature is the number of the event."""

    features: tuple[str, ...] = ("number", "a", "b")
    S: int = 10
    B: int = 90
    read: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    lost: bool = False

    def blocks(self, pool):
        def block(process, sizes, k):
            self.read[pool, process, k] += 1
            if self.lost and self.read[pool, process, k] > 1:
                raise StorageError(path="block", why="is gone", fix="read it anew")
            first = sum(map(sum, SIZES[pool][:process])) + sum(sizes[:k])
            x = stream(1, pool, process, k).normal(0.4 * process, 1, (sizes[k], 3))
            x[:, 0] = first + np.arange(sizes[k])
            x[::9, 2] = np.nan
            return x.astype(np.float32)

        return [
            EventBlocks(label, sizes, functools.partial(block, p, sizes))
            for p, (label, sizes) in enumerate(zip(LABELS, SIZES[pool], strict=True))
        ]


def trained(source, **knobs):
    knobs = {"epochs": 3, "batch_size": 100, "layers": 2, "units": 6} | knobs
    task = Task(DenseNetwork(3, (6, 6), 1), source, EventMLPKnobs(**knobs), seed=3)
    (done,) = train([task], architecture="toy")
    return done


def numbers(windows):
    """The number of each event of some windows."""
    return [x[:, 0].astype(int) for x, _ in windows]


@pytest.mark.parametrize("seen", ["squashed", "standard"])
def test_weights_are_the_same_bit_by_bit_from_memory_and_from_blocks(seen):
    pools = Pools(), Pools()
    done = [
        trained(
            EventSource(each, squashed=seen == "squashed", window=WINDOWED, kept=kept),
            dropout=0.2,
        )
        for each, kept in zip(pools, (True, False), strict=True)
    ]
    assert done[0].history == done[1].history
    for one, other in zip(done[0].best, done[1].best, strict=True):
        np.testing.assert_array_equal(one, other)
    for each in pools:  # once for the moments; and once to be mixed
        assert {n for (pool, *_), n in each.read.items() if pool == "train"} == {2}


def test_an_epoch_has_every_event_once_and_in_every_window_its_share_of_each_block():
    source = EventSource(Pools(), window=WINDOWED)
    blocks = np.cumsum([0, *(size for sizes in SIZES["train"] for size in sizes)])
    orders = []
    for epoch in (0, 1):
        windows = list(source.windows(epoch, 100))
        assert [len(labels) for _, labels in windows] == [1000, 1000, 900]
        found = numbers(windows)
        assert sorted(np.concatenate(found)) == list(range(TRAINED))
        for (_, labels), rows in zip(windows, found, strict=True):
            np.testing.assert_array_equal(labels, rows >= 2260)
            expected = len(rows) * np.diff(blocks) / TRAINED
            # Within one event of each window dealt; 67 events are moved to another, binomially.
            assert np.abs(np.histogram(rows, blocks)[0] - expected).max() < 2 + 4 * np.sqrt(67 / 4)
        orders.append(np.concatenate(found))
        assert np.array_equal(np.concatenate(numbers(source.windows(epoch, 100))), orders[-1])
    assert not np.array_equal(*orders)
    block = orders[0][orders[0] < 700]
    assert abs(np.corrcoef(block[:-1], block[1:])[0, 1]) < 4 / np.sqrt(700)


@dataclass(eq=False)
class InOneWindow(Source):
    """The events of another source, so that those of each step are those of its windows."""

    of: EventSource
    frozen: bool = False

    def __post_init__(self):
        super().__init__()
        self.seen, self.shape, self.n_classes = self.of.seen, self.of.shape, 2
        self.numbers = self.of.numbers

    def draw(self, epoch):
        if epoch is None:
            return self.of.draw(None)
        rows, labels = [], []
        for number, (x, y) in enumerate(self.of.windows(epoch, 100)):
            order = stream(0, "order", epoch, *([number] if number else [])).permutation(len(y))
            rows.append(x[order])
            labels.append(y[order])
        back = np.argsort(stream(0, "order", epoch).permutation(TRAINED))
        return np.concatenate(rows)[back], np.concatenate(labels)[back]


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_windows_are_the_steps_of_one_epoch(schedule):
    """Rates, moments of Adam and weights of classes go on from window to window."""
    source = EventSource(Pools(), window=WINDOWED)
    windowed, whole = (
        trained(source, schedule=schedule),
        trained(InOneWindow(source), schedule=schedule),
    )
    rounding = 90 * float(np.finfo(np.float32).eps)  # a unit in the last place a step
    for one, other in zip(windowed.best, whole.best, strict=True):
        np.testing.assert_allclose(one, other, rtol=rounding, atol=rounding)
    np.testing.assert_allclose(
        windowed.history["validation_loss"], whole.history["validation_loss"], rtol=rounding
    )


def test_validation_events_that_stream_are_those_that_stay():
    done = [trained(EventSource(Pools(), window=window)) for window in (3000, WINDOW)]
    assert done[0].history == done[1].history


def test_a_set_of_one_window_stays_where_it_is():
    pools = Pools()
    source = EventSource(pools, kept=False)
    (first,), (second,) = list(source.windows(0, 100)), list(source.windows(1, 100))
    assert first[0] is second[0]
    assert len(first[1]) == TRAINED
    assert not source.streams
    assert {n for (pool, *_), n in pools.read.items() if pool == "train"} == {2}


def test_moments_of_many_events_are_those_of_some():
    """Every twelfth event; its share of each process is that of them all."""
    whole, some = EventSource(Pools()), EventSource(Pools(), window=1000)
    x, _ = together(Pools().blocks("train"))
    np.testing.assert_allclose(whole.seen.mean, np.nanmean(x, axis=0), rtol=1e-6)
    apart = (some.seen.mean - whole.seen.mean) * whole.seen.scale
    assert 0 < np.abs(apart[1:]).max() < 4 / np.sqrt(TRAINED / 12)
    assert abs(some.seen.mean[0] - whole.seen.mean[0]) <= 6  # numbers of events: evenly spread


def test_both_classes_weigh_the_same_in_an_epoch():
    source = EventSource(Pools(), window=WINDOWED)
    totals = np.zeros(2)
    for _, labels in source.windows(0, 100):
        totals += np.bincount(labels, source.balanced(labels), 2)
    np.testing.assert_allclose(totals, TRAINED / 2, rtol=1e-5)


def test_a_block_that_is_lost_on_the_way_ends_the_training():
    source = EventSource(Pools(lost=True), window=WINDOWED, kept=False)
    with pytest.raises(StorageError, match="is gone"):
        trained(source)


def test_no_room_for_events_is_one_sentence():
    """A process that may write no file larger than a part of them."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    source = EventSource(Pools(), window=WINDOWED, kept=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(StorageError, match=r"do not fit there .*; set TMPDIR"):
            next(source.windows(0, 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_memory_does_not_grow_with_the_number_of_events():
    network = EventMLP()
    values = network.valued({})
    held = [network.held(values, (10,), n, size=4, members=1) for n in (WINDOW, 10**9, 10**10)]
    assert held[0] == held[1] == held[2]


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(1, 12))
def test_rows_are_cut_anew_whatever_their_blocks(sizes, rows):
    blocks = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]) if sizes else []
    found = list(cut(ahead(iter(blocks)), sum(sizes), rows))
    assert [*np.concatenate([[], *found])] == list(range(sum(sizes)))
    assert all(len(piece) == rows for piece in found[:-1])
