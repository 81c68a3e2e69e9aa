"""The result tables by name; run as a module, their columns as docs/tables.md has them."""

from __future__ import annotations

from rayscan.errors import MemberError
from rayscan.registry import Family
from rayscan.results.tables.base import TableLayout, markdown


def _made(name: str, found: object) -> TableLayout:
    if not isinstance(found, TableLayout) or found.name != name:
        raise MemberError(what="table", name=name, why=f"expected a TableLayout called '{name}'")
    return found


LAYOUTS: Family[TableLayout] = Family(
    "table",
    {
        "points": "rayscan.results.tables.points:POINTS",
        "trials": "rayscan.results.tables.trials:TRIALS",
        "auc": "rayscan.results.tables.auc:AUC",
        "validation": "rayscan.results.tables.validation:VALIDATION",
        "multiclass": "rayscan.results.tables.multiclass:MULTICLASS",
        "roc": "rayscan.results.tables.curves:ROC",
        "scores": "rayscan.results.tables.curves:SCORES",
        "limits": "rayscan.results.tables.limits:LIMITS",
        "spectra": "rayscan.results.tables.spectra:SPECTRA",
        "examples": "rayscan.results.tables.examples:EXAMPLES",
        "cutflow": "rayscan.results.tables.cutflow:CUTFLOW",
        "pools": "rayscan.results.tables.pools:POOLS",
        "provenance": "rayscan.results.tables.provenance:PROVENANCE",
    },
    _made,
    group="rayscan.tables",
)

if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown(LAYOUTS.values()))
