"""Figure of the events: what each cut leaves of each process."""

from __future__ import annotations

from matplotlib.figure import Figure

from rayscan.report.figures import style
from rayscan.results.read import Tables


def cutflow(tables: Tables) -> Figure | None:
    """Share of each process left after each cut; backgrounds in black."""
    rows = tables.cutflow[tables.cutflow["efficiency"].notna()]
    if rows.empty:
        return None
    steps = rows.drop_duplicates("step").sort_values("step")
    made, (axes,) = style.panels([""], width=2.2 + 0.55 * len(steps), height=2.8)
    signals = sorted(rows.loc[rows["role"] == "signal", "process"].unique())
    backgrounds = sorted(rows.loc[rows["role"] != "signal", "process"].unique())
    looks = style.styles(backgrounds, colour="black") | style.styles(signals)
    handles = {}
    for process in [*backgrounds, *signals]:
        part, look = rows[rows["process"] == process].sort_values("step"), looks[process]
        handles[style.literal(process)] = axes.errorbar(
            part["step"], part["efficiency"], yerr=part["efficiency_error"], **style.drawn(look)
        )
    if rows["efficiency"].min() < 0.05 and rows["efficiency"].min() > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.05)
    style.categories(axes.xaxis, [style.literal(cut) for cut in steps["cut"]], slanted=True)
    axes.set_xlim(-0.3, len(steps) - 0.7)
    axes.set_ylabel("share of the process left")
    style.header(made, "Cut flow")
    style.legend(made, handles)
    return made
