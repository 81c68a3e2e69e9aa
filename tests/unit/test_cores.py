"""Cores a batch system allows, by affinity and by control group."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rayscan.cores import allowed_cores


@pytest.fixture
def cores() -> int:
    return len(os.sched_getaffinity(0))


def test_without_limits_it_is_the_affinity(tmp_path, cores):
    assert allowed_cores(tmp_path, tmp_path / "none") == cores


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
def test_a_process_bound_to_one_core_has_one():
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from rayscan.cores import allowed_cores; print(allowed_cores())"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert answer.stdout.strip() == b"1"


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", None), ("100000 100000", 1), ("20000 100000", 1)]
)
def test_the_quota_of_an_outer_group_counts(tmp_path, cores, quota, expected):
    """As SLURM has it: the job's group limits the step's, which says nothing (version 2)."""
    step = tmp_path / "job" / "step"
    step.mkdir(parents=True)
    (step / "cpu.max").write_text("max 100000\n")
    (tmp_path / "job" / "cpu.max").write_text(f"{quota}\n")
    mine = tmp_path / "cgroup"
    mine.write_text("0::/job/step\n")
    assert allowed_cores(tmp_path, mine) == (expected or cores)


def test_the_quota_of_version_1_counts(tmp_path):
    group = tmp_path / "cpu,cpuacct" / "job"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("50000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    mine = tmp_path / "cgroup"
    mine.write_text("4:memory:/job\n3:cpu,cpuacct:/job\n")
    assert allowed_cores(tmp_path, mine) == 1
