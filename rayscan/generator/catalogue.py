"""The catalogue of processes as a table: spin, regime, masses, labels, held out, title."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rayscan.generator import density, recipes
from rayscan.generator.recipes import Recipe

_WHOLE = ("spin", "individual", "multimodel", "multiclass")


def catalogue(own: Mapping[str, Recipe] | None = None) -> pd.DataFrame:
    """Every process that can be generated, benchmarks first (arXiv:2105.12018, Table 1).

    Returns:
        Of rayscan's and the user's own: ``process``, ``spin`` of the mediator, ``regime``,
        ``mediator_mass`` and ``dark_matter_mass`` [GeV], the labels ``individual``, ``multimodel``
        and ``multiclass``, ``held_out``, ``levels``, ``density`` (whether one is shipped), ``own``
        and ``title``; what does not apply is missing.

    >>> frame = catalogue()
    >>> frame.loc[frame["held_out"].fillna(False), "process"].tolist()
    ['spin0_ps', 'spin1_on', 'spin2_off']
    """
    found = {**recipes.catalogue(), **(own or {})}
    rows = [_row(name, recipe) | {"own": name in (own or {})} for name, recipe in found.items()]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(_WHOLE, "Int64") | {"held_out": "boolean"})
    place = frame["multiclass"].fillna(99).where(frame["individual"].notna(), 100)
    order = frame.assign(
        _class=place.where(frame["spin"].isna(), 10),
        _regime=frame["regime"].map({"off-shell": 0, "on-shell": 1, "off-shell PS": 2}),
    ).sort_values(["_class", "spin", "_regime"], kind="stable", ignore_index=True)
    return order.drop(columns=["_class", "_regime"])


def _row(name: str, recipe: Recipe) -> dict[str, Any]:
    found = recipe.benchmark
    labels = found.labels if found else None
    masses, kinds = (
        ("mediator_mass", "dark_matter_mass"),
        ("individual", "multimodel", "multiclass"),
    )
    return {
        "process": name,
        **{key: getattr(found, key, None) for key in ("spin", "regime", *masses)},
        **{key: getattr(labels, key, None) for key in kinds},
        "held_out": found.held_out if found else None,
        "levels": ", ".join(recipe.levels),
        "density": name in density.tabulated(),
        "title": recipe.title,
    }


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The catalogue as a person reads it in a terminal."""
    labels = frame[["individual", "multimodel", "multiclass"]].itertuples(index=False)
    return pd.DataFrame(
        {
            "process": frame["process"],
            "spin": frame["spin"].map(_text),
            "regime": frame["regime"].map(_text),
            "mediator [GeV]": frame["mediator_mass"].map(_text),
            "dark matter [GeV]": frame["dark_matter_mass"].map(_text),
            "labels": ["/".join(map(_text, each)) if pd.notna(each[0]) else "-" for each in labels],
            "held out": ["yes" if held else "" for held in frame["held_out"].fillna(value=False)],
            "title": frame["title"],
        }
    )


def _text(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
