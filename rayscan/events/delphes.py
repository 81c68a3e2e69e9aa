"""Delphes ROOT files: what is in one, its slices, and named leaf branches as jagged arrays.

Only leaf branches such as ``Jet.PT`` are ever read: ``Jet`` itself is the counter of the
collection, and ``fBits`` cannot be read reliably when an object is referenced. E events.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import awkward as ak
import numpy as np
import numpy.typing as npt

from rayscan.errors import (
    BranchMissingError,
    BranchUnusableError,
    FileUnreadableError,
)
from rayscan.events import layouts, weights
from rayscan.events.flat import leaf
from rayscan.events.reconstruction import LEAVES
from rayscan.events.rootfile import broken, checked_size, opened
from rayscan.events.weights import WEIGHT

EVENTS_PER_TASK = 20_000
"""Events of a generated file, and entries of an input file that one task reads: opening a file
costs as much as reading so many."""

TREE = "Delphes"
_READ = tuple(leaf for kind in LEAVES.values() for leaf in kind.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DelphesFile:
    """What one Delphes file holds.

    Attributes:
        path: Where it is: a path or a URL.
        entries: Events in the tree.
        bytes: Size on disk.
        branches: Leaf branches, e.g. ``"Jet.PT"``.
        identity: Unique identifier ROOT gave the file, with its size: equal for copies of one file.
        no_numbers: Of the leaf branches that can be read, those that hold no numbers: their type.
    """

    path: str
    entries: int
    bytes: int
    branches: frozenset[str]
    identity: str
    no_numbers: Mapping[str, str] = field(default_factory=dict, hash=False)


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
    """

    process: str
    path: str
    file: str
    first: int
    last: int
    tree: str = TREE
    weight: str = WEIGHT

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last:
            raise ValueError(
                f"slice of {self.path}: entries [{self.first}, {self.last}), "
                "expected 0 <= first < last"
            )


def inspect(path: str | Path, *, tree: str = TREE) -> DelphesFile:
    """What a Delphes file holds, from its header and metadata: no event is read.

    Args:
        path: The ROOT file: a path, or a URL that `pyarrow.fs` opens.
        tree: Name of the tree; the highest of its cycles counts.

    Raises:
        FileUnreadableError: The file is missing, a directory, empty, not ROOT, truncated or broken,
            or holds no events.
        StorageError: The server of a URL does not answer or refuses.
        TreeMissingError: A sound ROOT file without that tree.
    """
    path = str(path)
    size = checked_size(path)
    with opened(path, tree) as found:
        leaves = layouts.leaves(found)
        no_numbers = layouts.no_numbers(leaves, [*_READ, *filter(weights.is_weight, leaves)])
        entries = int(found.num_entries)
        uuid = str(found.file.uuid)
    if entries == 0:
        raise broken(path, f"its tree '{tree}' holds no events")
    return DelphesFile(
        path=path,
        entries=entries,
        bytes=size,
        branches=frozenset(leaves),
        identity=f"{uuid}:{size}",
        no_numbers=no_numbers,
    )


def slices(
    file: DelphesFile,
    *,
    process: str,
    name: str,
    entries_per_slice: int = EVENTS_PER_TASK,
    tree: str = TREE,
    weight: str | None = None,
) -> tuple[Slice, ...]:
    """Cut a file into consecutive slices of nearly equal length.

    Args:
        file: The file, inspected.
        process: Process its events belong to.
        name: Short name of the file in the identity of its events, unique within the process.
        entries_per_slice: Most events in a slice.
        tree: Name of the tree.
        weight: What event weights are read from (`weights.chosen`).

    Raises:
        WeightBranchError: Which weights are meant cannot be known.
    """
    weight = weights.chosen(file.path, file.branches, weight)
    if entries_per_slice < 1:
        raise ValueError(f"entries_per_slice: {entries_per_slice}, expected at least 1")
    pieces = -(-file.entries // entries_per_slice)
    edges = [file.entries * k // pieces for k in range(pieces + 1)]
    return tuple(
        Slice(
            process=process,
            path=file.path,
            file=name,
            first=first,
            last=last,
            tree=tree,
            weight=weight,
        )
        for first, last in itertools.pairwise(edges)
    )


def require(file: DelphesFile, needs: Mapping[str, str]) -> None:
    """Refuse a file that lacks a branch some observable needs.

    Args:
        file: The file, inspected.
        needs: Leaf branch -> observable that needs it (``observables.needs``).

    Raises:
        BranchMissingError: Names the branch, the nearest one there is, and the observable.
        BranchUnusableError: A branch holds texts, or lists of lists.
    """
    _require(file.path, file.branches, needs)
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
        BranchMissingError: The tree lacks one of the branches.
        FileUnreadableError: The file is missing or broken, or shorter than when it was inspected.
        TreeMissingError: The file has no such tree.
    """
    checked_size(piece.path)
    wanted = dict.fromkeys(branches, "") | dict(needed_by or {})
    with opened(piece.path, piece.tree) as tree:
        leaves = layouts.leaves(tree)
        _require(piece.path, leaves, {b: wanted[b] for b in branches})
        if tree.num_entries < piece.last:
            raise FileUnreadableError(
                path=piece.path,
                why=f"holds {tree.num_entries} events, entry {piece.last - 1} was asked for",
                fix="the file changed since it was inspected: run the scan again",
            )
        columns = {
            name: leaves[name].array(entry_start=piece.first, entry_stop=piece.last)
            for name in dict.fromkeys(branches)
        }
    if why := _disagreement(columns, piece.last - piece.first):
        raise broken(piece.path, f"it is damaged ({why})")
    return columns


def _disagreement(columns: Mapping[str, ak.Array], events: int) -> str:
    """What cannot be of a sound file: many are compressed without a checksum, or not at all."""
    counts: dict[str, tuple[str, npt.NDArray[np.int64]]] = {}
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


def _require(path: str, known: Collection[str], needs: Mapping[str, str]) -> None:
    for branch, observable in needs.items():
        if branch not in known:
            raise BranchMissingError(
                path=path, branch=branch, known=tuple(sorted(known)), needed_by=observable
            )
