"""Architectures of an installed package: planned, priced and trained like our own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from toy_scan import make_config, make_pools, train_all, with_events

from rayscan.errors import MemberError
from rayscan.models.architectures.registry import architectures
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.cost.capacity import worker_bytes
from rayscan.scan.cost.stages import training
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.strengths import trained_as
from rayscan.scan.steps.examples import event_features

MODULE = """
import math
import numpy as np
from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.event_mlp import EventMLP
from rayscan.models.architectures.linear import LinearArchitecture, LinearKnobs
from rayscan.models.contract import Trained
from rayscan.models.networks.event_network import EventClassifier
from rayscan.models.networks.inputs import Input


class MeanDifference(LinearArchitecture[LinearKnobs]):
    name = "mean_difference"
    knobs = LinearKnobs
    learns = "two classes"

    def work(self, values, shape, examples):
        bins = math.prod(shape)
        return Work(training=2e-9 * examples * values.draws * bins, row=reading(bins))

    def fit(self, drawn, values, seed):
        null, signal = (drawn.x[drawn.labels == label].mean(axis=0) for label in (0, 1))
        return (signal - null)[:, None], np.zeros(1)


class PerEvent(EventMLP):
    name = "per_event"


class WholePools(EventMLP):
    name = "whole_pools"

    def held(self, values, shape, examples, *, size, members):
        return 2 * examples * math.prod(shape) * size

    def train(self, members, *, watch=None):
        return [self.fit(member.examples) for member in members]

    def fit(self, events):
        x, labels = events.training()
        seen = Input.standard(x.mean(axis=0), x.var(axis=0))
        null, signal = (seen.apply(x[labels == k]).mean(axis=0) for k in (0, 1))
        weights = [(signal - null)[:, None], np.zeros(1)]
        return Trained(EventClassifier(self.name, events.features, seen, weights))


class Priceless(LinearArchitecture[LinearKnobs]):
    name = "priceless"
    knobs = LinearKnobs
    learns = "two classes"

    def fit(self, drawn, values, seed): ...
"""
POINTS = """[rayscan.architectures]
mean_difference = foreign_architectures:MeanDifference
per_event = foreign_architectures:PerEvent
whole_pools = foreign_architectures:WholePools
priceless = foreign_architectures:Priceless
renamed = foreign_architectures:PerEvent
number = math:pi
"""


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    folder = tmp_path / "foreign-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(POINTS)
    (tmp_path / "foreign_architectures.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    architectures.cache_clear()
    yield
    architectures.cache_clear()
    sys.modules.pop("foreign_architectures", None)


def test_one_of_histograms_is_checked_planned_priced_and_trained(tmp_path):
    config = make_config(
        architectures=("mean_difference",),
        training=Training(strength="drawn", repeats=1),
        ensembles=EnsembleSizes(train=200, validation=50, test=50),
    )
    assert [trained_as(config, choice) for choice in config.architectures] == ["drawn"]
    load = workload(config)
    (kind,) = load.kinds
    # 400 histograms of 96 bins, one epoch's worth of draws.
    work = kind.choice.architecture.work(kind.values, (12, 8), 400)
    assert work.training == pytest.approx(2e-9 * 400 * 96)
    assert training(load, kind) > kind.members * work.training
    _, rows, _ = train_all(config, make_pools(), tmp_path / "results")
    assert {(row["status"], row["train_strength"]) for row in rows} == {("ok", "drawn")}
    # Its mean validation AUC is that of a signal at S/sqrt(B) of 1 and 3, far from chance.
    assert min(row["validation_auc"] for row in rows) > 0.6


def test_one_of_events_needs_no_name_of_ours_to_be_given_events():
    choice = ArchitectureChoice(name="per_event", features=("met", "jet1_pt"))
    config = make_config(architectures=("mean_difference", choice))
    assert event_features(config) == ("met", "jet1_pt")
    (planned,) = [kind for kind in workload(config).kinds if kind.choice.reads_events]
    assert (planned.choice.name, planned.draws) == ("per_event", 0)


def test_one_that_asks_for_all_events_at_once_gets_them_and_is_planned_so(tmp_path):
    choice = ArchitectureChoice(name="whole_pools", features=("met", "ht"))
    config = make_config(architectures=(choice,))

    def values(name, counts):
        """The bin of each event, which tells signals from background, and the number of it."""
        met = np.repeat(np.arange(96), counts).astype(np.float32)
        return {"met": met, "ht": np.arange(len(met), dtype=np.float32)}

    pools = with_events(make_pools(), tmp_path, values)
    _, rows, _ = train_all(config, pools, tmp_path / "results")
    assert {row["status"] for row in rows} == {"ok"}
    chance = np.sqrt(1 / (6 * config.ensembles.validation))  # its error, n of each class
    found = np.array([row["validation_auc"] for row in rows])
    assert found.mean() > 0.5 + 4 * chance / np.sqrt(len(found)), found
    load = workload(config, dict.fromkeys(config.processes, 10**9))
    of_a_worker = 1_200_000_000  # with TensorFlow
    assert worker_bytes(load) - of_a_worker == 2 * load.kinds[0].examples * 2 * 4


SCAN = """
name: foreign
storage: results
processes:
  b: {role: background, generate: {process: znunu_jet, events: 1000, source: density}}
  s: {role: signal, generate: {process: spin1_on, events: 1000, source: density}}
binning: {axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]}
mixtures: {background: 100, s_over_sqrt_b: [1, 2]}
architectures:
  - {name: mean_difference, hyperparameters: {draws: 2}}
  - {name: per_event, preset: published, features: [jet1_pt]}
"""


def test_a_scan_file_may_name_them_and_their_knobs():
    first, second = parse_scan(SCAN).architectures
    assert first.architecture.valued(first.hyperparameters).draws == 2
    assert second.architecture.preset("published")["layers"] == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("priceless", "it does not say its work"),
        ("renamed", "it calls itself 'per_event'; give both one name"),
        ("number", "3.14159.* is no Architecture"),
    ],
)
def test_one_that_is_not_whole_is_refused_with_what_it_lacks(name, why):
    with pytest.raises(MemberError, match=why):
        architectures()[name]


def test_traits_of_ours_cost_no_heavy_import():
    """What `check` and `plan` ask is known without TensorFlow and scikit-learn."""
    code = """
import sys
from rayscan.models.architectures.registry import architectures
for member in architectures().values():
    values = member.valued({})
    member.fits((30, 30)), member.draws(values), member.stored(values, (30, 30))
    member.work(values, (30, 30), 100), member.held(values, (30, 30), 9, size=2, members=1)
    assert member.learns and member.reads and member.engine
print([m for m in ("ray", "tensorflow", "keras", "sklearn") if m in sys.modules])
"""
    # Without the package above: its place is on the path of this process alone.
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"
