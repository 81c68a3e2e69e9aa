"""What fakes how much on items: the recipe of jobs/item_leakage.py with items of 50 events.

    OMP_NUM_THREADS=1 python -m pytest tests/truth/test_item_leakage.py -m slow -s

The ceiling is exact, so that what lies above it by four of its errors has seen more than events.
"""

from __future__ import annotations

import item_leakage
import pytest

pytestmark = pytest.mark.slow

SIGMA = 4.0
STUDY = item_leakage.Study(
    events=50,
    shift=2.0,
    items=1000,
    test=1000,
    epochs=30,
    units=32,
    background_pool=2000,
    signal_pool=60,
    synthetic=2000,
)


@pytest.fixture(scope="module")
def rows():
    found = item_leakage.table(STUDY, tuple(item_leakage.arrangements(STUDY)))
    return dict(list(found.groupby("arrangement")))


@pytest.mark.parametrize("honest", ["set", "shuffled", "smote"])
def test_nothing_blind_to_order_is_above_the_exact_ceiling(rows, honest):
    assert (rows[honest]["over_exact_ceiling_sigma"] < SIGMA).all()
    assert (rows[honest]["artefacts"] == "").all()
    assert not rows[honest]["leakage_flag"].any()


@pytest.mark.parametrize("faked", ["last", "shared"])
def test_fixed_places_and_shared_events_are_above_it_and_flagged(rows, faked):
    assert rows[faked]["over_exact_ceiling_sigma"].max() > SIGMA
    assert (rows[faked]["auc"] > rows[faked]["auc_unseen"]).all()
    assert rows[faked]["leakage_flag"].any()


def test_artefacts_are_labelled_and_flagged_in_every_row(rows):
    for name, label in (
        ("last", "signal in fixed places"),
        ("smote_before", "SMOTE before the split"),
    ):
        assert (rows[name]["artefacts"] == label).all()
        assert rows[name]["leakage_flag"].all()
        assert (rows[name]["auc"] > rows[name]["auc_unseen"]).all()
    assert (rows["shared"]["pool_mode"] == "shared_pool").all()
