"""A plan that cannot fit is refused from its forecast."""

from __future__ import annotations

import pytest

from rayscan.cores import memory_here
from rayscan.errors import ConfigError
from rayscan.scan.checking import check
from rayscan.scan.config.file import parse_scan
from rayscan.scan.cost.capacity import problems
from rayscan.scan.cost.workload import workload

SCAN = """
name: large
storage: {storage}
processes:
  b: {{role: background, generate: {{process: znunu_jet, events: {events}, source: density}}}}
  s: {{role: signal, generate: {{process: spin1_on, events: 1000, source: density}}}}
binning:
  axes:
    - {{observable: jet1_pt, bins: {bins}, low: 130, high: 800}}
    - {{observable: jet1_eta, bins: 30, low: -4, high: 4}}
mixtures: {{background: 100, s_over_sqrt_b: [2]}}
ensembles: {{train: {train}, test: {test}}}
architectures: [{{name: {name}, hyperparameters: {knobs}}}]
training: {{repeats: {repeats}}}
"""
SMALL = {
    "storage": "results",
    "events": 1000,
    "bins": 30,
    "train": 1000,
    "test": 1000,
    "name": "mlp",
    "knobs": "{}",
    "repeats": 1,
}


def load(**changed):
    return workload(parse_scan(SCAN.format(**{**SMALL, **changed})))


def test_a_small_scan_fits():
    assert list(problems(load(), 4_000_000_000)) == []


@pytest.mark.parametrize(
    ("changed", "where", "gigabytes"),
    [
        # Two bytes a count, two classes, held four times, and 1.2 GB of TensorFlow.
        ({"train": 2_000_000}, "ensembles.train", 28.8 + 1.2),
        # Float64 twice over: 1e4 draws of 2,000 rows of 900 bins.
        (
            {"name": "logistic_regression", "knobs": "{draws: 10000}"},
            "architectures",
            2 * 8 * 1e4 * 2000 * 900 / 1e9 + 0.3,
        ),
        # Five numbers of four bytes a weight, of which there are 99 times 20,000^2.
        (
            {"knobs": "{units: 20000, layers: 100}"},
            "architectures",
            20 * (99 * 20000**2 + 900 * 20000) / 1e9 + 1.2,
        ),
        ({"test": 10_000_000}, "ensembles.test", 2 * 2 * 1e7 * 900 / 1e9 + 0.3),
    ],
)
def test_what_one_worker_cannot_hold_is_refused_with_its_key(changed, where, gigabytes):
    work = load(**changed)
    (problem,) = [p for p in problems(work, 24_000_000_000) if p.where != "storage"]
    assert problem.where == where
    needed = float(problem.what.split("one worker needs ")[1].split(" GB")[0].replace(",", ""))
    assert needed == pytest.approx(gigabytes, rel=0.01)
    assert "this machine has 24.0 GB" in problem.what


def test_more_events_than_the_disk_has_room_for_are_refused(tmp_path):
    work = load(storage=str(tmp_path / "results"), events=1_000_000_000)
    found = {p.where: p.what for p in problems(work, 10**15)}
    free = found["cache"].split(" where ")[1] if "cache" in found else ""
    # 80 bytes an event and more; a machine with that much room holds them.
    assert bool(free) == ("are free" in free)
    huge = load(storage=str(tmp_path / "results"), repeats=10_000, knobs="{units: 100000}")
    assert {p.where for p in problems(huge, 10**15)} >= {"storage"}
    remote = load(storage="s3://bucket/results", repeats=10_000, knobs="{units: 100000}")
    assert list(problems(remote, 10**15)) == []


def test_more_trainings_than_anyone_has_are_refused(tmp_path):
    many = SCAN.format(**SMALL).replace("repeats: 1}", "repeats: 10000, strength: each}")
    strengths = ", ".join(f"{2 + n}" for n in range(101))
    config = parse_scan(many.replace("s_over_sqrt_b: [2]", f"signal: [{strengths}]"))
    (problem,) = problems(workload(config), None)
    assert "1,010,000 classifiers would be trained, expected at most 1,000,000" in problem.what


def test_check_says_it_with_its_line_and_a_cluster_is_not_judged_by_this_machine(tmp_path):
    path = tmp_path / "scan.yaml"
    knobs = "{units: 100000, layers: 100}"
    path.write_text(SCAN.format(**{**SMALL, "storage": str(tmp_path / "results"), "knobs": knobs}))
    assert memory_here() < 20 * 99e10
    with pytest.raises(ConfigError, match="line 13, architectures: one worker needs"):
        check(path)
    assert check(path, here=False).lines


def test_check_says_what_an_architecture_needs_that_is_not_here(tmp_path):
    path = tmp_path / "scan.yaml"
    absent = tmp_path / "absent.h5"
    knobs = f"{{backbone: resnet50, weights: {absent}}}"
    changed = {"storage": str(tmp_path / "results"), "name": "transfer", "knobs": knobs}
    path.write_text(SCAN.format(**SMALL | changed))
    with pytest.raises(ConfigError, match=rf"line 13, architectures.0: no file {absent}; bring it"):
        check(path)
    path.write_text(SCAN.format(**SMALL | changed).replace(str(absent), "absent.h5"))
    with pytest.raises(ConfigError, match=r"line 13, architectures.* 'absent.h5' is relative"):
        check(path)
