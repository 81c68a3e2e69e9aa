"""Tests of what a template accepts and how it merges bins without background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.stats.template import Template

counts = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8
)


def simple(signal, background, **changes):
    return Template(signal=signal, backgrounds=(("b", background),), **changes)


@given(counts)
def test_merging_empty_bins_keeps_every_sum(bins):
    signal, first, second = np.array(bins, dtype=float).T
    template = Template(
        signal=signal,
        backgrounds=(("one", first), ("two", second)),
        signal_stat=0.1 * signal,
        background_stat=np.sqrt(first + second),
        observed=first + signal,
    )
    merged = template.without_empty_bins()
    assert merged.signal.sum() == pytest.approx(signal.sum())
    assert merged.background.sum() == pytest.approx(template.background.sum())
    assert merged.observed.sum() == pytest.approx((first + signal).sum())
    for name in ("signal_stat", "background_stat"):
        kept = (getattr(merged, name) ** 2).sum()
        assert kept == pytest.approx((getattr(template, name) ** 2).sum())
    if template.background.any():
        assert np.all(merged.background > 0)
        assert len(merged.signal) == np.count_nonzero(template.background)


def test_a_bin_without_background_joins_the_one_of_least_background():
    merged = simple([1.0, 2.0, 4.0, 8.0], [9.0, 0.0, 3.0, 5.0], observed=[0, 1, 2, 3])
    merged = merged.without_empty_bins()
    np.testing.assert_array_equal(merged.signal, [1.0, 6.0, 8.0])
    np.testing.assert_array_equal(merged.background, [9.0, 3.0, 5.0])
    np.testing.assert_array_equal(merged.observed, [0.0, 3.0, 3.0])


def test_a_bin_in_which_nothing_is_expected_is_dropped():
    merged = simple([1.0, 0.0], [9.0, 0.0]).without_empty_bins()
    np.testing.assert_array_equal(merged.signal, [1.0])
    assert merged.observed is None


def test_the_width_of_a_gamma_is_relative_to_what_it_acts_on():
    both = simple([10.0], [90.0], signal_stat=[3.0], background_stat=[4.0])
    assert both.gamma_widths == pytest.approx([0.05])
    backgrounds = simple([10.0], [80.0], background_stat=[4.0])
    assert backgrounds.gamma_widths == pytest.approx([0.05])
    assert simple([10.0], [80.0]).gamma_widths == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"signal": []}, "signal: has no bins"),
        ({"signal": [1.0, -1.0]}, "signal: holds negative"),
        ({"observed": [1.0]}, "observed: shape"),
        ({"background_stat": [np.nan, 1.0]}, "background_stat: holds negative or non-finite"),
        ({"backgrounds": ()}, "at least one background"),
        ({"backgrounds": (("signal", [1.0, 1.0]),)}, "repeat a name"),
        ({"backgrounds": (("b", [1.0]),)}, "b: shape"),
        ({"normalisation": {"c": 0.1}}, "'c' is no sample"),
        ({"normalisation": {"b": -0.1}}, "relative uncertainty of b"),
        ({"luminosity_uncertainty": np.inf}, "relative uncertainty of luminosity"),
    ],
)
def test_what_cannot_be_is_refused(changes, says):
    values = {"signal": [1.0, 2.0], "backgrounds": (("b", [3.0, 4.0]),), **changes}
    with pytest.raises(ValueError, match=says):
        Template(**values)
