"""Pools that cannot hold one histogram are known before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rayscan.errors import ConfigError
from rayscan.scan.checking import check

EVENTS = {"name": "event_mlp", "features": ["jet1_pt", "jet1_eta"]}


def scan(tmp_path: Path, *, events: int, **keys: Any) -> dict[str, Any]:
    made = {"process": "alp", "events": events, "source": "density"}
    return {
        "name": "held",
        "storage": str(tmp_path / "results"),
        "processes": {
            "znunu": {"role": "background", "generate": made | {"process": "znunu_jet"}},
            "alp": {"role": "signal", "generate": made},
        },
        "binning": {"axes": [{"observable": "jet1_pt", "bins": 5, "low": 130, "high": 500}]},
        "mixtures": {"total": 2500, "s_over_b": [0.001, 0.2]},
        "architectures": [{"name": "linear_svm"}],
        **keys,
    }


def refused(keys: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        check(keys)
    return str(caught.value)


def test_a_pool_that_cannot_hold_one_histogram_is_named_with_what_is_needed(tmp_path):
    found = refused(scan(tmp_path, events=10_000))
    assert "needs 2,500 events of znunu without replacement" in found
    assert "of its 10,000 events before any cut" in found
    assert "at most about 1,600 in validation, 2,000 in test;" in found
    assert "alp" not in found  # 417 of 1,600
    assert "needs 417 events of alp" in refused(scan(tmp_path, events=1_500))


def test_folds_and_a_shared_pool_hold_what_they_do(tmp_path):
    assert check(scan(tmp_path, events=10_000, pools={"folds": 3})).events["alp"] == 10_000
    assert "2,000 in validation, 2,000 in test" in refused(
        scan(tmp_path, events=10_000, pools={"folds": 5})
    )
    shared = {"split": "histograms"}
    assert check(scan(tmp_path, events=3_500, pools=shared)).lines
    assert "2,000 in train" in refused(scan(tmp_path, events=2_500, pools=shared))


def test_nothing_is_said_where_a_pool_may_hold_it_or_need_not(tmp_path):
    # 16 % of 15,500 are 2,480 on average; a pool may well hold 20 more
    assert check(scan(tmp_path, events=15_500)).lines
    for method in ("multinomial", "poisson"):
        assert check(scan(tmp_path, events=10_000, ensembles={"method": method})).lines


def test_what_fluctuates_needs_more(tmp_path):
    keys = scan(tmp_path, events=15_500)
    poisson = keys | {"mixtures": {**keys["mixtures"], "totals": "poisson"}}
    # 2,500 + 7 sqrt(2,500) of a Poisson number: the same as drawing would ask
    assert "needs 2,86" in refused(poisson)
    uncertain = {"uncertainty": {"background": 0.2}}
    assert "events of znunu" in refused(keys | {"ensembles": uncertain})


def test_tagged_jets_that_the_cut_on_jets_leaves_out_are_told(tmp_path):
    veto = {"objects": {"jets": {"pt_min": 30}}, "cuts": ["n_bjets == 0"]}
    (said,) = [
        line
        for line in check(scan(tmp_path, events=20_000, selection=veto)).cautions
        if "tagged" in line
    ]
    assert "selection.objects.bjets gives them cuts of their own, such as {pt_min: 30}" in said
    for quiet in (
        veto | {"objects": {"jets": {"pt_min": 30}, "bjets": {"pt_min": 30}}},
        veto | {"objects": {}},
        veto | {"cuts": ["n_jets == 1"]},
    ):
        told = check(scan(tmp_path, events=20_000, selection=quiet)).cautions
        assert not [line for line in told if "tagged" in line]


def test_what_no_density_holds_is_told_where_a_classifier_sees_it(tmp_path):
    (said,) = [
        line
        for line in check(
            scan(tmp_path, events=20_000, architectures=[EVENTS | {"features": ["jet1_pt", "met"]}])
        ).cautions
        if "made up" in line
    ]
    assert said.startswith(
        "met of znunu, alp mean nothing: source: density draws jet1_pt, jet1_eta"
    )
    told = check(scan(tmp_path, events=20_000, architectures=[EVENTS])).cautions
    assert not [line for line in told if "made up" in line]


@pytest.mark.data
def test_entries_of_files_are_the_most_there_can_be(tmp_path, shared_data):
    keys = scan(tmp_path, events=10)
    keys["processes"] = {
        "ww": {
            "role": "background",
            "files": [f"{shared_data}/ww2l2v_00?.root"],
            "cross_section": 3.31,
        },
        "slepton": {
            "role": "signal",
            "files": [f"{shared_data}/slepton_280_275.root"],
            "cross_section": 0.0057,
        },
    }
    found = refused(keys | {"mixtures": {"total": 25_000, "s_over_b": [0.001]}})
    assert "25,000 events of ww without replacement, but of its 35,000 events" in found
    assert "22,400 in train, 5,600 in validation, 7,000 in test" in found
