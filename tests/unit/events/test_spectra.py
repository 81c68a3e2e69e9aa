"""Spectra against numpy's histograms of the same events, from any slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from rayscan.events import formats
from rayscan.events.observables.names import ObjectCuts, Objects
from rayscan.events.selection import Selection, select
from rayscan.events.spectra import Spectrum, SpectrumCounts, carried_by, counted, shown, summed
from rayscan.results import seal

SELECTION = Selection(
    objects=Objects(jets=ObjectCuts(pt_min=30, abs_eta_max=4.5)),
    cuts=("jet1_pt > 130", "met > 150"),
)
ASKED = (
    Spectrum(observable="met"),
    Spectrum(observable="n_jets"),
    Spectrum(observable="dphi_jet1_met"),
    Spectrum(observable="jet1_eta", bins=24, low=-3, high=3),
)


def spectra_of(path: Path, *, most: int = 1_000_000) -> dict[str, SpectrumCounts]:
    """Of all events of a file, through the stored tables of slices."""
    pieces = formats.slices(
        formats.inspect(path), process="z", name=path.stem, entries_per_slice=most
    )
    tables = (
        select(each, selection=SELECTION, observables=("jet1_pt",), spectra=ASKED)[0]
        for each in pieces
    )
    return summed(carried_by(seal.decode(seal.encode(each), ["entry"])) for each in tables)


def counts_of(
    spectrum: Spectrum, values: NDArray[Any], weights: NDArray[Any], kept: NDArray[Any]
) -> SpectrumCounts:
    """Of some events."""
    return counted([spectrum], {spectrum.observable: values}, weights, kept)[spectrum.observable]


def by_uproot(path: Path) -> tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any]]:
    """The same observables (E,), weights (E,) and who passes the cuts, from the plain file."""
    names = ["Jet.PT", "Jet.Eta", "Jet.Phi", "MissingET.MET", "MissingET.Phi", "Event.Weight"]
    with uproot.open(path) as file:
        leaves = {name: file["Delphes"][name].array() for name in names}
    good = (leaves["Jet.PT"] > 30) & (abs(leaves["Jet.Eta"]) < 4.5)
    order = ak.argsort(leaves["Jet.PT"][good], axis=1, ascending=False)

    def first(leaf: str) -> NDArray[Any]:
        values = leaves[leaf][good][order]
        return np.asarray(ak.fill_none(ak.firsts(values), np.nan), dtype=np.float64)

    met, phi, weights = (ak.to_numpy(leaves[name][:, 0]) for name in names[3:])
    turn = np.abs(first("Jet.Phi") - phi)
    values = {
        "met": met,
        "n_jets": ak.to_numpy(ak.sum(good, axis=1)),
        "dphi_jet1_met": np.minimum(turn, 2 * np.pi - turn),
        "jet1_eta": first("Jet.Eta"),
    }
    return values, weights.astype(np.float64), (first("Jet.PT") > 130) & (met > 150)


@pytest.mark.parametrize("name", ["zvvj_001.root", "zvvj_biased.root"])
def test_spectra_of_a_real_file_are_numpys_histograms_of_it(shared_data: Path, name: str) -> None:
    path = shared_data / name
    found, (values, weights, kept) = spectra_of(path), by_uproot(path)
    for spectrum in ASKED:
        observable = spectrum.observable
        edges, (counts,) = shown(spectrum, [found[observable]])
        assert 1 < len(edges) <= 51
        for stage, who in zip(counts, (np.ones(len(kept), dtype=bool), kept), strict=True):
            x, w = values[observable][who], weights[who]
            there = np.isfinite(x)
            for number, each in zip(stage, (np.ones(len(w)), w, w**2), strict=True):
                expected, _ = np.histogram(x[there], edges, weights=each[there])
                # numpy takes differences of sums over all events.
                rounding = len(w) * np.finfo(float).eps * each.sum()
                np.testing.assert_allclose(number, expected, rtol=0, atol=rounding)
        inside = counts[0, 0].sum() / np.isfinite(values[observable]).sum()
        assert inside >= 0.99 or spectrum.bins


def test_spectra_do_not_depend_on_the_slices(shared_data: Path) -> None:
    one, many = (spectra_of(shared_data / "zvvj_001.root", most=n) for n in (1_000_000, 2_500))
    assert one.keys() == many.keys()
    for name, counts in one.items():
        assert (counts.first, counts.last) == (many[name].first, many[name].last)
        np.testing.assert_array_equal(counts.counts[:, 0], many[name].counts[:, 0])
        np.testing.assert_allclose(counts.counts, many[name].counts, rtol=1e-12)


def test_whole_numbers_are_in_the_middle_of_their_bins() -> None:
    spectrum, numbers = Spectrum(observable="n_jets"), np.array([0.0, 0.0, 1.0, 3.0])
    counts = counts_of(spectrum, numbers, np.ones(4), np.array([1, 0, 1, 1]) > 0)
    edges, (found,) = shown(spectrum, [counts])
    assert edges.tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]
    assert found[:, 0].tolist() == [[2, 1, 0, 1], [1, 1, 0, 1]]


def test_events_without_the_object_or_far_away_are_in_no_bin() -> None:
    values = np.array([np.nan, np.inf, 1e9, 12.5])
    for spectrum in (
        Spectrum(observable="met"),
        Spectrum(observable="met", bins=2, low=0, high=20),
    ):
        counts = counts_of(spectrum, values, np.full(4, 2.0), np.ones(4) > 0)
        assert counts.counts.sum(axis=-1).tolist() == [[1, 2, 4], [1, 2, 4]]


def test_nothing_is_summed_with_something_and_weights_are_scaled() -> None:
    spectrum = Spectrum(observable="met")
    none = counts_of(spectrum, np.full(2, np.nan), np.ones(2), np.ones(2) > 0)
    some = counts_of(spectrum, np.array([3.0]), np.ones(1), np.ones(1) > 0)
    far = counts_of(spectrum, np.array([7.0]), np.ones(1), np.zeros(1) > 0)
    both = none + some.scaled(3.0) + far + none
    assert (both.first, both.last) == (3, 8)
    assert both.counts[0].tolist() == [[1, 0, 0, 0, 1], [3, 0, 0, 0, 1], [9, 0, 0, 0, 1]]
    assert both.counts[1].sum(axis=-1).tolist() == [1, 3, 9]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"bins": 3}, "give bins, low and high, or none"),
        ({"bins": 3, "low": 5, "high": 1}, "low < high"),
        ({"bins": 0, "low": 0, "high": 1}, "expected at least 1"),
    ],
)
def test_bins_that_cannot_be_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Spectrum(observable="met", **given)
