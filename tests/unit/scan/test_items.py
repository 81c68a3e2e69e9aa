"""Items in a scan: trained, tested beside all else, their artefacts flagged in every row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_scan import make_config, make_pools, train_all, with_events

from rayscan.ensembles.mixture import Mixtures
from rayscan.ensembles.nuisance import Uncertainty
from rayscan.models.contract import HONEST, Arrangement
from rayscan.scan.config.fitting import fitting_problems
from rayscan.scan.config.heads.registry import head_problems
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.config.search import Search
from rayscan.scan.cost.capacity import worker_bytes
from rayscan.scan.cost.stages import training
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.points import mixtures
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for
from rayscan.scan.steps.items import ItemPool, PoolItems
from rayscan.scan.steps.scoring import terms_of
from rayscan.scan.steps.tests.pairs import cross_test, test_sets
from rayscan.scan.steps.total_error import of_events, of_sums
from rayscan.seeds import stream

SHIFT = {"bkg": 0.0, "bkg2": 0.0, "hard": 1.5, "central": 1.0, "null": 0.0}
SIZES = Mixtures(total=50, signal=(2, 5))
FEW = EnsembleSizes(train=200, validation=100, test=600)
LAST = {"order": "last", "epochs": 5, "layers": 1, "units": 16, "learning_rate": 3e-3}


def gaussian(process, counts):
    """Two features with the signal's mean shifted; other pools hold other events."""
    rng = stream(int(counts[0]), "features", process)
    return {
        name: (SHIFT[process] + rng.normal(size=int(counts.sum()))).astype(np.float32)
        for name in ("jet1_pt", "jet1_eta")
    }


def config_of(*choices, **changes):
    given = {
        "architectures": choices,
        "signals": ("hard",),
        "mixtures": SIZES,
        "ensembles": FEW,
        "training": Training(strength="highest", repeats=1),
    }
    return make_config(**given | changes)


@pytest.fixture(scope="module")
def binned(tmp_path_factory):
    pools = make_pools(signals=("hard",), size=4000)
    return with_events(pools, tmp_path_factory.mktemp("events"), gaussian)


@pytest.fixture(scope="module")
def rows(binned, tmp_path_factory):
    """Rows of `auc` of the order-blind network, and of that with signal in fixed places."""
    quick = {"epochs": 4, "units": 8, "batch_size": 50, "learning_rate": 1e-2}
    config = config_of(
        ArchitectureChoice(name="item_set", hyperparameters=quick),
        ArchitectureChoice(name="item_mlp", hyperparameters=LAST),
    )
    folder = tmp_path_factory.mktemp("storage")
    _, trials, candidates = train_all(config, binned, folder)
    assert [row["status"] for row in trials] == ["ok", "ok"]
    found = [
        row
        for test in test_sets(config, mixtures(config, binned))
        for row in cross_test(
            test,
            candidates_for(config, test, candidates),
            scan=PooledScan(config, binned),
            storage=str(folder),
        )
    ]
    return {
        name: [row for row in found if row["architecture"] == name]
        for name in ("item_set", "item_mlp")
    }


def test_items_are_tested_at_every_strength_beside_the_ceiling_of_the_bins(rows):
    assert [row["test_signal"] for row in rows["item_set"]] == [2, 5]
    for row in rows["item_set"]:
        assert (row["auc"] - 0.5) / row["auc_error"] > 4
        assert row["auc_total_error"] > row["auc_error"]
        assert row["ceiling_kind"].endswith("of the bins alone")
        assert row.get("auc_over_ceiling_sigma") is None
        assert not row.get("leakage_flag")
        assert row["artefacts"] is None


def test_artefacts_are_labelled_and_flagged_in_every_row_beside_what_is_left_without(rows):
    for row in rows["item_mlp"]:
        assert row["artefacts"] == "signal in fixed places"
        assert row["leakage_flag"]
        assert row["auc"] > row["auc_unseen"]
    assert max(row["leakage_sigma"] for row in rows["item_mlp"]) > 4
    trials = {row["trial"] for each in rows.values() for row in each}
    assert len(trials) == 2


def items_of(binned, **changes):
    config = config_of(ArchitectureChoice(name="item_set"), **changes)
    point = workload(config).kinds[0].points[0]
    return PoolItems(PooledScan(config, binned), point, 0, ("jet1_pt", "jet1_eta"))


def test_items_of_an_epoch_are_the_same_again_and_others_in_the_next(binned):
    items = items_of(binned)
    first = [np.concatenate(list(items.items("train", epoch, HONEST))) for epoch in (3, 3, 4)]
    assert first[0].shape == (400, 50)
    np.testing.assert_array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])
    assert items.labels("train").tolist() == [0, 1] * 200
    signal = (first[0] >= 4000).sum(axis=1)
    assert signal.tolist() == [0, items.point.mixture.signal] * 200
    assert items.pool("train", HONEST).shape == (8000, 2)


def test_drawn_strengths_are_in_the_items_of_an_epoch(binned):
    items = items_of(binned, training=Training(strength="drawn", repeats=1))
    places = np.concatenate(list(items.items("train", 0, HONEST)))
    assert set((places[1::2] >= 4000).sum(axis=1).tolist()) == {2, 5}


def events_of(binned, pool, oversample):
    arrangement = Arrangement(oversample=oversample, synthetic=100)
    scan = PooledScan(config_of("item_set"), binned)
    found = ItemPool(scan=scan, benchmark="hard", pool=pool, arrangement=arrangement)
    matrix = found.matrix(("jet1_pt", "jet1_eta"))
    assert len(matrix) == sum(found.sizes)
    return found.sizes, matrix


def test_synthetic_events_are_where_they_are_asked_for(binned):
    """In the training pool alone; or in all, by their sizes."""
    real = (4000, 4000)
    for pool, smote, before in (
        ("train", (4100, 4100), (4033, 4033)),
        ("validation", real, (4034, 4034)),
        ("test", real, (4033, 4033)),
    ):
        assert events_of(binned, pool, "none")[0] == real
        assert events_of(binned, pool, "smote")[0] == smote
        assert events_of(binned, pool, "smote_before_split")[0] == before
    made = [
        events_of(binned, pool, "smote_before_split")[1][4000:4033] for pool in ("train", "test")
    ]
    assert not np.array_equal(*made)


def test_a_shared_pool_has_the_same_synthetic_events_for_all(tmp_path):
    shared = make_pools(signals=("hard",), size=500, mode="shared_pool")
    binned = with_events(shared, tmp_path, gaussian)
    parts = {
        name: replace(
            part,
            events={**part.events, **dict.fromkeys(("validation", "test"), part.events["train"])},
        )
        for name, part in binned.processes.items()
    }
    binned = replace(binned, processes=parts)
    train, test = (events_of(binned, pool, "smote_before_split") for pool in ("train", "test"))
    assert train[0] == test[0] == (600, 600)
    np.testing.assert_array_equal(train[1], test[1])
    assert events_of(binned, "unseen", "smote_before_split")[0] == (500, 500)


def test_the_error_of_pools_is_that_of_single_events_where_scores_are_their_sums(binned):
    """Where they spread twice as much by what no pool knows of, it counts for half."""
    mixture = SIZES.expand()[0]
    odds = {
        name: gaussian(name, binned.processes[name].counts["test"])["jet1_pt"].astype(float)
        for name in ("bkg", "hard")
    }
    pools = {"binned": binned, "benchmark": "hard", "mixture": mixture}
    exact, terms = of_events(0.6, odds, **pools), terms_of(odds, mixture)
    null, signal = terms["bkg"].var(), terms["hard"].var()
    spread = np.sqrt([50 * null, mixture.background * null + mixture.signal * signal])
    for factor in (1, 2):
        scores = tuple(np.array([-1.0, 1.0]) * factor * each for each in spread)
        found = of_sums(0.6, terms, scores=scores, **pools)
        assert found == pytest.approx(exact / factor, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mixtures": Mixtures(background=50, signal=(2,))}, "give total"),
        ({"mixtures": Mixtures(total=50, signal=(2,), totals="poisson")}, "totals: fixed"),
        ({"mixtures": Mixtures(total=50, signal=(2,), null="background")}, "null: matched"),
        ({"ensembles": EnsembleSizes(method="poisson")}, "method: without_replacement"),
        (
            {"ensembles": EnsembleSizes(uncertainty=Uncertainty(background=0.1))},
            "remove uncertainty.background",
        ),
    ],
)
def test_items_of_several_numbers_of_events_are_refused(changes, said):
    config = config_of("item_mlp", **changes)
    sections = {name: getattr(config, name) for name in ("mixtures", "ensembles", "architectures")}
    ((_, what),) = fitting_problems(sections)
    assert said in what
    assert what.startswith("'item_mlp' sees items of one number of events")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"head": "multiclass"}, "has no multiclass head"),
        ({"head": "multimodel"}, "has no multimodel head"),
        ({"against": "central"}, "items of background only"),
        ({"search": True}, "search for auc or loss"),
    ],
)
def test_other_heads_and_objectives_of_limits_are_refused(choice, said):
    config = config_of(
        ArchitectureChoice(name="item_set", **choice),
        signals=("hard", "central"),
        search=Search(objective="limit" if "search" in choice else "auc"),
    )
    sections = {
        name: getattr(config, name) for name in ("processes", "mixtures", "search", "architectures")
    }
    assert [what for _, what in head_problems(sections) if said in what]


def test_items_are_priced_by_their_events_and_the_pools_they_hold():
    entries = {"bkg": 100_000, "hard": 100_000}
    few, many = (
        workload(config_of("item_set", mixtures=Mixtures(total=n, signal=(5,))), entries)
        for n in (100, 1000)
    )
    times = [training(load, load.kinds[0]) for load in (few, many)]
    assert 4 < times[1] / times[0] < 11
    assert [load.kinds[0].shape for load in (few, many)] == [(100, 2), (1000, 2)]
    assert few.limits(fitted=True) == 1  # the histogram's own, no classifier's
    larger = workload(
        config_of("item_set", mixtures=Mixtures(total=100, signal=(5,))),
        {"bkg": 10**7, "hard": 10**5},
    )
    # three times two features of 4 bytes, of 80 % of ten million events
    assert worker_bytes(larger) - worker_bytes(few) > 0.9 * 3 * 8 * 8_000_000


def test_items_as_published_are_held_whole():
    """6,000 of each class, 1,000 events, 12 features: 576 MB in single precision, twice."""
    config = config_of(
        ArchitectureChoice(name="item_mlp", features=tuple("abcdefghijkl")),
        mixtures=Mixtures(total=1000, signal=(5,)),
        ensembles=EnsembleSizes(train=6000, validation=600, test=600),
    )
    (kind,) = workload(config).kinds
    held = kind.choice.architecture.held(kind.values, kind.shape, kind.examples, size=4, members=1)
    assert held > 2 * 576e6
