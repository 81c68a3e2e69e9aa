"""A scan file that is submitted names only places that the cluster reaches, variants included."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayscan.cluster.submit import shippable
from rayscan.errors import ConfigError

TEXT = """\
name: toy
storage: s3://bucket/toy
processes:
  bkg: {role: background, files: ["s3://bucket/b.root"], cross_section: 1}
  sig: {role: signal, files: [/nfs/s.root], cross_section: 1}
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800}
mixtures: {background: 100, s_over_sqrt_b: [1, 2]}
architectures: [{name: logistic_regression}]
variants:
  bins: {binning: {axes: {jet1_pt: {bins: 5}}}}
  parton: {processes: {sig: {files: [parton.root]}}}
"""


def test_the_scan_is_what_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "scan.yaml").write_text(TEXT.replace("parton.root", "/nfs/parton.root"))
    assert shippable(tmp_path / "scan.yaml").storage == "s3://bucket/toy"


def test_a_relative_path_of_a_variant_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "scan.yaml").write_text(TEXT)
    with pytest.raises(ConfigError) as caught:
        shippable(tmp_path / "scan.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.where) == (13, "variants.parton.processes.sig.files")


def test_what_variants_share_with_the_scan_is_said_once(tmp_path: Path) -> None:
    text = TEXT.replace("/nfs/s.root", "s.root").replace("s3://bucket/toy", "results/toy")
    (tmp_path / "scan.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        shippable(tmp_path / "scan.yaml")
    assert [(p.line, p.where) for p in caught.value.problems] == [
        (2, "storage"),
        (5, "processes.sig.files"),
        (13, "variants.parton.processes.sig.files"),
    ]
