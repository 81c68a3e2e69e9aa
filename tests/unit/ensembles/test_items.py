"""Items by the places of their events: how many of each pool, none twice, and in which places."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.ensembles.items import ItemEnsembles, labelled
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import PoolExhaustedError
from rayscan.seeds import stream

MIXTURE = Mixture(signal=3, background=17)


def sampler(**changes):
    given = {"backgrounds": (60, 40), "shares": (0.75, 0.25), "signal": 10, "mixture": MIXTURE}
    return ItemEnsembles(**given | changes)


def test_an_item_has_its_events_of_each_kind_and_none_twice():
    items = sampler()
    null, alternative = (draw(stream(1, "items"), 200) for draw in (items.null, items.alternative))
    assert null.shape == alternative.shape == (200, 20)
    assert null.max() < 100
    assert ((alternative >= 100).sum(axis=1) == 3).all()
    assert (alternative[:, -3:] >= 100).all()
    for places in (null, alternative):
        assert all(len(set(row)) == 20 for row in places.tolist())


def test_backgrounds_are_mixed_by_yield_and_events_of_a_pool_are_equally_likely():
    null = sampler(backgrounds=(300, 100)).null(stream(1, "items"), 4000)
    first = (null < 300).mean()
    assert abs(first - 0.75) < 5 * np.sqrt(0.75 * 0.25 / null.size)
    # each event of a pool is in 4000 x 20 x share / size items, fewer than binomially spread
    counts = np.bincount(null.ravel(), minlength=400)
    for size, part in ((300, counts[:300]), (100, counts[300:])):
        expected = null.size * (0.75 if size == 300 else 0.25) / size
        assert (np.abs(part - expected) < 5 * np.sqrt(expected)).all()


def test_shuffled_rows_hold_the_signal_anywhere_and_last_ones_at_the_end():
    places, labels = labelled([sampler()], stream(1, "items"), 2000, shuffled=True)
    assert labels.tolist() == [0, 1] * 2000
    share = (places[1::2] >= 100).mean(axis=0)
    assert (np.abs(share - 0.15) < 5 * np.sqrt(0.15 * 0.85 / 2000)).all()
    last, _ = labelled([sampler()], stream(1, "items"), 50, shuffled=False)
    assert (last[1::2, -3:] >= 100).all()


def test_items_of_several_mixtures_are_of_each_in_turn():
    other = Mixture(signal=1, background=19)
    places, _ = labelled(
        [sampler(), sampler(mixture=other)], stream(1, "items"), 400, shuffled=True
    )
    numbers = np.bincount((places[1::2] >= 100).sum(axis=1), minlength=4)
    assert numbers[[0, 2]].tolist() == [0, 0]
    assert abs(numbers[1] - 200) < 5 * np.sqrt(100)


def test_pools_that_are_too_small_and_totals_that_are_not_fixed_are_refused():
    with pytest.raises(PoolExhaustedError, match="signal"):
        sampler(signal=2)
    with pytest.raises(PoolExhaustedError, match="background 1"):
        sampler(backgrounds=(10, 40))
    assert sampler(signal=2, method="multinomial").signal == 2
    with pytest.raises(ValueError, match="equal numbers"):
        sampler(method="poisson")
