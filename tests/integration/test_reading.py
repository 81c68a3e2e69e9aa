"""What reading notices, through a whole run: refused before anything is trained, or put right."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from small_scan import Silent

from rayscan.cluster.comparing import compare
from rayscan.cluster.datasets import look_at, parts, read_events
from rayscan.cluster.filling import Filling
from rayscan.cluster.run import run_scan
from rayscan.errors import ConfigError, StorageError
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.pools.inputs import open_inputs

SCAN = """
name: reading
seed: 3
storage: {storage}
processes:
  bkg: {{role: background, files: [{files}], cross_section: 10, {said}}}
  sig: {{role: signal, files: [sig.root], cross_section: 1, weight: "Weight.Weight[1]"}}
selection: {{cuts: [jet1_pt > 50, met > 60]}}
binning:
  axes: [{{observable: jet1_pt, bins: 4, low: 50, high: 400, overflow: last}}]
mixtures: {{background: 40, s_over_sqrt_b: [2]}}
ensembles: {{train: 100, validation: 100, test: 100}}
architectures: [{{name: likelihood_ratio}}]
training: {{repeats: 1}}
limits: {{methods: [template], luminosity: [1], referee: 0}}
skip_broken_events: {skip}
"""
EVENTS = 2000


def write(path: Path, seed: int, *, weight: float = 1.0, branch: str = "Event") -> np.ndarray:
    """A Delphes-like file with a jet, missing momentum and weights; which events pass the cuts."""
    rng = np.random.default_rng(seed)
    pt, met, eta = (
        rng.exponential(100, EVENTS),
        rng.exponential(100, EVENTS),
        rng.normal(size=EVENTS),
    )
    weights = np.full((EVENTS, 2), weight)

    def column(values: np.ndarray) -> ak.Array:
        return ak.Array(ak.to_list(values.reshape(EVENTS, -1).astype(np.float32)))

    data = {
        "Jet": ak.zip({"PT": column(pt), "Eta": column(eta)}),
        "MissingET": ak.zip({"MET": column(met)}),
        branch: ak.zip({"Weight": ak.values_astype(column(weights), np.float32)}),
    }
    with uproot.recreate(path) as file:
        tree = file.mktree(
            "Delphes",
            {name: array.type.content for name, array in data.items()},
            counter_name=lambda counted: counted + "_size",
            field_name=lambda outer, inner: f"{outer}.{inner}" if outer else inner,
        )
        tree.extend(data)
    return np.asarray((pt > 50) & (met > 60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events 1 twice, events 2 of another normalisation, signal weights in another branch."""
    folder = tmp_path_factory.mktemp("reading")
    write(folder / "a.root", 1)
    write(folder / "again.root", 1)
    write(folder / "sum.root", 2, weight=1 / EVENTS)
    write(folder / "sig.root", 4, weight=2.0, branch="Weight")
    return folder


def run(folder: Path, *, files: str, said: str = "tree: Delphes", skip: str = "false") -> None:
    text = SCAN.format(storage=folder / "results", files=files, said=said, skip=skip)
    run_scan(parse_scan(text), base=folder, reporter=Silent())


def test_what_reading_refuses_can_be_put_right_in_the_same_storage(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(folder, files="a.root, sum.root, again.root")
    found = [str(problem) for problem in caught.value.problems]
    assert len(found) == 2
    assert "normalise: per_file" in found[0]
    assert "again.root of 'bkg' holds" in found[1]
    assert not (folder / "results" / "ledger").exists()

    run(folder, files="a.root, sum.root", said="normalise: per_file", skip="true")
    tables = read_tables(str(folder / "results"))
    inputs = tables.provenance.query("kind == 'input'").set_index("name")
    assert inputs["weight_branch"].to_dict() == {
        "bkg/a.root": "Event.Weight",
        "bkg/sum.root": "Event.Weight",
        "sig/sig.root": "Weight.Weight[1]",
    }
    assert inputs["mean_weight"].tolist() == pytest.approx([1, 1 / EVENTS, 2])
    # Scaled to one mean, no event of either file is lost.
    pools = tables.pools[tables.pools["process"] == "bkg"]
    assert (pools["kept_by_unweighting"] == 1).all()
    passing = [write(folder / "other.root", seed) for seed in (1, 2)]
    selected = sum(int(each.sum()) for each in passing)
    assert pools["events"].sum() == selected
    compared = tables.provenance.query("kind == 'events'")["entries"].item()
    assert compared == selected + write(folder / "other.root", 4).sum()
    flow = tables.cutflow[tables.cutflow["process"] == "bkg"]
    assert flow["cut"].tolist()[:2] == ["all", "not broken"]
    assert flow["cross_section"].tolist()[-2] == pytest.approx(10 * selected / (2 * EVENTS))


def test_events_are_compared_alike_by_one_task_and_by_many(folder: Path) -> None:
    text = SCAN.format(
        storage=folder / "results", files="a.root, again.root", said="tree: Delphes", skip="false"
    )
    config, cache = parse_scan(text), Storage(str(folder / "compared"))
    inputs = open_inputs(config, base=folder)
    filling = Filling(config, cache)
    read_events(config, inputs, cache, filling=filling, advance=lambda *_, **__: None)
    wanted = parts(config, inputs, "bkg") | parts(config, inputs, "sig")
    one, many = look_at(config, inputs, cache), compare(wanted, cache, most=500)
    assert len(one.repeated) == 1
    assert repr(one) == repr(many)
    part = next((folder / "compared").rglob("bkg*/*.parquet"))
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(StorageError, match="is damaged"):
        compare(wanted, cache, most=500)
