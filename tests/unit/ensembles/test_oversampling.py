"""SMOTE: what is made lies between real neighbours, each equally often."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.ensembles.oversampling import NEIGHBOURS, smote
from rayscan.seeds import stream


def test_synthetic_events_lie_between_an_event_and_one_of_its_nearest():
    """Against all distances, written out; features of very different widths."""
    rows = stream(1, "rows").normal(size=(40, 3)) * [1.0, 100.0, 0.01]
    made = smote(stream(2, "smote"), rows.astype(np.float32), 500)
    seen = rows / rows.std(axis=0)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    near = np.argsort(apart, axis=1)[:, 1 : NEIGHBOURS + 1]
    pairs = {(i, int(j)) for i in range(40) for j in near[i]}
    found = set()
    for each in made / rows.std(axis=0):
        along = {}
        for i, j in pairs:
            way = seen[j] - seen[i]
            t = float((each - seen[i]) @ way / (way @ way))
            along[i, j] = np.linalg.norm(each - seen[i] - t * way) if 0 <= t <= 1 else np.inf
        best = min(along, key=along.__getitem__)
        assert along[best] < 1e-4
        found.add(best)
    assert len(found) > len(pairs) / 2


def test_absent_objects_stay_absent_and_too_few_events_are_refused():
    rows = stream(1, "rows").normal(size=(30, 2)).astype(np.float32)
    rows[:15, 1] = np.nan
    made = smote(stream(2, "smote"), rows, 300)
    assert np.isfinite(made[:, 0]).all()
    assert 0 < np.isnan(made[:, 1]).sum() < 300
    with pytest.raises(ValueError, match="more than 5 events, found 5"):
        smote(stream(2, "smote"), rows[:5], 10)
