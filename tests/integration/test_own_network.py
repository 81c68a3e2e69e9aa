"""The page `docs/your_network.md` as a user follows it: file, scan, results without the file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from small_scan import SCAN, Silent

from rayscan.cluster.run import run_scan
from rayscan.results.read import read_tables
from rayscan.scan.config.file import load_scan
from rayscan.scan.steps.stored import load_classifier

PAGE = Path(__file__).parents[2] / "docs" / "your_network.md"


def test_a_network_of_a_users_own_is_trained_tested_and_stored_with_its_file(tmp_path, cache):
    text = PAGE.read_text("utf-8")
    code, choices = (re.findall(rf"```{k}\n(.*?)```", text, re.S)[0] for k in ("python", "yaml"))
    small = SCAN.format(storage=tmp_path / "results", cache=cache, strength="highest", workers=1)
    small = re.sub(r"architectures:\n(  - .*\n)*", "", small).replace("repeats: 2", "repeats: 1")
    small = small.replace("limits: {", "limits: {methods: [score], ")
    (tmp_path / "mine.py").write_text(code)
    (tmp_path / "scan.yaml").write_text(small + choices)
    config = load_scan(tmp_path / "scan.yaml")
    (tmp_path / "mine.py").unlink()

    run_scan(config, reporter=Silent())

    tables = read_tables(config.storage)
    trials = tables.trials[tables.trials["architecture"] == "mine"]
    assert set(trials["status"]) == {"ok"}
    assert len(trials) == 2
    auc = tables.auc[tables.auc["label"] == "mine"]
    own = auc[auc["train_benchmark"] == auc["test_benchmark"]]
    assert len(auc) > len(own)
    # Of 800 histograms a class chance has sigma 1/sqrt(12) sqrt(2/800) = 0.014 around 0.5.
    assert own["auc"].max() > 0.5 + 5 * 0.014
    assert set(tables.limits["label"]) >= {"mine"}
    facts = tables.provenance.set_index("name")["value"]
    assert facts["mine.py:MyNet"].startswith("BLAKE2b ")
    stored = load_classifier(config.storage, trials["trial"].iloc[0])
    assert np.isfinite(stored.classifier.scores(np.ones((3, 60)))).all()
