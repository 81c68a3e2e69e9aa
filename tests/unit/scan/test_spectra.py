"""Spectra of a scan as rows, what a scan file says of them, and example histograms."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import pytest
from toy_scan import make_config, make_pools

from rayscan.cluster.datasets import events_of, parts
from rayscan.ensembles.mixture import Mixtures
from rayscan.errors import ConfigError
from rayscan.events import formats
from rayscan.events.selection import Selection, select
from rayscan.events.spectra import Spectrum, counted
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.manifest import claim
from rayscan.scan.config.process import Process
from rayscan.scan.plan.points import mixtures
from rayscan.scan.pools.filling import fill, planned, pools_of
from rayscan.scan.pools.inputs import open_inputs
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.reading import keep
from rayscan.scan.pools.spectra import spectrum_rows
from rayscan.scan.steps.pictured import example_rows

MET = Spectrum(observable="met", bins=20, low=0, high=400)


def with_spectra(config, weights):
    """Pools of a toy scan whose processes have exponential spectra of other weights each."""
    binned = make_pools()
    found = {}
    for number, (name, part) in enumerate(binned.processes.items()):
        values = np.random.default_rng(number).exponential(80, 500)
        every = {each.observable: values for each in config.shown}
        of = counted(config.shown, every, np.full(500, weights[name]), values > 60)
        first = {**part.flow[0], "events": 500, "sum_weights": 500 * weights[name]}
        found[name] = replace(part, spectra=of, flow=(first, *part.flow[1:]))
    return replace(binned, processes=found)


def test_cross_sections_of_the_bins_are_that_of_the_process_whatever_its_weights():
    config = make_config(spectra=(MET,))
    weights = {"bkg": 3.0, "hard": 0.01, "central": 1.0}
    rows = rows_to_table("spectra", spectrum_rows(config, with_spectra(config, weights)))
    frame = rows.to_pandas()
    assert set(frame["observable"]) == {"jet1_pt", "jet1_eta", "met"}
    assert set(frame["unit"]) == {"GeV", "1"}
    met = frame[frame["observable"] == "met"]
    assert met.groupby(["process", "stage"]).size().eq(20).all()
    total = met.groupby(["process", "stage"])[["cross_section", "events", "sum_weights"]].sum()
    for name, process in config.processes.items():
        every, after = total.loc[(name, "before")], total.loc[(name, "after")]
        shown = every["events"] / 500  # a few are beyond 400 GeV
        assert 0.98 < shown <= 1
        assert every["cross_section"] == pytest.approx(process.cross_section * shown, rel=1e-12)
        assert after["sum_weights"] == pytest.approx(weights[name] * after["events"], rel=1e-12)
    error = frame["cross_section_error"] * np.sqrt(frame["events"])
    np.testing.assert_allclose(error, frame["cross_section"], rtol=1e-12)


@pytest.mark.parametrize("most", [100_000, 1_500])
def test_rows_of_real_files_are_numbers_of_the_cut_flow(shared_data, tmp_path, most):
    processes = {
        "bkg": Process(role="background", files=("zvvj_001.root",), cross_section=10.0),
        "hard": Process(role="signal", files=("slepton_280_275_jet.root",), cross_section=1.0),
    }
    wide = Spectrum(observable="met", bins=4, low=0, high=20_000)
    config = replace(
        make_config(signals=("hard",), spectra=(wide,)),
        processes=processes,
        selection=Selection(cuts=("met > 150",)),
    )
    inputs, cache, found = open_inputs(config, base=shared_data), Storage(str(tmp_path)), {}
    for name, process in processes.items():
        (entry,) = inputs.of(name)
        pieces = formats.slices(entry.file, process=name, name=entry.name, entries_per_slice=most)
        stems = {f"{name}-{number}": piece for number, piece in enumerate(pieces)}
        for stem, piece in stems.items():
            asked = {"observables": config.observables, "spectra": config.shown}
            keep(cache, stem, *select(piece, selection=config.selection, **asked))
        plan = planned(config, name, stems, cache, ())
        each = [
            fill(replace(part, tables=(one,), name=one.stem), plan.rules, cache)
            for part in plan.parts
            for one in part.tables
        ]
        given = {"role": process.role, "cross_section": process.cross_section}
        found[name] = pools_of(reduce(add, each), plan, **given)
    binned = replace(make_pools(signals=("hard",)), processes=found)
    frame = rows_to_table("spectra", spectrum_rows(config, binned)).to_pandas()
    met = frame[frame["observable"] == "met"].groupby(["process", "stage"])[["events"]].sum()
    for name, pools in found.items():
        steps = {row["cut"]: row["events"] for row in pools.flow}
        assert met.loc[(name, "before"), "events"] == steps["all"]
        assert met.loc[(name, "after"), "events"] == steps["met > 150"]


def test_a_scan_file_names_observables_or_gives_their_bins():
    text = dump(make_config())
    config = parse_scan(f"{text}spectra: [n_jets, {{observable: met, bins: 4, low: 0, high: 8}}]\n")
    assert config.spectra == (
        Spectrum(observable="n_jets"),
        Spectrum(observable="met", bins=4, low=0, high=8),
    )
    assert [each.observable for each in config.shown] == ["jet1_pt", "jet1_eta", "n_jets", "met"]
    assert parse_scan(dump(config)) == config


@pytest.mark.parametrize(
    ("entries", "where", "why"),
    [
        ("[mett]", "spectra.0.observable", "nearest: 'met'"),
        ("[met, met]", "spectra.1.observable", "'met' is named twice"),
        ("[{observable: met, bins: 3}]", "spectra.0.bins", "give bins, low and high"),
        ("[{observable: met, bin: 3}]", "spectra.0.bin", "unknown key"),
        ("[3]", "spectra.0", "expected a mapping"),
        ("met", "spectra", "expected a list"),
    ],
)
def test_what_is_wrong_with_spectra_is_said_at_its_place(entries, where, why):
    with pytest.raises(ConfigError) as caught:
        parse_scan(f"{dump(make_config())}spectra: {entries}\n")
    (problem,) = caught.value.problems
    assert problem.where == where
    assert why in problem.what


def test_spectra_may_be_asked_for_later_and_change_no_key_of_a_classifier(shared_data, tmp_path):
    base = make_config(signals=("hard",))
    files = {"bkg": "zvvj_001.root", "hard": "spin1_zp1000_001.root"}
    processes = {n: replace(p, files=(files[n],)) for n, p in base.processes.items()}
    config = replace(base, processes=processes)
    more = replace(config, spectra=(MET,))
    storage = Storage(str(tmp_path / "results"))
    claim(config, storage)
    claim(more, storage)
    inputs = open_inputs(more, base=shared_data)
    assert events_of(config, inputs, "bkg") == events_of(more, inputs, "bkg")
    assert set(parts(config, inputs, "bkg")).isdisjoint(parts(more, inputs, "bkg"))
    # Scans with other bins of the same axes share event tables.
    fine = tuple(replace(axis, bins=2 * axis.bins) for axis in config.binning.axes)
    other = replace(config, binning=replace(config.binning, axes=fine))
    assert parts(config, inputs, "bkg") == parts(other, inputs, "bkg")


def test_examples_hold_what_their_mixture_says_and_do_not_depend_on_other_strengths():
    binned = make_pools()
    many = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
    config = make_config(mixtures=Mixtures(total=1000, s_over_b=many))
    rows = example_rows(PooledScan(config, binned), mixtures(config, binned))
    frame = rows_to_table("examples", rows).to_pandas()
    assert frame.groupby(["test_benchmark", "true_class"]).size().eq(4).all()
    assert all(np.sum(each) == 1000 for each in frame["counts"])
    assert all(len(each) == 13 for each in frame["first_edges"])
    few = replace(config, mixtures=Mixtures(total=1000, s_over_b=(0.001, 0.3)))
    again = example_rows(PooledScan(few, binned), mixtures(few, binned))
    assert [row for row in rows if row["test_signal"] in {1, 231}] == again
