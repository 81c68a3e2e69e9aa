"""Observables by name: which exist, what they need from a file, and their values.

A name is ``<object><rank>_<property>`` (``jet1_pt``), a count (``n_bjets``), an event quantity
(``met``), a relation of two objects (``dphi_jet1_met``), or mT2 with its trial mass in GeV
(``mt2_lepton1_lepton2_275``; subtract it by the range of the axis). Truth branches (GenMissingET,
Event.ProcessID, Event.CrossSection) tell signal from background: no observable is made of them.
E events.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import awkward as ak
import numpy as np
import numpy.typing as npt

from rayscan.errors import MemberError, nearest
from rayscan.events.observables.base import OBJECTS, Kind, Observable
from rayscan.events.reconstruction import ObjectCuts, Objects, Reconstructed, leaves
from rayscan.registry import Family

__all__ = [
    "ObjectCuts",
    "Objects",
    "check",
    "compute",
    "describe",
    "names_hint",
    "needs",
    "observable",
]

_HERE = "rayscan.events.observables"
_PLACES = {
    "n_jets": f"{_HERE}.objects:JETS",
    "n_bjets": f"{_HERE}.objects:B_JETS",
    "n_taus": f"{_HERE}.objects:TAUS",
    "n_electrons": f"{_HERE}.objects:ELECTRONS",
    "n_muons": f"{_HERE}.objects:MUONS",
    "n_leptons": f"{_HERE}.objects:LEPTONS",
    "n_sfos": f"{_HERE}.objects:PAIRS",
    "met": f"{_HERE}.event:MET",
    "met_phi": f"{_HERE}.event:MET_PHI",
    "ht": f"{_HERE}.event:HT",
    "property": f"{_HERE}.objects:Property",
    "dphi": f"{_HERE}.relations:DELTA_PHI",
    "deta": f"{_HERE}.relations:DELTA_ETA",
    "dr": f"{_HERE}.relations:DELTA_R",
    "m": f"{_HERE}.relations:MASS",
    "mt": f"{_HERE}.relations:TRANSVERSE_MASS",
    "mt2": f"{_HERE}.stransverse:Stransverse",
}
_LEAK = re.compile(r"gen|truth|process|cross_?section|particle", re.IGNORECASE)


def check(name: str) -> None:
    """Refuse a name that is no observable.

    Raises:
        ValueError: Tells the nearest name there is.
    """
    observable(name)


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
    found = observable(name)
    return found.unit, found.description


def needs(names: Iterable[str], objects: Objects) -> dict[str, str]:
    """Leaf branches to read, each with the first observable that needs it."""
    out: dict[str, str] = {}
    for name in names:
        wanted = (leaves(kind, what, objects) for kind, what in observable(name).needs)
        for branch in sorted(frozenset[str]().union(*wanted)):
            out.setdefault(branch, name)
    return out


def kinds(names: Iterable[str]) -> frozenset[str]:
    """Kinds of reconstructed objects behind observables.

    >>> sorted(kinds(["n_bjets", "dphi_jet1_met"]))
    ['bjet', 'jet', 'met']
    """
    return frozenset(kind for name in names for kind, _ in observable(name).needs)


def compute(
    names: Iterable[str], columns: Mapping[str, ak.Array], objects: Objects
) -> dict[str, npt.NDArray[np.float32]]:
    """The values of observables in every event of a slice, by name, shape (E,).

    NaN where an object is absent, while counts and HT are then 0. The columns are those of
    ``formats.read``.
    """
    event = Reconstructed(columns, objects)
    return {name: observable(name).values(event).astype(np.float32) for name in names}


@lru_cache(maxsize=4096)
def observable(name: str) -> Observable:
    """The observable of a name.

    Raises:
        ValueError: There is none; tells the nearest name there is.
    """
    one = OBSERVABLES.get(name)
    if isinstance(one, Observable):
        return one
    for own, kind in OBSERVABLES.items():
        if isinstance(kind, Kind) and (found := kind.find(own, name)):
            return found
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


@lru_cache(maxsize=64)
def _names(ranks: tuple[str, ...]) -> tuple[str, ...]:
    """Every name with objects of these ranks: what a wrong name is compared with."""
    items = [kind + rank for kind in OBJECTS for rank in ranks]
    return tuple(
        name
        for own, member in OBSERVABLES.items()
        for name in (member.names(own, items) if isinstance(member, Kind) else (own,))
    )


def _made(name: str, found: object) -> Observable | Kind:
    member = found() if isinstance(found, type) and issubclass(found, Kind) else found
    if not isinstance(member, Observable | Kind):
        why = f"{found!r} is no Observable, and no Kind of them"
        raise MemberError(what="observable", name=name, why=why)
    return member


OBSERVABLES: Family[Observable | Kind] = Family(
    "observable", _PLACES, _made, group="rayscan.observables"
)
