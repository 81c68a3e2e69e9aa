from __future__ import annotations

import math
import re
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from scipy.special import ndtr

from rayscan.report.figures import all as figures
from rayscan.report.figures import auc, events, limits, style, trials


@pytest.fixture(autouse=True)
def _look():
    with style.look():
        yield


POOL_ERROR = 0.01  # of the fake scan


def _panels(made):
    return {axes.get_title(loc="left"): axes for axes in made.axes if axes.get_title(loc="left")}


def _texts(made):
    return [text.get_text() for text in made.legends[0].get_texts()]


def _points(axes, look):
    """The x, y and error of the curve with this marker, read back from the axes."""
    (line,) = [x for x in axes.lines if x.get_marker() == look.marker]
    lines = [c for c in axes.collections if isinstance(c, LineCollection)]
    (bars,) = [c for c in lines if _same(c.get_colors()[0], look.colour)]
    error = [(segment[1, 1] - segment[0, 1]) / 2 for segment in bars.get_segments()]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), np.asarray(error)


def _same(colour, wanted):
    return to_rgba(colour) == to_rgba(wanted)


@pytest.fixture
def short(fake, fake_scan):
    """As few panels and points as show everything."""
    scan = fake_scan(
        benchmarks={"alp": 0.3, "spin1": 1.2}, architectures={"cnn": 0.9}, strengths=(1.0, 2.0)
    )
    return fake(scan)


def test_every_figure_is_written_in_every_format_without_global_state(short, tmp_path):
    before = dict(mpl.rcParams)
    paths = figures.draw_all(short, tmp_path / "new", formats=("png", "svg"))
    names = {
        "auc_vs_strength",
        "auc_over_ceiling",
        "auc_matrix_cnn",
        "limit_matrix_cnn",
        "limits",
        "limits_score",
        "cutflow",
        "learning_curves",
    }
    assert {path.name for path in paths} == {f"{n}.{k}" for n in names for k in ("png", "svg")}
    for path in paths:
        start = path.read_bytes()[:100]
        assert start.startswith(b"\x89PNG" if path.suffix == ".png" else b"<?xml")
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")  # mplhep imports it
    assert pyplot is None or pyplot.get_fignums() == []


@pytest.mark.parametrize("kind", ["pdf", "png", "svg"])
def test_equal_tables_give_equal_files(short, tmp_path, kind):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        style.save(events.cutflow(short), tmp_path / folder, "cutflow", (kind,))
    one, two = ((tmp_path / f / f"cutflow.{kind}").read_bytes() for f in ("one", "two"))
    assert one == two


def test_empty_tables_draw_nothing(fake, fake_scan, tmp_path):
    empty = fake(fake_scan(benchmarks={}), cutflow=lambda rows: rows.clear())
    assert figures.draw_all(empty, tmp_path) == []


def test_labels_become_safe_file_names(fake, fake_scan, tmp_path):
    scan = fake_scan(
        architectures={"a/../b $x_1": 0.9, "_hidden": 0.8},
        benchmarks={"a$b_c^": 1.0, "_b": 0.5},
        strengths=(1.0,),
        methods=("template",),
    )
    paths = figures.draw_all(fake(scan), tmp_path, formats=("png",))
    assert {path.parent for path in paths} == {tmp_path}
    assert any(path.stem.startswith("auc_matrix_a_.._b_x_1-") for path in paths)


def test_auc_curves_show_the_mean_and_total_error_of_every_point(tables, fake_scan):
    scan = fake_scan()
    made = auc.auc_vs_strength(tables)
    panels = _panels(made)
    assert list(panels) == ["alp", "spin1", "susy_300"]
    looks = style.styles(["cnn", "logistic"])
    for benchmark, axes in panels.items():
        for label, look in looks.items():
            x, y, error = _points(axes, look)
            exact = [
                np.mean([scan.auc(label, benchmark, benchmark, s, 10**6, i) for i in range(3)])
                for s in scan.strengths
            ]
            assert x == pytest.approx(scan.strengths)
            assert y == pytest.approx(exact)
            # test set and pools of one AUC, and the spread of three repeats
            areas = ndtr([scan.separation(benchmark, s, 10**6) / 2**0.5 for s in scan.strengths])
            statistical = areas * (1 - areas) / scan.histograms
            total = np.sqrt(statistical + POOL_ERROR**2 + scan.spread**2 / 3)
            assert error[:3] == pytest.approx(total[:3])
    assert {"cnn", "logistic", "ceiling, closed form", "ceiling, sampled"} == set(_texts(made))
    assert "test set, finite pools and spread over repeats" in made.texts[-1].get_text()


def test_the_closed_form_is_drawn_between_the_points(tables, fake_scan):
    k = fake_scan().benchmarks["spin1"]
    axes = _panels(auc.auc_vs_strength(tables))["spin1"]
    curves = [x for x in axes.lines if _same(x.get_color(), "black") and len(x.get_xdata()) > 50]
    (curve,) = curves
    x = np.asarray(curve.get_xdata())
    signal = 1000 * x
    exact = ndtr(k * signal / np.sqrt(signal + 10**6) / math.sqrt(2))
    # d' is linear up to S/B = 0.5 %: 0.25 % of d', and dAUC/d' <= 0.282
    assert np.asarray(curve.get_ydata()) == pytest.approx(exact, abs=0.0025 * k * 5 * 0.282)


def test_the_sampled_ceiling_is_drawn_where_it_was_sampled(tables, fake_scan):
    scan = fake_scan()
    axes = _panels(auc.auc_vs_strength(tables))["alp"]
    (ceiling,) = [x for x in axes.lines if x.get_marker() == "_" and x.get_markersize() == 9]
    exact = [ndtr(scan.separation("alp", s, 10**6) / math.sqrt(2)) for s in scan.strengths]
    assert np.asarray(ceiling.get_ydata()) == pytest.approx(exact)


def test_a_single_repeat_has_the_error_of_test_set_and_pools(fake, fake_scan):
    scan = fake_scan(repeats=1)
    made = auc.auc_vs_strength(fake(scan))
    _, _, error = _points(_panels(made)["alp"], style.styles(["cnn", "logistic"])["cnn"])
    ceiling = ndtr(scan.separation("alp", 0.5, 10**6) / math.sqrt(2))
    statistical = math.sqrt(ceiling * (1 - ceiling) / scan.histograms)
    assert error[0] == pytest.approx(math.hypot(statistical, POOL_ERROR))


def test_the_ratio_is_the_mean_over_the_ceiling(tables, fake_scan):
    scan = fake_scan()
    axes = _panels(auc.auc_over_ceiling(tables))["susy_300"]
    look = style.styles(["cnn", "logistic"])["logistic"]
    x, y, error = _points(axes, look)
    for strength, ratio, spread in list(zip(x, y, error, strict=True))[:3]:
        ceiling = ndtr(scan.separation("susy_300", strength, 10**6) / math.sqrt(2))
        mean = scan.auc("logistic", "susy_300", "susy_300", strength, 10**6, 1)
        assert ratio == pytest.approx(mean / ceiling)
        statistical = math.sqrt(ceiling * (1 - ceiling) / scan.histograms)
        error = math.hypot(statistical, scan.spread / math.sqrt(3))
        assert spread == pytest.approx(error / ceiling)


def test_several_backgrounds_are_several_curves(fake, fake_scan):
    tables = fake(fake_scan(backgrounds=(10_000, 1_000_000), architectures={"cnn": 0.9}))
    assert {"cnn, B = 10,000", "cnn, B = 1,000,000"} <= set(_texts(auc.auc_vs_strength(tables)))


def test_without_ceilings_the_curves_are_still_drawn(fake, fake_scan):
    def unknown(rows):
        for row in rows:
            for name in list(row):
                if name.startswith(("auc_ceiling", "auc_closed")):
                    row[name] = None

    tables = fake(fake_scan(), auc=unknown)
    assert set(_texts(auc.auc_vs_strength(tables))) == {"cnn", "logistic"}
    assert auc.auc_over_ceiling(tables) is None


def test_a_heat_map_shows_the_numbers_of_the_matrix(tables, fake_scan):
    scan = fake_scan()
    axes = _panels(auc.auc_matrix(tables, "cnn"))[r"$S/\sqrt{B}$ = 2"]
    names = ["alp", "spin1", "susy_300"]
    assert [t.get_text() for t in axes.get_yticklabels()] == names
    shown = {(round(t.get_position()[0]), round(t.get_position()[1])): t for t in axes.texts}
    for i, train in enumerate(names):
        for j, test in enumerate(names):
            exact = scan.auc("cnn", train, test, 2.0, 10**6, 1)
            value, error = shown[j, i].get_text().split("\n±")
            assert float(value) == pytest.approx(exact, abs=0.00501)
            assert float(error) == pytest.approx(POOL_ERROR, abs=0.00501)
            assert axes.images[0].get_array()[i, j] == pytest.approx(exact)


def test_of_many_strengths_the_informative_ones_are_drawn(fake, fake_scan):
    strengths = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
    tables = fake(fake_scan(strengths=strengths, benchmarks={"a": 0.9, "b": 1.1}))
    drawn = [float(t.rsplit("=")[-1]) for t in _panels(auc.auc_matrix(tables, "cnn"))]
    # AUC of k = 1 at 0.1, 0.2, ...: 0.53, 0.56, 0.64, 0.76, 0.92, 1.00, 1.00, 1.00
    assert drawn == [0.2, 0.5, 1.0, 2.0]


def test_one_benchmark_has_no_matrix(fake, fake_scan):
    tables = fake(fake_scan(benchmarks={"alp": 0.3}))
    assert auc.auc_matrix(tables, "cnn") is None
    assert limits.limit_matrix(tables, "cnn") is None


def _medians(axes):
    return {
        round(float(line.get_ydata()[0])): float(line.get_xdata()[0])
        for line in axes.lines
        if line.get_gid() == "median"
    }


def test_limit_bands_stand_where_the_table_says(tables, fake_scan):
    made = dict(limits.limits(tables))["limits"]
    axes = _panels(made)["spin1"]
    names = [t.get_text() for t in made.axes[0].get_yticklabels()]
    assert names[0] == "template"
    assert names[1] == "cnn trained on alp (response)"
    assert len(names) == 1 + 2 * 3
    template = 1.96 * math.sqrt(40_000 * 139) / 1.18 / (200 * 139)
    medians = _medians(axes)
    assert medians[0] == pytest.approx(template)
    assert medians[2] == pytest.approx(template / 0.92)  # cnn trained on spin1
    two, one = axes.patches[0], axes.patches[1]
    assert two.get_x() == pytest.approx(0.53 * template)
    assert two.get_x() + two.get_width() == pytest.approx(1.86 * template)
    assert one.get_x() == pytest.approx(0.72 * template)
    assert one.get_x() + one.get_width() == pytest.approx(1.39 * template)
    assert axes.get_xscale() == "log"
    assert any(list(line.get_xdata()) == [1.0, 1.0] for line in axes.lines)
    assert "139 fb" in made.texts[-1].get_text()


def test_every_luminosity_has_its_figure(fake, fake_scan):
    found = dict(limits.limits(fake(fake_scan(luminosities=(139.0, 3000.0)))))
    assert set(found) == {"limits_139fb", "limits_3000fb", "limits_score"}
    low, high = (_medians(found[name].axes[0])[0] for name in ("limits_139fb", "limits_3000fb"))
    assert low / high == pytest.approx(math.sqrt(3000 / 139))


def test_limits_of_very_different_size_have_their_own_axes(fake, fake_scan):
    tables = fake(fake_scan(benchmarks={"weak": 1e-5, "strong": 1.0}))
    panels = _panels(dict(limits.limits(tables))["limits"])
    weak, strong = panels["weak"], panels["strong"]
    template = 1.96 * math.sqrt(40_000 * 139) / 1e-5 / (200 * 139)
    low, high = weak.get_xlim()
    assert 1 < low < 0.53 * template < 1.86 * template < high
    assert "leftarrow" in weak.get_title(loc="right")
    low, high = strong.get_xlim()
    assert low < 1 < high
    assert strong.get_title(loc="right") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (300, "300"), (1e6, "$10^{6}$"), (2e-4, r"$2 \times 10^{-4}$"), (0, "0")],
)
def test_ticks_are_plain_numbers_or_powers_of_ten(value, text):
    assert style.plain()(value) == text


def test_many_training_benchmarks_leave_only_the_own_training(fake, fake_scan):
    scan = fake_scan(benchmarks={f"b{i}": 1 + 0.1 * i for i in range(8)}, strengths=(1.0,))
    made = dict(limits.limits(fake(scan)))["limits"]
    names = [t.get_text() for t in made.axes[0].get_yticklabels()]
    assert names == ["template", "cnn (response)", "logistic (response)"]


def test_a_limit_that_does_not_exist_is_said_so(fake, fake_scan):
    def unbounded(rows):
        for row in rows:
            if row["test_benchmark"] == "alp" and row["method"] == "template":
                row["status"] = "unbounded"
            row["mu_observed"] = 0.7

    made = dict(limits.limits(fake(fake_scan(), limits=unbounded)))["limits"]
    panels = _panels(made)
    assert [t.get_text() for t in panels["alp"].texts] == ["no limit"]
    assert 0 not in _medians(panels["alp"])
    observed = [x for x in panels["spin1"].lines if x.get_marker() == "x"]
    assert [float(x.get_xdata()[0]) for x in observed] == [0.7] * 7


def test_a_band_that_is_not_whole_is_left_out(fake, fake_scan):
    def partial(rows):
        for row in rows:
            row["status"] = "partial"
            row["mu_expected_p2"] = None
            row["mu_expected_m1"] = None if row["test_benchmark"] == "alp" else 0.1

    made = dict(limits.limits(fake(fake_scan(), limits=partial)))["limits"]
    assert {name: len(axes.patches) for name, axes in _panels(made).items()} == {
        "alp": 0,
        "spin1": 7,
        "susy_300": 7,
    }
    assert len(_medians(_panels(made)["alp"])) == 7


def test_limits_without_a_yield_are_on_signal_events(fake, fake_scan):
    def events_only(rows):
        for row in rows:
            for name in list(row):
                if name.startswith(("mu_", "cross_")):
                    row[name] = None
            row["luminosity"] = None
        return [r for r in rows if r["method"] == "score"]

    ((name, made),) = limits.limits(fake(fake_scan(), limits=events_only))
    assert name == "limits_score"
    assert "signal events" in made.axes[0].get_xlabel()
    exact = 1.96 * math.sqrt(10**6) / 0.29 / 0.92  # cnn trained on alp
    assert _medians(_panels(made)["alp"])[0] == pytest.approx(exact)


def test_the_limit_matrix_is_relative_to_the_own_training(tables, fake_scan):
    scan = fake_scan()
    axes = _panels(limits.limit_matrix(tables, "cnn"))["response"]
    grid = axes.images[0].get_array()
    names = list(scan.benchmarks)
    for i, train in enumerate(sorted(names)):
        for j, test in enumerate(sorted(names)):
            assert grid[i, j] == pytest.approx(1 / scan.overlap(train, test))


def test_the_cut_flow_shows_what_is_left(tables):
    made = events.cutflow(tables)
    (axes,) = made.axes
    black = [x for x in axes.lines if _same(x.get_color(), "black") and len(x.get_xdata()) == 6]
    assert np.asarray(black[0].get_ydata()) == pytest.approx([1, 0.99, 0.525, 0.505, 0.325, 0.315])
    assert [t.get_text() for t in axes.get_xticklabels()][1] == "n_leptons == 0"


def test_learning_curves_are_those_of_the_strongest_training(fake, fake_scan):
    def mark(rows):
        for row in rows:
            if row["train_s_over_sqrt_b"] < 5:
                row["learning_curve"] = [0.0, 0.0]
            if row["label"] == "logistic":
                row["learning_curve"] = None

    made = trials.learning_curves(fake(fake_scan(), trials=mark))
    assert _texts(made) == ["cnn"]
    axes = _panels(made)["alp"]
    assert [x.get_ydata()[0] for x in axes.lines] == pytest.approx([0.5, 0.51, 0.52])
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3, 4]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10, 12])
def test_panels_never_overlap_the_legend_or_the_title(n):
    made, axes = style.panels([""] * n)
    for i, each in enumerate(axes):
        each.set_title(f"panel {i}", loc="left")
        handle = each.plot([1, 2], [1, 2])[0]
    style.x_label(axes, "x")
    style.header(made, "A title", "a note")
    style.legend(made, {f"classifier {i}": handle for i in range(5)})
    made.canvas.draw()
    boxes = [each.get_tightbbox() for each in axes]
    assert len(boxes) == n
    legend = made.legends[0].get_window_extent()
    (title,) = (each for each in made.texts if each.get_text() == "A title")
    top = title.get_window_extent()
    assert all(box.y0 >= legend.y1 - 1 for box in boxes)
    assert all(box.y1 <= top.y0 + 1 for box in boxes)
    assert legend.x0 >= 0
    assert legend.x1 <= made.bbox.x1


@pytest.mark.parametrize("label", ["../../etc/x", "a/b", "a b", "x" * 400, "", "..", "a\nb"])
def test_a_label_never_becomes_a_path(label):
    name = style.file_name(label)
    assert "/" not in f"roc_{name}.png"
    assert len(name) < 100
    assert re.fullmatch(r"[A-Za-z0-9_.+=-]*", name)


def test_different_labels_have_different_files():
    labels = ["a/b", "a:b", "a_b", "a b", "x" * 300, "x" * 301]
    assert len({style.file_name(label) for label in labels}) == len(labels)
    assert style.file_name("mlp-multiclass_2.5") == "mlp-multiclass_2.5"
