"""What is known of backbones before one is built: features, cost, and the pictures they can see."""

from __future__ import annotations

import functools
from dataclasses import dataclass

# Of keras.applications: name, its class and module, channels of the last feature map,
# multiply-adds of a picture of 224 x 224 [1e9], million weights, least pixels of a side.
_KERAS = """
convnext_tiny ConvNeXtTiny convnext 768 4.27 27.8 32
convnext_small ConvNeXtSmall convnext 768 8.50 49.5 32
convnext_base ConvNeXtBase convnext 1024 15.03 87.6 32
convnext_large ConvNeXtLarge convnext 1536 33.64 196.2 32
convnext_xlarge ConvNeXtXLarge convnext 2048 59.65 348.1 32
densenet121 DenseNet121 densenet 1024 2.83 7.0 32
densenet169 DenseNet169 densenet 1664 3.36 12.6 32
densenet201 DenseNet201 densenet 1920 4.29 18.3 32
efficientnet_b0 EfficientNetB0 efficientnet 1280 0.38 4.0 32
efficientnet_b1 EfficientNetB1 efficientnet 1280 0.57 6.6 32
efficientnet_b2 EfficientNetB2 efficientnet 1408 0.66 7.8 32
efficientnet_b3 EfficientNetB3 efficientnet 1536 0.96 10.8 32
efficientnet_b4 EfficientNetB4 efficientnet 1792 1.50 17.7 32
efficientnet_b5 EfficientNetB5 efficientnet 2048 2.35 28.5 32
efficientnet_b6 EfficientNetB6 efficientnet 2304 3.36 41.0 32
efficientnet_b7 EfficientNetB7 efficientnet 2560 5.17 64.1 32
efficientnet_v2_b0 EfficientNetV2B0 efficientnet_v2 1280 0.72 5.9 32
efficientnet_v2_b1 EfficientNetV2B1 efficientnet_v2 1280 1.01 6.9 32
efficientnet_v2_b2 EfficientNetV2B2 efficientnet_v2 1408 1.17 8.8 32
efficientnet_v2_b3 EfficientNetV2B3 efficientnet_v2 1536 1.61 12.9 32
efficientnet_v2_s EfficientNetV2S efficientnet_v2 1280 2.85 20.3 32
efficientnet_v2_m EfficientNetV2M efficientnet_v2 1280 5.36 53.2 32
efficientnet_v2_l EfficientNetV2L efficientnet_v2 1280 12.23 117.7 32
inception_resnet_v2 InceptionResNetV2 inception_resnet_v2 1536 6.47 54.3 75
inception_v3 InceptionV3 inception_v3 2048 2.84 21.8 75
mobilenet MobileNet mobilenet 1024 0.57 3.2 32
mobilenet_v2 MobileNetV2 mobilenet_v2 1280 0.30 2.3 32
mobilenet_v3_large MobileNetV3Large mobilenet_v3 960 0.21 3.0 32
mobilenet_v3_small MobileNetV3Small mobilenet_v3 576 0.05 0.9 32
nasnet_large NASNetLarge nasnet 4032 10.28 84.9 32
nasnet_mobile NASNetMobile nasnet 1056 0.56 4.3 32
resnet50 ResNet50 resnet 2048 3.86 23.6 32
resnet101 ResNet101 resnet 2048 7.57 42.7 32
resnet152 ResNet152 resnet 2048 11.28 58.4 32
resnet50_v2 ResNet50V2 resnet_v2 2048 3.48 23.6 32
resnet101_v2 ResNet101V2 resnet_v2 2048 7.19 42.6 32
resnet152_v2 ResNet152V2 resnet_v2 2048 10.90 58.3 32
vgg16 VGG16 vgg16 512 15.35 14.7 32
vgg19 VGG19 vgg19 512 19.51 20.0 32
xception Xception xception 2048 4.55 20.9 71
"""
_UNPADDED = {"inception_v3", "inception_resnet_v2"}
_STRIDE, _SIDE = 32, 224


@dataclass(frozen=True, slots=True)
class Known:
    """A backbone, as plans need it.

    Attributes:
        name: Class in keras.applications, or ``lite0``.
        module: Module of it there.
        channels: Of the last feature map.
        products: Multiply-adds of a picture of 224 x 224 [1e9].
        weights: Its numbers [1e6].
        least: Pixels of the smallest side it can see.
        padded: Whether its feature map has a 32nd of the sides of a picture, rounded up.
    """

    name: str
    module: str
    channels: int
    products: float
    weights: float
    least: int
    padded: bool = True

    def columns(self, size: int) -> int:
        """Features of a picture of so many pixels a side."""
        side = -(-size // _STRIDE) if self.padded else (size - self.least) // _STRIDE + 1
        return side**2 * self.channels

    def work(self, size: int) -> float:
        """Multiply-adds of a picture of so many pixels a side [1e9]."""
        return self.products * (size / _SIDE) ** 2


def flat(name: str) -> str:
    """A name without what spellings differ by.

    >>> flat("inception_v3") == flat("InceptionV3")
    True
    """
    return "".join(filter(str.isalnum, name)).lower()


@functools.cache
def _all() -> dict[str, Known]:
    found = {"lite0": Known("lite0", "", 1280, 0.39, 3.4, 1)}
    for line in _KERAS.split("\n")[1:-1]:
        shown, name, module, channels, products, weights, least = line.split()
        padded = shown not in _UNPADDED
        sizes = int(channels), float(products), float(weights), int(least)
        found[shown] = Known(name, module, *sizes, padded)
    return found


NAMES = {flat(name): name for name in _all()}
"""How backbones are written, by what spellings do not differ in."""


def known(name: str) -> Known:
    """What is known of a backbone, in any spelling."""
    return _all()[NAMES[flat(name)]]
