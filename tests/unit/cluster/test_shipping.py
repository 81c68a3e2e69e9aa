"""What is shipped with a submitted scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayscan.cluster.submit import pack, shippable
from rayscan.errors import ConfigError
from rayscan.scan.config.file import load_scan

OWN = Path(__file__).parents[3] / "jobs" / "recipes.yaml"
SCAN = """
name: own
storage: s3://bucket/own
processes:
  bkg: {role: background, generate: {process: znunu_jet, events: 10, source: density}}
  sig: {role: signal, generate: {process: spin1_on_2tev, events: 10, recipes: RECIPES}}
binning: {axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]}
mixtures: {background: 2000, s_over_sqrt_b: [1]}
architectures: [{name: likelihood_ratio}]
"""


def test_recipes_are_shipped_with_the_scan_that_names_them(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.yaml").write_text(OWN.read_text())
    scan = tmp_path / "scan.yaml"
    scan.write_text(SCAN.replace("RECIPES", "mine/own.yaml"))
    there = tmp_path / "there"
    there.mkdir()
    pack(scan, there)
    assert load_scan(there / "scan.yaml") == shippable(scan)


def test_recipes_above_the_scan_are_refused(tmp_path):
    (tmp_path / "own.yaml").write_text(OWN.read_text())
    scan = tmp_path / "below" / "scan.yaml"
    scan.parent.mkdir()
    scan.write_text(SCAN.replace("RECIPES", "../own.yaml"))
    with pytest.raises(ConfigError, match=r"line 6.*put it beside the scan file"):
        shippable(scan)
