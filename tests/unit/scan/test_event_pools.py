"""Event pools: parts in the cache, in order, small on the way to a worker, checked when read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from rayscan.errors import StorageError
from rayscan.results.storage import Storage
from rayscan.scan.pools.events import EventPool


@pytest.fixture
def cache(tmp_path):
    return Storage(str(tmp_path))


def columns(events, first=0):
    pt = np.arange(first, first + events, dtype=np.float32)
    return {"met": -pt, "jet1_pt": pt}


def test_parts_are_one_matrix_in_their_order_and_columns_as_asked_for(cache):
    one, none, two = (
        EventPool.stored(cache, f"pools/{name}.parquet", columns(size, first))
        for name, size, first in (("b", 5, 0), ("none", 0, 0), ("a", 3, 5))
    )
    pool = one + none + two
    assert (len(pool), pool.sizes) == (8, (5, 3))
    assert cache.names("pools") == ("a.parquet", "b.parquet")
    expected = np.stack([np.arange(8), -np.arange(8)], axis=1).astype(np.float32)
    for found in (
        pool.matrix(("jet1_pt", "met")),
        *[np.concatenate([*pool.blocks(("jet1_pt", "met"))])],
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    assert EventPool(cache).matrix(("met",)).shape == (0, 1)


def test_a_pool_on_its_way_to_a_worker_holds_no_event(cache):
    pool = EventPool.stored(cache, "pools/a.parquet", columns(100_000))
    sent = pickle.dumps(pool)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).matrix(("met",)), pool.matrix(("met",)))


def test_a_damaged_part_is_named_and_not_there_any_more(cache, tmp_path):
    pool = EventPool.stored(cache, "pools/a.parquet", columns(100))
    path = tmp_path / "pools" / "a.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 2
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"a\.parquet: .*damaged .*checksum.*anew"):
        pool.matrix(("met",))
    assert cache.names("pools") == ()
    with pytest.raises(StorageError, match="vanished"):
        pool.matrix(("met",))
