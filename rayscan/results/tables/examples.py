"""Table `examples`: what histograms look like, one of each class at a few strengths."""

from __future__ import annotations

from rayscan.results.tables.base import CURVE, INT, TEXT, Column, TableLayout, mixture

_AXIS = ("observable", TEXT, "", "observable"), ("unit", TEXT, "", "its unit, '1' for none")


def _axis(which: str, only: str) -> tuple[Column, ...]:
    return (
        *(Column(f"{which}_{n}", t, u, f"{m} of the {which} axis{only}") for n, t, u, m in _AXIS),
        Column(f"{which}_edges", CURVE, "of the observable", f"edges of its bins{only}"),
    )


EXAMPLES = TableLayout(
    name="examples",
    row="one histogram from the test pool: of background only, or with the signal of one benchmark",
    key=("test_benchmark", "test_signal", "test_background", "true_class"),
    columns=(
        Column("test_benchmark", TEXT, "", "signal process"),
        *mixture("test", "of the histogram with signal"),
        Column("true_class", INT, "", "0 background only, 1 with signal"),
        *_axis("first", ""),
        *_axis("second", "; missing with one axis"),
        Column("counts", CURVE, "events", "events in each bin, the first axis slowest"),
    ),
)
