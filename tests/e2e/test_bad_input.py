"""Bad input through the real command line: one clear message, exit code 2, before compute."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import uproot

from rayscan.events.generate import Generate, generate

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
  background: 100
  s_over_sqrt_b: [1, 2]
architectures:
  - name: mlp
"""

RUN = """
import contextlib, io, json, sys
from rayscan import cli

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
        edit(("background: 100", "background: many")),
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
        ["line 20, mixtures.s_over_b.0: -0.1, expected at least 0"],
    ),
    "less_than_one_event": (
        edit(("s_over_sqrt_b: [1, 2]", "s_over_b: [0.001]")),
        ["line 20, mixtures.s_over_b", "the smallest s_over_b with one signal event is 0.01"],
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
    "several_files": (
        edit((SIGNAL_FILE, "files: [tree.root]"), ("[background.root]", "[nowhere.root]")),
        ["has 2 problems:", "line 6, processes.zvv.files", "line 8, processes.spin1"],
    ),
}


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
    for name, (text, _) in CASES.items():
        (folder / f"{name}.yaml").write_text(text.replace("STORAGE", "results"))
    (folder / "sound.yaml").write_text(SCAN.replace("STORAGE", "results"))
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, list]:
    """Exit code, output and complaints of `rayscan check` of every case."""
    paths = [f"{name}.yaml" for name in (*CASES, "sound", "absent")]
    command = [sys.executable, "-c", RUN, *paths]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


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
from rayscan import cli
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
