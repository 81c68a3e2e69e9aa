"""How much of the published AUC is leakage: large from small shared pools, none from disjoint ones.

    OMP_NUM_THREADS=1 python -m pytest tests/truth/test_leakage.py -m slow -s

The recipe of jobs/leakage.py at one strength and two pool sizes. With half of its histograms and
epochs the network does not get far enough to use what the shared pool gives away: the leakage at
25,000 events was then 0.03 and not 0.10.
"""

from __future__ import annotations

import leakage
import pytest

pytestmark = pytest.mark.slow

SIGMA = 5.0
REDUCED = {"strengths": (1.0,)}


def row(size, **changes):
    found = leakage.table(leakage.Study(**REDUCED | changes), [size]).iloc[0]
    print(f"\n{leakage._line(found)}")  # noqa: T201
    return found


@pytest.fixture(scope="module")
def small():
    return row(25_000)


def test_a_small_shared_pool_gives_away_what_no_other_pool_confirms(small):
    assert small.leakage > SIGMA * small.leakage_error
    assert small.auc_shared > small.auc_true_ceiling + SIGMA * small.auc_error_shared
    # the ceiling is one of unseen events: not lifted by what the shared pool gives away
    error = small.auc_total_error_elsewhere
    assert abs(small.auc_ceiling_shared - small.auc_true_ceiling) < SIGMA * error
    assert small.leakage_flag_shared


def test_what_is_left_elsewhere_is_below_the_ceiling(small):
    for kind in ("elsewhere", "disjoint"):
        error = small[f"auc_total_error_{kind}"]
        assert small[f"auc_{kind}"] < small.auc_true_ceiling + SIGMA * error
    assert not small.leakage_flag_disjoint


def test_the_leakage_is_gone_with_large_pools():
    """Pool noise adds S^2/B sum Var(p_s - p_b)/p_b to d'^2: it falls as 1/N.

    From 25,000 to 1.5 million events that is a factor of 60 below a leakage of at most 0.13.
    """
    large = row(1_500_000)
    assert abs(large.leakage) < SIGMA * large.leakage_error + 0.13 / 60
    assert not large.leakage_flag_disjoint


def test_a_signal_that_is_background_is_at_one_half_with_disjoint_pools():
    null = row(25_000, signal="null_signal")
    assert abs(null.auc_disjoint - 0.5) < SIGMA * null.auc_total_error_disjoint
    assert abs(null.auc_elsewhere - 0.5) < SIGMA * null.auc_total_error_elsewhere
