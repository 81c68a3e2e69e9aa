"""The architecture transfer: what is fitted, stored, remembered and shared."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rayscan.errors import DivergedError
from rayscan.models.architectures.linear_svm import LinearSVM
from rayscan.models.architectures.registry import load
from rayscan.models.architectures.transfer import Transfer
from rayscan.models.contract import Member
from rayscan.models.networks.inputs import Input
from rayscan.models.scoring import responses, score_many
from rayscan.models.transfer.features import MEMORY, Memory, OfPixels, Seer, in_turn
from rayscan.seeds import stream

PIXELS = {"backbone": "pixels"}
HEADS = ("logistic_regression", "linear_svm", "rbf_svm")


def trained(examples, *several):
    members = [Member(examples, knobs) for knobs in several]
    return [each.classifier for each in Transfer().train(members)]


class Counted(Seer):
    """Twice the counts, and how many histograms were asked for."""

    def __init__(self, identity):
        self.identity, self.made = identity, 0

    columns = 5

    def rows(self, x):
        self.made += len(x)
        return 2.0 * x

    def pulled_back(self, x, weight):
        return 2 * weight

    def arrays(self):
        return {}


def test_a_linear_svm_of_all_pixels_is_the_linear_svm(toy_examples):
    examples = toy_examples()
    (found,) = trained(examples, {**PIXELS, "scale": "none", "C": 1e-2})
    (same,) = LinearSVM().train([Member(examples, {"C": 1e-2})])
    x, _ = examples.test(200)
    # libsvm stops at a gradient of 1e-3.
    np.testing.assert_allclose(found.scores(x), same.classifier.scores(x), atol=2e-3)


@pytest.mark.parametrize("how", HEADS)
def test_every_fit_of_pixels_learns_and_is_stored(toy_examples, tmp_path, how):
    examples = toy_examples()
    (found,) = trained(examples, {**PIXELS, "classifier": how, "components": 30})
    x, labels = examples.test(1000)
    # The null has sigma 1/sqrt(12) sqrt(1/500 + 1/500) = 0.018 around 0.5.
    assert roc_auc_score(labels, found.scores(x)) > 0.5 + 5 * 0.018
    found.save(tmp_path)
    np.testing.assert_array_equal(load(tmp_path).scores(x), found.scores(x))
    values = Transfer().valued({**PIXELS, "classifier": how, "components": 30, "histograms": 400})
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert Transfer().stored(values, (8, 8)) / 4 < size < 2 * Transfer().stored(values, (8, 8))


def test_an_rbf_fit_of_pictures_scores_alike_where_it_is_read(toy_examples, tmp_path):
    """Its features of training histograms are made anew there."""
    examples = toy_examples(histograms=60)
    knobs = {**Transfer().quick, "classifier": "rbf_svm"}
    (found,) = trained(examples, knobs)
    x, _ = examples.test(40)
    expected = found.scores(x)
    found.save(tmp_path)
    MEMORY.clear()
    np.testing.assert_allclose(load(tmp_path).scores(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("how", ["linear_svm", "rbf_svm"])
def test_one_event_more_changes_the_score_of_pixels_as_the_response_says(toy_examples, how):
    examples = toy_examples()
    classifiers = trained(examples, {**PIXELS, "classifier": how}, {**PIXELS, "C": 0.1})
    middle = examples.null_mean
    step = 1e-3
    for found, each in zip(responses(classifiers, middle), classifiers, strict=True):
        up, down = (each.scores(middle + by * np.eye(64)) for by in (step, -step))
        np.testing.assert_allclose(found, (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


def test_classifiers_of_the_same_pictures_share_their_features(toy_examples):
    examples = toy_examples(histograms=100)
    quick = Transfer().quick
    classifiers = trained(examples, quick, {**quick, "C": 10.0}, {**quick, "size": 33})
    assert classifiers[0].group == classifiers[1].group != classifiers[2].group
    (linear,) = LinearSVM().train([Member(examples, {})])
    pixels = [trained(toy_examples(B=B), PIXELS)[0] for B in (1000, 900)]
    x, _ = examples.test(20)
    mixed = [classifiers[0], linear.classifier, *pixels, *classifiers[1:]]
    together = score_many(mixed, x)
    for scores, each in zip(together, mixed, strict=True):
        np.testing.assert_allclose(scores, each.scores(x), rtol=1e-12)


def test_a_response_of_pictures_is_to_first_order(toy_examples):
    """Summed over bins by the signs of the responses, against scores on either side."""
    examples = toy_examples(histograms=100, B=20_000, S=2_000)
    (found,) = trained(examples, {**Transfer().quick, "scale": "none", "C": 1e6})
    middle = np.rint(examples.null_mean)
    response = responses([found], middle)[0]
    gain = found.seer.picture.gain
    step = np.sign(response) / gain  # a level
    up, down = found.scores(np.stack([middle + step, middle - step]))
    # Second order and kinks of ReLU6 within a level.
    assert (up - down) / 2 == pytest.approx(np.abs(response) @ np.abs(step), rel=0.2)


# ------------------------------------------------------------------ what is made once


def test_equal_counts_are_seen_once_whatever_their_type():
    seer, x = Counted("once"), stream(1, "x").integers(0, 99, (7, 5))
    first = MEMORY.rows(seer, x.astype(np.uint16))
    np.testing.assert_array_equal(MEMORY.rows(seer, x.astype(np.uint32)), first)
    assert seer.made == 7
    np.testing.assert_array_equal(MEMORY.rows(seer, x[::-1]), first[::-1])
    MEMORY.rows(Counted("other"), x)
    assert seer.made == 7
    MEMORY.rows(seer, x + 0.5)
    assert seer.made == 14


def test_what_was_used_longest_ago_is_forgotten_first():
    seer, memory = Counted("small"), Memory(2 * 5 * 8)  # two rows of five numbers
    for level in (1, 2, 1, 3, 1, 2):
        memory.rows(seer, np.full((1, 5), level))
    assert seer.made == 4  # 1 is used again and again; 2 makes room for 3
    many = np.arange(45.0).reshape(9, 5)  # more than there is room for
    np.testing.assert_array_equal(memory.rows(seer, many), 2 * many)
    np.testing.assert_array_equal(memory.rows(seer, many), 2 * many)
    assert memory._bytes == 2 * 5 * 8


def test_pixels_are_not_remembered():
    seer, x = OfPixels(Input.standard(np.zeros(5), np.ones(5))), np.ones((3, 5))
    memory = Memory(10**6)
    assert memory.rows(seer, x) is not memory.rows(seer, x)


def test_rows_are_seen_a_few_at_a_time():
    seer, x = Counted("turns"), stream(2, "x").integers(0, 99, (600, 5))
    found = np.zeros((600, 5))
    for part, rows in in_turn(seer, x):
        assert len(rows) <= 256
        found[part] = rows
    np.testing.assert_array_equal(found, 2 * x)


def test_the_null_of_fourteen_strengths_is_seen_once(toy_examples):
    """Where class 0 has as many events at each: 15 sets in place of 28."""
    seer, null = Counted("study"), stream(3, "null").integers(0, 99, (50, 5))
    for strength in range(14):
        MEMORY.rows(seer, null)
        MEMORY.rows(seer, stream(3, "signal", strength).integers(0, 99, (50, 5)))
    assert seer.made / (14 * 2 * 50) == pytest.approx(15 / 28)


# ------------------------------------------------------------------ what is refused


def test_a_histogram_that_is_not_finite_ends_its_member_alone(toy_examples):
    lost, good = Transfer().train(
        [Member(toy_examples(bad=np.nan), PIXELS), Member(toy_examples(), PIXELS)]
    )
    assert isinstance(lost, DivergedError)
    assert good.classifier.knobs["backbone"] == "pixels"


def test_knobs_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="weights: 'bundled' are those of lite0"):
        Transfer().valued({"backbone": "resnet50"})
    assert Transfer().fits((8,)) == "pictures of two axes"
    assert Transfer().missing(Transfer().valued(PIXELS)) == ""


def test_the_published_recipes_are_those_of_the_paper():
    """Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, Table 1 and section 2."""
    inception, resnet = (Transfer().preset(each) for each in ("celik", "celik_resnet50"))
    assert (inception["backbone"], resnet["backbone"]) == ("inception_v3", "resnet50")
    assert (inception["C"], resnet["C"]) == (1.0, 0.1)
    for each in (inception, resnet):
        assert (each["classifier"], each["components"], each["size"]) == ("linear_svm", 2000, 224)
        assert (each["scaling"], each["picture"], each["weights"]) == (
            "unit",
            "colours",
            "imagenet",
        )
