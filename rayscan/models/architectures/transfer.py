"""Transfer learning: a frozen network of pictures, principal components, a linear or RBF fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.errors import DivergedError
from rayscan.models import storage
from rayscan.models.architectures.base import Architecture, Work, reading
from rayscan.models.architectures.linear import history
from rayscan.models.architectures.linear_svm import share
from rayscan.models.contract import Examples, Member, Trained, Watch, columns
from rayscan.models.folds import Folds, LeftOut
from rayscan.models.knobs import Value
from rayscan.models.networks.inputs import Input
from rayscan.models.transfer import gram
from rayscan.models.transfer.backbones import BATCH
from rayscan.models.transfer.classifier import Kernel, Plane, Reading, Rows, TransferClassifier
from rayscan.models.transfer.features import MEMORY, REMEMBERED, OfPictures, OfPixels, Seer
from rayscan.models.transfer.gram import Components, Linear
from rayscan.models.transfer.knobs import PIXELS, TransferKnobs
from rayscan.models.transfer.pictures import Moments, Picture

# CPU seconds of pairs of histograms per feature; of triples, of components and a fit to them.
_PAIR_FEATURE, _TRIPLE, _TRIPLE_FIT = 0.06e-9, 3e-10, 3e-11
_GRADIENT = 3  # pictures that a gradient through a backbone takes as long as
_ACTIVATIONS = 2000  # bytes that a batch needs in a backbone, per pixel of a picture


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """A training set, by class, and its inner products."""

    seer: Seer
    counts: gram.Blocks
    rows: Rows
    labels: npt.NDArray[Any]
    products: Floats


class Transfer(Architecture[TransferKnobs]):
    """A frozen network's features of pictures of histograms; all fits through one Gram matrix."""

    name = "transfer"
    knobs = TransferKnobs
    # A. Celik, Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, Table 1.
    presets: Mapping[str, Mapping[str, Value]] = {
        "celik": {
            "backbone": "inception_v3",
            "weights": "imagenet",
            "scaling": "unit",
            "scale": "none",
            "C": 1.0,
        },
        "celik_resnet50": {
            "backbone": "resnet50",
            "weights": "imagenet",
            "scaling": "unit",
            "scale": "none",
            "C": 0.1,
        },
    }
    quick: Mapping[str, Value] = {"weights": "none", "size": 32, "picture": "channels"}
    reads = "histograms"
    learns = "two classes"
    learns_strength = True
    warm_starts = False
    engine = "tensorflow"
    shares_null = True
    shares_sets = True

    def draws(self, values: TransferKnobs) -> int:
        """One frozen set."""
        return 1

    def fits(self, shape: tuple[int, ...]) -> str:
        """Pictures have two axes."""
        return "" if len(shape) == 2 else "pictures of two axes"

    def missing(self, values: TransferKnobs) -> str:
        """Weights that are not there."""
        return "" if values.backbone == PIXELS else values.frozen.missing()

    def work(self, values: TransferKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """Pictures, pairs of them for each feature, and the components of all."""
        bins, rows = int(np.prod(shape)), min(values.histograms, examples)
        each = values.picture_cost
        rest = reading(values.columns(bins)) + _PAIR_FEATURE * values.columns(bins)
        looks = (values.frozen, values.picture, values.levels) if each else ()
        shared = rows * each + rows**2 * _PAIR_FEATURE * values.columns(bins)
        return Work(
            training=shared + _TRIPLE * rows**3,
            row=each + rest,
            shared=shared,
            features=each,
            sees=" ".join(map(str, looks)),
            responses=_GRADIENT * each + rest if each else None,
        )

    def fold_work(
        self,
        values: TransferKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        folds: int,
        repeats: int,
    ) -> Work:
        """Components and fits of each part; features and their inner products are there."""
        triples = repeats * folds * (min(values.histograms, examples) * (folds - 1) // folds) ** 3
        shared = _TRIPLE * triples
        row = self.work(values, shape, 1).row
        return Work(training=shared + _TRIPLE_FIT * triples, row=row, shared=shared)

    def held(
        self,
        values: TransferKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        size: int,
        members: int,
    ) -> int:
        """Features, what is remembered of others, matrices of inner products, the backbone."""
        bins, rows = int(np.prod(shape)), min(values.histograms, examples)
        features = 4 * rows * values.columns(bins)
        own = 4 * 8 * rows**2 + 3 * 8 * rows * min(values.columns(bins), 4096)
        own += 2 * 8 * 256 * values.columns(bins)
        if values.backbone == PIXELS:
            return 2 * features + own
        backbone = int(1e7 * values.frozen.known.weights) + BATCH * _ACTIVATIONS * values.size**2
        return features + min(REMEMBERED, 2 * features) + own + backbone

    def stored(self, values: TransferKnobs, shape: tuple[int, ...]) -> int:
        """A number for each feature; of an RBF kernel histograms and components."""
        bins = int(np.prod(shape))
        own = 1000 + 16 * bins
        if values.classifier != "rbf_svm":
            return own + 8 * values.columns(bins)
        rows = values.histograms
        return own + rows * (4 * bins + 8 * min(rows, values.components))

    def train(
        self, members: Sequence[Member], *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Fit each member; those of the same examples and pictures share all inner products."""
        return self._all(members, None)

    def train_with_folds(
        self, members: Sequence[Member], folds: Folds, *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Fit each member, and without each fold: all by the same inner products."""
        return self._all(members, folds)

    def restore(self, folder: Path) -> TransferClassifier:
        """Read a saved classifier; its backbone is loaded when something is to be scored."""
        body, arrays = storage.read(folder, "shape", "knobs")
        values, shape = self.valued(body["knobs"]), tuple(int(n) for n in body["shape"])
        if values.backbone == PIXELS:
            seer: Seer = OfPixels(Input("standard", arrays["mean"], arrays["scale"]))
        else:
            levels = arrays["offset"], arrays["gain"]
            two = cast("tuple[int, int]", shape)
            picture = Picture(two, values.size, values.picture, *levels)
            seer = OfPictures(picture, values.frozen)
        found: Reading = Plane(arrays["weight"], float(arrays["bias"]))
        if values.classifier == "rbf_svm":
            found = Kernel.stored(arrays, seer)
        return TransferClassifier(self.name, shape, body["knobs"], seer, found)

    def _all(self, members: Sequence[Member], folds: Folds | None) -> list[Trained | DivergedError]:
        """One set after the other: only that of a few members is held."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for at, member in enumerate(members):
            values = self.valued(member.hyperparameters)
            key = id(member.examples), _seen(values), values.histograms
            groups.setdefault(key, []).append(at)
        found: dict[int, Trained | DivergedError] = {}
        for places in groups.values():
            own = [members[at] for at in places]
            found |= dict(zip(places, self._of_one_set(own, folds), strict=True))
        return [found[at] for at in range(len(members))]

    def _of_one_set(
        self, members: Sequence[Member], folds: Folds | None
    ) -> Sequence[Trained | DivergedError]:
        examples = cast("Examples", members[0].examples)
        each = [self.valued(member.hyperparameters) for member in members]
        drawn = self._set(examples, each[0])
        if isinstance(drawn, DivergedError):
            return [drawn] * len(members)
        trained = [self._fitted(drawn, values, examples) for values in each]
        if folds is None:
            return trained
        parts, heads = folds.of(drawn.labels), [values.head for values in each]
        scores = gram.fold_scores(drawn.products, drawn.labels, parts, heads)
        return [
            replace(one, left_out=LeftOut.of(drawn.labels, folds, own))
            for one, own in zip(trained, scores, strict=True)
        ]

    def _fitted(self, drawn: _Set, values: TransferKnobs, examples: Examples) -> Trained:
        fitted = Components.of(drawn.products, values.components, scale=values.scale)
        how, C, gamma = values.classifier, values.C, values.gamma
        found = gram.fit(fitted.rows, drawn.labels, how=how, C=C, gamma=gamma)
        if isinstance(found, Linear):
            told: Reading = Plane.of(fitted, found, drawn.rows)
        else:
            told = Kernel(drawn.counts, drawn.seer, fitted, found)
        knobs = {name: getattr(values, name) for name in self.knobs.defaults()}
        shape = tuple(examples.shape)
        classifier = TransferClassifier(self.name, shape, knobs, drawn.seer, told)
        return Trained(classifier, epochs=1, history=history(classifier, examples))

    def _set(self, examples: Examples, values: TransferKnobs) -> _Set | DivergedError:
        """The frozen set of examples, seen."""
        drawn, labels = share(*examples.training(0), values.histograms)
        x = columns(drawn, int(np.prod(examples.shape)), what="training histograms")
        if not np.isfinite(x).all():
            what = "its training histograms hold NaN or infinite values"
            return DivergedError(architecture=self.name, epoch=0, what=what)
        seer = _seer(examples, values)
        counts = [x[labels == k] for k in (0, 1)]
        rows = Rows.of([MEMORY.rows(seer, block) for block in counts])
        in_blocks = np.repeat([0, 1], [len(block) for block in counts])
        return _Set(seer, counts, rows, in_blocks, gram.gram(rows.blocks, rows.shift))


def _seen(values: TransferKnobs) -> tuple[Value, ...]:
    """The knobs that features depend on."""
    of_network = values.backbone, values.weights, values.scaling, values.size
    return *of_network, values.picture, values.levels


def _seer(examples: Examples, values: TransferKnobs) -> Seer:
    null = Moments(examples.null_mean, examples.null_variance)
    if values.backbone == PIXELS:
        return OfPixels(Input.standard(null.mean, null.variance))
    shape = cast("tuple[int, int]", tuple(examples.shape))
    make = Picture.counts if values.levels == "counts" else Picture.standard
    return OfPictures(make(shape, values.size, values.picture, null), values.frozen)
