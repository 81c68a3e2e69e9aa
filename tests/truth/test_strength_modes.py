"""What the four ways to choose the strengths of training reach and cost on a toy of known truth.

OMP_NUM_THREADS=1 python -m pytest tests/truth/test_strength_modes.py -m slow -s
"""

from __future__ import annotations

import pytest
import strength_modes
import truth

pytestmark = pytest.mark.slow

STRENGTHS = (0.5, 1.0, 2.0)
SIGMA = 5.0


@pytest.fixture(scope="module")
def tested():
    return truth.held_out(truth.Toy(), STRENGTHS)


@pytest.fixture(scope="module")
def modes(tested):
    toy = truth.Toy()
    truth.fitted(toy, 1.0, epochs=1)  # traces and compiles
    return {
        name: strength_modes.mode(name, toy, STRENGTHS)
        for name in ("highest", "drawn", "descending", "each")
    }


def test_no_mode_passes_the_exact_densities(modes, tested):
    for name, mode in modes.items():
        for strength, test in tested.items():
            found = test.above(mode.classifiers[strength], test.true_ratio)
            assert found.difference < SIGMA * found.error, (name, strength)


def test_one_network_for_all_strengths_is_as_good_as_one_each_at_a_third_of_the_cost(modes, tested):
    """Where the signal is weak: no lower than the network of that very strength."""
    assert (modes["highest"].trainings, modes["each"].trainings) == (1, 3)
    assert modes["highest"].seconds < modes["each"].seconds
    assert modes["drawn"].seconds < modes["each"].seconds
    weak = tested[0.5]
    for name in ("highest", "drawn"):
        found = weak.above(modes[name].classifiers[0.5], modes["each"].classifiers[0.5])
        print(f"\n{name} - each: {found.difference:+.4f} +- {found.error:.4f}")  # noqa: T201
        assert found.difference > -SIGMA * found.error


def test_warm_starts_help_where_the_signal_is_weak():
    """The network of the weakest strength learns from noise; one that starts from a stronger one
    knows where to look. Both have the same draws, so that the pools' noise is common.

    The signal is much like the background: there the weakest strength tells 0.53 from 0.5."""
    toy, strengths = truth.Toy(signal="alp"), (0.25, 0.5, 1.0, 2.0)
    descending, each = (
        strength_modes.mode(name, toy, strengths).classifiers[0.25]
        for name in ("descending", "each")
    )
    tested = truth.held_out(toy, (0.25,), histograms=60_000)  # the gain is half a hundredth
    found = tested[0.25].above(descending, each)
    print(f"\ndescending - each: {found.difference:+.4f} +- {found.error:.4f}")  # noqa: T201
    assert found.difference > 3 * found.error


def test_every_mode_is_within_its_distance_of_the_ceiling(modes, tested):
    """The best recipe's hundredth, twice where the strength is not that of the training."""
    for name, mode in modes.items():
        for strength in (1.0, 2.0):
            below, error = strength_modes.below(tested[strength], mode.classifiers[strength])
            print(f"\n{name} at {strength:g}: {below:+.4f} +- {error:.4f}")  # noqa: T201
            assert below > -0.02, (name, strength)
