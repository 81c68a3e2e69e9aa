"""What does not fit together: points too many to plan, architectures or shapes and the binning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rayscan.errors import nearest
from rayscan.scan.config.folds import FEWEST, no_folds
from rayscan.scan.config.samplers import SAMPLERS
from rayscan.scan.config.scan import Training
from rayscan.scan.config.search_space import search_ranges, unfit
from rayscan.yaml_text import Place

MOST_POINTS = 100_000


def fitting_problems(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Places of the top-level keys that could be read which do not fit the others, and why."""
    if "ensembles" in sections and sections["ensembles"].unsure.shape is not None:
        yield from _uncertain_shape(sections)
    if {"processes", "mixtures", "architectures"} <= set(sections):
        yield from _points(sections)
    if "binning" in sections and "architectures" in sections:
        yield from _shapes(sections)
    if {"mixtures", "ensembles", "architectures"} <= set(sections):
        yield from _items(sections)
    if "search" in sections and "architectures" in sections:
        yield from _searches(sections)
    if sections.get("validation") is not None and {"architectures", "ensembles"} <= set(sections):
        yield from _folds(sections)


def _points(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    signals = sum(process.role == "signal" for process in sections["processes"].values())
    strengths = len(sections["mixtures"].strengths)
    count = signals * strengths * len(sections["architectures"])
    if count > MOST_POINTS:
        what = f"{count:,} points (signals x strengths x architectures), expected at most "
        yield ("mixtures",), f"{what}{MOST_POINTS:,}; scan fewer at a time"


def _shapes(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Histograms that an architecture cannot see; an unknown one is told of elsewhere."""
    shape = sections["binning"].shape
    for index, choice in enumerate(sections["architectures"]):
        if not choice.is_known or choice.sees_features:
            continue
        if wanted := unfit(choice, shape):
            what = f"'{choice.name}' sees {wanted}, those of the binning have "
            what += f"{' x '.join(map(str, shape))}; take more bins, or remove it"
            yield ("architectures", index, "name"), what


def _items(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Items are of one number of events, whatever their class and strength."""
    mixtures, ensembles = sections["mixtures"], sections["ensembles"]
    wrong = [
        ("mixtures", mixtures.total is None, "give total: 1000, or another number of events"),
        ("mixtures", mixtures.totals != "fixed", "write totals: fixed"),
        ("mixtures", mixtures.null != "matched", "write null: matched"),
        ("ensembles", ensembles.method == "poisson", "write method: without_replacement"),
        ("ensembles", ensembles.unsure.background > 0, "remove uncertainty.background"),
    ]
    for choice in sections["architectures"]:
        for place, there, fix in wrong if choice.is_known and choice.reads_items else ():
            if there:
                what = f"'{choice.name}' sees items of one number of events, in both classes"
                yield (place,), f"{what} and at all strengths; {fix}"


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
        if choice.is_known and choice.sees_features:
            what = f"'{choice.name}' sees single events, which cannot follow an uncertain shape"
            yield ("architectures", index, "name"), f"{what}; remove it, or the shape"


def _searches(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Ranges that the sampler cannot search; what is wrong with them alone is said elsewhere."""
    sampler = SAMPLERS[sections["search"].sampler]
    for index, choice in enumerate(sections["architectures"]):
        if not (choice.is_known and choice.searches):
            continue
        try:
            why = sampler.refused(search_ranges(choice))
        except ValueError:
            continue
        key, _, what = why.partition(": ")
        if key in choice.hyperparameters:
            yield ("architectures", index, "hyperparameters", key), what
        elif why:
            yield ("architectures", index, "search"), why


def _folds(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Folds of nothing, or of too few histograms."""
    folds, train = sections["validation"].folds, sections["ensembles"].train
    if train < FEWEST * folds:
        what = f"{train} histograms leave fewer than {FEWEST} of each class in one of {folds} folds"
        yield ("ensembles", "train"), f"{what}; expected at least {FEWEST * folds}"
    training, whys = sections.get("training", Training()), []
    for choice in sections["architectures"]:
        try:
            whys.append(no_folds(choice, training) if choice.is_known else "")
        except ValueError:
            return
    if whys and all(whys):
        listed = "; ".join(
            f"{choice.key} {why}"
            for choice, why in zip(sections["architectures"], whys, strict=True)
        )
        what = "no architecture has one set of training histograms to leave folds out of"
        yield ("validation",), f"{what} ({listed}); add linear_svm or transfer, or remove"
