"""Knobs of transfer learning: of pictures, of the network that sees them, of what is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rayscan.models.knobs import COUNT, POSITIVE, Choice, Float, Knobs, Legal, knob
from rayscan.models.transfer.backbones import Backbone
from rayscan.models.transfer.gram import Head

PIXELS = "pixels"
# CPU seconds of a picture and per 1e9 multiply-adds of a backbone: pictures of 224 x 224 by
# EfficientNet-Lite0, InceptionV3 and ResNet50.
_PICTURE, _PRODUCT = 0.0105, 0.013
_FITTED = ("logistic_regression", "linear_svm", "rbf_svm")
_PICTURES = Legal(options=("colours", "channels"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferKnobs(Knobs):
    """Of pictures, of the network that sees them, and of what is fitted to its features.

    Attributes:
        backbone: ``lite0``, a model of keras.applications such as ``inception_v3``, a path of a
            ``.keras`` file; or ``pixels``, no network: the standardised counts themselves.
        weights: ``bundled`` (of lite0, by the extra ``transfer``; those in a ``.keras`` file),
            ``imagenet`` (which Keras downloads), a path of a file, or ``none`` (random).
        picture: A colour map, or the level of grey in three ``channels``.
        levels: What a level shows: ``counts``, up to somewhat above the largest mean of the null,
            or how many ``sigma`` of the null a bin is off its mean.
        scaling: Values as the network was trained with (``own``), or over 255 (``unit``).
        size: Pixels of a side.
        components: The most principal components; fewer where fewer histograms are trained on.
        classifier: What is fitted to the components.
        C: Inverse strength of the penalty on the sum of losses (scikit-learn's C).
        gamma: Of the kernel exp(-gamma |a - b|^2) of ``rbf_svm``.
        scale: Features of ``unit`` mean square about their mean, so that C and gamma mean the same
            for every backbone; or as they are (``none``).
        histograms: Most training histograms used; the Gram matrix holds their number squared.
    """

    backbone: str = knob("lite0", Legal())
    weights: str = knob("bundled", Legal())
    picture: Literal["colours", "channels"] = knob("colours", _PICTURES)
    levels: Literal["counts", "sigma"] = knob("counts", Legal(options=("counts", "sigma")))
    scaling: Literal["own", "unit"] = knob("own", Legal(options=("own", "unit")))
    size: int = knob(224, Legal(least=1, most=4096))
    components: int = knob(2000, COUNT)
    classifier: Literal["logistic_regression", "linear_svm", "rbf_svm"] = knob(
        "linear_svm", Legal(options=_FITTED), Choice(_FITTED)
    )
    C: float = knob(1.0, POSITIVE, Float(1e-3, 1e3, log=True))
    gamma: float = knob(1.0, POSITIVE, Float(1e-2, 10.0, log=True))
    scale: Literal["unit", "none"] = knob("unit", Legal(options=("unit", "none")))
    histograms: int = knob(4000, Legal(least=2, most=100_000))

    def __post_init__(self) -> None:
        Knobs.__post_init__(self)
        if self.backbone != PIXELS and (why := self.frozen.refused()):
            raise ValueError(why)

    @property
    def frozen(self) -> Backbone:
        """The network of pictures."""
        return Backbone(self.backbone, self.weights, self.scaling, self.size)

    @property
    def head(self) -> Head:
        """What is fitted to how many components."""
        return Head(
            how=self.classifier,
            C=self.C,
            gamma=self.gamma,
            components=self.components,
            scale=self.scale,
        )

    def columns(self, bins: int) -> int:
        """Features of a histogram."""
        return bins if self.backbone == PIXELS else self.frozen.columns

    @property
    def picture_cost(self) -> float:
        """CPU seconds of the features of a histogram."""
        if self.backbone == PIXELS:
            return 0.0
        return (_PICTURE * (self.size / 224) ** 2) + _PRODUCT * self.frozen.known.work(self.size)
