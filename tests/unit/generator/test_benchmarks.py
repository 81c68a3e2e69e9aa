"""The ten benchmarks and the SM of arXiv:2105.12018, Table 1, in the catalogue."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.events import formats
from rayscan.events.selection import Selection, select
from rayscan.generator import density as dens
from rayscan.generator.benchmarks import Benchmark, Labels
from rayscan.generator.generate import Generate, generate
from rayscan.generator.pythia import missing
from rayscan.generator.recipes import catalogue

AXES = dens.density("znunu_jet").axes
# spin, regime, multiclass label; None is held out
TABLE = {
    "znunu_jet": (None, None, 0),
    "alp": (None, None, 1),
    "spin0_off": (0, "off-shell", 2),
    "spin0_on": (0, "on-shell", 3),
    "spin0_ps": (0, "off-shell PS", None),
    "spin1_off": (1, "off-shell", 4),
    "spin1_on": (1, "on-shell", None),
    "spin1_ps": (1, "off-shell PS", 5),
    "spin2_off": (2, "off-shell", None),
    "spin2_on": (2, "on-shell", 6),
    "spin2_ps": (2, "off-shell PS", 7),
}


def benchmarks():
    return {name: found.benchmark for name, found in catalogue().items() if found.benchmark}


def test_the_catalogue_is_the_published_table():
    found = {name: (b.spin, b.regime, b.labels.multiclass) for name, b in benchmarks().items()}
    assert found == TABLE
    for name, (_, _, label) in TABLE.items():
        got = benchmarks()[name]
        signal = int(name != "znunu_jet")
        trained = None if label is None else signal
        assert (got.labels.individual, got.labels.multimodel) == (signal, trained)
        assert got.held_out == (label is None)


def test_two_of_each_spin_and_two_of_each_regime_are_trained():
    trained = [b for b in benchmarks().values() if b.spin is not None and not b.held_out]
    for values in ([b.spin for b in trained], [b.regime for b in trained]):
        assert sorted(map(values.count, set(values))) == [2, 2, 2]


def test_the_masses_of_the_table_are_those_the_events_are_made_with():
    for name, found in benchmarks().items():
        if found.spin is None:
            continue
        recipe = catalogue()[name]
        assert (recipe.dark_matter.mediator_spin, recipe.dark_matter.mass) == (
            found.spin,
            found.dark_matter_mass,
        )
        (mass,) = [float(line.split("=")[1]) for line in recipe.pythia if ":m0" in line]
        wanted = recipe.propagator.mass if recipe.propagator else mass
        assert wanted == found.mediator_mass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spin": 3}, "spin: 3"),
        ({"regime": "onshell"}, "'onshell' is not one of on-shell"),
        ({"mediator_mass": -1.0}, "mediator_mass: -1"),
        ({"held_out": True, "labels": Labels(individual=1, multimodel=1)}, "held_out"),
        (
            {"regime": "on-shell", "mediator_mass": 100.0, "dark_matter_mass": 100.0},
            "above twice",
        ),
        (
            {"regime": "off-shell", "mediator_mass": 300.0, "dark_matter_mass": 100.0},
            "below twice",
        ),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Benchmark(**{"labels": Labels(individual=1), **changes})


@pytest.mark.parametrize("labels", [{"individual": 2}, {"individual": 1, "multiclass": -1}])
def test_a_label_that_cannot_be_is_refused(labels):
    with pytest.raises(ValueError, match="labels"):
        Labels(**labels)


def coarse(counts):
    rows, columns = counts.shape
    return counts.reshape(rows // 3, 3, columns // 5, 5).sum((1, 3)).ravel().astype(float)


def separation(signal, background):
    """k of two histograms, cells of fewer than ten background events merged, bias taken off."""
    full = background >= 10
    s, b = (np.append(v[full], max(v[~full].sum(), 1e-9)) for v in (signal, background))
    p, q = s / s.sum(), b / b.sum()
    bias = np.sum(p / q) / s.sum() + np.sum((p / q) ** 2) / b.sum()
    return float(np.sqrt(max(np.sum(p**2 / q) - 1 - bias, 0.0)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Parton-level events of every benchmark, and their selected (pT, eta)."""
    if why := missing():
        pytest.skip(why)
    found = {}
    for name in TABLE:
        path = tmp_path_factory.mktemp("events") / f"{name}.root"
        generate(Generate(process=name, events=6000), path=path, seed=11)
        file = formats.inspect(str(path), tree="Delphes")
        (piece,) = formats.slices(file, process=name, name=name, tree="Delphes")
        cuts = Selection(cuts=("jet1_pt > 130",))
        table, _ = select(piece, selection=cuts, observables=("jet1_pt", "jet1_eta"))
        found[name] = table["jet1_pt"].to_numpy(), table["jet1_eta"].to_numpy()
    return found


@pytest.mark.slow
def test_every_benchmark_is_made_and_has_the_shape_of_its_density(made):
    for name, (pt, eta) in made.items():
        assert len(pt) == 6000
        found, table = coarse(dens.tabulate(AXES, pt, eta)), coarse(dens.density(name).counts)
        full = table / table.sum() * len(pt) >= 5
        seen, known = (np.append(v[full], v[~full].sum()) for v in (found, table))
        ratio = np.sqrt(known.sum() / seen.sum())
        chi2 = np.sum((ratio * seen - known / ratio) ** 2 / (seen + known))
        assert chi2 < full.sum() + 5 * np.sqrt(2 * full.sum()), name


@pytest.mark.slow
def test_spin_two_is_farthest_from_the_background_and_the_alp_nearest(made):
    background = coarse(dens.density("znunu_jet").counts)
    k = {
        name: separation(coarse(dens.tabulate(AXES, *events)), background)
        for name, events in made.items()
    }
    assert k["znunu_jet"] < 0.1
    assert min((n for n in k if n != "znunu_jet"), key=k.get) == "alp"
    assert max(k, key=k.get).startswith("spin2")
    for name, wanted in {"alp": 0.45, "spin0_on": 0.98, "spin1_on": 1.34, "spin2_on": 1.86}.items():
        assert k[name] == pytest.approx(wanted, rel=0.15)
