"""The family of architectures: a line each, and whatever installed packages bring."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from rayscan.errors import MemberError
from rayscan.models import storage
from rayscan.models.architectures.base import Architecture
from rayscan.models.architectures.own import own_class
from rayscan.models.contract import Classifier
from rayscan.registry import Family, instances

_PLACES = {
    "likelihood_ratio": "rayscan.models.architectures.likelihood_ratio:LikelihoodRatio",
    "logistic_regression": "rayscan.models.architectures.logistic_regression:LogisticRegression",
    "linear_svm": "rayscan.models.architectures.linear_svm:LinearSVM",
    "transfer": "rayscan.models.architectures.transfer:Transfer",
    "mlp": "rayscan.models.architectures.mlp:MLP",
    "cnn": "rayscan.models.architectures.cnn:CNN",
    "event_mlp": "rayscan.models.architectures.event_mlp:EventMLP",
    "item_mlp": "rayscan.models.architectures.item_mlp:ItemMLP",
    "item_set": "rayscan.models.architectures.item_set:ItemSet",
}


@functools.cache
def architectures() -> Family[Architecture[Any]]:
    """All architectures by name.

    >>> "mlp" in architectures()
    True
    """
    return Family("architecture", _PLACES, _made, group="rayscan.architectures")


def _made(name: str, found: object) -> Architecture[Any]:
    member: Architecture[Any] = instances("architecture", Architecture)(name, found)
    if member.name != name:
        why = f"it calls itself '{member.name}'; give both one name"
        raise MemberError(what="architecture", name=name, why=why)
    return member


def architecture(name: str, origin: tuple[str, str] | None = None) -> Architecture[Any]:
    """One architecture, always the same object.

    ``origin`` is file and class, and the text of the file, of one that is no member of the family.

    Raises:
        KeyError: The family has none of this name.
        MemberError: What is found is none.
    """
    return architectures()[name] if origin is None else _own(name, origin)


@functools.cache
def _own(name: str, origin: tuple[str, str]) -> Architecture[Any]:
    member = _made(name, own_class(name, *origin))
    member.origin = origin
    return member


def load(folder: Path) -> Classifier:
    """A classifier from the folder it was saved to; one of a user's own file runs what is in it.

    Raises:
        FileUnreadableError: The folder does not hold a classifier of this version.
        MemberError: The text stored with it makes no architecture.
    """
    name, origin, known = *storage.architecture_of(folder), architectures()
    if origin is not None:
        return architecture(name, origin).restore(folder)
    if name not in known:
        raise storage.unreadable(folder, f"unknown architecture: {known.unknown(name)}")
    return known[name].restore(folder)
