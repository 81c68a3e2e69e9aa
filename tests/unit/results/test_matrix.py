"""Train x test matrices: means over repeats of one classifier at one strength, or an error."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.errors import TableError
from rayscan.results.read import Tables


def test_a_cell_is_the_mean_over_repeats_of_one_training(tables, fake_scan):
    scan = fake_scan()
    found = tables.matrix(architecture="cnn", strength=2)
    assert list(found.index) == list(found.columns) == ["alp", "spin1", "susy_300"]
    for train in found.index:
        for test in found.columns:
            exact = np.mean([scan.auc("cnn", train, test, 2.0, 10**6, i) for i in range(3)])
            assert found.loc[train, test] == pytest.approx(exact, rel=1e-12)


def test_the_median_limit_is_found_by_the_strength_of_the_training(tables):
    found = tables.matrix(architecture="cnn", strength=2, value="limit", method="response")
    rows = tables.limits
    own = rows[
        (rows["label"] == "cnn")
        & (rows["train_benchmark"] == "alp")
        & (rows["test_benchmark"] == "spin1")
        & (rows["method"] == "response")
        & (rows["trained_at"] == 2)
    ]
    assert len(own) == 3
    assert found.loc["alp", "spin1"] == pytest.approx(own["mu_expected_0"].mean())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"strength": 2}, ["architecture= is needed", "cnn, logistic"]),
        ({"architecture": "cnn"}, ["strength= is needed", "0.5, 1, 2, 5"]),
        ({"architecture": "cnn", "strength": 1.00623}, ["strength=1.00623", "0.5, 1, 2, 5"]),
        ({"architecture": "cnm", "strength": 1}, ["nearest: 'cnn'"]),
        ({"architecture": "cnn", "strength": 1, "value": "limit"}, ["method= is needed"]),
        ({"architecture": "cnn", "strength": 1, "colour": "red"}, ["no rows with 'colour'"]),
    ],
)
def test_what_is_not_said_and_not_unique_is_asked_for(tables, asked, words):
    with pytest.raises(TableError) as raised:
        tables.matrix(**asked)
    for word in words:
        assert word in str(raised.value)


def test_several_backgrounds_and_variants_are_told_apart(fake, fake_scan):
    scan = fake_scan(backgrounds=(10_000, 1_000_000), architectures={"cnn": 0.9})
    both = fake(scan)
    with pytest.raises(TableError, match="background= is needed"):
        both.matrix(strength=1)
    found = both.matrix(strength=1, background=10_000)
    exact = np.mean([scan.auc("cnn", "alp", "alp", 1.0, 10_000, i) for i in range(3)])
    assert found.loc["alp", "alp"] == pytest.approx(exact)
    variants = (["a", "b"] * len(both.auc))[: len(both.auc)]
    named = Tables(auc=both.auc.assign(variant=variants))
    with pytest.raises(TableError, match="variant= is needed"):
        named.matrix(strength=1, background=10_000)


def test_of_one_training_for_all_every_strength_is_that_training(fake, fake_scan):
    scan = fake_scan(train="highest")
    found = fake(scan).matrix(architecture="cnn", strength=1)
    exact = np.mean([scan.auc("cnn", "alp", "spin1", 1.0, 10**6, i) for i in range(3)])
    assert found.loc["alp", "spin1"] == pytest.approx(exact)


def test_of_trainings_tested_everywhere_those_of_the_strength_are_taken(fake, fake_scan):
    """`crosstest: {strengths: all}` of `strength: each`: tests of every training at every one."""

    def everywhere(rows):
        other = [
            row
            | {
                "trial": f"{row['trial']}+",
                "point": f"{row['point']}+",
                "trained_at": 9.0,
                "auc": 0.0,
            }
            for row in rows
        ]
        return rows + other

    scan = fake_scan()
    tables = fake(scan, auc=everywhere)
    found = tables.matrix(architecture="cnn", strength=1)
    assert found.equals(fake(scan).matrix(architecture="cnn", strength=1))
    other = tables.matrix(architecture="cnn", strength=1, trained_at=9)
    assert (other == 0.0).all(axis=None)


def test_two_trainings_of_one_cell_are_never_averaged(fake, fake_scan):
    def doubled(rows):
        return rows + [row | {"trial": f"{row['trial']}+", "point": "other"} for row in rows]

    with pytest.raises(TableError, match="several trainings"):
        fake(fake_scan(), auc=doubled).matrix(architecture="cnn", strength=1)


def test_tables_of_an_older_version_have_no_strength_and_say_so(fake, fake_scan):
    def older(rows):
        for row in rows:
            del row["strength"]
        return rows

    with pytest.raises(TableError, match="older version"):
        fake(fake_scan(), auc=older).matrix(architecture="cnn", strength=1)
