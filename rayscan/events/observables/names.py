"""Observables by name: which exist, what they need from a file, and their values.

A name is ``<object><rank>_<property>`` (``jet1_pt``), a count (``n_bjets``), an event quantity
(``met``), a relation of two objects (``dphi_jet1_met``), or mT2 with its trial mass in GeV
(``mt2_lepton1_lepton2_275``; subtract it by the range of the axis). Truth branches (GenMissingET,
Event.ProcessID, Event.CrossSection) tell signal from background: no observable is made of them.
E events.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import awkward as ak
import numpy as np
import numpy.typing as npt

from rayscan.errors import nearest
from rayscan.events.observables import base as definitions
from rayscan.events.observables.base import Item, Observable
from rayscan.events.reconstruction import ObjectCuts, Objects, Reconstructed, leaves

__all__ = [
    "ObjectCuts",
    "Objects",
    "branches",
    "check",
    "compute",
    "describe",
    "names_hint",
    "needs",
]

_OBJECT = r"(?:jet|electron|muon|lepton)[1-9]\d?"
_SINGLE = re.compile(rf"({_OBJECT})_([a-z]+)")
_PAIR = re.compile(rf"(dphi|deta|dr|m|mt)_({_OBJECT})_({_OBJECT}|met)")
_MT2 = re.compile(rf"mt2_({_OBJECT})_({_OBJECT})_(\d{{1,5}})")
_LEAK = re.compile(r"gen|truth|process|cross_?section|particle", re.IGNORECASE)


def check(name: str) -> None:
    """Refuse a name that is no observable.

    Raises:
        ValueError: Tells the nearest name there is.
    """
    _observable(name)


def names_hint(name: str) -> str:
    """The nearest valid name in words, or an empty string.

    >>> names_hint("jet1_pT")
    " (nearest: 'jet1_pt')"
    """
    ranks = sorted({"1", "2", *re.findall(r"(?<=[a-z])[1-9]\d?", name.lower())}, key=int)
    return nearest(name.lower(), _names(tuple(ranks)))


def describe(name: str) -> tuple[str, str]:
    """Unit and meaning of an observable.

    >>> describe("jet1_pt")
    ('GeV', 'transverse momentum of the leading jet')
    """
    found = _observable(name)
    return found.unit, found.description


def needs(names: Iterable[str], objects: Objects) -> dict[str, str]:
    """Leaf branches to read, each with the first observable that needs it."""
    out: dict[str, str] = {}
    for name in names:
        wanted = (leaves(kind, what, objects) for kind, what in _observable(name).needs)
        for branch in sorted(frozenset[str]().union(*wanted)):
            out.setdefault(branch, name)
    return out


def branches(names: Iterable[str], objects: Objects) -> frozenset[str]:
    """Leaf branches to read for some observables, with those the object cuts need."""
    return frozenset(needs(names, objects))


def compute(
    names: Iterable[str], columns: Mapping[str, ak.Array], objects: Objects
) -> dict[str, npt.NDArray[np.float32]]:
    """The values of observables in every event of a slice.

    Args:
        names: The observables.
        columns: Leaf branch -> array, as ``delphes.read`` gives them.
        objects: Which reconstructed objects count.

    Returns:
        Name -> values, shape (E,); NaN where an object is absent, while counts and HT are then 0.
    """
    event = Reconstructed(columns, objects)
    return {name: _observable(name).values(event).astype(np.float32) for name in names}


@lru_cache(maxsize=4096)
def _observable(name: str) -> Observable:
    if name in definitions.COUNTED:
        return definitions.count(name)
    if name in definitions.EVENT:
        return definitions.EVENT[name]
    if (one := _SINGLE.fullmatch(name)) and _has(*one.groups()):
        return definitions.single(Item.parse(one[1]), one[2])
    if (two := _PAIR.fullmatch(name)) and definitions.relates(*two.groups()):
        return definitions.pair(two[1], Item.parse(two[2]), Item.parse(two[3]))
    if (mt2 := _MT2.fullmatch(name)) and mt2[1] != mt2[2]:
        return definitions.stransverse(Item.parse(mt2[1]), Item.parse(mt2[2]), float(mt2[3]))
    if _LEAK.search(name):
        raise ValueError(
            f"'{name}': truth quantities tell signal from background and are never observables; "
            "use reconstructed ones such as 'jet1_pt' or 'met'"
        )
    raise ValueError(
        f"'{name}' is no observable{names_hint(name)}; expected e.g. 'jet1_pt', 'lepton2_eta', "
        "'n_bjets', 'met', 'ht', 'dphi_jet1_met', 'm_lepton1_lepton2', 'mt_lepton1_met', "
        "'mt2_lepton1_lepton2_100'"
    )


def _has(item: str, name: str) -> bool:
    return name in definitions.PROPERTIES[Item.parse(item).kind]


@lru_cache(maxsize=64)
def _names(ranks: tuple[str, ...]) -> tuple[str, ...]:
    """Every name with objects of these ranks: what a wrong name is compared with."""
    items = [kind + rank for kind in definitions.PROPERTIES for rank in ranks]
    singles = [
        f"{item}_{name}" for item in items for name in definitions.PROPERTIES[Item.parse(item).kind]
    ]
    pairs = [
        f"{relation}_{a}_{b}"
        for relation, a, b in itertools.product(definitions.RELATIONS, items, [*items, "met"])
        if definitions.relates(relation, a, b)
    ]
    mt2 = [f"mt2_{a}_{b}_0" for a, b in itertools.permutations(items, 2)]
    return (*definitions.COUNTED, *definitions.EVENT, *singles, *pairs, *mt2)
