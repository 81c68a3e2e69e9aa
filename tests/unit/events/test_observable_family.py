"""The contract of observables, for every member of the family and those of installed packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from rayscan.events.observables import names
from rayscan.events.observables.base import OBJECTS, Kind
from rayscan.events.observables.names import OBSERVABLES, Objects, compute, describe, needs
from rayscan.events.reconstruction import LEAVES

ITEMS = [f"{kind}{rank}" for kind in OBJECTS for rank in (1, 2)]


def columns() -> dict[str, ak.Array]:
    """Two events: one with two of everything, one with nothing but missing momentum."""
    found = {}
    for leaves in LEAVES.values():
        for leaf in leaves.values():
            two = [[50.0, 40.0], []] if leaf.endswith("PT") else [[1.0, -1.0], []]
            found[leaf] = ak.Array([[60.0], [1.0]] if leaf.startswith("Missing") else two)
    return found


@pytest.mark.parametrize("own", OBSERVABLES)
def test_a_member_says_what_it_is_and_computes_from_what_it_needs(own: str) -> None:
    member = OBSERVABLES[own]
    named = list(member.names(own, ITEMS)) if isinstance(member, Kind) else [own]
    assert named
    assert len(set(named)) == len(named)
    for name in named:
        unit, meaning = describe(name)
        assert unit in {"GeV", "rad", "1", "e"}
        assert meaning
        given = columns()
        read = {leaf: given[leaf] for leaf in needs([name], Objects())}
        (values,) = compute([name], read, Objects()).values()
        assert values.shape == (2,)
        assert values.dtype == np.float32
        assert np.isfinite(values[0])
        # An object that is not there has no properties; sums and numbers of none are 0.
        absent = isinstance(member, Kind)
        assert np.isnan(values[1]) if absent else np.isfinite(values[1])


def test_no_name_is_of_two_members() -> None:
    for name in names._names(("1", "2")):
        kinds = {own: each for own, each in OBSERVABLES.items() if isinstance(each, Kind)}
        found = [own for own, kind in kinds.items() if kind.find(own, name)]
        assert len([*found, *([name] if name in OBSERVABLES else [])]) == 1, name


def test_an_installed_package_brings_an_observable_and_a_relation(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from rayscan.events.observables.base import Observable\n"
        "from rayscan.events.observables.relations import Relation\n"
        "def root(event):\n"
        "    return event.of('met').leading(1, 'pt') ** 0.5\n"
        "ROOT = Observable(unit='GeV^0.5', description='root of met', values=root,\n"
        "                  needs=frozenset({('met', 'pt')}))\n"
        "def gap(pt, met):\n"
        "    return pt - met\n"
        "GAP = Relation(unit='GeV', meaning='pT gap', uses=('pt',), formula=gap, met=True)\n"
    )
    folder = tmp_path / "mine-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[rayscan.observables]\nroot_met = mine:ROOT\ngap = mine:GAP\n"
    )
    code = (
        "import awkward as ak\n"
        "from rayscan.events.observables.names import Objects, compute, names_hint, needs\n"
        "names = ['root_met', 'gap_jet1_met']\n"
        "print(sorted(needs(names, Objects())), names_hint('gap_jet1_mett'))\n"
        "read = {'MissingET.MET': ak.Array([[36.0]]), 'Jet.PT': ak.Array([[50.0, 40.0]])}\n"
        "print([float(v[0]) for v in compute(names, read, Objects()).values()])"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    first, second = done.stdout.splitlines() or [done.stderr, ""]
    assert first == "['Jet.PT', 'MissingET.MET']  (nearest: 'gap_jet1_met')"
    assert second == "[6.0, 14.0]"
