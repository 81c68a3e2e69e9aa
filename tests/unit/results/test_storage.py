"""A folder whose objects are put in place whole."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from rayscan.errors import StorageError
from rayscan.results.storage import Storage


@pytest.mark.parametrize("name", ["plain", "with space", "100%", "a#b", "ü", "file:odd"])
def test_objects_are_read_back_from_any_folder(tmp_path, name):
    storage = Storage(str(tmp_path / name))
    storage.write("deep/er/object", b"content")
    assert storage.read("deep/er/object") == b"content"
    assert (tmp_path / name / "deep" / "er" / "object").read_bytes() == b"content"


def test_a_relative_path_becomes_absolute():
    assert Path(Storage("results/x").uri) == Path.cwd() / "results" / "x"


def test_an_object_replaces_itself_and_leaves_nothing_else(tmp_path):
    storage = Storage(str(tmp_path))
    for content in (b"one", b"two"):
        storage.write("folder/object", content)
    assert storage.read("folder/object") == b"two"
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["object"]


def test_what_is_not_there_is_none_and_an_absent_folder_is_empty(tmp_path):
    storage = Storage(str(tmp_path))
    assert storage.read("nothing") is None
    assert storage.names("nowhere") == ()


def test_names_are_sorted_and_hide_what_is_not_finished(tmp_path):
    storage = Storage(str(tmp_path))
    for name in ("b", "a", "c.0123.tmp"):
        storage.write(f"folder/{name}", b"")
    storage.write("folder/inner/d", b"")
    assert storage.names("folder") == ("a", "b")


def test_a_path_cannot_climb_out(tmp_path):
    with pytest.raises(StorageError, match="climbs out"):
        Storage(str(tmp_path)).write("../outside", b"")


def test_a_storage_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("no folder")
    storage = Storage(str(tmp_path / "file" / "results"))
    with pytest.raises(StorageError, match=r"cannot be written.*writable 'storage'"):
        storage.check_writable()


def test_the_check_leaves_nothing_behind(tmp_path):
    Storage(str(tmp_path)).check_writable()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_of_url_is_refused():
    with pytest.raises(StorageError, match="cannot be opened"):
        Storage("gopher://host/folder")


def test_a_folder_is_no_object(tmp_path):
    storage = Storage(str(tmp_path))
    storage.write("folder/object", b"")
    with pytest.raises(StorageError, match="cannot be read"):
        storage.read("folder")


def test_it_survives_pickling(tmp_path):
    storage = Storage(str(tmp_path))
    storage.write("object", b"x")
    assert pickle.loads(pickle.dumps(storage)).read("object") == b"x"
