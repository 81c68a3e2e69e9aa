"""Searches: what is suggested depends on the scan and on finished batches, and on nothing else."""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from rayscan.cluster.queue import Queue
from rayscan.cluster.samplers import sampler
from rayscan.cluster.studies import PointStudy, Pruning
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.samplers import SAMPLERS
from rayscan.scan.config.search import Search
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.plan.points import mixtures, planned_in_fold, points

HERE = [
    pytest.param(name, marks=pytest.mark.skipif(bool(missing), reason=missing))
    for name, missing in ((name, member.missing()) for name, member in SAMPLERS.items())
]
SCAN = """
name: search
storage: nowhere
processes:
  b: {{role: background, generate: {{process: znunu_jet, events: 1000, source: density}}}}
  s: {{role: signal, generate: {{process: spin1_on, events: 1000, source: density}}}}
binning: {{axes: [{{observable: jet1_pt, bins: 10, low: 130, high: 800}}]}}
mixtures: {{background: 100, s_over_sqrt_b: [2]}}
architectures:
  - name: mlp
    hyperparameters: {{learning_rate: {{low: 1.0e-4, high: 1.0e-1, log: true}}}}
search: {{sampler: {sampler}, trials: {trials}, batch: 4, objective: {objective}}}
"""

SPACE = {"units": CategoricalDistribution((1, 2)), "layers": CategoricalDistribution((3, 4, 5))}


def study(*, sampler: str = "tpe", objective: str = "auc", trials: int = 10) -> PointStudy:
    config = parse_scan(SCAN.format(sampler=sampler, objective=objective, trials=trials))
    (point,) = points(config, mixtures(config))
    return PointStudy(config=config, point=point, fingerprint="pools")


def row(plan: MemberPlan, value: float | None = None, status: str = "ok") -> dict[str, Any]:
    rate = plan.hyperparameters["learning_rate"]
    return {
        "status": status,
        "objective_value": rate if value is None else value,
        "learning_curve": [0.5, 0.6],
    }


def finish(search: PointStudy, *, backwards: bool) -> list[MemberPlan]:
    seen: list[MemberPlan] = []
    while batch := search.suggest():
        seen += batch
        for plan in reversed(batch) if backwards else batch:
            search.tell(plan.repeat, row(plan))
    return seen


def with_keys(*keys: str) -> list[Any]:
    """Samplers that can be used here and read some of these keys."""
    return [each for each in HERE if set(keys) & set(SAMPLERS[str(each.values[0])].keys)]


@pytest.mark.parametrize("sampler", with_keys("trials"))
def test_the_order_in_which_members_end_changes_nothing(sampler: str) -> None:
    forwards = finish(study(sampler=sampler), backwards=False)
    backwards = finish(study(sampler=sampler), backwards=True)
    assert [plan.key for plan in forwards] == [plan.key for plan in backwards]
    assert [plan.repeat for plan in forwards] == list(range(10))


def test_nothing_is_suggested_while_a_batch_is_out() -> None:
    search = study()
    first = search.suggest()
    assert len(first) == 4
    assert search.suggest() == ()
    for plan in first[:3]:
        search.tell(plan.repeat, row(plan))
    assert search.suggest() == ()
    search.tell(first[3].repeat, row(first[3]))
    assert len(search.suggest()) == 4
    assert not search.finished


def test_the_last_batch_is_as_small_as_it_must_be_and_then_it_is_finished() -> None:
    search = study()
    assert len(finish(search, backwards=False)) == 10
    assert search.finished


@pytest.mark.parametrize(
    ("status", "state"), [("pruned", TrialState.PRUNED), ("diverged", TrialState.FAIL)]
)
def test_optuna_is_told_how_a_member_ended(status: str, state: TrialState) -> None:
    search = study()
    batch = search.suggest()
    for plan in batch:
        search.tell(plan.repeat, row(plan, status=status))
    assert {trial.state for trial in search.earlier()} == {state}


def test_a_search_moves_where_its_objective_is_better() -> None:
    # The value told is the learning rate itself: a loss pulls it down, an AUC up. The first ten
    # members of TPE are random; both searches draw equal ones.
    last = {}
    for objective in ("loss", "auc"):
        rates = [
            plan.hyperparameters["learning_rate"]
            for plan in finish(study(objective=objective, trials=24), backwards=False)
        ]
        last[objective] = sorted(rates[-8:])
    # Medians, for TPE keeps exploring: the fourth of eight.
    assert last["loss"][3] < last["auc"][3] / 10


def earlier_of(*curves: tuple[float, ...]) -> list[Any]:
    search = study(sampler="random")
    batch = search.suggest()
    for plan, curve in zip(batch, curves, strict=True):
        search.tell(plan.repeat, row(plan) | {"learning_curve": list(curve)})
    return search.earlier()


def test_a_member_below_the_median_of_earlier_ones_is_stopped_and_the_others_go_on() -> None:
    good = [(0.6, 0.7, 0.8, 0.8)] * 4
    pack = study(sampler="random").suggest()[:2]
    pruning = Pruning(Search(sampler="random"), earlier_of(*good), pack)
    for epoch in range(4):
        stop = pruning(epoch, [0.5, 0.9])
    assert stop == [True, False]
    assert list(pruning.stopped) == [0]


def test_a_member_that_ended_before_is_not_counted_as_pruned() -> None:
    pack = study(sampler="random").suggest()[:1]
    pruning = Pruning(Search(sampler="random"), earlier_of(*[(0.6,) * 4] * 4), pack)
    assert pruning(0, [float("nan")]) == [True]
    assert pruning.stopped == {}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_reads_keys_of_the_search_and_writes_them_out(name: str) -> None:
    search, member = Search(sampler=name), SAMPLERS[name]
    optional = {each.name for each in fields(Search) if each.default is None}
    assert set(member.keys) == set(member.options(search)) <= optional
    assert {key for key in optional if getattr(search, key) is not None} == set(member.keys)
    assert Search(sampler=name, **member.options(search)) == search


@pytest.mark.parametrize("name", HERE)
def test_the_factory_of_a_sampler_makes_one(name: str) -> None:
    assert isinstance(sampler(Search(sampler=name), 1, SPACE), BaseSampler)


def options(search: Search) -> dict[str, Any]:
    """What a sampler does with its start-up, as Optuna keeps it."""
    found = vars(sampler(search, 1, SPACE))
    return {key: found[key] for key in found if key in {"_n_startup_trials", "_population_size"}}


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (Search(), {"_n_startup_trials": 10}),
        (Search(trials=6, batch=2), {"_n_startup_trials": 3}),
        (Search(startup=4), {"_n_startup_trials": 4}),
        (Search(sampler="gp", trials=200), {"_n_startup_trials": 10}),
        (Search(sampler="nsga2"), {"_population_size": 5}),
        (Search(sampler="nsga2", trials=1000), {"_population_size": 50}),
        (Search(sampler="nsga2", population=7), {"_population_size": 7}),
        (Search(sampler="random", trials=1), {}),
    ],
)
def test_the_options_of_a_sampler_are_those_of_the_scan(search: Search, said: Any) -> None:
    assert {"_n_startup_trials": search.startup, "_population_size": search.population}.items() >= (
        said.items()
    )
    assert options(search) == said


@pytest.mark.parametrize("name", with_keys("startup", "population"))
def test_a_sampler_that_starts_somehow_learns_in_a_short_search(name: str) -> None:
    rates = [
        [
            plan.hyperparameters["learning_rate"]
            for plan in finish(study(sampler=name, objective=objective), backwards=False)
        ]
        for objective in ("loss", "auc")  # the same values, once pulled down and once up
    ]
    assert rates[0][:4] == rates[1][:4]
    assert rates[0] != rates[1]


LISTED = "{{units: {{choices: [8, 4]}}, layers: {{choices: [1, 3, 2]}}}}"


def grid(**architecture: str) -> PointStudy:
    text = SCAN.replace("trials: {trials}, ", "")
    text = text.replace("{{learning_rate: {{low: 1.0e-4, high: 1.0e-1, log: true}}}}", LISTED)
    for old, new in architecture.items():
        text = text.replace(old, new)
    config = parse_scan(text.format(sampler="grid", objective="auc"))
    (point,) = points(config, mixtures(config))
    return PointStudy(config=config, point=point, fingerprint="pools")


def test_a_grid_is_every_combination_once_in_one_batch_whatever_the_seed() -> None:
    search = grid()
    batch = search.suggest()
    found = [(plan.hyperparameters["units"], plan.hyperparameters["layers"]) for plan in batch]
    assert found == list(itertools.product((8, 4), (1, 3, 2)))
    assert planned_in_fold(search.config, search.point) == 6
    for plan in reversed(batch):
        assert not search.finished
        search.tell(plan.repeat, {"status": "ok", "objective_value": 0.5})
    assert search.finished
    assert search.suggest() == ()


def test_a_grid_whose_set_is_costly_is_one_pack_and_one_of_networks_is_not() -> None:
    one = grid(**{"name: mlp": "name: linear_svm", LISTED: "{{C: {{choices: [0.1, 1, 10]}}}}"})
    for search, packs in ((one, [3]), (grid(), [1] * 6)):
        queue = Queue(search.config, [search.point], "pools", {}, lambda _: None)
        taken = list(iter(queue.take, None))
        assert [len(pack) for pack, _ in taken] == packs
        assert not queue.exhausted


def test_each_fold_searches_for_itself() -> None:
    """A search of one fold must not learn from another's: it may hold the events of its test."""
    folded = SCAN.format(sampler="tpe", trials=6, objective="auc") + "pools: {folds: 3}\n"
    config = parse_scan(folded)
    (point,) = points(config, mixtures(config))
    queue = Queue(config, (point,), "pools", {}, done=lambda row: None)
    seen: list[MemberPlan] = []
    while not queue.exhausted:
        taken = queue.take()
        assert taken is not None
        (plan,), _ = taken
        seen.append(plan)
        # Fold 2 likes large rates, the others small ones.
        rate = plan.hyperparameters["learning_rate"]
        value = rate if plan.fold == 2 else -rate
        found = row(plan, value) | {"point": point.name, "fold": plan.fold, "repeat": plan.repeat}
        queue.receive([found])
    assert len({plan.key for plan in seen}) == len(seen) == 18
    for fold in range(3):
        own = PointStudy(config=config, point=point, fingerprint="pools", fold=fold)
        expected: list[MemberPlan] = []
        while batch := own.suggest():
            expected += batch
            for plan in batch:
                rate = plan.hyperparameters["learning_rate"]
                own.tell(plan.repeat, row(plan, rate if fold == 2 else -rate))
        mine = [plan.key for plan in seen if plan.fold == fold]
        assert sorted(mine) == sorted(plan.key for plan in expected)
