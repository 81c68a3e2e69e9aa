"""Names that exist are literal, the rest are patterns; what is no file is said to be none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from rayscan import patterns, places
from rayscan.errors import FileUnreadableError


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(pattern: str, base: Path) -> list[str]:
    return [str(Path(place).relative_to(base.absolute())) for place in places.expand(pattern, base)]


def test_the_base_folder_is_literal_whatever_its_name(tmp_path):
    made(tmp_path, "run[1]/a.root", "run1/b.root")
    assert found("*.root", tmp_path / "run[1]") == ["a.root"]
    with pytest.raises(FileUnreadableError, match="no such file"):
        places.expand("b.root", tmp_path / "run[1]")


@pytest.mark.parametrize("name", ["a[1].root", "a?.root", "a*.root", "[!x].root", "~.root"])
def test_a_file_that_exists_is_literal_and_alone(name, tmp_path):
    made(tmp_path, name, "a1.root", "ab.root", "1.root")
    assert found(name, tmp_path) == [name]


def test_a_folder_that_exists_is_literal_within_a_pattern(tmp_path):
    made(tmp_path, "run[1]/x_1.root", "run[1]/y.root", "run1/x_2.root", "b/run[1]/x_3.root")
    assert found("run[1]/x_*.root", tmp_path) == ["run[1]/x_1.root"]
    assert found("*/run[1]/x_?.root", tmp_path) == ["b/run[1]/x_3.root"]
    assert found("run[12]/*.root", tmp_path) == ["run1/x_2.root"]


def test_names_that_do_not_exist_are_patterns_as_ever(tmp_path):
    made(tmp_path, "a1.root", "a2.root", "deep/er/a1.root", ".hidden/a1.root", ".a3.root")
    assert found("a[12].root", tmp_path) == ["a1.root", "a2.root"]
    assert found("a?.root", tmp_path) == ["a1.root", "a2.root"]
    assert found("**/a1.root", tmp_path) == ["a1.root", "deep/er/a1.root"]
    assert found("deep/**", tmp_path) == ["deep/er/a1.root"]


def test_links_that_make_a_loop_are_followed_once(tmp_path):
    made(tmp_path, "data/a.root")
    (tmp_path / "data/again").symlink_to(tmp_path / "data")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert len(found("**/a.root", tmp_path)) == 1


def test_a_pattern_over_everything_ends_in_a_sentence():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # in memory: no disk to wait for
        for number in range(patterns.MOST_FOLDERS):  # and the one they are in
            (Path(folder) / str(number)).mkdir()
        with pytest.raises(FileUnreadableError, match="more than 20,000 folders; begin the"):
            places.expand("**/a.root", Path(folder))
        (Path(folder) / "0").rmdir()
        with pytest.raises(FileUnreadableError, match="no such file"):
            places.expand("**/a.root", Path(folder))
    with pytest.raises(FileUnreadableError, match="climbs out of its folder"):
        places.expand("/**/..", Path("/"))


def test_a_user_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(FileUnreadableError, match="there is no such user"):
        places.expand("~no-such-user-here/a.root", tmp_path)


@pytest.mark.parametrize("name", ["pipe.root", "/dev/zero", "/dev/null"])
def test_what_is_no_file_is_never_opened(name, tmp_path):
    os.mkfifo(tmp_path / "pipe.root")
    with pytest.raises(FileUnreadableError, match="no file but a pipe, a socket or a device"):
        places.size_of(str(tmp_path / name))


def test_a_loop_of_links_is_a_sentence(tmp_path):
    (tmp_path / "a.root").symlink_to(tmp_path / "b.root")
    (tmp_path / "b.root").symlink_to(tmp_path / "a.root")
    (place,) = places.expand("a.root", tmp_path)
    with pytest.raises(FileUnreadableError, match="cannot be opened"):
        places.size_of(place)
