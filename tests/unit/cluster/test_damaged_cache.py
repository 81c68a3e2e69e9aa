"""An event table of the cache that is damaged is one sentence, and is read anew by the next run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from rayscan.cluster.generation import _known_shard
from rayscan.errors import StorageError
from rayscan.events.selection import CutFlow, Step
from rayscan.events.table import schema
from rayscan.results import seal
from rayscan.results.storage import Storage
from rayscan.scan.pools.reading import columns_of, flow_of

NAMES = ("jet1_pt",)


@pytest.fixture
def cache(tmp_path):
    step = Step(cut="all", events=0, sum_weights=0.0, sum_weights_squared=0.0)
    flow = CutFlow(process="bkg", steps=(step,))
    storage = Storage(str(tmp_path))
    storage.write("events/a.parquet", seal.encode(schema(NAMES).empty_table()))
    storage.write("events/a.json", json.dumps(asdict(flow)).encode())
    return storage


def loaded(cache):
    return columns_of(cache, "events/a", NAMES), flow_of(cache, "events/a")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 2
    path.write_bytes(content)


def test_a_sound_part_is_read(cache):
    table, flow = loaded(cache)
    assert table.num_rows == 0
    assert flow.process == "bkg"


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a.parquet", flip),
        ("a.parquet", lambda path: path.write_bytes(b"")),
        ("a.json", lambda path: path.write_bytes(b"")),
        ("a.json", lambda path: path.write_bytes(path.read_bytes()[:-3])),
    ],
)
def test_a_damaged_part_is_named_and_not_there_any_more(cache, tmp_path, name, spoil):
    spoil(tmp_path / "events" / name)
    with pytest.raises(StorageError, match=r"a\.parquet: .*damaged.*reads these events anew"):
        loaded(cache)
    assert cache.names("events") == ("a.parquet",)  # without its cut flow it is not whole


@pytest.mark.parametrize("left", [b"", b'{"process": "x"', b'{"colour": 1}', b"[]"])
def test_what_is_known_of_generated_events_may_be_damaged_too(tmp_path, left):
    cache = Storage(str(tmp_path))
    cache.write("generated/a.json", left)
    with pytest.raises(StorageError, match=r"is damaged .*makes these events anew"):
        _known_shard(cache, "generated/a")
    assert cache.names("generated") == ()
