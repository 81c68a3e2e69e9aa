"""From 10^6 to 10^8 events through reading, pools and one epoch of a network of single events.

    python -m pytest tests/benchmarks/test_scale.py -m slow -s     an hour, 12 GB of disk
    EVENTS=1e6,1e7 python -m pytest ...                            minutes

Disks hold no 10^8 Delphes events, so an input format of its own stands in for files: it makes the
branches of a slice when they are read. All that follows is an ordinary scan in a process of its
own. Memory is what all its processes hold together (PSS: shared pages count once), every second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

COLUMNS = 10
FORMAT = '''
"""Events out of nothing: a file says how many there are, and from which seed."""
import json, os
import awkward as ak
import numpy as np
from rayscan.events.formats import EventFile, InputFormat, require_branches

JETS = ("PT", "Eta", "Phi", "Mass")
BRANCHES = frozenset([*(f"Jet.{name}" for name in JETS), "MissingET.MET", "MissingET.Phi"])

def two_jets(values):
    offsets = np.arange(0, 2 * len(values) + 1, 2)
    content = ak.contents.NumpyArray(values.reshape(-1))
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content))

class Made(InputFormat):
    def fits(self, path):
        return path.endswith(".made")

    def inspect(self, path, tree):
        said = json.load(open(path))
        return EventFile(path=path, entries=said["events"], bytes=1, branches=BRANCHES,
                         identity=str(said["seed"]))

    def read(self, piece, wanted):
        require_branches(piece.path, BRANCHES, wanted)
        said = json.load(open(piece.path))
        rng = np.random.default_rng([said["seed"], piece.first])
        events = piece.last - piece.first
        leading = 130 + rng.exponential(said["slope"], events)
        pt = np.stack([leading, leading * rng.random(events)], axis=1)
        columns = {
            "Jet.PT": pt,
            "Jet.Eta": 1.5 * rng.standard_normal((events, 2)).clip(-3, 3),
            "Jet.Phi": rng.uniform(-3.14, 3.14, (events, 2)),
            "Jet.Mass": pt * (0.05 + 0.1 * rng.random((events, 2))),
        }
        made = {name: two_jets(each.astype(np.float32)) for name, each in columns.items()}
        made["MissingET.MET"] = ak.Array((leading * (0.8 + 0.2 * rng.random(events))).astype("f4"))
        made["MissingET.Phi"] = ak.Array(rng.uniform(-3.14, 3.14, events).astype("f4"))
        return {name: made[name] for name in wanted}
'''
SCAN = """
name: scale
seed: 1
storage: results
cache: cache
processes:
  z: {role: background, cross_section: 100, files: ["z*.made"]}
  x: {role: signal, cross_section: 1, files: ["x*.made"]}
selection:
  cuts: ["jet1_pt > 130", "abs(jet1_eta) < 4.6"]
binning:
  axes:
    - {observable: jet1_pt, bins: 20, low: 130, high: 1000, scale: log, overflow: last}
    - {observable: jet1_eta, bins: 10, low: -4.6, high: 4.6}
mixtures: {background: 2000, s_over_sqrt_b: [2]}
ensembles: {train: 2000, validation: 500, test: 2000}
architectures:
  - name: event_mlp
    features: [FEATURES]
    hyperparameters: {epochs: 1}
training: {strength: highest, repeats: 1}
limits: {luminosity: [1]}
"""
FEATURES = "jet1_pt jet1_eta jet1_mass jet2_pt jet2_eta jet2_mass met ht dphi_jet1_met m_jet1_jet2"
RUN = """
import json, sys, time
from rayscan.cluster.run import run_scan
from rayscan.scan.config.file import load_scan

class Watch:
    def stage(self, name, total, unit):
        print(json.dumps([name, time.time()]), flush=True)
    def advance(self, count, note="", *, earlier=False): pass
    def trained(self, row): pass
    def say(self, text):
        print(json.dumps(["said: " + text, time.time()]), flush=True)

if __name__ == "__main__":
    from pathlib import Path
    run_scan(load_scan("scan.yaml"), base=Path.cwd(), reporter=Watch())
    Watch().stage("end", 0, "")
"""


def held(root: psutil.Process) -> float:
    """GB that a process and all that it has started hold together."""
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e9


def scan(folder: Path, events: int) -> tuple[dict[str, float], float]:
    """Seconds of each stage, and the most that was held [GB]."""
    (folder / "scan.yaml").write_text(SCAN.replace("FEATURES", ", ".join(FEATURES.split())))
    (folder / "run.py").write_text(textwrap.dedent(RUN))
    (folder / "made.py").write_text(FORMAT)
    info = folder / "made-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rayscan.inputs]\nmade = made:Made\n")
    # 8 in 10 are background; a file holds at most 10^7 events
    for kind, share, slope in (("z", 8, 120.0), ("x", 2, 200.0)):
        wanted, files = events * share // 10, max(1, events * share // 10**8)
        for k in range(files):
            said = {"events": wanted // files, "seed": 1000 * share + k, "slope": slope}
            (folder / f"{kind}{k}.made").write_text(json.dumps(said))
    paths = [str(folder), str(Path(__file__).parents[2])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    log = folder / "log"
    with log.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "run.py"], cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT
        )
        root, most = psutil.Process(child.pid), 0.0
        while child.poll() is None:
            most = max(most, held(root))
            time.sleep(1)
    lines = log.read_text().splitlines()
    assert child.returncode == 0, "\n".join(lines[-20:])
    begun = [json.loads(line) for line in lines if line.startswith('["') and "said" not in line]
    spent = {name: begun[i + 1][1] - at for i, (name, at) in enumerate(begun[:-1])}
    return spent, most


def test_events_by_the_hundred_million(table, tmp_path):
    counts = [int(float(n)) for n in os.environ.get("EVENTS", "1e6,1e7,1e8").split(",")]
    for events in counts:
        folder = tmp_path / str(events)
        folder.mkdir()
        spent, most = scan(folder, events)
        table.add(f"{events:,} events: memory of all processes", product=most, unit="GB", goal=8)
        for stage in ("read events", "fill pools", "train"):
            table.note(
                f"{events:,} events, {stage}: {spent[stage]:.0f} s, "
                f"{1e6 * spent[stage] / events:.2f} s for 10^6"
            )
        table.note(f"{events:,} events, all stages: { {k: round(v, 1) for k, v in spent.items()} }")
