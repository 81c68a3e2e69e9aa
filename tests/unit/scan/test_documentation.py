"""Every example of the documentation does what it says: Python runs, YAML and commands are read."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from rayscan.cli.app import app
from rayscan.results.ledger import Ledger
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.study import parse_study

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, text) for page in PAGES for kind, text in BLOCK.findall(page.read_text("utf-8"))]


def blocks(kind):
    return [text for found, text in BLOCKS if found == kind]


ENSEMBLES = BLOCK.findall((ROOT / "docs" / "ensembles.md").read_text("utf-8"))


def is_run(text):
    """Whether an example needs Ray: tests/integration runs it."""
    return "rayscan.run(" in text or ("python", text) in ENSEMBLES


def write(tables, folder):
    for name in LAYOUTS:
        frame = getattr(tables, name)
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        Ledger(str(folder)).commit(name, "all", rows)
    Ledger(str(folder)).publish()


def test_python_runs(fake, fake_scan, tmp_path, monkeypatch):
    """In the order of the text, on the tables of a scan with the names of the quickstart."""
    scan = fake_scan(
        benchmarks={"spin0": 0.9, "spin1": 1.2, "spin2": 1.1},
        architectures={"mlp": 0.9, "linear_svm": 0.95},
        strengths=(0.5, 1.0, 2.0, 4.0),
        repeats=2,
        luminosities=(1.0,),
    )
    tables = fake(scan)
    monkeypatch.chdir(tmp_path)
    for place in ("quickstart", "monojet", "monojet/variants/bins-5"):
        write(tables, tmp_path / "results" / place)
    assert len(blocks("python")) >= 2
    names: dict[str, object] = {}
    for text in itertools.filterfalse(is_run, blocks("python")):
        for node in ast.parse(text).body:
            code = ast.unparse(node)
            if isinstance(node, ast.Expr):
                assert len(eval(code, names)), code
            else:
                exec(code, names)


SCAN = {
    "name": "documented",
    "storage": "results",
    "processes": {
        "zvv": {"role": "background", "files": ["zvvj.root"], "cross_section": 105.8},
        "spin1": {"role": "signal", "files": ["spin1.root"], "cross_section": 0.0233},
    },
    "selection": {"cuts": ["jet1_pt > 130"]},
    "binning": {
        "axes": [
            {"observable": "jet1_pt", "bins": 30, "low": 130, "high": 2000},
            {"observable": "jet1_eta", "bins": 30, "low": -4, "high": 4},
        ]
    },
    "mixtures": {"background": 50000, "s_over_sqrt_b": [1, 2]},
    "architectures": [{"name": "mlp"}, {"name": "cnn"}],
}


def test_yaml_is_a_scan_file_or_a_manifest(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "your_network.md").read_text("utf-8")
    (tmp_path / "mine.py").write_text(BLOCK.findall(page)[0][1])
    monkeypatch.chdir(tmp_path)
    read = 0
    for text in blocks("yaml"):
        found = yaml.safe_load(text)
        if "apiVersion" in found:
            assert {"kind", "metadata", "spec"} <= set(found)
            continue
        study = parse_study(yaml.safe_dump(SCAN | found, sort_keys=False))
        assert set(study.variants) == set(found.get("variants", {}))
        read += 1
    assert read >= 2


def commands():
    """Every line of a bash block that calls rayscan, without comments and what comes before."""
    for text in blocks("bash"):
        for line in text.splitlines():
            for part in re.split(r"&&|;", line):
                words = shlex.split(part, comments=True)
                if words[:1] == ["rayscan"]:
                    yield words[1:]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_commands_are_known_to_the_command_line(words):
    command, rest = get_command(app), list(words)
    while hasattr(command, "commands"):
        name, *rest = rest
        assert name in command.commands
        command = command.commands[name]
    command.make_context(name, rest).close()


def test_named_files_of_the_repository_are_there():
    for page in PAGES:
        for name in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / name).exists(), (page.name, name)
