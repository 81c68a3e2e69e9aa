"""What architectures and an uncertain shape ask of the binning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rayscan.errors import nearest
from rayscan.models.convolution import SMALLEST
from rayscan.yaml_text import Place


def binning_problems(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Places of a scan file that do not fit its histograms, and why.

    Args:
        sections: The top-level keys that could be read.
    """
    if "ensembles" in sections and sections["ensembles"].unsure.shape is not None:
        yield from _uncertain_shape(sections)
    if "binning" in sections and "architectures" in sections:
        yield from _pictures(sections)


def _pictures(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    shape = sections["binning"].shape
    if len(shape) == 2 and min(shape) >= SMALLEST:
        return
    for index, choice in enumerate(sections["architectures"]):
        if choice.name == "cnn":
            what = f"'cnn' sees pictures of at least {SMALLEST} x {SMALLEST} bins, those of the "
            what += f"binning have {' x '.join(map(str, shape))}; take more bins, or remove it"
            yield ("architectures", index, "name"), what


def _uncertain_shape(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """An uncertain shape is one of an axis with bins, and of histograms only."""
    place = ("ensembles", "uncertainty", "shape")
    named = sections["ensembles"].unsure.shape.observable
    axes = {a.observable: a for a in sections["binning"].axes} if "binning" in sections else {}
    if axes and named not in axes:
        hint = nearest(named, axes) or f" (known: {', '.join(axes)})"
        yield (*place, "observable"), f"'{named}' is on no axis of the binning{hint}"
    elif axes and axes[named].bins < 2:
        yield (*place, "observable"), f"'{named}' has one bin; a slope needs at least two"
    for index, choice in enumerate(sections.get("architectures", ())):
        if choice.name.startswith("event_"):
            what = f"'{choice.name}' sees single events, which cannot follow an uncertain shape"
            yield ("architectures", index, "name"), f"{what}; remove it, or the shape"
