"""Input formats: a family; what a file of events holds, its slices, and their branches as arrays.

Whatever the format, branches are named as Delphes names them. E events.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import awkward as ak
import numpy as np

from rayscan.arrays import Integers
from rayscan.errors import BranchMissingError, BranchUnusableError
from rayscan.events import weights
from rayscan.events.flat import leaf
from rayscan.events.rootfile import broken
from rayscan.events.weights import WEIGHT
from rayscan.registry import Family, instances

EVENTS_PER_TASK = 20_000
"""Events of a generated file, and entries of an input file that one task reads: opening a file
costs as much as reading so many."""

_MOST_PER_TASK = 10 * EVENTS_PER_TASK
"""Entries of one basket that a task reads; a basket is decompressed by each task that needs it."""

TREE = "Delphes"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFile:
    """What one input file holds.

    Attributes:
        path: Where it is: a path or a URL.
        entries: Events in the tree.
        bytes: Size on disk.
        branches: Leaf branches by their names in Delphes, e.g. ``"Jet.PT"``, whatever the format.
        identity: Equal for copies of one file, and for no others.
        format: Its format, a member of `FORMATS`.
        no_numbers: Of the leaf branches that can be read, those that hold no numbers: their type.
        borders: Entries, the first to one past the last, between which it is compressed as a whole;
            empty where it does not matter where it is cut.
    """

    path: str
    entries: int
    bytes: int
    branches: frozenset[str]
    identity: str
    format: str = ""
    no_numbers: Mapping[str, str] = field(default_factory=dict, hash=False)
    borders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A range of events of one file: the unit of work of a reader.

    Attributes:
        process: Process the events belong to.
        path: The file.
        file: Short name of the file, part of the identity of its events whatever the path.
        first: First entry.
        last: One past the last entry.
        tree: Name of the tree.
        weight: What event weights are read from: a branch with its place in the list, or ``none``.
        format: The format of the file; empty: whichever fits.
    """

    process: str
    path: str
    file: str
    first: int
    last: int
    tree: str = TREE
    weight: str = WEIGHT
    format: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last:
            raise ValueError(
                f"slice of {self.path}: entries [{self.first}, {self.last}), "
                "expected 0 <= first < last"
            )


class InputFormat(ABC):
    """How files of one format are opened and read."""

    @abstractmethod
    def fits(self, path: str) -> bool:
        """Whether a file, by its name or its first bytes, is of this format.

        Formats of installed packages are asked first, ours last.
        """

    @abstractmethod
    def inspect(self, path: str, tree: str) -> EventFile:
        """What a file holds, without reading its events.

        Args:
            path: A path, or a URL that `pyarrow.fs` opens.
            tree: Name of the tree, in formats that hold several.

        Raises:
            FileUnreadableError: It cannot be read, or holds no events.
            StorageError: The server of a URL does not answer or refuses.
            TreeMissingError: It has no such tree.
        """

    @abstractmethod
    def read(self, piece: Slice, wanted: Mapping[str, str]) -> dict[str, ak.Array]:
        """Named branches of one slice.

        Args:
            piece: Which events.
            wanted: Branch -> the observable that needs it.

        Returns:
            Branch -> array, shape (E, objects), or (E,) for one number per event.

        Raises:
            BranchMissingError: There is no such branch (`require_branches`).
            FileUnreadableError: The file is broken, or shorter than when it was inspected.
        """


FORMATS: Family[InputFormat] = Family(
    "input format",
    {"delphes": "rayscan.events.delphes:Delphes"},
    instances("input format", InputFormat),
    group="rayscan.inputs",
)


def _fitting(path: str) -> str:
    return next(name for name in [*FORMATS][::-1] if FORMATS[name].fits(path))


def inspect(path: str | Path, *, tree: str = TREE) -> EventFile:
    """What a file of events holds: no event is read; see `InputFormat.inspect`."""
    name = _fitting(str(path))
    return replace(FORMATS[name].inspect(str(path), tree), format=name)


def slices(
    file: EventFile,
    *,
    process: str,
    name: str,
    entries_per_slice: int | None = None,
    tree: str = TREE,
    weight: str | None = None,
) -> tuple[Slice, ...]:
    """Cut a file into consecutive slices of nearly equal length.

    Args:
        file: The file, inspected.
        process: Process its events belong to.
        name: Short name of the file in the identity of its events, unique within the process.
        entries_per_slice: Most events in a slice; by default about `EVENTS_PER_TASK`, cut at the
            nearest borders of the file.
        tree: Name of the tree.
        weight: What event weights are read from (`weights.chosen`).

    Raises:
        WeightBranchError: Which weights are meant cannot be known.
    """
    weight = weights.chosen(file.path, file.branches, weight)
    if entries_per_slice is not None and entries_per_slice < 1:
        raise ValueError(f"entries_per_slice: {entries_per_slice}, expected at least 1")
    edges = _even(0, file.entries, entries_per_slice or EVENTS_PER_TASK)
    if entries_per_slice is None and file.borders:
        edges = _nearest(file.borders, edges)
    return tuple(
        Slice(
            process=process,
            path=file.path,
            file=name,
            first=first,
            last=last,
            tree=tree,
            weight=weight,
            format=file.format,
        )
        for first, last in itertools.pairwise(edges)
    )


def _even(first: int, last: int, most: int) -> list[int]:
    pieces = -(-(last - first) // most)
    return [first + (last - first) * k // pieces for k in range(pieces + 1)]


def _nearest(borders: tuple[int, ...], edges: list[int]) -> list[int]:
    """The border next to each edge, each once; what is too long between two borders is cut."""
    between = itertools.pairwise(borders)
    marks = np.unique([mark for a, b in between for mark in _even(a, b, _MOST_PER_TASK)])
    after = np.searchsorted(marks, edges).clip(min=1)
    nearer = np.where(edges - marks[after - 1] < marks[after] - edges, after - 1, after)
    return [int(mark) for mark in np.unique(marks[nearer])]


def require(file: EventFile, needs: Mapping[str, str]) -> None:
    """Refuse an inspected file that lacks a branch some observable needs (``observables.needs``).

    Raises:
        BranchMissingError: Names the branch, the nearest one there is, and the observable.
        BranchUnusableError: A branch holds texts, or lists of lists.
    """
    require_branches(file.path, file.branches, needs)
    for branch, observable in needs.items():
        if kind := file.no_numbers.get(branch):
            raise BranchUnusableError(
                path=file.path, branch=branch, kind=kind, needed_by=observable
            )


def read(
    piece: Slice, branches: Collection[str], *, needed_by: Mapping[str, str] | None = None
) -> dict[str, ak.Array]:
    """Named leaf branches of one slice.

    Args:
        piece: Which events.
        branches: Leaf branches, e.g. ``"Jet.PT"``; nothing else is read.
        needed_by: Leaf branch -> observable, for the message when one is missing.

    Returns:
        Leaf branch -> jagged array, shape (E, objects).

    Raises:
        BranchMissingError: The file lacks one of the branches.
        FileUnreadableError: It is missing or broken, or shorter than when it was inspected.
        TreeMissingError: It has no such tree.
    """
    wanted = {name: (needed_by or {}).get(name, "") for name in branches}
    columns = FORMATS[piece.format or _fitting(piece.path)].read(piece, wanted)
    if why := _disagreement(columns, piece.last - piece.first):
        raise broken(piece.path, f"it is damaged ({why})")
    return columns


def _disagreement(columns: Mapping[str, ak.Array], events: int) -> str:
    """What cannot be of a sound file: many are compressed without a checksum, or not at all."""
    counts: dict[str, tuple[str, Integers]] = {}
    for name, column in columns.items():
        try:
            own = leaf(column).counts
        except ValueError:
            own = np.zeros(0, dtype=np.int64)
        if len(own) != events:
            return f"'{name}' is no list of objects for each event"
        if column.ndim == 1:
            continue
        first, others = counts.setdefault(name.partition(".")[0], (name, own))
        if not np.array_equal(own, others):
            return f"'{first}' and '{name}' have different numbers of objects"
    return ""


def require_branches(path: str, known: Collection[str], needs: Mapping[str, str]) -> None:
    """Refuse a file in which a branch is not known that some observable needs.

    Raises:
        BranchMissingError: Names the branch, the nearest one there is, and the observable.
    """
    for branch, observable in needs.items():
        if branch not in known:
            raise BranchMissingError(
                path=path, branch=branch, known=tuple(sorted(known)), needed_by=observable
            )
