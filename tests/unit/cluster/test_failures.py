"""Errors of workers come back as ours, whatever Ray wrapped around them."""

from __future__ import annotations

import pytest
from ray.exceptions import RayTaskError

from rayscan.cluster.failures import cause, ours
from rayscan.errors import PoolExhaustedError, WeightError

ERROR = PoolExhaustedError(pool="zvv (test)", available=10, needed=20)


def report(error: Exception) -> RayTaskError:
    return RayTaskError("task", "a long traceback", error)


def test_the_cause_is_found_through_every_layer() -> None:
    wrapped = RuntimeError("of Ray Data")
    wrapped.__cause__ = report(ERROR)
    assert cause(report(wrapped)) is ERROR
    assert cause(RuntimeError("of nobody")) is None


def test_a_worker_s_error_is_raised_itself() -> None:
    with pytest.raises(PoolExhaustedError) as raised, ours():
        raise report(ERROR).as_instanceof_cause()
    assert raised.value is ERROR
    assert "traceback" not in str(raised.value)


def test_an_error_of_ours_on_this_side_stays_what_it_is() -> None:
    mine = WeightError(process="zvv", why="negative weights")
    with pytest.raises(WeightError) as raised, ours():
        raise mine
    assert raised.value is mine


def test_an_error_that_is_not_ours_is_not_hidden() -> None:
    with pytest.raises(RayTaskError), ours():
        raise report(ZeroDivisionError("bug"))
