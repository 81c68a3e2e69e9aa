"""Cores and memory this process may use: on a batch system less than the machine has."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MINE = Path("/proc/self/cgroup")


def allowed_cores(cgroups: Path = _CGROUPS, mine: Path = _MINE) -> int:
    """Cores of the affinity mask, or of the CPU quota of a control group if that is less.

    Args:
        cgroups: Where control groups are mounted (version 2, or 1 with the controller ``cpu``).
        mine: The file that names those of this process.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(cgroups, mine))]))


def _quotas(cgroups: Path, mine: Path) -> Iterator[float]:
    """CPU quotas [cores] of the control groups of this process and of those they lie in."""
    groups = mine.read_text().splitlines() if mine.is_file() else []
    for line in groups:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / controllers
        lowest = root / name.lstrip("/")
        for folder in (lowest, *lowest.parents):
            yield from _quota(folder)
            if folder == root:
                break


def _quota(group: Path) -> Iterator[float]:
    """Quota over period of one control group, if it has any."""
    two, one = group / "cpu.max", group / "cpu.cfs_quota_us"
    if two.is_file():
        quota, period = two.read_text().split()
        if quota != "max":
            yield int(quota) / int(period)
    elif one.is_file() and (quota_us := int(one.read_text())) > 0:
        yield quota_us / int((group / "cpu.cfs_period_us").read_text())


def memory_here() -> int:
    """Memory of this machine [bytes], or what a container or batch system leaves of it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int((_CGROUPS / "memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such group, or the word max
        return physical
