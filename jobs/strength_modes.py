"""What the four ways to choose the strengths of training reach and cost (7 CPU minutes).

    OMP_NUM_THREADS=1 python jobs/strength_modes.py

The toy, its pools and the default network are those of jobs/truth.py. For each value of
``training.strength``: trainings, CPU seconds, and the AUC at each S/sqrt(B) less that of the
likelihood ratio of the same training pools.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import truth

from rayscan.ensembles.varied import Varied
from rayscan.errors import DivergedError
from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Classifier, Member
from rayscan.models.ratio.likelihood_ratio import closed_form
from rayscan.scan.plan.strengths import SATURATED
from rayscan.seeds import stream

LOG = logging.getLogger("strength_modes")


@dataclass(slots=True, eq=False)
class DrawnStrengths(truth.Draws):
    """Draws of which every histogram has a strength of its own."""

    strengths: Sequence[float] = truth.STRENGTHS
    _samplers: dict[str, Varied] = field(init=False, default_factory=dict)

    def _draw(self, sampler: Any, count: int, *key: str | int) -> Any:
        del sampler  # of one strength
        pool = str(key[0])
        if pool not in self._samplers:
            self._samplers[pool] = Varied([self.toy.ensembles(x, pool) for x in self.strengths])
        varied, rng = self._samplers[pool], stream(self.toy.seed, "drawn", *key)
        return truth.labelled(varied.null(rng, count), varied.alternative(rng, count))


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """Classifiers by strength, and what all of them cost.

    Attributes:
        classifiers: The one that a strength is tested with.
        trainings: How many were trained.
        seconds: CPU time of them all, draws included.
    """

    classifiers: Mapping[float, Classifier]
    trainings: int
    seconds: float


def trained(examples: truth.Draws, start: Classifier | None, **knobs: Any) -> Classifier:
    """The default network, from given weights or its own."""
    result = architectures()["mlp"].train([Member(examples, knobs, 1, start=start)])[0]
    if isinstance(result, DivergedError):
        raise result
    return result.classifier


def highest(toy: truth.Toy, strengths: Sequence[float]) -> float:
    """The highest of the strengths that is not too easy, as a scan chooses it."""
    return max(x for x in strengths if closed_form(toy.templates(x)).auc <= SATURATED)


def mode(name: str, toy: truth.Toy, strengths: Sequence[float], **knobs: Any) -> Mode:
    """Train as ``training.strength`` of that name does.

    Args:
        name: ``highest``, ``each``, ``drawn`` or ``descending``.
        toy: Pools.
        strengths: S/sqrt(B) to train for.
        knobs: Knobs of the network other than its defaults.
    """
    begin = time.process_time()
    found: dict[float, Classifier] = {}
    if name in {"highest", "drawn"}:
        examples = truth.Draws(toy, highest(toy, strengths))
        if name == "drawn":
            examples = DrawnStrengths(toy, min(strengths), strengths=strengths)
        one = trained(examples, None, **knobs)
        return Mode(dict.fromkeys(strengths, one), 1, time.process_time() - begin)
    last: Classifier | None = None
    for strength in sorted(strengths, reverse=True):
        start = last if name == "descending" else None
        last = found[strength] = trained(truth.Draws(toy, strength), start, **knobs)
    return Mode(found, len(found), time.process_time() - begin)


def below(test: truth.HeldOut, classifier: Classifier) -> tuple[float, float]:
    """AUC less that of the likelihood ratio of the same training pools, and its error."""
    found = test.above(classifier, test.template_ratio)
    return found.difference, found.error


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--signal", default="spin1", help="spin1 or alp")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    toy = truth.Toy(signal=chosen.signal)
    tested = truth.held_out(toy)
    truth.fitted(toy, 1.0, epochs=1)  # traces and compiles the graph of all
    ceiling = "  ".join(f"{t.auc(t.template_ratio).auc:7.3f}" for t in tested.values())
    LOG.info("%-24s %s", "S/sqrt(B)", "  ".join(f"{x:7g}" for x in tested))
    LOG.info("%-24s %s", "likelihood ratio", ceiling)
    for name in ("highest", "drawn", "descending", "each"):
        found = mode(name, toy, truth.STRENGTHS)
        shown = [below(test, found.classifiers[x])[0] for x, test in tested.items()]
        told = f"{name}, {found.trainings} x, {found.seconds:.0f} s"
        LOG.info("%-24s %s", told, "  ".join(f"{d:+7.4f}" for d in shown))


if __name__ == "__main__":
    main()
