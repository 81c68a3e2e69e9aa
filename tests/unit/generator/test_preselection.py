"""Generator preselections on events written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.generator.particles import Jets, Leptons, Reconstructed, joined
from rayscan.generator.preselection import passes
from rayscan.generator.recipes import Count, Preselection, catalogue


def events(met, jets=(), leptons=()) -> Reconstructed:
    """jets: (event, pt, eta, btag); leptons: (event, pt, eta, charge, electron)."""
    j = np.array(jets, dtype=float).reshape(-1, 4)
    k = np.array(leptons, dtype=float).reshape(-1, 5)
    return Reconstructed(
        jets=Jets(
            event=j[:, 0].astype(int),
            pt=j[:, 1],
            eta=j[:, 2],
            phi=0 * j[:, 0],
            mass=0 * j[:, 0],
            btag=j[:, 3].astype(np.uint32),
            flavour=j[:, 3].astype(np.uint32),
        ),
        leptons=Leptons(
            event=k[:, 0].astype(int),
            pt=k[:, 1],
            eta=k[:, 2],
            phi=0 * k[:, 0],
            charge=k[:, 3].astype(np.int32),
            electron=k[:, 4].astype(bool),
        ),
        met=np.array(met, dtype=float),
        met_phi=np.zeros(len(met)),
    )


def test_the_monojet_preselection_looks_at_the_leading_jet_and_missing_momentum():
    made = events(
        [40, 30, 40, 40, 40],
        jets=[(0, 131, 0, 0), (0, 20, 0, 0), (1, 200, 0, 0), (2, 130, 0, 0), (3, 200, 5.1, 0)],
    )
    found = passes(made, catalogue()["znunu_jet"].preselection)
    np.testing.assert_array_equal(found, [True, False, False, False, False])


def test_a_hard_second_jet_does_not_replace_a_forward_leading_jet():
    made = events([40], jets=[(0, 300, 5.5, 0), (0, 200, 0.0, 0)])
    assert not passes(made, Preselection(jet1_pt_min=130.0)).any()


@pytest.mark.parametrize(
    ("jets", "leptons", "kept"),
    [
        ([(0, 80, 0, 0)], [(0, 20, 0, 1, 1), (0, 12, 0, -1, 1)], True),
        ([(0, 80, 0, 0)], [(0, 20, 0, 1, 1), (0, 12, 0, -1, 0)], False),
        ([(0, 80, 0, 0)], [(0, 20, 0, 1, 0), (0, 12, 0, 1, 0)], False),
        ([(0, 80, 0, 0)], [(0, 20, 0, 1, 1)], False),
        ([(0, 80, 0, 0), (0, 31, 0, 0)], [(0, 20, 0, 1, 1), (0, 12, 0, -1, 1)], False),
        ([(0, 80, 0, 0), (0, 31, 3, 0)], [(0, 20, 0, 1, 1), (0, 12, 0, -1, 1)], True),
        ([(0, 50, 0, 0)], [(0, 20, 0, 1, 1), (0, 12, 0, -1, 1)], False),
        ([(0, 80, 0, 1)], [(0, 20, 0, 1, 1), (0, 12, 0, -1, 1)], False),
    ],
)
def test_the_slepton_preselection_wants_one_pair_and_one_untagged_jet(jets, leptons, kept):
    found = passes(events([0.1], jets, leptons), catalogue()["ww_2l2nu"].preselection)
    assert found.tolist() == [kept]


def test_an_event_without_objects_meets_upper_bounds_only():
    none = events([50.0])
    assert passes(none, Preselection(counts=(Count(object="jet", at_most=0),))).all()
    assert not passes(none, Preselection(counts=(Count(object="jet", at_least=1),))).any()


def test_kept_and_joined_events_keep_their_objects():
    made = events([10, 20, 30], jets=[(0, 50, 0, 0), (2, 60, 0, 1), (2, 40, 0, 0)])
    last = made.keep(np.array([False, True, True]))
    np.testing.assert_array_equal(last.jets.event, [1, 1])
    both = joined([last, made])
    np.testing.assert_array_equal(both.met, [20, 30, 10, 20, 30])
    np.testing.assert_array_equal(both.jets.event, [1, 1, 2, 4, 4])
    np.testing.assert_array_equal(both.jets.pt, [60, 40, 50, 60, 40])
