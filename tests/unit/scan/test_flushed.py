"""Files are on the disk before they take their place, and a refused one leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rayscan.results import flushed


@pytest.fixture
def flushes(monkeypatch, tmp_path):
    """What was flushed, each with whether the file was in place at that moment."""
    seen = []
    real = os.fsync

    def watched(handle: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink()
        seen.append((os.path.relpath(name, tmp_path), (tmp_path / "a" / "b" / "x").exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    return seen


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
