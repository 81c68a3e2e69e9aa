"""Shards of labelled histograms: those that a training draws and a cross-test, and how they lie."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from toy_scan import BINNING, SHAPE, make_config, make_pools

from rayscan.ensembles.mixture import Mixtures
from rayscan.errors import ConfigError, EnsemblesError
from rayscan.models.contract import Member
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import examples_of
from rayscan.scan.steps.shards import Wanted, encoded, read_me
from rayscan.scan.steps.shown import show
from rayscan.scan.steps.tests.pairs import test_sets as all_test_sets

SIZES = EnsembleSizes(train=50, validation=20, test=30)
ASKED = {"pool": "train", "benchmark": "hard", "strength": 3, "number": 100}


@pytest.fixture(scope="module")
def binned():
    return make_pools()


def small(**changes):
    given = {"ensembles": SIZES, "training": Training(strength="each", repeats=1)}
    return make_config(**{**given, "architectures": ("mlp",), **changes})


def asked(config, **changes):
    return Wanted.of(config, **{**ASKED, **changes})


def trained(config, binned, benchmark, strength):
    """What the first network of a benchmark and strength trains on."""
    plan = points(config, mixtures(config, binned), binned)
    for (member,) in fixed_packs(config, plan, fingerprint=binned.fingerprint):
        point = member.point
        if (point.benchmark, point.asked) == (benchmark, (strength, "s_over_sqrt_b")):
            view = PooledScan(config, binned).at_fold(member.fold)
            return examples_of(view, member, reads="histograms")
    raise AssertionError


def same(table, histograms, labels):
    """Whether rows are those of a set, in its order within each class."""
    counts = table["counts"].combine_chunks().to_numpy_ndarray().reshape(table.num_rows, -1)
    label = table["label"].to_numpy()
    for kind in (0, 1):
        np.testing.assert_array_equal(counts[label == kind], histograms[labels == kind])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ensembles": replace(SIZES, method="multinomial")},
        {"mixtures": Mixtures(s_over_sqrt_b=(1, 3), background=1000, null="background")},
        {"mixtures": Mixtures(s_over_sqrt_b=(1, 3), background=1000, totals="poisson")},
    ],
)
def test_a_shard_is_a_set_that_the_scan_draws_bit_by_bit(binned, changes):
    config = small(**changes)
    scan = PooledScan(config, binned)
    examples = trained(config, binned, "central", 1.0)
    central = {"benchmark": "central", "strength": 1}
    train = asked(config, **central, number=500)
    for epoch in range(5):
        same(train.table(scan, epoch), *examples.training(epoch))
    same(asked(config, **central, pool="validation").table(scan, 0), *examples.validation())
    sets = all_test_sets(config, mixtures(config))
    test = next(each for each in sets if (each.benchmark, each.strength) == ("central", 0))
    shown = show(test, scan=scan, pool="test")
    table = asked(config, **central, pool="test").table(scan, 0)
    same(table, np.concatenate([shown.null, shown.alternative]), np.repeat([0, 1], 30))


def test_a_network_that_draws_once_trains_from_the_first_shard_alone(binned):
    choice = ArchitectureChoice(name="mlp", hyperparameters={"refresh": "never", "epochs": 3})
    config = small(architectures=(choice,))
    examples = trained(config, binned, "hard", 3.0)
    seen = []

    class Watched:
        def __getattr__(self, name):
            return getattr(examples, name)

        def training(self, epoch):
            seen.append(examples.training(epoch))
            return seen[-1]

    choice.architecture.train([Member(Watched(), {"refresh": "never", "epochs": 3}, seed=1)])
    (only,) = seen
    same(asked(config).table(PooledScan(config, binned), 0), *only)


@pytest.mark.parametrize("pool", ["train", "validation", "test"])
def test_every_shard_is_another_draw_and_the_last_is_cut_with_its_classes_equal(binned, pool):
    config = small()
    scan = PooledScan(config, binned)
    wanted = asked(config, pool=pool, number=246)
    tables = [wanted.table(scan, shard) for shard in range(wanted.shards)]
    assert [table.num_rows for table in tables[:-1]] == [2 * wanted.of_class] * (wanted.shards - 1)
    assert sum(table.num_rows for table in tables) == 246
    for table in tables:
        assert table["label"].to_pylist() == [0, 1] * (table.num_rows // 2)
    whole = asked(config, pool=pool, number=2 * wanted.of_class * wanted.shards)
    last = whole.table(scan, wanted.shards - 1)
    assert tables[-1].equals(last.slice(0, tables[-1].num_rows))
    rows = np.concatenate([t["counts"].combine_chunks().to_numpy_ndarray() for t in tables])
    assert len(np.unique(rows.reshape(246, -1), axis=0)) == 246
    assert [table["shard"][0].as_py() for table in tables] == list(range(wanted.shards))


def test_rows_tell_what_they_are_and_come_back_from_parquet_as_they_were(binned):
    config = small(ensembles=replace(SIZES, train=6000))  # several row groups
    scan = PooledScan(config, binned)
    table = asked(config, number=12_000).table(scan, 0)
    content = encoded(table)
    assert pq.ParquetFile(io.BytesIO(content)).num_row_groups > 1
    read = pq.read_table(io.BytesIO(content))
    assert read.equals(table, check_metadata=True)
    rows = read.slice(0, 2).to_pylist()
    assert [row["signal_events"] for row in rows] == [0, 95]  # 3 sqrt(1000)
    assert [row["background_events"] for row in rows] == [1095, 1000]
    assert {sum(row["counts"]) for row in rows} == {1095}
    assert {(r["benchmark"], r["strength"], r["seed"], r["shard"]) for r in rows} == {
        ("hard", 3.0, 7, 0)
    }
    kind = read.schema.field("counts").type
    assert (tuple(kind.shape), kind.value_type) == (SHAPE, "uint16")
    facts = json.loads(read.schema.metadata[b"rayscan"])
    assert (facts["scan"], facts["pool"], facts["strength_kind"]) == (
        "toy",
        "train",
        "s_over_sqrt_b",
    )
    for axis, known in zip(facts["axes"], BINNING.axes, strict=True):
        assert axis["observable"] == known.observable
        np.testing.assert_array_equal(axis["edges"], known.edges)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pool": "tests"}, r"pool: .*'tests' \(nearest: 'test'\).*: train, validation, test$"),
        ({"benchmark": "bkg"}, r"benchmark: there is no 'bkg'; the scan has: hard, central$"),
        ({"strength": 2}, r"strength: there is no '2'; the scan has: 1, 3$"),
        ({"number": 3}, r"number: 3, expected an even number of at least 2"),
        ({"number": 0}, r"number: 0, expected an even number"),
    ],
)
def test_what_a_scan_does_not_have_is_refused_with_all_it_has(changes, why):
    with pytest.raises(EnsemblesError, match=why):
        asked(small(), **changes)


def test_a_pool_too_small_is_said_before_anything_is_drawn(binned):
    config = small(mixtures=Mixtures(s_over_sqrt_b=(1, 3), background=30_000))
    with pytest.raises(ConfigError, match=r"'bkg \(test\)' has 20000 events .* needs 30520"):
        asked(config).check(PooledScan(config, binned))


def test_the_read_me_says_what_the_files_are(binned):
    config = small()
    made = {"command": "rayscan ensembles toy.yaml", "place": "/out"}
    text = read_me(asked(config), PooledScan(config, binned), **made)
    assert "100 histograms of 12 bins of jet1_pt x 8 bins of jet1_eta" in text
    assert "95 events of hard beside\n1000 of background" in text
    assert "\n    rayscan ensembles toy.yaml\n" in text
    assert "on average" not in text
    assert 'ray.data.read_parquet("/out")\n' in text
    free = small(ensembles=replace(SIZES, method="poisson"))
    assert "on average" in read_me(asked(free), PooledScan(free, binned), **made)
