"""The binned likelihood ratio as an architecture: the ceiling of all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rayscan.errors import DivergedError
from rayscan.models import storage
from rayscan.models.architectures.base import Architecture, Work, reading
from rayscan.models.contract import Examples, Member, Trained, Watch
from rayscan.models.knobs import Knobs
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio, likelihood_ratio
from rayscan.models.ratio.marginal import MarginalLikelihoodRatio


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatioKnobs(Knobs):
    """The closed form has none."""


class LikelihoodRatio(Architecture[LikelihoodRatioKnobs]):
    """Reads the templates behind the examples; nothing is fitted."""

    name = "likelihood_ratio"
    knobs = LikelihoodRatioKnobs
    presets = {}
    quick = {}
    reads = "histograms"
    learns = "one signal"
    learns_strength = False
    warm_starts = False
    engine = "none"

    def draws(self, values: LikelihoodRatioKnobs) -> int:
        """None."""
        return 0

    def fits(self, shape: tuple[int, ...]) -> str:
        """Any bins."""
        return ""

    def work(self, values: LikelihoodRatioKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """A closed form trains in no time."""
        return Work(training=0.0, row=reading(math.prod(shape)))

    def held(
        self,
        values: LikelihoodRatioKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        size: int,
        members: int,
    ) -> int:
        """The templates and the weights."""
        return 3 * 8 * math.prod(shape)

    def stored(self, values: LikelihoodRatioKnobs, shape: tuple[int, ...]) -> int:
        """Its weights, or the templates."""
        return 1000 + 16 * math.prod(shape)

    def train(
        self, members: Sequence[Member], *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """The likelihood ratio of each member's templates; ``watch`` is never asked.

        Raises:
            ValueError: Examples without templates, of more than two classes, or a knob.
        """
        del watch
        return [Trained(self._classifier(member)) for member in members]

    def restore(self, folder: Path) -> BinnedLikelihoodRatio | MarginalLikelihoodRatio:
        """Read what ``save`` wrote."""
        body, arrays = storage.read(folder)
        if "templates" in body:
            return MarginalLikelihoodRatio.load(folder)
        if not {"weights", "constant"} <= set(arrays):
            raise storage.unreadable(folder, "the weights of the likelihood ratio are missing")
        return BinnedLikelihoodRatio(arrays["weights"], float(arrays["constant"]))

    def _classifier(self, member: Member) -> BinnedLikelihoodRatio | MarginalLikelihoodRatio:
        self.valued(member.hyperparameters)
        examples = cast("Examples", member.examples)
        if examples.n_classes != 2:
            what = f"{examples.n_classes} classes, expected signal against background"
            raise ValueError(f"{self.name}: {what}")
        if examples.templates is None:
            raise ValueError(f"{self.name}: these examples have no templates to take the ratio of")
        return likelihood_ratio(examples.templates)
