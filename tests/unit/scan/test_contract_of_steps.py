"""What every step promises to a run, which knows none of them by name."""

from __future__ import annotations

import itertools
import pickle

import pytest
from toy_scan import done, make_config, make_pools, parts_of, train_all

from rayscan.results.ledger import rows_to_table
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes
from rayscan.scan.config.validation import Validation
from rayscan.scan.steps.base import Step
from rayscan.scan.steps.registry import STEPS


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A trained scan that has something to do for every step."""
    config = make_config(
        architectures=(
            "logistic_regression",
            ArchitectureChoice(
                name="mlp", head="multiclass", hyperparameters={"epochs": 1, "units": 4}
            ),
        ),
        ensembles=EnsembleSizes(train=60, validation=50, test=60),
        validation=Validation(folds=2, repeats=1),
        limits=Limits(channels=5, referee=0, workspaces=False, ensembles=100),
    )
    binned, folder = make_pools(size=5000), tmp_path_factory.mktemp("steps")
    return config, binned, folder, train_all(config, binned, folder)[2]


every_step = pytest.mark.parametrize("name", STEPS)


@every_step
def test_parts_are_named_by_what_they_depend_on(name, scan):
    config, binned, _, candidates = scan
    parts = parts_of(config, binned, candidates, [name])
    assert parts
    keys = [(part.tables[-1], part.key) for part in parts]
    assert len({*keys}) == len(keys)
    again = parts_of(config, binned, candidates[::-1], [name])
    assert [part.key for part in again] == [part.key for part in parts]
    met = {key for _, key in keys} - {p.key for p in parts_of(config, binned, (), [name])}
    assert met  # of no classifier are others, or none


@every_step
def test_a_part_travels_to_a_worker_and_gives_the_rows_of_its_tables(name, scan):
    config, binned, folder, candidates = scan
    part = parts_of(config, binned, candidates, [name])[0]
    assert part.size > 0
    assert {*part.tables} <= {*STEPS[name].tables}
    far = pickle.loads(pickle.dumps(part))
    found = done([far], config, binned, folder)
    assert {*found} == {*part.tables}
    for table, rows in found.items():
        assert rows_to_table(table, rows).num_rows == len(rows) > 0
    assert done([part], config, binned, folder) == found


def test_no_table_is_of_two_steps_and_steps_of_a_stage_are_done_together():
    tables = [table for step in STEPS.values() for table in step.tables]
    assert len({*tables}) == len(tables)
    assert {*tables} <= {*LAYOUTS}
    stages = [stage for stage, _ in itertools.groupby(step.stage for step in STEPS.values())]
    assert len({*stages}) == len(stages)
    assert len({(step.stage, step.unit) for step in STEPS.values()}) == len(stages)


@pytest.mark.parametrize("forgotten", sorted(Step.__abstractmethods__))
def test_a_step_that_forgets_to_declare_something_cannot_be_made(forgotten):
    declared = dict.fromkeys(Step.__abstractmethods__ - {forgotten}, ())
    with pytest.raises(TypeError, match=forgotten):
        type("Half", (Step,), declared)()
    type("Whole", (Step,), declared | {forgotten: ()})()
