"""Reads a ROOT file with bytes changed at random, many times over, with little memory to spare.

``python root_fuzz.py FILE EXAMPLES SEED`` prints how often what came out.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from rayscan.errors import InputError
from rayscan.events import formats
from rayscan.events.reconstruction import ObjectCuts, Objects
from rayscan.events.selection import Selection, select

OBSERVABLES = ("jet1_pt", "jet1_eta", "met", "n_jets")
SELECTION = Selection(
    objects=Objects(jets=ObjectCuts(pt_min=20, abs_eta_max=4)), cuts=("jet1_pt > 30",)
)
ROOM = 4_000_000_000  # bytes that one file of a megabyte may take, at most


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with a few flipped, cut out, put in, repeated or exchanged for telling ones."""
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(data))) if rng.random() < 0.5 else _near_an_end(data, rng)
        size = int(rng.choice([1, 2, 4, 8, 64, 1000]))
        match rng.integers(6):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = rng.bytes(size)
            case 4:
                data[at : at + size] = rng.bytes(size)
            case _:
                big = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x40"])
                data[at : at + len(big)] = big
        if len(data) < 100:
            break
    return bytes(data)


def _near_an_end(data: bytearray, rng: np.random.Generator) -> int:
    """The header and, at the end, the description of the tree: bytes that mean most."""
    there = int(rng.exponential(300 if rng.random() < 0.3 else 5000))
    return min(there, len(data) - 1) if rng.random() < 0.4 else max(len(data) - 1 - there, 0)


def outcome(path: Path) -> str:
    """What reading a file comes to; anything but a sentence of ours or events is raised."""
    try:
        file = formats.inspect(path)
        formats.require(file, SELECTION.needs(OBSERVABLES))
        rows = 0
        for piece in formats.slices(file, process="p", name="f")[:3]:
            table, _ = select(piece, selection=SELECTION, observables=OBSERVABLES)
            rows += table.num_rows
    except InputError as error:
        return type(error).__name__ if len(str(error).splitlines()) == 1 else f"said: {error}"
    return "read"


def late(*_: Any) -> None:
    raise SystemExit("one file took more than 60 s")


def fuzz(source: Path, examples: int, seed: int) -> Counter[str]:
    """How often what came out."""
    whole = source.read_bytes()
    found: Counter[str] = Counter()
    signal.signal(signal.SIGALRM, late)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "damaged.root"
        for number in range(examples):
            place.write_bytes(damaged(whole, np.random.default_rng([seed, number])))
            signal.alarm(60)
            try:
                found[outcome(place)] += 1
            except Exception:  # noqa: BLE001 - whatever it is, it is told
                found[f"example {number}: {traceback.format_exc()}"] += 1
            signal.alarm(0)
    return found


if __name__ == "__main__":
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (ROOM + taken, ROOM + taken))
    counts = fuzz(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"found": counts, "most_kB": most}) + "\n")
