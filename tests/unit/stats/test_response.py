"""Tests of bins grouped by a classifier's response."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.errors import SampleUnusableError
from rayscan.stats.response import Grouping, Simulated, bins_by_response, regroup
from rayscan.stats.significance import asimov, combine

cells = st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 50)), min_size=1, max_size=30).filter(
    lambda bins: any(b for _, b in bins)
)


FREE = {"minimum": 0, "error": 1e9}


@given(cells, st.integers(1, 8))
def test_equal_channels_follow_the_response_and_keep_all_events(bins, channels):
    response, background = np.array(bins, dtype=float).T
    groups, floored = bins_by_response(
        response, Simulated.of(background), Grouping(channels=channels, spacing="equal", **FREE)
    )
    assert groups.dtype == np.int64
    assert not floored
    assert np.all(np.diff(groups[np.argsort(response, kind="stable")]) >= 0)
    sums = regroup(background, groups, int(groups.max()) + 1)
    assert sums.sum() == background.sum()
    assert len(sums) <= channels
    assert np.all(sums > 0)


def test_many_small_bins_give_equal_channels_or_double_from_the_signals_end():
    rng = np.random.default_rng(1)
    answers, ones = rng.normal(size=5000), Simulated.of(np.ones(5000))
    groups, _ = bins_by_response(answers, ones, Grouping(channels=10, spacing="equal"))
    np.testing.assert_array_equal(np.bincount(groups), np.full(10, 500))
    ones = Simulated.of(np.ones(6350))
    groups, floored = bins_by_response(rng.normal(size=6350), ones, Grouping(channels=7))
    np.testing.assert_array_equal(np.bincount(groups), [3200, 1600, 800, 400, 200, 100, 50])
    assert not floored


def test_the_purest_channel_is_as_large_as_the_floor_asks():
    """Twenty per cent of equal events are 25; the largest channel takes what is left."""
    answers, ones = np.arange(1000.0), Simulated.of(np.ones(1000))
    groups, floored = bins_by_response(answers, ones, Grouping(channels=12))
    np.testing.assert_array_equal(np.bincount(groups)[::-1], [25, 50, 100, 200, 400, 225])
    assert floored
    groups, _ = bins_by_response(answers, ones, Grouping(channels=12, error=0.1))
    assert np.bincount(groups)[-1] == 100


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0.1, 5)), min_size=1, max_size=25).filter(
        lambda found: any(n for n, _ in found)
    ),
    st.integers(1, 6),
    st.integers(0, 40),
    st.floats(0.1, 1.0),
    st.sampled_from(["tail", "equal"]),
)
def test_every_channel_holds_enough_simulated_events_if_there_are_two(
    found, channels, minimum, error, spacing
):
    counts, weights = np.array(found, dtype=float).T
    moments = np.array([counts, counts * weights, counts * weights**2])
    grouping = Grouping(channels=channels, spacing=spacing, minimum=minimum, error=error)
    groups, _ = bins_by_response(np.arange(len(counts)), Simulated(*moments), grouping)
    size = int(groups.max()) + 1
    assert size <= channels
    assert sorted(set(groups)) == list(range(size))
    sums = regroup(moments, groups, size)
    assert np.all(sums[1] > 0)
    if size > 1:
        assert np.all(sums[0] >= minimum)
        assert np.all(np.sqrt(sums[2]) <= error * sums[1] * (1 + 1e-8))


def toy_of_known_ratio(rng, events, *, signal):
    """Six features, and the logarithm of the likelihood ratio of signal over background."""
    x = rng.normal(size=(events, 6))
    if signal:
        x[:, 0] += 1.6
        x[:, 1] += 0.8 * (x[:, 0] > 1.6)
        x[:, 2] *= 0.6
        x[:, 3] += 0.5 * x[:, 2] ** 2
    else:
        x[:, 3] += 0.3 * x[:, 2]

    def log_normal(pull, width=1.0):
        return -0.5 * (pull / width) ** 2 - np.log(width)

    of_signal = (
        log_normal(x[:, 0] - 1.6)
        + log_normal(x[:, 1] - 0.8 * (x[:, 0] > 1.6))
        + log_normal(x[:, 2], 0.6)
        + log_normal(x[:, 3] - 0.5 * x[:, 2] ** 2)
    )
    background = x[:, :3].T, x[:, 3] - 0.3 * x[:, 2]
    return of_signal - sum(map(log_normal, background[0])) - log_normal(background[1])


@pytest.mark.parametrize(("uncertainty", "least"), [(0.01, 4.2), (0.1, 3.8), (0.5, 2.1)])
def test_channels_made_for_the_tail_beat_an_optimised_cut(uncertainty, least):
    """S = 100, B = 10,000: S/sqrt(B) = 1 in all. 25 equal channels see 2.6, 1.2 and 0.3."""
    rng = np.random.default_rng(2)
    events = 50_000
    b, s = (toy_of_known_ratio(rng, events, signal=signal) for signal in (False, True))
    scores, is_signal = np.concatenate([b, s]), np.repeat([0.0, 1.0], events)
    background = Simulated.of(1.0 - is_signal)

    def significance(grouping):
        channel, _ = bins_by_response(scores, background, grouping)
        s, b = (np.bincount(channel, w) for w in (100 / events * is_signal, background.counts))
        b *= 10_000 / events
        return float(combine(asimov(s, b, uncertainty * b)))

    order = np.argsort(-scores)
    passed = np.array([np.cumsum(each[order]) for each in (is_signal, background.counts)])
    passed = passed[:, passed[1] >= 20] * np.array([[100 / events], [10_000 / events]])
    cut = asimov(passed[0], passed[1], uncertainty * passed[1]).max()
    tail = significance(Grouping(channels=12))
    assert tail >= least
    assert tail > cut > significance(Grouping(channels=25, spacing="equal"))


def test_one_channel_holds_everything():
    found, _ = bins_by_response([3.0, 1.0], Simulated.of([1.0, 2.0]), Grouping(channels=1))
    np.testing.assert_array_equal(found, [0, 0])


def test_stacked_contents_are_regrouped_on_their_last_axis():
    values = np.arange(12.0).reshape(3, 4)
    found = regroup(values, np.array([1, 0, 1, 0]), 3)
    np.testing.assert_array_equal(found, [[4, 2, 0], [12, 10, 0], [20, 18, 0]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: bins_by_response([1.0], Simulated.of([1.0, 2.0]), Grouping(channels=1)),
        lambda: bins_by_response([np.nan], Simulated.of([1.0]), Grouping(channels=1)),
        lambda: bins_by_response([1.0], Simulated.of([0.0]), Grouping(channels=1)),
        lambda: bins_by_response([1.0, 2.0], Simulated.of([2.0, -1.0]), Grouping(channels=1)),
        lambda: bins_by_response([1.0], Simulated.of([1.0]), Grouping(channels=0)),
        lambda: regroup([1.0], np.array([0, 1]), 2),
    ],
)
def test_what_cannot_be_grouped_is_refused(call):
    with pytest.raises(SampleUnusableError, match="expected"):
        call()
