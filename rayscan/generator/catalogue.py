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

    Args:
        own: Recipes of the user's, shown beside those of rayscan.

    Returns:
        ``process``, ``spin`` of the mediator, ``regime``, ``mediator_mass`` and
        ``dark_matter_mass`` [GeV], the labels ``individual``, ``multimodel`` and ``multiclass``,
        ``held_out``, ``levels``, ``density`` (whether one is shipped), ``own`` and ``title``;
        what does not apply is missing.

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
    return {
        "process": name,
        "spin": found.spin if found else None,
        "regime": found.regime if found else None,
        "mediator_mass": found.mediator_mass if found else None,
        "dark_matter_mass": found.dark_matter_mass if found else None,
        "individual": labels.individual if labels else None,
        "multimodel": labels.multimodel if labels else None,
        "multiclass": labels.multiclass if labels else None,
        "held_out": found.held_out if found else None,
        "levels": ", ".join(recipe.levels),
        "density": name in density.tabulated(),
        "title": recipe.title,
    }


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The catalogue as a person reads it in a terminal."""
    return pd.DataFrame(
        {
            "process": frame["process"],
            "spin": [_text(value) for value in frame["spin"]],
            "regime": [_text(value) for value in frame["regime"]],
            "mediator [GeV]": [_text(value) for value in frame["mediator_mass"]],
            "dark matter [GeV]": [_text(value) for value in frame["dark_matter_mass"]],
            "labels": [
                "/".join(map(_text, each)) if pd.notna(each[0]) else "-"
                for each in zip(
                    frame["individual"], frame["multimodel"], frame["multiclass"], strict=True
                )
            ],
            "held out": ["yes" if held else "" for held in frame["held_out"].fillna(value=False)],
            "title": frame["title"],
        }
    )


def _text(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
