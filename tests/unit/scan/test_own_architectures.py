"""An architecture of a scan's own: read from its file once, carried, checked, known by its text."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toy_scan import make_config, make_pools, train_all

from rayscan.cluster.submit import pack, shippable
from rayscan.errors import ConfigError
from rayscan.models.architectures.registry import load
from rayscan.scan.checking import check
from rayscan.scan.config.file import load_scan, parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.scan import ArchitectureChoice
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.plan.provenance import _own

MINE = '''\
"""The mean difference of two classes."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.linear import LinearArchitecture, LinearKnobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs(LinearKnobs):
    """Those of linear models."""


class Mine(LinearArchitecture[Knobs]):
    name = "mine"
    knobs = Knobs
    learns = "two classes"

    def work(self, values, shape, examples):
        return Work(training=2e-9 * examples * math.prod(shape), row=reading(math.prod(shape)))

    def fit(self, drawn, values, seed):
        null, signal = (drawn.x[drawn.labels == label].mean(axis=0) for label in (0, 1))
        return (signal - null)[:, None], np.zeros(1)


class Partly(LinearArchitecture[Knobs]):
    name = "mine"
    knobs = Knobs
    learns = "two classes"


class Other: ...
'''
SCAN = """\
name: toy
storage: s3://bucket/toy
processes:
  b: {role: background, generate: {process: znunu_jet, events: 1000, source: density}}
  s: {role: signal, generate: {process: spin1_on, events: 1000, source: density}}
binning: {axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]}
mixtures: {background: 100, s_over_sqrt_b: [1, 2]}
architectures:
  - {name: likelihood_ratio}
  - {name: mine, from: "own/mine.py:Mine", hyperparameters: {draws: 2}}
"""


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(MINE)
    (tmp_path / "scan.yaml").write_text(SCAN)
    return tmp_path / "scan.yaml"


def test_the_text_of_its_file_is_part_of_the_scan(scan, tmp_path):
    config = load_scan(scan)
    choice = config.architectures[1]
    assert choice.origin == ("own/mine.py:Mine", MINE)
    assert choice.architecture is load_scan(scan).architectures[1].architecture
    (tmp_path / "own" / "mine.py").unlink()
    stored = dump(config)
    assert "from: own/mine.py:Mine" in stored
    assert parse_scan(stored) == config
    (row,) = _own(config)
    assert (row["kind"], row["name"]) == ("code", "own/mine.py:Mine")
    changed = replace(config, architectures=(replace(choice, code=MINE + "\n"),))
    assert next(_own(changed))["value"] != row["value"]


def test_another_text_is_another_trial_and_others_keep_their_keys(scan):
    def keys(config):
        plan = points(config, mixtures(config))
        packs = fixed_packs(config, plan, fingerprint="pools")
        return {m.point.choice.name: m.key for pack in packs for m in pack}

    first = keys(load_scan(scan))
    (scan.parent / "own" / "mine.py").write_text(MINE.replace("mean diff", "mean Diff"))
    second = keys(load_scan(scan))
    assert first["mine"] != second["mine"]
    assert first["likelihood_ratio"] == second["likelihood_ratio"]
    scan.write_text(SCAN.replace("{name: mine, from", "{name: linear_svm} #"))
    assert keys(load_scan(scan))["likelihood_ratio"] == first["likelihood_ratio"]


@pytest.mark.parametrize(
    ("said", "text", "why"),
    [
        ("absent.py:Mine", MINE, "'absent.py' cannot be read (No such file or directory); "),
        ("own/mine.py", MINE, "found 'own/mine.py', expected a file beside the scan file and its"),
        ("own/mine.py:None_", MINE, "'mine': own/mine.py has no class 'None_'"),
        ("own/mine.py:Other", MINE, "Other'> is no Architecture"),
        ("own/mine.py:Partly", MINE, "'mine': it does not say its fit, work"),
        ("own/mine.py:Mine", MINE.replace('"mine"', '"other"'), "it calls itself 'other'; give bo"),
        ("own/mine.py:Mine", MINE + "import nothing_such\n", ", line 38: ModuleNotFoundError: No"),
        ("own/mine.py:Mine", MINE + "raise SystemExit(3)\n", "own/mine.py, line 38: SystemExit: 3"),
        ("own/mine.py:Mine", MINE + "def f(:\n", "own/mine.py, line 38: SyntaxError: "),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_at_its_line(scan, said, text, why):
    (scan.parent / "own" / "mine.py").write_text(text)
    scan.write_text(SCAN.replace("own/mine.py:Mine", said))
    with pytest.raises(ConfigError) as caught:
        load_scan(scan)
    (problem,) = caught.value.problems
    assert (problem.line, problem.where) == (10, "architectures.1.from")
    assert why in problem.what


def test_a_name_of_ours_and_an_unknown_key_are_refused(scan):
    scan.write_text(SCAN.replace("name: mine", "name: mlp"))
    with pytest.raises(ConfigError, match="'mlp' is an architecture already"):
        load_scan(scan)
    scan.write_text(SCAN.replace("from:", "code:"))
    with pytest.raises(ConfigError, match=r"1\.code: the text of the file that 'from' names"):
        load_scan(scan)
    scan.write_text(SCAN.replace('"own/mine.py:Mine"', "[mine.py]"))
    with pytest.raises(ConfigError, match=r"1\.from: found \['mine.py'\], expected a string"):
        load_scan(scan)
    scan.write_text(SCAN.replace("from:", "from_:"))
    with pytest.raises(ConfigError, match=r"unknown key \(nearest: 'from'\)"):
        load_scan(scan)


def test_it_is_shipped_where_it_lies_below_the_scan_file(scan, tmp_path):
    shippable(scan)
    (tmp_path / "job").mkdir()
    pack(scan, tmp_path / "job")
    assert load_scan(tmp_path / "job" / "scan.yaml") == load_scan(scan)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "scan.yaml").write_text(SCAN.replace("own/mine", "../own/mine"))
    with pytest.raises(ConfigError, match=r"architectures\.1\.from: '\.\./own/mine\.py' is above"):
        shippable(tmp_path / "deep" / "scan.yaml")


READ = """
import sys
from rayscan.models.architectures.registry import load
from pathlib import Path
print(type(load(Path(sys.argv[1]))).__name__)
"""


def test_what_is_trained_is_loaded_where_its_file_is_not(tmp_path):
    choice = ArchitectureChoice(name="mine", from_="mine.py:Mine", code=MINE)
    _, rows, _ = train_all(make_config(architectures=(choice,)), make_pools(), tmp_path)
    assert {row["status"] for row in rows} == {"ok"}
    folder = tmp_path / "classifiers" / rows[0]["trial"]
    assert load(folder).architecture == "mine"
    command = [sys.executable, "-c", READ, str(folder)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "LinearClassifier\n"


CHECK = """
import sys
from rayscan import plan
plan(sys.argv[1])
print([m for m in ("tensorflow", "keras", "ray") if m in sys.modules])
"""


@pytest.fixture
def with_keras(scan):
    """The scan, with the network of the page; and its text."""
    page = Path(__file__).parents[3] / "docs" / "your_network.md"
    text = page.read_text("utf-8").split("```python\n")[1].split("```")[0]
    (scan.parent / "mine.py").write_text(text)
    two = "high: 800}, {observable: jet1_eta, bins: 6, low: -4, high: 4}]"
    written = SCAN.replace("high: 800}]", two).replace("s3://bucket/toy", "results")
    written = written.replace('"own/mine.py:Mine", hyperparameters: {draws: 2}', "mine.py:MyNet")
    scan.write_text(written)
    return scan, text


def test_a_keras_model_is_checked_and_planned_without_keras(with_keras):
    scan, text = with_keras
    loud = text.replace("layers.Flatten()", "*[print('!'), layers.Flatten()][1:]")
    (scan.parent / "mine.py").write_text(loud)
    command = [sys.executable, "-c", CHECK, str(scan)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        ("print('!'), layers.Dropout(0.1)", "keep a state between batches"),
        ("layers.Convolution(3)", "cannot be built: AttributeError: .*'Convolution'"),
    ],
)
def test_a_keras_model_that_cannot_be_trained_is_refused_before_anything_is_read(
    with_keras, layer, why
):
    scan, text = with_keras
    (scan.parent / "mine.py").write_text(
        text.replace("layers.Flatten()", f"*[{layer}][-1:], layers.Flatten()")
    )
    with pytest.raises(ConfigError, match=f"line 10, architectures.1: 'mine': .*{why}"):
        check(scan)
