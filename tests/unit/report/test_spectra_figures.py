"""What figures of spectra, examples, ROC families and losses show, read back from the figures."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rayscan.report.figures import curves, examples, slepton, spectra, style, trials
from rayscan.report.figures.study import STUDIES
from rayscan.results.names import BASE
from rayscan.results.variants import VARIANT

HEIGHTS = {"zvv": [40.0, 20.0, 4.0], "top": [3.0, 2.0, 1.0], "spin1": [0.1, 0.2, 0.3]}
ROLES = {"zvv": "background", "top": "background", "spin1": "signal"}


@pytest.fixture(autouse=True)
def _look():
    with style.look():
        yield


def spectrum_rows(_):
    return [
        {
            "observable": observable,
            "unit": unit,
            "process": process,
            "role": ROLES[process],
            "stage": stage,
            "bin": k,
            "low": 10.0 * k,
            "high": 10.0 * (k + 1),
            "cross_section": height * scale,
            "cross_section_error": 0.1 * height * scale,
        }
        for observable, unit in (("met", "GeV"), ("n_jets", "1"))
        for stage, scale in (("before", 1.0), ("after", 0.5))
        for process, heights in HEIGHTS.items()
        for k, height in enumerate(heights)
    ]


def example_rows(_):
    edges = {"first_edges": [0.0, 1.0, 2.0], "second_edges": [1.0, 10.0, 100.0, 1000.0]}
    named = {"first_observable": "dphi_jet1_met", "second_observable": "met"}
    return [
        {
            "test_benchmark": "spin1",
            "test_signal": signal,
            "test_background": 100 - signal,
            "test_s_over_b": signal / (100 - signal),
            "true_class": true_class,
            "first_unit": "rad",
            "second_unit": "GeV",
            **named,
            **edges,
            "counts": [float(signal + true_class), 2, 3, 4, 5, 0],
        }
        for signal in (1, 10)
        for true_class in (0, 1)
    ]


def roc_rows(rows):
    """Two repeats of one training: straight lines to a corner, of areas .7 and .8."""
    return [
        {
            "trial": f"t{repeat}",
            "point": "p",
            "train_benchmark": "spin1",
            "test_benchmark": "spin1",
            "architecture": "cnn",
            "label": "cnn",
            "repeat": repeat,
            "train_signal": 10,
            "train_background": 100,
            "test_signal": 10,
            "test_background": 100,
            "test_s_over_sqrt_b": 1.0,
            "unit": "ensemble",
            "number": number,
            "false_positive_rate": x,
            "true_positive_rate": y,
        }
        for repeat, height in enumerate((0.4, 0.6))
        for number, (x, y) in enumerate([(0.0, 0.0), (0.0, height), (1.0, 1.0)])
    ]


def validation_rows(_):
    """Two folds of the first of two members: of areas .7 and .8."""
    return [
        {
            "trial": trial,
            "point": "p",
            "train_benchmark": "spin1",
            "architecture": "cnn",
            "label": "cnn",
            "train_signal": 10,
            "train_background": 100,
            "train_s_over_sqrt_b": 1.0,
            "selected": True,
            "validation_repeat": 0,
            "validation_fold": fold,
            "auc": 0.5 + height / 2,
            "false_positive_rate": [0.0, 0.0, 1.0],
            "true_positive_rate": [0.0, height, 1.0],
        }
        for trial, heights in (("t0", (0.4, 0.6)), ("t1", (0.0, 0.0)))
        for fold, height in enumerate(heights)
    ]


def with_losses(rows):
    return [
        {**row, "losses": [0.7, 0.6, 0.5], "validation_losses": [0.69, 0.65, 0.66]} for row in rows
    ]


@pytest.fixture(scope="module")
def drawn(fake, fake_scan):
    scan = fake_scan(benchmarks={"spin1": 1.18}, architectures={"cnn": 0.9})
    return fake(
        scan,
        spectra=spectrum_rows,
        examples=example_rows,
        roc=roc_rows,
        trials=with_losses,
        validation=validation_rows,
    )


def data(axes):
    """Stairs by colour: their upper and lower edges."""
    return {to_rgb(p.get_facecolor()[:3]): p.get_data() for p in axes.patches if p.get_fill()}


def test_stacked_backgrounds_end_at_their_sum_and_the_legend_names_their_colours(drawn):
    figures = dict(spectra.spectra(drawn))
    assert list(figures) == [
        *("spectra_before", "spectra_shapes_before"),
        *("spectra_after", "spectra_shapes_after"),
    ]
    made = figures["spectra_after"]
    axes = made.axes[0]
    assert axes.get_xlabel() == "met [GeV]"
    assert axes.get_ylabel() == "pb / 10 GeV"
    keys = made.legends[0]
    colours = {
        text.get_text(): to_rgb(patch.get_facecolor()[:3])
        for text, patch in zip(keys.get_texts(), keys.get_patches(), strict=False)  # no lines
    }
    assert set(colours) == {"top", "zvv"}
    top, most = (data(axes)[colours[name]] for name in ("top", "zvv"))
    np.testing.assert_allclose(top.values, [1.5, 1.0, 0.5])
    np.testing.assert_allclose(most.baseline, top.values)
    np.testing.assert_allclose(most.values, [21.5, 11.0, 2.5])
    band = next(p for p in axes.patches if p.get_hatch())
    error = np.hypot([2.0, 1.0, 0.2], [0.15, 0.1, 0.05])
    np.testing.assert_allclose(band.get_data().values, np.add(most.values, error))


def test_shapes_are_of_unit_sum(drawn):
    axes = dict(spectra.spectra(drawn))["spectra_shapes_before"].axes[0]
    lines = [p.get_data().values for p in axes.patches if not p.get_hatch()]
    np.testing.assert_allclose([each.sum() for each in lines], 1.0)
    np.testing.assert_allclose(lines[-1], np.array(HEIGHTS["spin1"]) / 0.6)


def test_images_show_the_counts_of_the_table_and_no_event_as_white(drawn):
    ((name, made),) = examples.examples(drawn)
    assert name == "spin1"
    shown = [axes for axes in made.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in shown] == [
        *("background only, S/B = 0.0101", "background only, S/B = 0.111"),
        *("with signal, S/B = 0.0101", "with signal, S/B = 0.111"),
    ]
    image = shown[3].collections[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(image, -1), [[11, 4], [2, 5], [3, -1]])
    assert shown[0].get_yscale() == "log"
    assert shown[0].get_xscale() == "linear"


@pytest.mark.parametrize("draw", [curves.roc, curves.roc_validation])
def test_a_family_of_roc_curves_has_its_mean_its_band_and_its_areas(drawn, draw):
    axes = draw(drawn, "cnn").axes[0]
    (text,) = axes.get_legend().get_texts()
    assert text.get_text() == f"0.750 ± {np.std([0.7, 0.8], ddof=1):.3f}"
    *_, mean = axes.lines
    x, y = (np.asarray(each)[1:] for each in (mean.get_xdata(), mean.get_ydata()))
    np.testing.assert_allclose(y, 0.5 + 0.5 * x, atol=1e-12)
    thin = [line for line in axes.lines if line.get_linewidth() == 0.5]
    assert len(thin) == 2


def test_losses_of_training_and_validation_are_a_pair(drawn):
    made = trials.loss_curves(drawn)
    names = [text.get_text() for text in made.legends[0].get_texts()]
    assert names == ["cnn, training", "cnn, validation"]
    first, second = made.axes[0].lines[:2]
    assert list(first.get_ydata()) == [0.7, 0.6, 0.5]
    assert list(second.get_ydata()) == [0.69, 0.65, 0.66]


def test_the_figures_of_the_slepton_study_have_the_numbers_of_the_paper(drawn):
    study = type(drawn)(
        **{name: frame.assign(**{VARIANT: BASE}) for name, frame in vars(drawn).items()}
    )
    names = [name for name, made in slepton.figures(study) if made is not None]
    assert names == [
        *("fig03_spectra_before", "fig03_spectra_shapes_before"),
        *("fig03_spectra_after", "fig03_spectra_shapes_after"),
        *("fig04_examples_spin1", "fig08_auc_vs_strength", "fig09_loss_curves", "fig10_roc_cnn"),
        "fig10_roc_validation_cnn",
    ]
    assert STUDIES["slepton"] is slepton.figures


def test_old_tables_without_any_of_this_have_no_such_figures(tables):
    assert not list(spectra.spectra(tables))
    assert not list(examples.examples(tables))
    assert trials.loss_curves(tables) is None
