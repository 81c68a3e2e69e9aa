"""Folders that know whether they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayscan.errors import StorageError
from rayscan.results import folders
from rayscan.results.storage import Storage


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    local = tmp_path_factory.mktemp("local")
    (local / "inner").mkdir(parents=True)
    (local / "a").write_bytes(b"1" * 50)
    (local / "inner" / "b").write_bytes(b"2" * 50)
    found = Storage(str(tmp_path_factory.mktemp("results")))
    folders.put(found, local, "classifiers/x")
    return found


def test_a_folder_goes_in_and_comes_out(storage, tmp_path):
    found = folders.get(storage, "classifiers/x", tmp_path)
    assert (found / "a").read_bytes() == b"1" * 50
    assert (found / "inner" / "b").read_bytes() == b"2" * 50
    assert folders.damage(storage, "classifiers/x") == ""


def test_an_absent_folder_is_an_error(storage, tmp_path):
    with pytest.raises(StorageError, match=r"is missing; run the same command again"):
        folders.get(storage, "classifiers/y", tmp_path)


@pytest.mark.parametrize("gone", ["a", "inner/b"])
def test_a_file_that_is_gone_is_named(storage, gone, tmp_path):
    path = Path(storage.path("classifiers/x")) / gone
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(StorageError, match=f"lacks {gone}"):
        folders.get(storage, "classifiers/x", tmp_path)
    path.write_bytes(content)


def test_a_folder_from_before_checksums_is_taken_as_it_is(tmp_path):
    old = Storage(str(tmp_path))
    old.write("classifiers/old/a", b"1")
    assert folders.damage(old, "classifiers/old") == ""


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_seen(storage, data):
    name = data.draw(st.sampled_from(["a", "inner/b", folders.SUMS]))
    path = Path(storage.path("classifiers/x")) / name
    content = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    spoilt = bytearray(content)
    spoilt[bit // 8] ^= 1 << bit % 8
    path.write_bytes(spoilt)
    try:
        assert folders.damage(storage, "classifiers/x")
    finally:
        path.write_bytes(content)
