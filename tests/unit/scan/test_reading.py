"""What reading must notice: weights of files, broken events, events read twice."""

from __future__ import annotations

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot
from toy_scan import fill_pools, make_config

from rayscan.errors import ConfigError, WeightError
from rayscan.events.selection import Selection, add, select, with_broken
from rayscan.results.storage import Storage
from rayscan.scan.config.process import Process
from rayscan.scan.pools.binned import cutflow_rows, gather, pool_rows
from rayscan.scan.pools.inputs import open_inputs, slices_of
from rayscan.scan.pools.reading import flow_of, keep, look, reading_problems

EVENTS = 400
SELECTION = Selection(cuts=("jet1_pt > 50", "met > 60"))


def events(seed, *, weight=1.0, branch="Event"):
    """Collections of a Delphes-like tree: one jet, missing momentum and a weight an event."""
    rng, n = np.random.default_rng(seed), EVENTS
    one = {
        "Jet": {"PT": rng.exponential(100, n), "Eta": rng.uniform(-3, 3, n)},
        "MissingET": {"MET": rng.exponential(100, n)},
    }
    if branch:
        one[branch] = {"Weight": np.broadcast_to(weight, n)}
    return one


def write(path, collections):
    one = np.ones(EVENTS, dtype=int)
    data = {
        name: ak.zip({leaf: ak.unflatten(v.astype(np.float32), one) for leaf, v in leaves.items()})
        for name, leaves in collections.items()
    }
    with uproot.recreate(path) as file:
        tree = file.mktree(
            "Delphes",
            {name: array.type.content for name, array in data.items()},
            counter_name=lambda counted: counted + "_size",
            field_name=lambda outer, inner: f"{outer}.{inner}" if outer else inner,
        )
        tree.extend(data)


def scan(folder, *, bkg, signal=None, process=None, **changes):
    """A scan over files of these events, and its opened inputs."""
    processes = {}
    for name, files in {"bkg": bkg, "hard": signal or {"s": events(99)}}.items():
        for each, collections in files.items():
            write(folder / f"{each}.root", collections)
        said = (process or {}) if name == "bkg" else {}
        role = "background" if name == "bkg" else "signal"
        paths = tuple(f"{each}.root" for each in files)
        processes[name] = Process(role=role, files=paths, cross_section=10.0, **said)
    config = replace(make_config(signals=("hard",)), processes=processes, **changes)
    config = replace(config, selection=SELECTION)
    return config, open_inputs(config, base=folder)


def read(config, inputs, folder):
    """Everything read into a cache as tasks do it: the reading, tables and flows by process."""
    cache, parts = Storage(str(folder / "cache")), {}
    tables, flows = {}, {}
    for name in config.processes:
        for number, piece in enumerate(slices_of(config, inputs, name)):
            table, flow = select(piece, selection=SELECTION, observables=config.observables)
            keep(cache, f"{name}-{number}", table, flow)
            assert flow_of(cache, f"{name}-{number}") == flow
            parts[f"{name}-{number}"] = piece
            tables.setdefault(name, []).append(table)
            flows.setdefault(name, []).append(flow)
    return look(parts, cache), tables, {name: add(those) for name, those in flows.items()}


def problems(folder, **given):
    config, inputs = scan(folder, **given)
    reading, _, _ = read(config, inputs, folder)
    return [(p.where, p.what) for p in reading_problems(config, reading)]


def test_sound_files_have_no_problem_and_all_their_events_are_compared(tmp_path):
    config, inputs = scan(tmp_path, bkg={"a": events(1), "b": events(2)})
    reading, tables, flows = read(config, inputs, tmp_path)
    assert reading_problems(config, reading) == []
    selected = sum(table.num_rows for those in tables.values() for table in those)
    assert reading.selected == reading.compared == selected
    assert [(f.process, f.name, f.weight) for f in reading.files] == [
        ("bkg", "a.root", "Event.Weight"),
        ("bkg", "b.root", "Event.Weight"),
        ("hard", "s.root", "Event.Weight"),
    ]
    assert reading.of("bkg")[0].flow.weights.events == EVENTS
    assert flows["bkg"].weights.events == 2 * EVENTS


@pytest.mark.parametrize("where", ["bkg", "signal"])
def test_equal_events_in_another_file_or_process_are_refused_with_both_places(tmp_path, where):
    # Weighted anew they are the same events.
    files = {"a": events(1)}, {"c": events(1, weight=3.0)}
    given = {"bkg": files[0] | files[1], "process": {"normalise": "as_is"}}
    if where == "signal":
        given = {"bkg": files[0], "signal": files[1]}
    ((place, what),) = problems(tmp_path, **given)
    assert place == "processes"
    passing = select_by_hand(events(1)).sum()
    assert f"holds {passing} of the selected events of {tmp_path / 'a.root'} of 'bkg'" in what
    assert f"{tmp_path / 'c.root'} of '{'hard' if where == 'signal' else 'bkg'}'" in what


def select_by_hand(collections):
    return (collections["Jet"]["PT"] > 50) & (collections["MissingET"]["MET"] > 60)


# --- weights ----------------------------------------------------------------------------------


def test_files_of_other_normalisation_are_refused_with_means_and_key(tmp_path):
    files = {"average": events(1, weight=105.8), "sum": events(2, weight=105.8 / EVENTS)}
    ((place, what),) = problems(tmp_path, bkg=files)
    assert place == "processes.bkg"
    for word in ("average.root: 105.8", "sum.root: 0.2645", "normalise: per_file", "as_is"):
        assert word in what
    for normalise in ("per_file", "as_is"):
        assert problems(tmp_path, bkg=files, process={"normalise": normalise}) == []


def test_weights_that_sum_to_nothing_are_refused(tmp_path):
    signed = np.where(np.arange(EVENTS) % 2, -1.0, 1.0)
    ((_, what),) = problems(tmp_path, bkg={"a": events(1, weight=signed)})
    assert "sum to nothing" in what
    assert "50 % negative" in what
    files = {"a": events(1, weight=signed), "b": events(2)}
    ((_, what),) = problems(tmp_path, bkg=files, process={"normalise": "per_file"})
    assert "a.root: 0 (50 % negative)" in what


def test_one_event_that_carries_the_weight_is_named(tmp_path):
    weights = np.ones(EVENTS)
    weights[17] = 1e6
    ((_, what),) = problems(tmp_path, bkg={"a": events(1, weight=weights), "b": events(2)})
    assert "one event carries 99.9 % of the weight of all 800 events" in what
    assert f"entry 17 of {tmp_path / 'a.root'}: 1e+06, the others 1 on average" in what


def test_one_selected_event_that_outweighs_the_others_is_named(tmp_path):
    """Among all events it does not: 400 of weight 1, of which about half are selected."""
    made = events(1)
    first = int(np.flatnonzero(select_by_hand(made))[3])
    weights = np.ones(EVENTS)
    weights[first] = 350.0
    config, inputs = scan(tmp_path, bkg={"a": events(1, weight=weights)})
    reading, tables, flows = read(config, inputs, tmp_path)
    assert reading_problems(config, reading) == []
    with pytest.raises(WeightError, match=f"selected entry {first} of a.root: 350"):
        binned(config, "bkg", tables, flows)


def binned(config, name, tables, flows):
    return fill_pools(
        tables[name][0],
        flows[name],
        role=config.processes[name].role,
        cross_section=10.0,
        binning=config.binning,
        pools=config.pools,
        seed=1,
    )


def test_the_heaviest_event_is_in_the_table_of_pools(tmp_path):
    weights = np.ones(EVENTS)
    heavy = int(np.flatnonzero(select_by_hand(events(1)))[0])
    weights[heavy] = 20.0
    config, inputs = scan(tmp_path, bkg={"a": events(1, weight=weights)})
    _, tables, flows = read(config, inputs, tmp_path)
    parts = {name: binned(config, name, tables, flows) for name in config.processes}
    pools = gather(
        parts,
        binning=config.binning,
        split=config.pools,
        backgrounds=("bkg",),
        benchmarks=("hard",),
        fingerprint="f",
    )
    selected = select_by_hand(events(1)).sum()
    rows = {row["process"]: row["heaviest_event"] for row in pool_rows(pools)}
    assert rows["bkg"] == pytest.approx(20 / (selected + 19))
    signal = select_by_hand(events(99)).sum()
    assert rows["hard"] == pytest.approx(1 / signal)


# --- the branch -------------------------------------------------------------------------------


def test_weights_in_another_branch_are_asked_for(tmp_path):
    signed = {"a": events(1, branch="Weight", weight=2.0)}
    with pytest.raises(ConfigError, match=r"weight: Weight\.Weight\[0\]") as caught:
        scan(tmp_path, bkg=signed)
    assert [p.where for p in caught.value.problems] == ["processes.bkg"]
    for asked, mean in (("Weight.Weight[0]", 2.0), ("none", 1.0)):
        config, inputs = scan(tmp_path, bkg=signed, process={"weight": asked})
        reading, _, _ = read(config, inputs, tmp_path)
        (file,) = reading.of("bkg")
        assert (file.weight, file.flow.weights.mean) == (asked, mean)


def test_files_with_and_without_weights_do_not_mix(tmp_path):
    files = {"a": events(1), "b": events(2, branch="")}
    with pytest.raises(ConfigError, match="do not mix") as caught:
        scan(tmp_path, bkg=files)
    (problem,) = caught.value.problems
    assert problem.what.startswith(f"{tmp_path / 'b.root'} has no event weights")
    config, inputs = scan(tmp_path, bkg=files, process={"weight": "none"})
    assert {piece.weight for piece in slices_of(config, inputs, "bkg")} == {"none"}


@pytest.mark.parametrize("key", [{"weight": "a b"}, {"weight": ""}])
def test_a_process_refuses_what_names_no_branch(key):
    with pytest.raises(ValueError, match="expected a branch"):
        Process(role="signal", files=("a.root",), cross_section=1.0, **key)


# --- broken events ----------------------------------------------------------------------------


def spoiled(seed):
    """A tenth of the events with an infinite jet, missing momentum that is no number, or pT < 0."""
    made = events(seed)
    made["Jet"]["PT"][0::30] = np.inf
    made["MissingET"]["MET"][10::30] = np.nan
    made["Jet"]["PT"][20::30] = -5.0
    return made


def test_broken_events_are_refused_by_file_and_column(tmp_path):
    ((place, what),) = problems(tmp_path, bkg={"a": spoiled(1), "b": events(2)})
    assert place == "processes.bkg"
    assert f"{tmp_path / 'a.root'}: 40 events" in what
    assert "'Jet.PT' in 27, 'MissingET.MET' in 13" in what
    assert "skip_broken_events: true" in what


def test_broken_events_that_are_skipped_are_a_line_and_move_no_cross_section(tmp_path):
    """Which events broke says nothing of them: the others' efficiency is that of all.

    Counted as failing they would take a tenth of the cross-section with them.
    """
    config, inputs = scan(tmp_path, bkg={"a": spoiled(1)}, skip_broken_events=True)
    reading, tables, flows = read(config, inputs, tmp_path)
    assert reading_problems(config, reading) == []
    made = events(1)
    sound = np.ones(EVENTS, dtype=bool)
    sound[0::10] = False
    passing = select_by_hand(made) & sound
    assert tables["bkg"][0]["entry"].to_pylist() == np.flatnonzero(passing).tolist()
    shown = {name: with_broken(flow) for name, flow in flows.items()}
    parts = {name: binned(config, name, tables, shown) for name in config.processes}
    pools = gather(
        parts,
        binning=config.binning,
        split=config.pools,
        backgrounds=("bkg",),
        benchmarks=("hard",),
        fingerprint="f",
    )
    rows = [row for row in cutflow_rows(pools) if row["process"] == "bkg"]
    assert [row["cut"] for row in rows[:2]] == ["all", "not broken"]
    assert [row["events"] for row in rows[:2]] == [400, 360]
    assert [row["cross_section"] for row in rows[:2]] == [10.0, 10.0]
    assert rows[3]["cross_section"] == pytest.approx(10 * passing.sum() / 360)
