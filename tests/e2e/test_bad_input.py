"""Bad input through the real command line: one clear message, exit code 2, before compute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from rayscan.generator.generate import Generate, generate

SCAN = """\
name: toy
storage: STORAGE
processes:
  zvv:
    role: background
    files: [background.root]
    cross_section: 10
  spin1:
    role: signal
    files: [signal.root]
    cross_section: 0.01
selection:
  cuts: ["jet1_pt > 130"]
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800}
    - {observable: jet1_eta, bins: 4, low: -4, high: 4}
mixtures:
  background: 4
  s_over_sqrt_b: [1, 2]
architectures:
  - name: mlp
"""

RUN = """
import contextlib, io, json, sys
from rayscan.cli import app as cli

def run(path):
    # The entry point itself; one interpreter for the whole table keeps it cheap.
    sys.argv = ["rayscan", "check", path]
    out, err = io.StringIO(), io.StringIO()
    code = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
    return [code, out.getvalue(), err.getvalue()]

print(json.dumps({path: run(path) for path in sys.argv[1:]}))
"""


def edit(*pairs: tuple[str, str]) -> str:
    text = SCAN
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


SIGNAL_FILE = "files: [signal.root]"
TWICE = "  spin1: {role: signal, files: [other.root], cross_section: 1}\nselection:"
CASES: dict[str, tuple[str, list[str]]] = {
    "unknown_key": (
        edit(("storage:", "storagee:")),
        ["line 2, storagee: unknown key (nearest: 'storage')"],
    ),
    "unknown_nested_key": (
        edit(("bins: 10", "bin: 10")),
        ["line 16, binning.axes.0.bin: unknown key (nearest: 'bins')"],
    ),
    "wrong_type": (
        edit(("background: 4", "background: many")),
        ["line 19, mixtures.background: found 'many', expected a whole number"],
    ),
    "missing_file": (
        edit((SIGNAL_FILE, "files: [nowhere.root]")),
        ["line 10, processes.spin1.files:", "nowhere.root: no such file"],
    ),
    "missing_pattern": (edit((SIGNAL_FILE, "files: [none_*.root]")), ["no such file"]),
    "directory": (
        edit((SIGNAL_FILE, "files: [directory.root]")),
        ["line 8, processes.spin1:", "directory"],
    ),
    "pipe": (
        edit((SIGNAL_FILE, "files: [pipe.root]")),
        ["line 8, processes.spin1:", "pipe.root: it is no file but a pipe"],
    ),
    "device": (
        edit((SIGNAL_FILE, "files: [/dev/zero]")),
        ["line 8, processes.spin1: /dev/zero: it is no file but a pipe, a socket or a device"],
    ),
    "climbing_pattern": (edit((SIGNAL_FILE, "files: [/**/..]")), ["climbs out of its folder"]),
    "no_such_user": (
        edit((SIGNAL_FILE, "files: [~no-such-user/x.root]")),
        ["line 10, processes.spin1.files: ~no-such-user/x.root: there is no such user"],
    ),
    "no_such_user_of_the_storage": (
        edit(("STORAGE", "~no-such-user/results")),
        ["line 2, storage: ~no-such-user/results: is no path that can be followed"],
    ),
    "unwritable_cache": (
        edit(("STORAGE", "results\ncache: text.root/cache")),
        ["has 1 problem", "line 3, cache:", "cannot be written"],
    ),
    "looped_storage": (edit(("STORAGE", "loop/results")), ["line 2, storage:", "loop"]),
    "tree_in_a_folder": (
        edit((SIGNAL_FILE, "files: [folder.root]")),
        ["no tree 'Delphes' (the file has: skim, skim/Delphes); write 'tree: skim/Delphes'"],
    ),
    "rntuple": (
        edit((SIGNAL_FILE, "files: [rntuple.root]")),
        ["'Delphes' is a ROOT::RNTuple, not a tree; write it as a TTree"],
    ),
    "texts": (
        edit((SIGNAL_FILE, "files: [texts.root]")),
        ["branch 'Jet.PT', needed by 'jet1_pt', holds 'char*', not numbers"],
    ),
    "git_lfs_pointer": (
        edit((SIGNAL_FILE, "files: [lfs.root]")),
        ["lfs.root: it is not a ROOT file; give the ROOT output of Delphes"],
    ),
    "puppi_jets": (
        edit((SIGNAL_FILE, "files: [puppi.root]")),
        ["no branch 'Jet.PT', needed by 'jet1_pt' (nearest: 'JetPUPPI.PT')"],
    ),
    "not_root": (edit((SIGNAL_FILE, "files: [text.root]")), ["text.root"]),
    "empty_file": (edit((SIGNAL_FILE, "files: [empty.root]")), ["empty.root"]),
    "truncated": (
        edit((SIGNAL_FILE, "files: [truncated.root]")),
        ["line 8, processes.spin1:", "truncated.root"],
    ),
    "no_tree": (
        edit((SIGNAL_FILE, "files: [tree.root]")),
        ["no tree 'Delphes' (the file has: other"],
    ),
    "missing_branch": (
        edit((SIGNAL_FILE, "files: [branch.root]")),
        ["no branch 'Jet.PT'", "nearest: 'Jet.PTT'"],
    ),
    "same_file_twice": (
        edit((SIGNAL_FILE, "files: [background.root, signal.root]")),
        [
            "background.root of 'spin1': holds the same events as ",
            "background.root of 'zvv'; a copy",
        ],
    ),
    "signal_twice": (
        edit(("selection:", TWICE)),
        ["line 12, processes.spin1: is named twice"],
    ),
    "zero_bins": (edit(("bins: 10", "bins: 0")), ["line 16, binning.axes.0.bins: 0, expected"]),
    "empty_range": (
        edit(("low: 130", "low: 800")),
        ["line 16, binning.axes.0.low:", "low < high"],
    ),
    "no_signal_strength": (
        edit(("s_over_sqrt_b: [1, 2]", "s_over_b: [0, 0.1]")),
        ["line 20, mixtures.s_over_b: 0, expected finite numbers above 0"],
    ),
    "negative_strength": (
        edit(("s_over_sqrt_b: [1, 2]", "s_over_b: [-0.1]")),
        ["line 20, mixtures.s_over_b: -0.1, expected"],
    ),
    "less_than_one_event": (
        edit(("s_over_sqrt_b: [1, 2]", "s_over_b: [0.001]")),
        ["line 20, mixtures.s_over_b", "the smallest s_over_b with one signal event is 0.25"],
    ),
    "unknown_observable": (
        edit(("observable: jet1_eta", "observable: jet1_etta")),
        ["line 17, binning.axes.1.observable", "nearest: 'jet1_eta'"],
    ),
    "unknown_architecture": (
        edit(("name: mlp", "name: mpl")),
        ["line 22, architectures.0.name", "nearest: 'mlp'"],
    ),
    "unwritable_storage": (
        edit(("STORAGE", "text.root/results")),
        ["line 2, storage:", "cannot be written"],
    ),
    "broken_yaml": (edit(("[1, 2]", "[1, 2")), ["YAML syntax"]),
    "empty_yaml": ("", ["expected a mapping of keys; write one: rayscan init"]),
    "refers_to_itself": ("a: &a [*a]\n", ["line 1, YAML syntax: '*a' stands inside of what"]),
    "nests_too_deep": ("a: " + "[" * 3000, ["nested more than 50 levels deep"]),
    "infinite_seed": (edit(("name: toy", "name: toy\nseed: .inf")), [".inf is no finite number"]),
    "on_as_a_name": (edit(("  spin1:", "  on:")), ["line 8, processes.on", "quote it: 'on'"]),
    "number_as_a_name": (edit(("  spin1:", "  1e3:")), ["processes.1e3", "quote it: '1e3'"]),
    "to_the_base_60": (edit(("bins: 10", "bins: 1:30")), ["found '1:30', expected a whole number"]),
    "a_million_layers": (
        edit(("name: mlp", "{name: mlp, hyperparameters: {layers: 1000000}}")),
        ["line 22, architectures.0.hyperparameters.layers: 1000000 must be at most 100"],
    ),
    "more_bins_than_memory": (edit(("bins: 10", "bins: 1e12")), ["bins: 1e+12, expected at most"]),
    "not_text": ("\0", ["YAML syntax"]),
    "several": (
        edit(("bins: 10", "bins: 0"), ("[1, 2]", "[-1]"), ("name: toy", "nam: toy"), ("mlp", "m")),
        [
            "has 5 problems:",
            "name: missing; this key is required",
            "line 1, nam: unknown key",
            "line 16, binning.axes.0.bins",
            "line 20, mixtures.s_over_sqrt_b",
            "line 22, architectures.0.name",
        ],
    ),
    "several_in_a_list": (
        edit(
            ('["jet1_pt > 130"]', '["jet1_pt >> 1", "jet1_pt > 130", "jet9_p > 1"]'),
            ("[1, 2]", "[-1, 2, 0]"),
            (SIGNAL_FILE, "files: [nowhere.root, signal.root, none.root]"),
        ),
        [
            "has 4 problems:",
            "line 13, selection.cuts.0: 'jet1_pt >> 1': not a cut",
            "line 13, selection.cuts.2: 'jet9_p' is no observable",
            "line 20, mixtures.s_over_sqrt_b: -1, expected",
            "line 20, mixtures.s_over_sqrt_b: 0, expected",
        ],
    ),
    "several_files_of_one": (
        edit((SIGNAL_FILE, "files: [nowhere.root, signal.root, none.root]")),
        ["has 2 problems:", "nowhere.root: no such file", "none.root: no such file"],
    ),
    "several_files": (
        edit((SIGNAL_FILE, "files: [tree.root]"), ("[background.root]", "[nowhere.root]")),
        ["has 2 problems:", "line 6, processes.zvv.files", "line 8, processes.spin1"],
    ),
}


def _odd_files(folder: Path) -> None:
    """What is a file, or a ROOT file, only at first sight."""
    os.mkfifo(folder / "pipe.root")
    (folder / "loop").symlink_to(folder / "again")
    (folder / "again").symlink_to(folder / "loop")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * '0'}\nsize 5431177\n"
    (folder / "lfs.root").write_text(pointer)
    trees = {
        "folder": ("skim/Delphes", {"Jet.PT": np.ones(3), "Jet.Eta": np.ones(3)}),
        "texts": ("Delphes", {"Jet.PT": ak.Array(["1", "2"]), "Jet.Eta": ak.Array([1.0, 2.0])}),
        "puppi": ("Delphes", {"JetPUPPI.PT": np.ones(3), "JetPUPPI.Eta": np.ones(3)}),
    }
    for name, (tree, leaves) in trees.items():
        with uproot.recreate(folder / f"{name}.root") as file:
            types = {n: v.type.content if isinstance(v, ak.Array) else v for n, v in leaves.items()}
            file.mktree(tree, types)
            file[tree].extend(leaves)
    with uproot.recreate(folder / "rntuple.root") as file:
        file.mkrntuple("Delphes", {"x": np.ones(3)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound and broken input files, and a scan file for every case."""
    folder = tmp_path_factory.mktemp("bad")
    for seed, (name, process) in enumerate(
        (("background", "znunu_jet"), ("signal", "spin1_on")), start=1
    ):
        recipe = Generate(process=process, events=50, source="density")
        generate(recipe, path=folder / f"{name}.root", seed=seed)
    (folder / "directory.root").mkdir()
    (folder / "text.root").write_text("not a ROOT file\n" * 100)
    (folder / "empty.root").touch()
    whole = (folder / "signal.root").read_bytes()
    (folder / "truncated.root").write_bytes(whole[: len(whole) // 2])
    with uproot.recreate(folder / "tree.root") as file:
        file.mktree("other", {"x": np.ones(3)}).extend({"x": np.ones(3)})
    with uproot.recreate(folder / "branch.root") as file:
        leaves = {"Jet.PTT": np.ones(3), "Jet.Eta": np.ones(3)}
        file.mktree("Delphes", leaves).extend(leaves)
    _odd_files(folder)
    for name, (text, _) in CASES.items():
        (folder / f"{name}.yaml").write_text(text.replace("STORAGE", "results"))
    (folder / "sound.yaml").write_text(SCAN.replace("STORAGE", "results"))
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, list[Any]]:
    """Exit code, output and complaints of `rayscan check` of every case."""
    paths = [f"{name}.yaml" for name in (*CASES, "sound", "absent")]
    command = [sys.executable, "-c", RUN, *paths]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_in_one_clear_message(answers, case):
    code, _, complaint = answers[f"{case}.yaml"]
    assert code == 2
    assert complaint.startswith(f"rayscan: {case}.yaml has ")
    assert "Traceback" not in complaint
    for part in CASES[case][1]:
        assert part in complaint


def test_sound_input_has_no_problem(answers):
    code, said, complaint = answers["sound.yaml"]
    assert (code, complaint) == (0, "")
    assert "zvv: 1 files, 50 events" in said
    assert "next: rayscan plan sound.yaml" in said


def test_a_scan_file_that_is_not_there_is_bad_input(answers):
    code, _, complaint = answers["absent.yaml"]
    assert code == 2
    assert "No such file" in complaint


def test_the_installed_command_itself_answers_so(folder):
    command = Path(sys.executable).with_name("rayscan")
    called = [command, "check", "zero_bins.yaml"]
    done = subprocess.run(called, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "binning.axes.0.bins: 0" in done.stderr


HEAVY = ("ray", "optuna", "tensorflow", "keras", "sklearn", "pyhf")
IMPORTED = """
import sys
sys.argv = ["rayscan", *sys.argv[1:]]
from rayscan.cli import app as cli
try:
    cli.main()
except SystemExit as stop:
    code = stop.code
heavy = [name for name in {heavy!r} if name in sys.modules]
print("HEAVY", heavy, code)
"""


@pytest.mark.parametrize("arguments", [("--help",), ("check", "sound.yaml")])
def test_help_and_check_import_nothing_heavy(folder, arguments):
    called = [sys.executable, "-c", IMPORTED.format(heavy=HEAVY), *arguments]
    done = subprocess.run(called, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "HEAVY [] 0", done.stderr
