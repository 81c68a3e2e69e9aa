"""Files are on the disk before they take their place, and a refused one leaves nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rayscan.results import flushed


@pytest.fixture
def flushes(tmp_path):
    """What is flushed, each with whether the file is in place at that moment."""
    seen = []

    def watch(_frame, event, called) -> None:
        if event == "c_call" and called is os.fsync:
            handles = list(Path("/proc/self/fd").iterdir())
            names = [handle.readlink() for handle in handles if handle.is_symlink()]
            (name,) = (name for name in names if name.is_relative_to(tmp_path))  # open at a time
            there = (tmp_path / "a" / "b" / "x").exists()
            seen.append((str(name.relative_to(tmp_path)), there))

    sys.setprofile(watch)
    yield seen
    sys.setprofile(None)


def test_file_then_place_then_folder(tmp_path, flushes):
    flushed.put(tmp_path / "a" / "b" / "x", b"1", lasting=True, check=lambda: None)
    names = [name for name, _ in flushes]
    assert set(names[:2]) == {".", "a"}  # of the folders that are new
    assert names[2].startswith("a/b/x.")
    assert names[3:] == ["a/b"]
    assert [there for _, there in flushes] == [False, False, False, True]


def test_what_need_not_last_is_not_flushed(tmp_path, flushes):
    flushed.put(tmp_path / "a" / "b" / "x", b"1", lasting=False, check=lambda: None)
    assert flushes == []
    assert (tmp_path / "a" / "b" / "x").read_bytes() == b"1"


def test_a_refusal_at_the_last_moment_leaves_the_old_and_nothing_else(tmp_path):
    flushed.put(tmp_path / "x", b"old", lasting=True, check=lambda: None)

    def refuse() -> None:
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith("x.")]  # it is written
        raise PermissionError

    with pytest.raises(PermissionError):
        flushed.put(tmp_path / "x", b"new", lasting=True, check=refuse)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x", b"old")]
