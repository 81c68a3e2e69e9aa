"""Leaf branches of a tree under their names in Delphes, and which of them hold no numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import uproot

from rayscan.events.weights import is_weight


def leaves(tree: Any) -> dict[str, Any]:
    """Leaf branches by their names in Delphes; a snapshot of RDataFrame has ``Jet_PT`` instead."""
    # Real files nest "Jet/Jet.PT", files written with uproot are flat: the name is the same.
    found = {leaf.name: leaf for leaf in tree.itervalues(recursive=True)}
    flat = [n for n in found if "_" in n and "." not in n and not n.endswith("_size")]
    renamed = {".".join(name.rsplit("_", 1)): found[name] for name in flat}
    own = {n: leaf for n, leaf in found.items() if "." in n or is_weight(n)}
    return renamed | own


def no_numbers(found: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """Type of each of these leaf branches that holds texts, or lists of lists."""
    return {
        name: str(found[name].typename)
        for name in names
        if name in found and not _holds_numbers(found[name])
    }


def _holds_numbers(leaf: Any) -> bool:
    found = leaf.interpretation
    inner = found.content if isinstance(found, uproot.AsJagged) else found
    return isinstance(inner, uproot.AsDtype) and inner.to_dtype.base.kind in "biuf"
