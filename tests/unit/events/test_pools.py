"""Pools: who an event is decides where it lands."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy import stats

from rayscan.errors import WeightError
from rayscan.events import formats, selection
from rayscan.events import split as pools
from rayscan.events.selection import Selection
from rayscan.events.split import Pools
from rayscan.events.weights import Weights

Events = Callable[..., pa.Table]


def by_pool(table: pa.Table, split: Pools, *, seed: int) -> dict[str, pa.Table]:
    """The events of each pool, in the order of the table."""
    numbers = np.zeros(table.num_rows, dtype=np.int64)
    for (process, file), rows in files_of(table):
        entry = table["entry"].to_numpy()[rows]
        numbers[rows] = pools.split(process, file, entry, split, seed=seed)
    return {
        name: table.filter(pa.array(np.isin(numbers, those)))
        for name, those in split.numbers_of.items()
    }


def unweighted(table: pa.Table, maximum: float | None = None) -> pa.Table:
    """The events of a process that are kept, of their largest weight unless another is given."""
    weights = table["weight"].to_numpy()
    every = Weights.of(weights, np.arange(len(weights)))
    top = maximum or pools.maximum_of(every, "zvvj")
    kept = np.zeros(table.num_rows, dtype=np.bool_)
    for (process, file), rows in files_of(table):
        entry = table["entry"].to_numpy()[rows]
        kept[rows] = pools.unweight(weights[rows], process, file, entry, maximum=top, seed=4)
    return table.filter(pa.array(kept))


def files_of(table: pa.Table) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Process and file of the events of a table, and the rows of each."""
    who = list(zip(table["process"].to_pylist(), table["file"].to_pylist(), strict=True))
    for file in dict.fromkeys(who):
        yield file, np.array([row for row, name in enumerate(who) if name == file])


def identities(table: pa.Table) -> set[tuple[str, str, int]]:
    return set(
        zip(*(table[name].to_pylist() for name in ("process", "file", "entry")), strict=True)
    )


# --- the number of an event -------------------------------------------------------------------


def test_the_first_numbers_are_those_of_splitmix64() -> None:
    # Reference implementation, one integer at a time (prng.di.unimi.it/splitmix64.c).
    mask = 2**64 - 1

    def reference(state: int) -> int:
        z = state & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    assert reference(1234567 + 0x9E3779B97F4A7C15) == 6457827717110365317  # published first value
    key = pools._key(5, "pool", "zvvj", "a")
    found = pools.uniform("zvvj", "a", np.arange(4), seed=5, salt="pool")
    expected = [(reference(key + (k + 1) * 0x9E3779B97F4A7C15) >> 11) / 2**53 for k in range(4)]
    assert found.tolist() == expected


def test_the_numbers_are_uniform_and_independent_of_the_neighbours() -> None:
    size = 200_000
    found = pools.uniform("zvvj", "a", np.arange(size), seed=1, salt="pool")
    assert found.min() >= 0
    assert found.max() < 1
    assert stats.kstest(found, "uniform").pvalue > 1e-5
    # The correlation of independent uniform numbers has sigma = 1/sqrt(size).
    for lag in (1, 2, 1000):
        assert abs(np.corrcoef(found[:-lag], found[lag:])[0, 1]) < 5 / math.sqrt(size)


@pytest.mark.parametrize(
    "changed", [{"seed": 2}, {"salt": "unweight"}, {"process": "ww"}, {"file": "b"}]
)
def test_another_seed_purpose_process_or_file_gives_independent_numbers(
    changed: dict[str, str | int],
) -> None:
    size = 50_000
    who = {"process": "zvvj", "file": "a", "seed": 1, "salt": "pool"}

    def numbers(given_: dict[str, str | int]) -> np.ndarray:
        return pools.uniform(entry=np.arange(size), **given_)

    apart = np.corrcoef(numbers(who), numbers(who | changed))[0, 1]
    assert abs(apart) < 5 / math.sqrt(size)


@given(order=st.permutations(range(0, 140, 7)))
def test_the_number_of_an_event_depends_on_the_event_alone(order: list[int]) -> None:
    everyone = pools.uniform("p", "a", np.arange(140), seed=3, salt="s")
    shuffled = pools.uniform("p", "a", order, seed=3, salt="s")
    alone = [float(pools.uniform("p", "a", [entry], seed=3, salt="s")[0]) for entry in order]
    assert shuffled.tolist() == everyone[order].tolist() == alone


# --- the split --------------------------------------------------------------------------------


def test_every_event_is_in_one_pool(events: Events) -> None:
    table = pa.concat_tables(
        [events(np.ones(500)), events(np.ones(300), file="b"), events(np.ones(200), process="ww")]
    )
    parts = by_pool(table, Pools(), seed=1)
    assert list(parts) == ["train", "validation", "test"]
    assert sum(part.num_rows for part in parts.values()) == table.num_rows
    assert set().union(*map(identities, parts.values())) == identities(table)
    assert all(part.schema.equals(table.schema) for part in parts.values())


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(1, 999), max_size=8, unique=True), seed=st.integers(0, 2**40))
def test_slicing_moves_no_event_to_another_pool(events: Events, cuts: list[int], seed: int) -> None:
    table = events(np.ones(1000))
    edges = [0, *sorted(cuts), 1000]
    slices = [table.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    whole = by_pool(table, Pools(), seed=seed)
    pieces = [by_pool(piece, Pools(), seed=seed) for piece in reversed(slices)]
    for name, pool in whole.items():
        assert identities(pool) == set().union(*(identities(piece[name]) for piece in pieces))


@settings(deadline=None, max_examples=30)
@given(train=st.integers(1, 98), validation=st.integers(0, 98), seed=st.integers(0, 2**30))
def test_the_shares_follow_the_binomial_law(
    events: Events, train: int, validation: int, seed: int
) -> None:
    validation = min(validation, 99 - train)
    shares = {
        "train": train / 100,
        "validation": validation / 100,
        "test": (100 - train - validation) / 100,
    }
    size = 20_000
    parts = by_pool(events(np.ones(size)), Pools(**shares), seed=seed)
    for name, share in shares.items():
        sigma = math.sqrt(size * share * (1 - share))
        assert abs(parts[name].num_rows - size * share) <= 5 * sigma


def test_the_published_procedure_has_one_pool_and_keeps_the_test_events_out_of_it(
    events: Events,
) -> None:
    table = events(np.ones(1000))
    shared = by_pool(table, Pools(split="histograms"), seed=1)
    apart = by_pool(table, Pools(), seed=1)
    assert identities(shared["unseen"]) == identities(apart["test"])
    for name in ("train", "validation", "test"):
        assert identities(shared[name]) == identities(table) - identities(apart["test"])


def test_another_seed_gives_another_split(events: Events) -> None:
    table = events(np.ones(1000))
    one, two = (by_pool(table, Pools(), seed=seed)["train"] for seed in (1, 2))
    # 0.64^2 of the events are expected in both, with the binomial error.
    both = len(identities(one) & identities(two))
    assert abs(both - 409.6) < 5 * math.sqrt(1000 * 0.4096 * 0.5904)


def test_an_empty_table_gives_empty_pools(events: Events) -> None:
    parts = by_pool(events(np.ones(0)), Pools(), seed=1)
    assert [part.num_rows for part in parts.values()] == [0, 0, 0]


@pytest.mark.data
def test_a_real_file_splits_alike_however_it_is_sliced(shared_data: Path) -> None:
    file = formats.inspect(shared_data / "slepton_280_275.root")
    found = []
    for most in (700, 3000):
        pieces = formats.slices(file, process="slepton", name="a", entries_per_slice=most)
        tables = [
            selection.select(p, selection=Selection(), observables=["met"])[0] for p in pieces
        ]
        found.append(by_pool(pa.concat_tables(tables), Pools(), seed=9)["test"])
    assert found[0].equals(found[1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": 0.5}, "train .* validation .* test: 0.86, expected shares that sum to 1"),
        ({"train": 0.0, "validation": 0.5, "test": 0.5}, "train: 0.0, expected a share above 0"),
        ({"train": 0.8, "validation": 0.2, "test": 0.0}, "test: 0.0, expected a share above 0"),
        ({"train": 1.2, "validation": -0.4}, "train: 1.2, expected"),
        ({"train": math.nan}, "train: nan, expected"),
        ({"min_pool_count": -1}, "min_pool_count: -1, expected at least 0"),
    ],
)
def test_impossible_pools_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pools(**values)


def test_pools_are_structured_from_plain_data() -> None:
    plain = {"train": 0.5, "validation": 0, "test": 0.5, "split": "histograms"}
    assert TypeAdapter(Pools).validate_python(plain) == Pools(
        train=0.5, validation=0.0, test=0.5, split="histograms"
    )


# --- unweighting ------------------------------------------------------------------------------


def assert_reproduces(table: pa.Table, observable: str, edges: np.ndarray) -> None:
    """The unweighted histogram equals the weighted one within its exact conditional errors."""
    kept = unweighted(table)
    weights, values = table["weight"].to_numpy(), table[observable].to_numpy()
    top = weights.max()
    expected, _ = np.histogram(values, edges, weights=weights)
    # Given the events, each stays with probability p = w / max and then weighs max: the variance
    # of a bin is the sum of max^2 p (1 - p) = w (max - w).
    variance, _ = np.histogram(values, edges, weights=weights * (top - weights))
    found = top * np.histogram(kept[observable].to_numpy(), edges)[0]
    filled = variance > 0
    pulls = (found - expected)[filled] / np.sqrt(variance[filled])
    assert stats.chi2.sf((pulls**2).sum(), filled.sum()) > 1e-4
    assert np.allclose(found[~filled], expected[~filled])
    spread = math.sqrt((weights * (top - weights)).sum()) / top
    assert abs(kept.num_rows - weights.sum() / top) < 5 * spread


@pytest.mark.data
def test_unweighting_reproduces_the_histogram_of_a_biased_sample(shared_data: Path) -> None:
    file = formats.inspect(shared_data / "zvvj_biased.root")
    (piece,) = formats.slices(file, process="zvvj", name="biased")
    table, _ = selection.select(
        piece, selection=Selection(cuts=("jet1_pt > 0",)), observables=["jet1_pt", "jet1_eta"]
    )
    assert_reproduces(table, "jet1_pt", np.array([0, 110, 130, 150, 180, 220, 300, 5000.0]))
    assert_reproduces(table, "jet1_eta", np.array([-6, -2, -1, -0.3, 0.3, 1, 2, 6]))


def test_unweighting_reproduces_the_histogram_of_a_made_sample(events: Events) -> None:
    weights = np.random.default_rng(1).exponential(size=20_000)
    assert_reproduces(events(weights), "met", np.linspace(0, 20_000, 21))


def test_equal_weights_are_left_alone(events: Events) -> None:
    table = events(np.full(100, 1.5e6))
    assert unweighted(table).equals(table)


def test_the_effective_size_is_kishs() -> None:
    assert Weights.of(np.array([1.0, 1.0, 2.0]), np.arange(3)).effective == pytest.approx(16 / 6)
    assert Weights().effective == 0


def test_unweighting_in_parts_with_one_maximum_is_unweighting_the_whole(events: Events) -> None:
    table = events(np.random.default_rng(2).exponential(size=1000))
    top = table["weight"].to_numpy().max()
    parts = [unweighted(part, top) for part in (table.slice(0, 300), table.slice(300))]
    assert pa.concat_tables(parts).equals(unweighted(table))


def test_the_heaviest_event_is_always_kept_also_in_a_slice_of_its_own(events: Events) -> None:
    weights = np.tile([1.0, 3.7e5], 500)
    kept = unweighted(events(weights))
    assert set(range(1, 1000, 2)) <= set(kept["entry"].to_pylist())


def test_an_event_of_weight_zero_is_never_kept(events: Events) -> None:
    kept = unweighted(events(np.array([0.0, 1.0] * 50)))
    assert kept["entry"].to_pylist() == list(range(1, 100, 2))


def test_staying_does_not_depend_on_the_pool(events: Events) -> None:
    # Where unweighting used the number of the split, the pools would keep different shares.
    table = events(np.tile([1.0, 2.0], 20_000))
    kept = unweighted(table)
    parts = by_pool(kept, Pools(), seed=4)
    size = kept.num_rows
    assert abs(parts["train"].num_rows - 0.64 * size) < 5 * math.sqrt(size * 0.64 * 0.36)


def test_nothing_can_be_unweighted_to_nothing(events: Events) -> None:
    assert unweighted(events(np.ones(0))).num_rows == 0


@pytest.mark.parametrize(
    ("weights", "maximum", "message"),
    [
        ([1.0, -1.0, 2.0], None, "1 of 3 event weights are negative"),
        ([1.0, math.nan], None, "1 event weights are not finite"),
        ([math.inf, 1.0], None, "1 event weights are not finite"),
        ([0.0, 0.0], None, "at least one weight must be above 0"),
        ([1.0, 3.0], 2.0, "none above the maximum"),
    ],
)
def test_weights_that_are_no_probabilities_are_refused(
    events: Events, weights: list[float], maximum: float | None, message: str
) -> None:
    with pytest.raises(WeightError, match=message) as caught:
        unweighted(events(np.array(weights)), maximum)
    assert "process 'zvvj'" in str(caught.value)
