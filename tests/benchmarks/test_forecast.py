"""What `rayscan plan` says of whole runs, beside the CPU time of their processes.

    python -m pytest tests/benchmarks/test_forecast.py -m slow

Minutes, on a machine that does nothing else. The constants of `rayscan/scan/cost` are from here:
what they say of every stage is beside what it took.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest

import rayscan
from rayscan import yaml_text
from rayscan.results.names import BASE
from rayscan.scan.config.study import load_study
from rayscan.scan.cost.stages import stages
from rayscan.scan.cost.study import workloads
from rayscan.scan.pools.inputs import open_each

JOBS = Path(__file__).parents[2] / "jobs"
_TICK = os.sysconf("SC_CLK_TCK")
_STAGE = re.compile(r"(?P<name>[a-z -]+): [0-9,/]+ [a-z ]+ in [0-9.]+ s")


def quickstart():
    """Parton-level Pythia, two architectures, all limits."""
    return yaml_text.load((JOBS / "quickstart.yaml").read_text())


def monojet():
    """The small monojet study: fewer models, strengths and repeats, all kinds of heads."""
    scan = yaml_text.load((JOBS / "monojet-small.yaml").read_text())
    for name in ("spin0_off", "spin0_ps", "spin1_off", "spin1_ps", "spin2_off", "spin2_ps"):
        del scan["processes"][name]
    del scan["variants"]
    scan["mixtures"]["s_over_sqrt_b"] = [0.5, 1, 2, 5]
    return scan | {"training": {"strength": "highest", "repeats": 1}}


def variants():
    """Variants of the small monojet study with one signal and dense networks."""
    scan = yaml_text.load((JOBS / "monojet-small.yaml").read_text())
    kept = ("each", "drawn", "bins-30", "cut-200", "uncertain")
    processes = {name: scan["processes"][name] for name in ("znunu", "spin1_on")}
    names = ("strength", "training", "crosstest", "binning", "mixtures", "ensembles", "selection")
    own = {
        name: {k: scan["variants"][name][k] for k in names if k in scan["variants"][name]}
        for name in kept
    }
    limits = {"methods": ["template"], "luminosity": [139], "referee": 0}
    return scan | {
        "processes": processes,
        "architectures": [{"name": "mlp"}],
        "limits": limits,
        "variants": own,
    }


def _spent(seen: dict[int, float], root: int) -> float:
    """CPU seconds so far of a process and of all that it has started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        parents[int(folder.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICK
    found = {root, *seen}
    while more := {pid for pid, (parent, _) in parents.items() if parent in found} - found:
        found |= more
    seen.update((pid, parents[pid][1]) for pid in found if pid in parents)
    return sum(seen.values())


def measured(scan: Path) -> dict[str, float]:
    """CPU seconds of a run by the stage that ended after them; the start is part of the first."""
    command = [sys.executable, "-u", "-m", "rayscan", "run", str(scan)]
    seen: dict[int, float] = {}
    found: dict[str, float] = defaultdict(float)
    ended, last = threading.Event(), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:

        def watch() -> None:
            while not ended.wait(0.2):
                _spent(seen, run.pid)

        sampler = threading.Thread(target=watch)
        sampler.start()
        for line in run.stdout:
            if told := _STAGE.match(line):
                now = _spent(dict(seen), run.pid)
                found[told["name"]] += now - last
                last = now
        ended.set()
        sampler.join()
    assert run.returncode == 0
    found["end"] = sum(seen.values()) - last
    return found


def forecast(scan: Path) -> dict[str, float]:
    """What is planned for each of these."""
    study = load_study(scan)
    found: dict[str, float] = defaultdict(float)
    for name, load in workloads(study, open_each(study.scans, study.folder)).items():
        for stage in stages(load)[name != BASE :]:  # Ray starts with the first
            found[stage.name] += stage.cpu
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scan", [quickstart, monojet, variants])
def test_a_run_takes_what_was_planned(scan, tmp_path, table):
    path = tmp_path / "scan.yaml"
    path.write_text(yaml_text.dump(scan() | {"storage": str(tmp_path / "results")}))
    planned, found, stage_by_stage = rayscan.plan(path), measured(path), forecast(path)
    for name in found | stage_by_stage:
        took = f"{found.get(name, 0.0):.1f} s, forecast {stage_by_stage.get(name, 0.0):.1f} s"
        table.note(f"{scan.__name__}, {name}: {took}")
    total = sum(found.values())
    row = table.add(scan.__name__, product=total, unit="s", plain=planned.cpu_seconds)
    assert 0.7 < row.ratio < 1.3
