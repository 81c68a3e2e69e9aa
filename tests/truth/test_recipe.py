"""What the default recipe reaches on a monojet toy whose truth is known (minutes of CPU).

    OMP_NUM_THREADS=1 python -m pytest tests/truth -m slow -s

The toy, its pools and its recipes are those of jobs/truth.py and of the figure in docs/monojet.md.
"""

from __future__ import annotations

import numpy as np
import pytest
import truth

pytestmark = pytest.mark.slow

TRAINED_AT = 1.5  # the highest strength whose ceiling is below 0.96


@pytest.fixture(scope="module")
def toy():
    found = truth.Toy()
    truth.fitted(found, TRAINED_AT, epochs=1)  # traces and compiles
    return found


@pytest.fixture(scope="module")
def tested(toy):
    return truth.held_out(toy)


@pytest.fixture(scope="module")
def default(toy):
    return truth.fitted(toy, TRAINED_AT)


def below_template(test, fit):
    """How far the network ends below the likelihood ratio of the same pools, and the error."""
    found = test.above(fit.classifier, test.template_ratio)
    return -found.difference, found.error


@pytest.mark.parametrize("process", ["background", "spin1"])
def test_the_toy_has_the_published_quantiles(process):
    """Below each edge lies a share between those of the quantiles around it."""
    below = truth.density(process).reshape(30, 30).sum(axis=1).cumsum()
    assert below[-1] == pytest.approx(1)
    for edge, share in zip(np.linspace(130, 2000, 31)[1:-1], below, strict=False):
        above = int(np.searchsorted(truth.PT[process], edge))
        assert truth.SHARES[above - 1] <= share <= truth.SHARES[above]


@pytest.mark.parametrize("strength", truth.STRENGTHS)
def test_the_default_recipe_is_within_a_hundredth_of_the_template_ceiling(
    tested, default, strength
):
    below, error = below_template(tested[strength], default)
    print(f"\nS/sqrt(B) = {strength:g}: {below:.4f} +- {error:.4f} below")  # noqa: T201
    assert below < 0.01


def test_no_network_passes_the_exact_densities(tested, default):
    for test in tested.values():
        found = test.above(default.classifier, test.true_ratio)
        assert found.difference < 4 * found.error


def test_the_published_recipe_costs_more_and_ends_lower(toy, tested, default):
    truth.fitted(toy, 2.0, **truth.published(1))
    old = truth.fitted(toy, 2.0, **truth.published(300))
    assert default.seconds < old.seconds
    found = tested[2.0].above(default.classifier, old.classifier)
    print(  # noqa: T201
        f"\nAUC {found.difference:+.4f} +- {found.error:.4f} for {default.seconds:.0f} against "
        f"{old.seconds:.0f} CPU s"
    )
    assert found.difference > 0


def test_fresh_draws_beat_a_frozen_set_at_equal_cpu(toy, tested, default):
    epochs = truth.FROZEN_EPOCHS
    frozen = truth.fitted(toy, TRAINED_AT, refresh="never", epochs=epochs, patience=epochs)
    assert frozen.seconds > default.seconds
    for strength in (0.5, 1.0, 1.5, 2.0):
        found = tested[strength].above(default.classifier, frozen.classifier)
        assert found.difference > 4 * found.error


def test_training_high_beats_one_network_per_strength_at_equal_cpu(toy, tested, default):
    epochs = round(truth.EPOCHS / len(truth.STRENGTHS))
    for strength in (0.5, 1.0, 1.5, 2.0):
        alone = truth.fitted(toy, strength, epochs=epochs)
        found = tested[strength].above(default.classifier, alone.classifier)
        assert found.difference > 4 * found.error


@pytest.mark.parametrize("shared", [False, True])
def test_a_null_signal_is_seen_on_a_shared_pool_alone(shared):
    toy = truth.Toy(signal="background", shared=shared)
    test = truth.HeldOut.drawn(toy, 20.0)
    seen = test.auc(truth.fitted(toy, 20.0).classifier)
    ceiling = test.ceiling()
    sigma = (seen.auc - ceiling.auc) / (seen.error**2 + ceiling.error**2) ** 0.5
    print(f"\nAUC {seen.auc:.3f}, {sigma:+.1f} sigma from its ceiling")  # noqa: T201
    if shared:
        assert 0.6 < seen.auc < 0.75
        assert sigma > 4  # the leakage flag of a scan
    else:
        assert abs(seen.auc - 0.5) < 0.02
        assert sigma < 4
