"""What frozen networks see of compressed sleptons: less than pixels, more than untrained ones do.

    OMP_NUM_THREADS=1 python -m pytest tests/truth/test_transfer.py -m slow

Histograms of sleptons.py, trained and tested at S/B = 0.02 and 0.01 (a minute of CPU). The expected
pixels are those of the closed form below.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from sleptons import SIDE, TOTAL, ceiling, densities, split

from rayscan.models.folds import Folds, LeftOut
from rayscan.models.networks.inputs import Input
from rayscan.models.transfer import gram, lite0
from rayscan.models.transfer.backbones import Backbone
from rayscan.models.transfer.classifier import Rows
from rayscan.models.transfer.features import OfPictures, OfPixels
from rayscan.models.transfer.pictures import Moments, Picture
from rayscan.seeds import stream
from rayscan.stats.auc import auc

pytestmark = pytest.mark.slow

HISTOGRAMS = 150
STRENGTHS = (0.02, 0.01)


def trained(auc, pixels, images):
    """AUC of a linear fit of p pixels to n images: d^2 -> d^4 / (d^2 + 4 p / n)."""
    d = np.sqrt(2) * ndtri(auc)
    return ndtr(d**2 / np.sqrt(d**2 + 4 * pixels / images) / np.sqrt(2))


@pytest.fixture(scope="module")
def areas():
    """Mean AUC of ten folds, by what is seen and strength."""
    pytest.importorskip(lite0.PACKAGE)
    b, s = densities()
    null = Moments(TOTAL * b, TOTAL * b * (1 - b))
    rng = stream(1, "sleptons")
    zero = rng.multinomial(TOTAL, b, HISTOGRAMS)
    ones = {}
    for strength in STRENGTHS:
        signal, background = split(strength)
        ones[strength] = rng.multinomial(background, b, HISTOGRAMS)
        ones[strength] += rng.multinomial(signal, s, HISTOGRAMS)
    picture = Picture.counts((SIDE, SIDE), 224, "colours", null)
    seers = {
        "pixels": OfPixels(Input.standard(null.mean, null.variance)),
        "bundled": OfPictures(picture, Backbone("lite0", "bundled", "own", 224)),
        "none": OfPictures(picture, Backbone("lite0", "none", "own", 224)),
    }
    found = {}
    for name, seer in seers.items():
        first = seer.rows(zero)
        for strength, one in ones.items():
            found[name, strength] = folded(Rows.of([first, seer.rows(one)]))
    return found


def folded(rows):
    labels = np.repeat([0, 1], HISTOGRAMS)
    folds = Folds(folds=5, repeats=2, stratified=True, seed=1)
    products = gram.gram(rows.blocks, rows.shift)
    head = gram.Head(how="linear_svm", C=1.0)
    (scores,) = gram.fold_scores(products, labels, folds.of(labels), [head])
    left_out = LeftOut.of(labels, folds, scores)
    return np.mean([auc(zero, one) for _, _, zero, one in left_out.parts()])


def test_the_toy_is_as_separable_as_simulated_events():
    b, s = densities()
    assert np.sqrt((s**2 / b).sum() - 1) == pytest.approx(2.83, abs=0.05)
    assert ceiling(b, s, 0.005) == pytest.approx(0.941, abs=0.01)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_pixels_reach_what_as_many_images_allow(areas, strength):
    b, s = densities()
    images = 2 * HISTOGRAMS * 4 / 5
    expected = trained(ceiling(b, s, strength), SIDE**2, images)
    # 300 images: sigma of an AUC of about 0.9 is 0.02.
    assert areas["pixels", strength] == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_imagenet_weights_see_more_than_random_ones_and_less_than_pixels(areas, strength):
    assert areas["bundled", strength] - areas["none", strength] >= 0.10
    assert areas["bundled", strength] < areas["pixels", strength]
    assert areas["none", strength] > 0.5
