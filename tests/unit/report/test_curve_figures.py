from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from rayscan.report import page
from rayscan.report.figures import all as figures
from rayscan.report.figures import curves as curve_figures
from rayscan.report.figures import style
from rayscan.scan.steps.curves import roc_rows, score_rows

BENCHMARKS = {"alp": 0.3, "spin1": 1.2}
STRENGTHS = (0.5, 1.0, 2.0, 4.0)


@pytest.fixture(autouse=True)
def _look():
    with style.look():
        yield


def heads():
    """One training of each benchmark at the highest strength, tested at all, and on events."""
    for benchmark, k in BENCHMARKS.items():
        for x in (*STRENGTHS, None):
            yield (
                k * (0.5 if x is None else x),
                {
                    "trial": f"{benchmark}-0",
                    "point": benchmark,
                    "train_benchmark": benchmark,
                    "architecture": "event_mlp",
                    "label": "net",
                    "repeat": 0,
                    "train_signal": 4000,
                    "train_background": 1_000_000,
                    "test_benchmark": benchmark,
                    "test_signal": 1 if x is None else round(1000 * x),
                    "test_background": 0 if x is None else 1_000_000,
                    "test_s_over_sqrt_b": x,
                    "unit": "event" if x is None else "ensemble",
                },
            )


def scored():
    rng = np.random.default_rng(2)
    for distance, head in heads():
        yield head, (rng.normal(10, 3, 4000), rng.normal(10 + 3 * distance, 3, 4000))


@pytest.fixture(scope="module")
def curves(fake, fake_scan):
    scan = fake_scan(benchmarks=BENCHMARKS, architectures={"net": 1.0}, repeats=1)
    return fake(
        scan,
        roc=lambda _: [row for head, scores in scored() for row in roc_rows(head, scores)],
        scores=lambda _: [row for head, scores in scored() for row in score_rows(head, scores)],
    )


def panels(made):
    return {axes.get_title(loc="left"): axes for axes in made.axes if axes.get_title(loc="left")}


def legend(made):
    return [text.get_text() for text in made.legends[0].get_texts()]


def test_three_of_four_strengths_are_drawn_and_stronger_ones_lie_higher(curves):
    made = curve_figures.roc(curves, "net")
    assert set(panels(made)) == set(BENCHMARKS)
    assert [text.split("= ")[1] for text in legend(made)] == ["0.5", "2", "4"]
    for axes in panels(made).values():
        lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
        areas = [np.trapezoid(line.get_ydata(), line.get_xdata()) for line in lines]
        assert areas == sorted(areas)
        assert len(areas) == 3


def test_the_curves_of_single_events_name_their_area(curves):
    made = curve_figures.roc_events(curves, "net")
    for text in legend(made):
        benchmark, area = text.rstrip(")").split(" (")
        exact = ndtr(0.5 * BENCHMARKS[benchmark] / np.sqrt(2))
        assert float(area) == pytest.approx(exact, abs=0.02)


def test_background_only_has_mean_zero_and_width_one(curves):
    made = curve_figures.scores(curves, "net")
    assert legend(made)[0] == "background only"
    for name, axes in panels(made).items():
        null, *signals = [patch.get_data() for patch in axes.patches]
        for found, wanted in ((null, 0.0), (signals[-1], 4.0 * BENCHMARKS[name])):
            centres, widths = (found.edges[1:] + found.edges[:-1]) / 2, np.diff(found.edges)
            assert np.sum(found.values * widths) == pytest.approx(1)
            mean = np.sum(found.values * widths * centres)
            assert mean == pytest.approx(wanted, abs=0.1)


def test_single_events_have_two_classes(curves):
    made = curve_figures.scores_events(curves, "net")
    assert legend(made) == ["background", "signal"]
    assert all(len(axes.patches) == 2 for axes in panels(made).values())


def test_tables_without_curves_have_no_such_figures(tables):
    for draw in ("roc", "roc_events", "scores", "scores_events"):
        assert getattr(curve_figures, draw)(tables, "cnn") is None


def test_they_are_written_and_are_in_the_page(curves, tmp_path):
    names = {path.stem for path in figures.draw_all(curves, tmp_path, formats=("svg",))}
    assert {"roc_net", "roc_events_net", "scores_net", "scores_events_net"} <= names
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    text = page.html(curves, {"roc_net": svg, "roc_events_net": svg, "scores_events_net": svg})
    for words in ("it was trained on.", "signal against background.", "Scores of single events"):
        assert words in text
