"""Pools from event tables: who is where, what is kept, and what the tables say of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from toy_scan import by_pool, fill_pools, make_pools, process_pools

from rayscan.ensembles.binning import Axis, Binning
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import SelectionEmptyError, WeightError
from rayscan.events.selection import CutFlow, Step
from rayscan.events.split import Pools
from rayscan.events.table import schema
from rayscan.results.ledger import rows_to_table
from rayscan.scan.pools.binned import (
    POOL_NAMES,
    cutflow_rows,
    gather,
    pool_rows,
    templates_of,
)
from rayscan.seeds import stream

BINNING = Binning(
    axes=(
        Axis(observable="jet1_pt", bins=6, low=0, high=300),
        Axis(observable="met", bins=4, low=0, high=200),
    )
)
EVENTS = 4000


def event_table(process="sig", *, pt=None, weights=None, events=EVENTS):
    """Exponential jet momenta and missing momenta; entries tell events apart."""
    rng = stream(3, "events", process)
    pt = rng.exponential(60, events) if pt is None else pt
    met = rng.exponential(50, events)
    columns = [
        pa.repeat(pa.scalar(process), events),
        pa.array(np.where(np.arange(events) % 2, "a.root", "b.root")),
        pa.array(np.arange(events) // 2),
        pa.array(np.ones(events) if weights is None else weights),
        pa.array(pt.astype(np.float32)),
        pa.array(met.astype(np.float32)),
    ]
    return pa.Table.from_arrays(columns, schema=schema(("jet1_pt", "met")))


def flow_of(table, process="sig", before=2.0):
    """A flow in which all cuts together left 1/before of the weight."""
    weights = table["weight"].to_numpy()
    step = {
        "events": len(weights),
        "sum_weights": float(weights.sum()),
        "sum_weights_squared": float((weights**2).sum()),
    }
    first = {key: value * before for key, value in step.items()}
    return CutFlow(process=process, steps=(Step(cut="all", **first), Step(cut="met > 0", **step)))


def binned_process(table, process="sig", **changes):
    return fill_pools(table, flow_of(table, process), **{"binning": BINNING, "seed": 5, **changes})


def test_no_event_is_in_two_pools_and_none_is_lost():
    table = event_table()
    parts = by_pool(table, Pools(), seed=5)
    who = {
        name: set(zip(part["file"].to_pylist(), part["entry"].to_pylist(), strict=True))
        for name, part in parts.items()
    }
    assert sum(len(events) for events in who.values()) == EVENTS
    assert not (who["train"] & who["test"])
    assert not (who["train"] & who["validation"])
    assert not (who["validation"] & who["test"])
    binned = binned_process(table)
    for name, part in parts.items():
        columns = {n: part[n].to_numpy() for n in ("jet1_pt", "met")}
        np.testing.assert_array_equal(binned.counts[name], BINNING.counts(columns))
        assert binned.selected[name] == part.num_rows


def test_pools_have_their_shares_within_binomial_errors():
    selected = binned_process(event_table()).selected
    for name, share in (("train", 0.64), ("validation", 0.16), ("test", 0.20)):
        error = np.sqrt(share * (1 - share) * EVENTS)
        assert abs(selected[name] - share * EVENTS) < 4 * error


def test_a_shared_pool_holds_all_but_the_unseen_events():
    binned = binned_process(event_table(), pools=Pools(split="histograms"))
    apart = binned_process(event_table())
    assert binned.selected["train"] == EVENTS - binned.selected["unseen"]
    np.testing.assert_array_equal(binned.counts["train"], binned.counts["test"])
    np.testing.assert_array_equal(binned.counts["unseen"], apart.counts["test"])


def test_pools_do_not_depend_on_the_order_of_events():
    table = event_table()
    shuffled = table.take(pa.array(stream(1, "order").permutation(EVENTS)))
    one, two = binned_process(table), binned_process(shuffled)
    for name in POOL_NAMES:
        np.testing.assert_array_equal(one.counts[name], two.counts[name])


def test_another_seed_makes_other_pools_of_the_same_events():
    one, two = binned_process(event_table()), binned_process(event_table(), seed=6)
    total = [sum(part.counts[n] for n in POOL_NAMES) for part in (one, two)]
    np.testing.assert_array_equal(*total)
    assert not np.array_equal(one.counts["test"], two.counts["test"])


def test_events_without_the_object_of_an_axis_are_outside():
    pt = stream(3, "pt").exponential(60, EVENTS)
    pt[::4] = np.nan
    binned = binned_process(event_table(pt=pt))
    inside = sum(int(counts.sum()) for counts in binned.counts.values())
    assert inside <= EVENTS * 3 // 4
    assert binned.flow[-1]["cut"] == "binning"
    assert binned.flow[-1]["events"] == inside
    assert sum(binned.selected.values()) == EVENTS


@pytest.mark.parametrize("pt", [np.nan, 1e6])
def test_a_process_with_no_event_in_the_axis_ranges_is_refused_with_its_flow(pt):
    with pytest.raises(SelectionEmptyError, match=r"'sig'.*met > 0: 4000, binning: 0"):
        binned_process(event_table(pt=np.full(EVENTS, pt)))


def test_negative_weights_are_refused():
    weights = np.ones(EVENTS)
    weights[7] = -1
    with pytest.raises(WeightError, match="1 of 4000 event weights are negative"):
        binned_process(event_table(weights=weights))


def test_the_cross_section_is_what_the_selection_and_the_axes_leave():
    table = event_table()
    binned = binned_process(table)
    columns = {n: table[n].to_numpy() for n in ("jet1_pt", "met")}
    inside = BINNING.counts(columns).sum() / EVENTS
    assert binned.cross_section == pytest.approx(3.0 * inside / 2)
    assert binned.flow[0]["cross_section"] == 3.0
    assert binned.flow[-1]["cross_section"] == pytest.approx(binned.cross_section)


def test_weighted_events_are_unweighted_to_the_same_distribution():
    rng = stream(4, "weights")
    weights = rng.choice([0.5, 2.0], EVENTS)
    table = event_table(weights=weights)
    binned = binned_process(table)
    kept, of, effective = binned.unweighting
    assert of == EVENTS
    assert sum(binned.selected.values()) == kept
    assert effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    # A quarter of the light and all of the heavy events stay.
    light = int((weights == 0.5).sum())
    assert abs(kept - (EVENTS - light) - light / 4) < 4 * np.sqrt(light * 3 / 16)
    columns = {n: table[n].to_numpy() for n in ("jet1_pt", "met")}
    inside = weights[BINNING.index(columns) >= 0].sum() / weights.sum()
    assert binned.cross_section == pytest.approx(3.0 * inside / 2)


def test_the_efficiency_error_of_equal_weights_is_binomial():
    binned = binned_process(event_table())
    for row in binned.flow[1:]:
        p, n = row["efficiency"], 2 * EVENTS
        assert row["efficiency_error"] == pytest.approx(np.sqrt(p * (1 - p) / n))


def test_features_are_those_of_the_events_inside(tmp_path):
    pt = stream(3, "pt").exponential(60, EVENTS)
    pt[::4] = np.nan
    binned = binned_process(event_table(pt=pt), features=("met", "jet1_pt"), folder=tmp_path)
    for name in POOL_NAMES:
        assert len(binned.events[name]) == binned.counts[name].sum()
        assert np.isfinite(binned.events[name].matrix(["jet1_pt"])).all()


def gathered(split=None):
    parts = {
        "bkg": binned_process(event_table("bkg"), "bkg", role="background", cross_section=8.0),
        "sig": binned_process(event_table("sig"), "sig"),
    }
    return gather(
        parts,
        binning=BINNING,
        split=split or Pools(),
        backgrounds=("bkg",),
        benchmarks=("sig",),
        fingerprint="f",
    )


def test_the_tables_pools_and_cutflow_fit_their_layouts():
    binned = gathered()
    pools = rows_to_table("pools", pool_rows(binned)).to_pylist()
    flow = rows_to_table("cutflow", cutflow_rows(binned)).to_pylist()
    assert len(pools) == 6
    assert len(flow) == 6
    assert {row["pool_mode"] for row in pools} == {"disjoint"}
    for row in pools:
        assert row["events_in_binning"] <= row["events"]
        assert row["kept_by_unweighting"] == 1
    composition = {(r["process"], r["step"]): r["composition"] for r in flow}
    assert composition["bkg", 0] == composition["bkg", 2] == 1
    assert composition["sig", 0] == pytest.approx(3 / 8)


def test_a_shared_pool_is_labelled():
    binned = gathered(Pools(split="histograms"))
    assert binned.mode == "shared_pool"
    assert {row["pool_mode"] for row in pool_rows(binned)} == {"shared_pool"}


def test_sparse_bins_are_merged_in_every_process_alike():
    plain, merged = gathered(), gathered(Pools(min_pool_count=20))
    few = plain.background_counts("train") < 20
    assert few.sum() > 1
    target = np.flatnonzero(few)[0]
    for process in ("bkg", "sig"):
        for pool in POOL_NAMES:
            before = plain.processes[process].counts[pool]
            after = merged.processes[process].counts[pool]
            assert after[target] == before[few].sum()
            np.testing.assert_array_equal(after[~few], before[~few])
            assert after.sum() == before.sum()


def test_backgrounds_are_mixed_by_their_cross_sections():
    binned = make_pools(backgrounds=("bkg", "bkg2"), sizes={"bkg2": 500})
    one, two = (binned.processes[n].counts["train"] for n in ("bkg", "bkg2"))
    expected = 2 / 3 * one / one.sum() + 1 / 3 * two / two.sum()
    np.testing.assert_allclose(binned.background_density("train"), expected)
    np.testing.assert_allclose(binned.background("train").density, expected)
    assert binned.background_cross_section == pytest.approx(7.5)
    np.testing.assert_array_equal(binned.background_counts("train"), one + two)


def test_pools_count_by_what_they_weigh():
    """2/3 of the yield in 20,000 events and 1/3 in 500: as uncertain as 4,410 events of one."""
    alone, both = make_pools(), make_pools(backgrounds=("bkg", "bkg2"), sizes={"bkg2": 500})
    assert alone.background_size("train") == 20_000
    np.testing.assert_array_equal(alone.weighted_counts("train"), alone.background_counts("train"))
    size = 1 / ((2 / 3) ** 2 / 20_000 + (1 / 3) ** 2 / 500)
    assert both.background_size("train") == pytest.approx(size)
    expected = both.background_density("train") * size
    np.testing.assert_allclose(both.weighted_counts("train"), expected, atol=1e-9)
    found = templates_of(both, "hard", Mixture(signal=10, background=100))
    assert found.background_size == pytest.approx(size)
    assert [part.size for part in found.backgrounds] == [20_000, 500]
    mixed = sum(part.share * part.density for part in found.backgrounds)
    np.testing.assert_allclose(mixed, found.background)


def test_templates_are_the_densities_of_the_training_pools():
    binned = make_pools()
    mixture = Mixture(signal=10, background=100)
    found = templates_of(binned, "hard", mixture)
    assert found.signal.sum() == pytest.approx(1)
    assert found.background.sum() == pytest.approx(1)
    assert (found.S, found.B) == (10, 100)
    assert found.signal_size == process_pools("hard").counts["train"].sum()
    other = templates_of(binned, "hard", mixture, pool="test")
    assert not np.array_equal(found.signal, other.signal)
