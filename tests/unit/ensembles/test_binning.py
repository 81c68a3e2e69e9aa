"""Axes, flat bins, and merging."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rayscan.ensembles.binning import Axis, Binning, merge_map, merged


def axis(**changes: Any) -> Axis:
    return Axis(**{"observable": "met", "bins": 30, "low": 130.0, "high": 2000.0, **changes})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts_are_those_of_numpy_edges_included(dtype: type) -> None:
    rng = np.random.default_rng(1)
    x = axis()
    y = Axis(observable="eta", bins=17, low=-4, high=4)
    # Every edge itself, its neighbours, and events in between and outside.
    edges = np.concatenate([x.edges, np.nextafter(x.edges, 0), np.nextafter(x.edges, 1e9)])
    pt = np.concatenate([edges, rng.uniform(0, 2500, 5000)]).astype(dtype)
    eta = rng.choice(np.concatenate([y.edges, rng.uniform(-5, 5, 100)]), size=len(pt)).astype(dtype)
    expected, _, _ = np.histogram2d(
        pt.astype(float), eta.astype(float), bins=(30, 17), range=[[130, 2000], [-4, 4]]
    )
    binning = Binning(axes=(x, y))
    assert binning.shape == (30, 17)
    assert np.array_equal(binning.counts({"met": pt, "eta": eta}).reshape(30, 17), expected)


@given(
    bins=st.integers(1, 60),
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-3, 1e4),
    values=st.lists(st.floats(allow_nan=True, width=32), max_size=20),
)
def test_one_axis_counts_as_numpy_does(
    bins: int, low: float, width: float, values: list[float]
) -> None:
    one = axis(bins=bins, low=low, high=low + width)
    x = np.concatenate([np.array(values), one.edges])
    expected, _ = np.histogram(x[np.isfinite(x)], bins=one.edges)
    assert np.array_equal(Binning(axes=(one,)).counts({"met": x}), expected)


@pytest.mark.parametrize("overflow", ["drop", "last"])
@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize(
    ("low", "high", "bins"),
    [(1e-3, 7.3, 30), (130, 2000, 1000), (1e-300, 1e300, 4), (1e6, 1e6 + 1e-6, 2), (1, 2, 100_000)],
)
def test_every_bin_is_the_one_that_a_search_finds(
    low: float, high: float, bins: int, scale: Any, overflow: Any
) -> None:
    one = axis(bins=bins, low=low, high=high, scale=scale, overflow=overflow)
    edges = one.edges
    near = [edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)]
    x = np.concatenate([*near, [np.nan, np.inf, -np.inf, 0.0, -low, 1.5 * high]])
    expected = np.searchsorted(edges, x, side="right") - 1
    expected[(x >= high) if overflow == "last" else (x == high)] = bins - 1
    expected[(expected == bins) | np.isnan(x)] = -1
    assert np.array_equal(one.index(x), expected)


def test_log_bins_have_equal_ratios_and_exact_ends() -> None:
    edges = axis(scale="log").edges
    assert (edges[0], edges[-1]) == (130.0, 2000.0)
    assert np.allclose(edges[1:] / edges[:-1], (2000 / 130) ** (1 / 30))
    found = Binning(axes=(axis(scale="log"),)).counts({"met": edges})
    assert np.array_equal(found, [1] * 29 + [2])


def test_the_last_bin_can_take_the_overflow() -> None:
    values = [129.9, 130, 1999, 2000, 2001, np.inf, np.nan, -np.inf]
    drop = axis(bins=2).index(values)
    last = axis(bins=2, overflow="last").index(values)
    assert drop.tolist() == [-1, 0, 1, 1, -1, -1, -1, -1]
    assert last.tolist() == [-1, 0, 1, 1, 1, 1, -1, -1]


def test_an_event_outside_one_axis_has_no_bin() -> None:
    binning = Binning(axes=(axis(bins=2), Axis(observable="eta", bins=3, low=-1, high=1)))
    columns = {"met": np.array([150.0, 150, np.nan, 1900]), "eta": np.array([0.9, 5, 0, -0.9])}
    assert binning.index(columns).tolist() == [2, -1, -1, 3]
    assert binning.observables == ("met", "eta")
    assert binning.bins == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observable": ""}, "observable: it is empty"),
        ({"bins": 0}, "bins: 0, expected at least 1"),
        ({"low": 2000.0}, "low: the range is 2000 to 2000"),
        ({"high": float("inf")}, "low: the range is 130 to inf"),
        ({"scale": "log", "low": 0.0}, "low: 0 on a log axis, expected more than 0"),
        ({"scale": "ln"}, "scale: 'ln', expected linear or log"),
        ({"overflow": "first"}, "overflow: 'first', expected drop or last"),
        ({"low": 1.0, "high": 1 + 1e-15}, "narrower than a number can tell"),
    ],
)
def test_an_axis_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        axis(**changes)


def test_one_or_two_different_axes_are_expected() -> None:
    with pytest.raises(ValueError, match="axes: 0 axes, expected 1 or 2"):
        Binning(axes=())
    with pytest.raises(ValueError, match="'met' on both axes"):
        Binning(axes=(axis(), axis(bins=3)))


def test_it_is_structured_from_plain_lists() -> None:
    text = {"axes": [{"observable": "met", "bins": 2, "low": 0, "high": 1, "scale": "linear"}]}
    assert TypeAdapter(Binning).validate_python(text).axes[0] == axis(bins=2, low=0, high=1)


@given(counts=st.lists(st.integers(0, 20), min_size=1, max_size=30), minimum=st.integers(0, 25))
def test_merging_keeps_all_events_and_leaves_at_most_one_sparse_bin(
    counts: list[int], minimum: int
) -> None:
    background = np.array(counts)
    target = merge_map(background, minimum)
    after = merged(background, target)
    few = np.flatnonzero(background < minimum)
    assert after.sum() == background.sum()
    assert np.all(target[few] == (few[0] if len(few) else 0))
    kept = background >= minimum
    assert np.array_equal(after[kept], background[kept])
    assert np.count_nonzero((after > 0) & (after < minimum)) <= 1


def test_many_histograms_are_merged_at_once() -> None:
    rows = np.array([[9, 1, 5, 3], [1, 2, 3, 4]], dtype=np.uint16)
    target = merge_map(np.array([9, 1, 5, 0]), 2)
    assert merged(rows, target).tolist() == [[9, 4, 5, 0], [1, 6, 3, 0]]
    assert merged(rows, target).dtype == np.uint16
