"""What every registered architecture must do."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rayscan.errors import DivergedError, FileUnreadableError, ShapeMismatchError
from rayscan.models import storage
from rayscan.models.architectures.base import Learns
from rayscan.models.architectures.registry import architectures, load
from rayscan.models.contract import Member, Trained

KNOWN = architectures()
EPOCHS = [name for name in KNOWN if "epochs" in KNOWN[name].knobs.defaults()]


@pytest.fixture(params=list(KNOWN), scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def make(name, toy_examples, toy_events, toy_items):
    toys = {"histograms": toy_examples, "events": toy_events, "items": toy_items}
    return toys[KNOWN[name].reads]


def train(name, *examples, seed=3, watch=None, **knobs):
    members = [Member(each, {**KNOWN[name].quick, **knobs}, seed) for each in examples]
    return KNOWN[name].train(members, watch=watch)


@pytest.fixture(scope="module")
def trained(name, make):
    return train(name, make())[0]


def test_it_says_all_that_others_ask_and_costs_something(name):
    member = KNOWN[name]
    values, shape = member.valued(member.quick), (6, 6)
    few, many = (member.work(values, shape, examples) for examples in (100, 1000))
    assert few.row > 0
    assert few.training < many.training or many.training == 0 == member.draws(values)
    held = [member.held(values, shape, n, size=2, members=1) for n in (100, 1000)]
    assert 0 < held[0] <= held[1]
    assert member.learns in get_args(Learns)
    assert (member.draws(values) > 0) == member.learns_strength
    for which in member.presets:
        member.valued(member.preset(which))


def test_what_it_stores_is_what_it_says(trained, name, make, tmp_path):
    """Within a factor of two of the arrays, and the few kilobytes of files around them."""
    trained.classifier.save(tmp_path)
    found = sum(file.stat().st_size for file in tmp_path.iterdir())
    bins = make().test(1)[0].shape[1]
    shape = (int(bins**0.5),) * 2 if KNOWN[name].fits((bins,)) else (bins,)
    if KNOWN[name].reads == "items":
        shape = make().shape
    said = KNOWN[name].stored(KNOWN[name].valued(KNOWN[name].quick), shape)
    assert said / 2 < found < 2 * said + 4000


def test_it_trains_and_scores_above_chance(trained, make):
    arranged = getattr(trained.classifier, "arrangement", None)  # items have one
    x, labels = make().test(2000) if arranged is None else make().test(2000, arranged)
    scores = trained.classifier.scores(x)
    assert isinstance(trained, Trained)
    assert scores.shape == labels.shape
    assert scores.dtype == np.float64
    # The null has sigma 1/sqrt(12) sqrt(1/1000 + 1/1000) = 0.013 around 0.5.
    assert roc_auc_score(labels, scores) > 0.5 + 5 * 0.013


def test_it_knows_its_name(trained, name):
    assert trained.classifier.architecture == name == KNOWN[name].name
    assert trained.classifier.reads == KNOWN[name].reads


def test_it_loads_what_it_saved(trained, make, tmp_path):
    x, _ = make().test(200)
    trained.classifier.save(tmp_path / "deep" / "classifier")
    loaded = load(tmp_path / "deep" / "classifier")
    assert type(loaded) is type(trained.classifier)
    assert loaded.architecture == trained.classifier.architecture
    np.testing.assert_array_equal(loaded.scores(x), trained.classifier.scores(x))


def test_a_broken_folder_is_refused(trained, tmp_path):
    trained.classifier.save(tmp_path)
    (tmp_path / storage.WEIGHTS).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(FileUnreadableError, match="weights"):
        load(tmp_path)


def test_a_wrong_shape_is_refused(trained, make):
    x, _ = make().test(10)
    for wrong in (x[:, :-1], x[0], x[None]):
        with pytest.raises(ShapeMismatchError, match="expected shape"):
            trained.classifier.scores(wrong)


def test_no_rows_give_no_scores(trained, make):
    x, _ = make().test(10)
    assert trained.classifier.scores(x[:0]).shape == (0,)


def test_a_score_does_not_depend_on_its_neighbours(trained, make):
    x, _ = make().test(300)
    together = trained.classifier.scores(x)
    apart = np.concatenate([trained.classifier.scores(x[i : i + 77]) for i in range(0, 300, 77)])
    np.testing.assert_allclose(apart, together, rtol=1e-9, atol=1e-9)


def test_equal_seeds_give_equal_bits(trained, name, make, tmp_path):
    again = train(name, make())[0]
    trained.classifier.save(tmp_path / "first")
    again.classifier.save(tmp_path / "again")
    first, second = (storage.read(tmp_path / folder) for folder in ("first", "again"))
    assert first[0] == second[0]
    assert list(first[1]) == list(second[1])
    for key, array in first[1].items():
        np.testing.assert_array_equal(array, second[1][key])


def test_training_data_that_are_not_finite_give_an_error_for_that_member_alone(name, make):
    bad = np.nan if KNOWN[name].reads == "histograms" else np.inf
    lost, good = train(name, make(bad=bad), make())
    if KNOWN[name].reads == "histograms" and not KNOWN[name].learns_strength:  # from templates
        x, _ = make().test(10)
        np.testing.assert_array_equal(lost.classifier.scores(x), good.classifier.scores(x))
        return
    assert isinstance(lost, DivergedError)
    assert lost.architecture == name
    assert isinstance(good, Trained)


def test_rows_that_are_not_finite_have_no_score(trained, make):
    x, _ = make().test(10)
    x = x.astype(np.float64)
    x[2, 1] = np.inf
    with pytest.raises(DivergedError, match=r"not finite|NaN or infini"):
        trained.classifier.scores(x)


def test_an_unknown_knob_is_refused_with_the_nearest(name, make):
    with pytest.raises(ValueError, match="no such knob"):
        train(name, make(), learning_rat=1.0)


@pytest.mark.parametrize("name", EPOCHS, scope="module")
def test_a_watch_stops_its_member_alone(name, make):
    seen = []

    def watch(epoch, aucs):
        seen.append((epoch, list(aucs)))
        return [epoch == 1, False]

    short, long = train(name, make(), make(seed=2), watch=watch)
    assert short.epochs == 2
    assert long.epochs == KNOWN[name].valued(KNOWN[name].quick).epochs
    assert [epoch for epoch, _ in seen] == list(range(long.epochs))
    assert [aucs[0] for _, aucs in seen[:2]] == short.history["validation_auc"]
    assert all(np.isnan(aucs[0]) for _, aucs in seen[2:])
    assert [aucs[1] for _, aucs in seen] == long.history["validation_auc"]


@pytest.mark.parametrize("name", EPOCHS, scope="module")
def test_its_history_has_an_entry_for_each_epoch(trained, name):
    assert {len(values) for values in trained.history.values()} == {trained.epochs}
    assert trained.history["validation_loss"][trained.best_epoch] == min(
        trained.history["validation_loss"]
    )


def test_a_folder_of_an_unknown_architecture_is_refused(tmp_path):
    storage.write(tmp_path, architecture="mpl", arrays={})
    with pytest.raises(FileUnreadableError, match="nearest: 'mlp'"):
        load(tmp_path)


def test_a_multiclass_head_learns_every_class_and_is_stored(name, make, tmp_path):
    if KNOWN[name].learns != "any classes":
        pytest.skip("of two classes only")
    examples = make(n_classes=3, histograms=1200)
    trained = train(name, examples, examples)
    x, labels = examples.test(900)
    for each in trained:
        scores = each.classifier.scores(x)
        assert scores.shape == (900, 3)
        log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        for k in range(3):
            # The null has sigma 1/sqrt(12) sqrt(1/300 + 1/600) = 0.020 around 0.5.
            assert roc_auc_score(labels == k, log_p[:, k]) > 0.5 + 3.5 * 0.020
        assert 0.5 < each.history["validation_auc"][each.best_epoch] <= 1
    trained[0].classifier.save(tmp_path)
    np.testing.assert_array_equal(load(tmp_path).scores(x), trained[0].classifier.scores(x))
