"""Draw what recipes reach on a monojet toy whose truth is known (10 CPU minutes, 2 with --quick).

    OMP_NUM_THREADS=1 python jobs/truth_figure.py docs/truth.png

Left: AUC of the default recipe and of the published one, below the likelihood ratio of the same
training pools. Middle: the same as differences, beside a frozen set and one network per strength
for at least the CPU time of the default. Right: a signal that is background, on pools of its own
and on the published shared pool.
"""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import truth

LOG = logging.getLogger("truth_figure")
NULL_STRENGTHS = (5.0, 10.0, 20.0)
TRAINED_AT = 1.5
"""The highest of the strengths whose ceiling is below 0.96, as a scan chooses it."""


@dataclass(frozen=True, slots=True)
class Curve:
    """AUC of one recipe at each strength, with CPU seconds of all its trainings."""

    label: str
    seconds: float
    auc: dict[float, float]
    below: dict[float, tuple[float, float]]
    """Difference to the template ceiling, and its error."""


def curve(label: str, fits: dict[float, truth.Fit], tested: dict[float, truth.HeldOut]) -> Curve:
    """The recipe whose network for each strength is given; equal networks are paid for once."""
    auc, below = {}, {}
    for strength, fit in fits.items():
        test = tested[strength]
        auc[strength] = test.auc(fit.classifier).auc
        difference = test.above(fit.classifier, test.template_ratio)
        below[strength] = difference.difference, difference.error
    seconds = sum({id(fit): fit.seconds for fit in fits.values()}.values())
    shown = ", ".join(f"{x:g}: {d:+.4f} +- {e:.4f}" for x, (d, e) in below.items())
    LOG.info("%s (%.0f CPU s): %s", label, seconds, shown)
    return Curve(label, seconds, auc, below)


def recipes(toy: truth.Toy, tested: dict[float, truth.HeldOut], *, quick: bool) -> list[Curve]:
    """Train and test all recipes."""
    truth.fitted(toy, TRAINED_AT, epochs=1)  # traces and compiles the graph of all but the last
    once = truth.fitted(toy, TRAINED_AT)
    frozen = truth.fitted(
        toy,
        TRAINED_AT,
        refresh="never",
        epochs=truth.FROZEN_EPOCHS,
        patience=truth.FROZEN_EPOCHS,
    )
    share = max(1, round(truth.EPOCHS / len(tested)))
    each = {x: truth.fitted(toy, x, epochs=share) for x in tested}
    epochs = 10 if quick else 300
    strengths = (1.0, 3.0) if quick else truth.STRENGTHS
    old = {x: truth.fitted(toy, x, **truth.published(epochs)) for x in strengths}
    return [
        curve(f"default, trained once at {TRAINED_AT:g}", dict.fromkeys(tested, once), tested),
        curve("the same on a frozen set", dict.fromkeys(tested, frozen), tested),
        curve(f"default, one per strength, {share} epochs", each, tested),
        curve(f"published, one per strength, {epochs} epochs", old, tested),
    ]


def null_signal(*, shared: bool) -> dict[float, tuple[float, float, float]]:
    """AUC, its error, and its distance from the ceiling [sigma], of a signal that is background."""
    toy = truth.Toy(signal="background", shared=shared)
    found = {}
    for strength in NULL_STRENGTHS:
        test = truth.HeldOut.drawn(toy, strength)
        seen = test.auc(truth.fitted(toy, strength).classifier)
        ceiling = test.ceiling()
        sigma = (seen.auc - ceiling.auc) / (seen.error**2 + ceiling.error**2) ** 0.5
        found[strength] = seen.auc, seen.error, sigma
        LOG.info(
            "null signal, %s, S/sqrt(B) = %g: AUC %.3f +- %.3f, %+.1f sigma from its ceiling %.3f",
            "shared pool" if shared else "own pools", strength, seen.auc, seen.error, sigma,
            ceiling.auc,
        )  # fmt: skip
    return found


def draw(
    path: Path,
    tested: dict[float, truth.HeldOut],
    curves: list[Curve],
    nulls: dict[str, dict[float, tuple[float, float, float]]],
) -> None:
    """The three panels."""
    os.environ["MPLBACKEND"] = "agg"
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcdefaults()

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    ceiling = {x: test.auc(test.template_ratio).auc for x, test in tested.items()}
    left.plot(*zip(*ceiling.items(), strict=True), "k-", lw=1, label="likelihood ratio, same pools")
    for index, each in enumerate(curves):
        style = {"color": f"C{index}", "marker": "osD^"[index], "ms": 5, "lw": 1.2}
        if index in {0, 3}:
            left.plot(*zip(*each.auc.items(), strict=True), ls="none" if index else "-", **style)
        x, values = list(each.below), list(each.below.values())
        label = f"{each.label}: {each.seconds:.0f} CPU s"
        middle.errorbar(x, [v for v, _ in values], [e for _, e in values], label=label, **style)
    middle.axhline(0, color="k", lw=1)
    gain = {x: test.above(test.true_ratio, test.template_ratio) for x, test in tested.items()}
    middle.plot(
        list(gain), [each.difference for each in gain.values()],
        "k--", lw=0.8, label="likelihood ratio of the exact densities",
    )  # fmt: skip
    middle.axhline(-0.01, color="k", lw=0.8, ls=":")
    for index, (name, found) in enumerate(nulls.items()):
        x = list(found)
        right.errorbar(
            x, [v[0] for v in found.values()], [v[1] for v in found.values()],
            marker="ov"[index], color=("C0", "C3")[index], label=name,
        )  # fmt: skip
        for strength, (auc, _, sigma) in found.items():
            if sigma > 4:
                right.annotate(
                    f"flagged, {sigma:.0f}$\\sigma$", (strength, auc), xytext=(-8, 4),
                    textcoords="offset points", ha="right", fontsize=8,
                )  # fmt: skip
    right.axhspan(0.48, 0.52, color="0.9", zorder=0)
    right.set(xlim=(4, 21), ylim=(0.47, 0.75))
    for axes, title, label in (
        (left, "spin-1-like signal", "AUC"),
        (middle, "relative to the likelihood ratio of the same pools", "AUC difference"),
        (right, "a signal that is background: 0.5 is true", "AUC"),
    ):
        axes.set(title=title, ylabel=label, xlabel=r"$S/\sqrt{B}$,  B = 50,000")
        axes.title.set_size(10)
        if axes is not left:
            axes.legend(fontsize=8, frameon=False)
    left.legend(
        [*left.lines], ["likelihood ratio, same pools", curves[0].label, curves[3].label],
        fontsize=8, frameon=False, loc="lower right",
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--quick", action="store_true", help="10 epochs of the published recipe")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    toy = truth.Toy()
    tested = truth.held_out(toy)
    for x, test in tested.items():
        LOG.info(
            "S/sqrt(B) = %g: template ceiling %.4f, exact densities %.4f", x,
            test.auc(test.template_ratio).auc, test.auc(test.true_ratio).auc,
        )  # fmt: skip
    curves = recipes(toy, tested, quick=chosen.quick)
    nulls = {
        "pools of their own": null_signal(shared=False),
        "published shared pool": null_signal(shared=True),
    }
    draw(chosen.path, tested, curves, nulls)


if __name__ == "__main__":
    main()
