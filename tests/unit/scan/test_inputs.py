"""Input files are opened and checked before any compute."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_scan import make_config

from rayscan.errors import ConfigError
from rayscan.generator.generate import Generate, generate
from rayscan.scan.config.process import Process
from rayscan.scan.pools.inputs import open_inputs, short_names, slices_of, without


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small Delphes-layout files, sampled from shipped densities."""
    folder = tmp_path_factory.mktemp("events")
    for seed, name in enumerate(("znunu_jet", "spin1_on"), start=1):
        recipe = Generate(process=name, events=60, source="density")
        generate(recipe, path=folder / f"{name}.root", seed=seed)
    return folder


def scan(background="znunu_jet.root", signal="spin1_on.root", **changes):
    signal = (signal,) if isinstance(signal, str) else signal
    processes = {
        "bkg": Process(role="background", files=(background,), cross_section=1.0),
        "hard": Process(role="signal", files=signal, cross_section=1.0),
    }
    return replace(make_config(signals=("hard",)), processes=processes, **changes)


def problems(config, base):
    with pytest.raises(ConfigError) as caught:
        open_inputs(config, base=base)
    return [(p.where, p.what) for p in caught.value.problems]


def test_sound_files_are_opened_and_cut_into_slices(folder):
    config = scan()
    inputs = open_inputs(config, base=folder)
    assert [(f.process, f.name, f.file.entries) for f in inputs.files] == [
        ("bkg", "znunu_jet.root", 60),
        ("hard", "spin1_on.root", 60),
    ]
    (piece,) = slices_of(config, inputs, "hard")
    assert (piece.process, piece.file, piece.first, piece.last) == ("hard", "spin1_on.root", 0, 60)


def test_a_pattern_finds_files_in_order(folder):
    inputs = open_inputs(scan(signal="s*.root"), base=folder)
    assert [f.name for f in inputs.of("hard")] == ["spin1_on.root"]


def test_every_process_with_a_missing_file_is_named(folder):
    found = problems(scan("gone.root", "away_*.root"), folder)
    assert [where for where, _ in found] == ["processes.bkg.files", "processes.hard.files"]
    assert all("no such file" in what for _, what in found)


def test_a_copy_of_a_file_is_refused(folder, tmp_path):
    shutil.copy(folder / "znunu_jet.root", tmp_path / "a.root")
    shutil.copy(folder / "znunu_jet.root", tmp_path / "b.root")
    ((where, what),) = problems(scan("a.root", "b.root"), tmp_path)
    assert where == "processes"
    assert "same events" in what


def test_broken_files_are_left_out_if_that_is_wanted_and_others_are_there(folder, tmp_path):
    for name in ("znunu_jet.root", "spin1_on.root"):
        shutil.copy(folder / name, tmp_path)
    (tmp_path / "bad.root").write_bytes(b"not root")
    config = scan(signal=("spin1_on.root", "bad.root"))
    ((where, what),) = problems(config, tmp_path)
    assert where == "processes.hard"
    assert "bad.root" in what
    inputs = open_inputs(replace(config, skip_broken_files=True), base=tmp_path)
    assert [f.name for f in inputs.of("hard")] == ["spin1_on.root"]
    assert [path for path, _ in inputs.broken] == [str(tmp_path / "bad.root")]


def test_a_process_of_broken_files_only_is_never_left_out(folder, tmp_path):
    shutil.copy(folder / "znunu_jet.root", tmp_path)
    (tmp_path / "bad.root").write_bytes(b"not root")
    assert problems(scan(signal="bad.root", skip_broken_files=True), tmp_path)


def test_files_found_broken_while_they_were_read_are_left_out_only_if_that_is_wanted(
    folder, tmp_path
):
    for name in ("znunu_jet.root", "spin1_on.root"):
        shutil.copy(folder / name, tmp_path)
    recipe = Generate(process="spin1_on", events=60, source="density")
    generate(recipe, path=tmp_path / "spin1_more.root", seed=3)
    config = scan(signal="spin1_*.root")
    inputs = open_inputs(config, base=tmp_path)
    broken = ((str(tmp_path / "spin1_on.root"), "spin1_on.root: it is damaged"),)
    assert without(config, inputs, ()) == inputs
    with pytest.raises(ConfigError, match="skip_broken_files: true") as caught:
        without(config, inputs, broken)
    assert [p.where for p in caught.value.problems] == ["processes.hard"]
    skipping = replace(config, skip_broken_files=True)
    left = without(skipping, inputs, broken)
    assert [f.name for f in left.of("hard")] == ["spin1_more.root"]
    assert left.broken == broken
    with pytest.raises(ConfigError, match="it is damaged"):  # nothing of the process is left
        without(skipping, left, ((str(tmp_path / "spin1_more.root"), "it is damaged"),))


def test_a_file_that_was_generated_is_made_again_and_never_left_out(folder):
    recipe = Generate(process="spin1_on", events=60, source="density")
    processes = {
        "bkg": Process(role="background", generate=recipe),
        "hard": Process(role="signal", generate=recipe),
    }
    config = replace(scan(skip_broken_files=True), processes=processes)
    paths = {"hard": (str(folder / "spin1_on.root"), str(folder / "znunu_jet.root"))}
    inputs = open_inputs(config, base=folder, generated=paths)
    with pytest.raises(ConfigError, match="remove it, and the next run makes it again"):
        without(config, inputs, ((paths["hard"][0], "it is damaged"),))


@pytest.mark.parametrize("pattern", ["../spin1_on.root", "inner/../../*.root", "s3://b/../x.root"])
def test_a_path_that_climbs_out_is_refused(folder, pattern):
    ((where, what),) = problems(scan(signal=pattern), folder / "inner")[1:]
    assert where == "processes.hard.files"
    assert "climbs out" in what
    assert "absolute path" in what


def test_a_generated_process_waits_for_its_files(folder):
    config = scan()
    recipe = Generate(process="spin1_on", events=60, source="density")
    generated = Process(role="signal", generate=recipe)
    config = replace(config, processes={**config.processes, "hard": generated})
    assert open_inputs(config, base=folder).of("hard") == ()
    made = {"hard": (str(folder / "spin1_on.root"),)}
    assert len(open_inputs(config, base=folder, generated=made).of("hard")) == 1


NAMES = st.text("ab", min_size=1, max_size=2)


@given(st.sets(st.tuples(NAMES, NAMES, NAMES).map("/".join), min_size=1, max_size=6))
def test_short_names_tell_files_apart_and_ignore_where_the_folder_lies(tails):
    here = {f"/here/{tail}": tail for tail in sorted(tails)}
    there = {f"/far/away/{tail}": tail for tail in sorted(tails)}
    one, two = short_names(tuple(here)), short_names(tuple(there))
    assert len(set(one.values())) == len(tails)
    assert {here[p]: n for p, n in one.items()} == {there[p]: n for p, n in two.items()}


def test_every_pattern_that_names_nothing_is_told(folder):
    config = scan(signal=("nowhere.root", "spin1_on.root", "none_*.root", "/dev/null"))
    found = problems(config, folder)
    assert [where for where, _ in found] == ["processes.hard.files"] * 2 + ["processes.hard"]
    assert "nowhere.root: no such file" in found[0][1]
    assert "none_*.root: no such file" in found[1][1]
    assert "/dev/null: it is no file but a pipe" in found[2][1]
