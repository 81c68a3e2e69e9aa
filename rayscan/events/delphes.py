"""Delphes ROOT files: what is in one, and named leaf branches as jagged arrays.

Only leaf branches such as ``Jet.PT`` are ever read: ``Jet`` itself is the counter of the
collection, and ``fBits`` cannot be read reliably when an object is referenced. E events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak

from rayscan.errors import FileUnreadableError
from rayscan.events import layouts, weights
from rayscan.events.formats import EventFile, InputFormat, Slice, require_branches
from rayscan.events.reconstruction import LEAVES
from rayscan.events.rootfile import broken, checked_size, opened

_READ = tuple(leaf for kind in LEAVES.values() for leaf in kind.values())


class Delphes(InputFormat):
    """ROOT files with the branches of Delphes, nested or flat."""

    def fits(self, path: str) -> bool:  # noqa: ARG002
        """Any file: what is wrong with one that is none, opening it says."""
        return True

    def inspect(self, path: str, tree: str) -> EventFile:
        """From its header and metadata; of a tree, the highest of its cycles counts."""
        size = checked_size(path)
        with opened(path, tree) as found:
            leaves = layouts.leaves(found)
            no_numbers = layouts.no_numbers(leaves, [*_READ, *filter(weights.is_weight, leaves)])
            entries = int(found.num_entries)
            uuid = str(found.file.uuid)
            borders = _borders([leaves[name] for name in _READ if name in leaves], entries)
        if entries == 0:
            raise broken(path, f"its tree '{tree}' holds no events")
        return EventFile(
            path=path,
            entries=entries,
            bytes=size,
            branches=frozenset(leaves),
            identity=f"{uuid}:{size}",
            no_numbers=no_numbers,
            borders=borders,
        )

    def read(self, piece: Slice, wanted: Mapping[str, str]) -> dict[str, ak.Array]:
        """These leaf branches; nothing else is read."""
        checked_size(piece.path)
        with opened(piece.path, piece.tree) as tree:
            leaves = layouts.leaves(tree)
            require_branches(piece.path, leaves, wanted)
            if tree.num_entries < piece.last:
                raise FileUnreadableError(
                    path=piece.path,
                    why=f"holds {tree.num_entries} events, entry {piece.last - 1} was asked for",
                    fix="the file changed since it was inspected: run the scan again",
                )
            return {
                name: leaves[name].array(entry_start=piece.first, entry_stop=piece.last)
                for name in wanted
            }


def _borders(leaves: Sequence[Any], entries: int) -> tuple[int, ...]:
    """Where baskets begin: of different leaves at different entries, so those of most bytes."""
    starting: Counter[int] = Counter()
    for leaf in leaves:
        starting.update(dict.fromkeys(map(int, leaf.entry_offsets), leaf.compressed_bytes))
    half = sum(leaf.compressed_bytes for leaf in leaves) / 2
    inner = (entry for entry, stored in starting.items() if stored > half and 0 < entry < entries)
    return (0, *sorted(inner), entries)
