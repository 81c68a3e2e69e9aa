"""`rayscan.run` on real Ray: the example of the README, mappings, scans that stopped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ray
import yaml
from uproot import open as opened

import rayscan
from rayscan.errors import VariantsStoppedError

ROOT = Path(__file__).parents[2]
TEXT = """
name: documented
storage: results/first
processes:
  znunu: {role: background, generate: {process: znunu_jet, events: 12000, source: density}}
  spin1: {role: signal, generate: {process: spin1_on, events: 6000, source: density}}
selection:
  cuts: [jet1_pt > 150]
binning:
  axes: [{observable: jet1_pt, bins: 8, low: 130, high: 800, scale: log, overflow: last}]
mixtures: {background: 200, s_over_sqrt_b: [2]}
ensembles: {train: 200, validation: 100, test: 200}
architectures: [{name: logistic_regression, hyperparameters: {draws: 1}}]
training: {repeats: 1}
limits: {luminosity: [1], methods: [template], referee: 0}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scan.yaml").write_text(f"{TEXT}cache: {cache}\n")


def test_the_example_of_the_readme_runs(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(
        r"## In a notebook\n\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    names: dict[str, Any] = {}
    before, after = example.split("classifier = ")
    exec(before, names)
    Path("new.root").symlink_to(next(cache.glob("generated/spin1-*/*.root")))
    exec(f"classifier = {after}", names)
    assert ray.is_initialized()  # it was there before
    said = capsys.readouterr().out
    assert "train: 1 classifiers in" in said
    # Ray colours who speaks where it repeats what its workers say.
    ours = [line for line in said.splitlines() if not re.match(r"\x1b\[\d+m\(", line)]
    assert not [line for line in ours if "\x1b" in line]
    tables, again = names["tables"], names["again"]
    pd.testing.assert_frame_equal(tables.auc, rayscan.read_tables("results/first").auc)
    assert not again.auc["auc"].equals(tables.auc["auc"])
    classifier = names["classifier"]
    events = classifier.events("new.root")
    with opened("new.root") as file:
        assert 0 < len(events) < file["Delphes"].num_entries
    assert classifier.scores(events) == classifier.classifier.scores(
        classifier.scan.binning.counts(events)[None]
    )


def test_a_mapping_runs_and_a_variant_that_cannot_is_raised_after_the_others() -> None:
    keys = yaml.safe_load(Path("scan.yaml").read_text())
    keys["variants"] = {"empty": {"selection": {"cuts": ["jet1_pt > 1e9"]}}}
    with pytest.raises(VariantsStoppedError, match=r"1 of the scans in .*\n  - empty: ") as caught:
        rayscan.run(keys, workers=1)
    assert list(caught.value.why) == ["empty"]
    only = rayscan.run(keys, workers=1, variants=["base"])
    assert "variant" not in only.auc
    pd.testing.assert_frame_equal(only.auc, rayscan.read_tables("results/first").auc)
