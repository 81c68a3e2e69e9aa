"""What a user writes, as mypy sees it: every public name has its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

import numpy as np
import numpy.typing as npt
import pandas as pd

import rayscan


def notebook(keys: dict[str, object]) -> float:
    """All public names, used as a user does."""
    scan = assert_type(rayscan.load_scan(keys), rayscan.Scan)
    checked = rayscan.check("scan.yaml", storage="results", workers=2)
    assert_type(checked.events, Mapping[str, int])
    assert_type(checked.cautions, tuple[str, ...])
    planned = rayscan.plan(scan, calibrate=True)
    assert_type(planned.trainings, int)
    tables = rayscan.run(scan, storage="s3://bucket/scan", address="auto", variants=["base"])
    assert_type(tables.auc, pd.DataFrame)
    assert_type(rayscan.read_study("results").auc, pd.DataFrame)
    assert_type(rayscan.read_tables("results").matrix(strength=1.0), pd.DataFrame)
    classifier = rayscan.load_classifier("results", "1a2b")
    scores = classifier.scores(classifier.events("new.root"))
    assert_type(scores, npt.NDArray[np.float64])
    return planned.seconds + planned.memory
