"""Seats of members and stacking of weights."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.packed import layout
from rayscan.seeds import stream


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_every_member_sits_once_in_a_chunk_of_its_dataset(datasets):
    where = layout(datasets)
    assert sorted(where.order) == list(range(len(datasets)))
    assert where.members == len(datasets)
    names = list(dict.fromkeys(datasets))
    assert where.datasets == len(names)
    for slot, member in enumerate(where.order):
        assert names[where.chunks[slot // where.per_chunk]] == datasets[member]


def test_shared_data_make_one_wide_chunk():
    assert layout("aaaa").chunks == (0,)
    assert layout("aaaa").per_chunk == 4
    assert layout("abab").per_chunk == 2
    assert layout("abcd").per_chunk == 1
    assert layout("abbb").chunks == (0, 1, 1, 1)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=6))
def test_unstacking_gives_back_what_was_stacked(datasets):
    where = layout(datasets)
    for network in (DenseNetwork(5, (3, 2), 1), ConvolutionNetwork((5, 6), 2, 3, 1)):
        members = [network.initial(stream(k, "weights")) for k in range(len(datasets))]
        again = network.unstack(network.stack(members, where), where)
        for first, second in zip(members, again, strict=True):
            for a, b in zip(first, second, strict=True):
                np.testing.assert_array_equal(a, b)


def test_initial_weights_are_glorot_uniform():
    """Variance of a uniform of bound sqrt(6 / (in + out)), each estimate within 4.5 sigma."""
    kernel, bias, *_ = DenseNetwork(900, (20,), 1).initial(stream(1, "weights"))
    assert not bias.any()
    variance = 2 / (900 + 20)
    # The kurtosis of a uniform is 1.8.
    assert abs(kernel.var() - variance) < 4.5 * variance * np.sqrt((1.8 - 1) / kernel.size)
    assert abs(kernel).max() <= np.sqrt(6 / 920)
