"""Uncertain backgrounds through a scan: keys, rows, ceilings, limits, and what the file may say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_scan import limits_on, make_config, make_pools, train_all

from rayscan.ensembles.nuisance import ShapeUncertainty, Uncertainty
from rayscan.errors import ConfigError
from rayscan.models.ratio.marginal import MarginalLikelihoodRatio
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.scan import EnsembleSizes
from rayscan.scan.cost.cautions import cautions
from rayscan.scan.cost.workload import workload
from rayscan.scan.plan.members import member
from rayscan.scan.plan.points import mixtures, points
from rayscan.scan.plan.requirements import pool_problems
from rayscan.scan.pools.binned import templates_of
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.exclusion.channels import by_response, plain
from rayscan.scan.steps.exclusion.fits import fit_template
from rayscan.scan.steps.exclusion.score import strengths_to_test
from rayscan.scan.steps.scoring import stored
from rayscan.scan.steps.tests.pairs import cross_test, test_sets
from rayscan.stats.limits import upper_limits
from rayscan.stats.response import Grouping
from rayscan.yaml_text import values

SHAPE = ShapeUncertainty(observable="jet1_pt", slope=0.2)


def sizes(uncertainty, method="multinomial", test=2000):
    return EnsembleSizes(
        train=200, validation=100, test=test, method=method, uncertainty=uncertainty
    )


@pytest.fixture(scope="module")
def binned():
    return make_pools(size=200_000, signals=("hard",))


def config_with(uncertainty, **changes):
    given = {"signals": ("hard",), "ensembles": sizes(uncertainty)}
    return make_config(**given | changes)


def test_without_uncertainty_keys_and_templates_are_what_they_were(binned):
    def key(config):
        plan = points(config, mixtures(config, binned), binned)
        return member(config, plan[0], 0, fingerprint="f").key

    none, nothing = config_with(None), config_with(Uncertainty())
    assert key(none) == key(nothing) != key(config_with(Uncertainty(background=0.1)))
    mixture = mixtures(none, binned)["hard"][0]
    found = PooledScan(nothing, binned).templates("hard", mixture)
    np.testing.assert_array_equal(
        found.background, templates_of(binned, "hard", mixture).background
    )
    assert found.nuisances is None
    assert "uncertainty" not in values(dump(none))["ensembles"]


def test_the_ceiling_falls_with_the_uncertainty_and_no_classifier_passes_it(binned, tmp_path):
    ceilings = []
    for number, unsure in enumerate([None, Uncertainty(background=0.1), Uncertainty(shape=SHAPE)]):
        config = config_with(unsure, architectures=("likelihood_ratio", "logistic_regression"))
        _, _, candidates = train_all(config, binned, tmp_path / str(number))
        storage = str(tmp_path / str(number))
        strongest = test_sets(config, mixtures(config, binned))[-1]
        rows = cross_test(strongest, candidates, scan=PooledScan(config, binned), storage=storage)
        table = rows_to_table("auc", rows).to_pylist()
        assert not any(row["leakage_flag"] for row in table)
        assert {row["background_uncertainty"] for row in table} == {
            unsure.background if unsure else 0.0
        }
        assert {row["shape_observable"] for row in table} == {"jet1_pt" if number == 2 else None}
        assert table[0]["ceiling_kind"].startswith("marginal") == (number > 0)
        ceilings.append(table[0])
        classifier = stored(Storage(storage).uri, candidates[0].row["classifier"])
        assert isinstance(classifier, MarginalLikelihoodRatio) == (number > 0)
    known, norm, shape = (row["auc_ceiling"] for row in ceilings)
    error = max(row["auc_ceiling_error"] for row in ceilings)
    # Matched totals say nothing about the yield: its uncertainty takes nothing away.
    assert abs(known - norm) < 5 * error * np.sqrt(2)
    assert shape < known - 5 * error
    for row in ceilings:  # the best linear statistic is no better than the best of all
        assert row["auc_closed_form"] < row["auc_ceiling"] + 5 * error


def test_limits_take_the_larger_normalisation_and_the_shape(binned):
    config = config_with(Uncertainty(background=0.2, shape=SHAPE))
    channels = plain(binned, "hard", pool="test", minimum=10)
    template = fit_template(PooledScan(config, binned), "hard", channels, luminosity=1.0)
    assert template.normalisation["bkg"] == 0.2
    small = config_with(Uncertainty(background=0.01))
    plain_template = fit_template(PooledScan(small, binned), "hard", channels, luminosity=1.0)
    assert plain_template.normalisation["bkg"] == 0.05
    assert plain_template.shape == {}
    up, down = template.shape["bkg"]
    nominal = template.background
    for varied in (up, down):
        assert varied.sum() == pytest.approx(nominal.sum(), rel=1e-3)
    assert up[-1] > nominal[-1] > down[-1]  # the last bins are those of the highest pT


@pytest.mark.slow  # pyhf itself takes 20 s for one limit
def test_pyhf_solves_a_limit_with_uncertain_shape_and_it_is_weaker(binned, tmp_path):
    limits = Limits(methods=("response",), channels=4, referee=3, workspaces=False)
    found = []
    for number, unsure in enumerate([Uncertainty(), Uncertainty(shape=SHAPE)]):
        config = config_with(unsure, limits=limits)
        _, _, candidates = train_all(config, binned, tmp_path / str(number))
        storage = Storage(str(tmp_path / str(number)))
        rows = limits_on("hard", candidates, config=config, binned=binned, storage=storage)
        found += rows_to_table("limits", rows).to_pylist()
    assert [row["solver"] for row in found] == ["profile", "pyhf"]
    assert found[1]["mu_expected_0"] > found[0]["mu_expected_0"]
    assert found[1]["shape_uncertainty"] == 0.2
    assert found[1]["referee_cls"] is None  # nobody is above pyhf


def test_a_shape_without_size_is_no_uncertainty_to_pyhf(binned):
    """The whole path through pyhf, against our solver, where they must agree."""
    config = config_with(None, limits=Limits(channels=4, monte_carlo_statistics=False))
    plan = points(config, mixtures(config, binned), binned)
    ratio = MarginalLikelihoodRatio(
        PooledScan(config_with(Uncertainty(background=0.1)), binned).templates(
            "hard", plan[0].mixture
        )
    )
    channels = by_response(
        ratio, binned, "hard", mixture=plan[0].mixture, grouping=Grouping(channels=4), pool="test"
    )
    template = fit_template(PooledScan(config, binned), "hard", channels, luminosity=1.0)
    none = {"bkg": (template.background, template.background)}
    ours, theirs = upper_limits([template, replace(template, shape=none)])
    assert (ours.solver, theirs.solver) == ("profile", "pyhf")
    assert theirs.expected[2] == pytest.approx(ours.expected[2], rel=1e-3)


def test_score_limits_grow_and_test_stronger_signals(binned, tmp_path):
    limits = Limits(methods=("score",), ensembles=1500, workspaces=False)
    medians, signals = [], []
    for number, unsure in enumerate([None, Uncertainty(shape=SHAPE)]):
        config = config_with(unsure, limits=limits)
        _, _, candidates = train_all(config, binned, tmp_path / str(number))
        storage = Storage(str(tmp_path / str(number)))
        row = limits_on("hard", candidates, config=config, binned=binned, storage=storage)[0]
        assert row["status"] in {"ok", "partial"}
        medians.append((row["signal_events_expected_0"], row["limit_error"]))
        signals.append(
            [m.signal for m in strengths_to_test("hard", 1000, scan=PooledScan(config, binned))]
        )
    assert medians[1][0] - medians[0][0] > 3 * np.hypot(medians[0][1], medians[1][1])
    assert signals[1][0] > signals[0][0]


def test_an_uncertain_yield_asks_for_larger_pools():
    config = make_config(
        signals=("hard",), ensembles=sizes(Uncertainty(background=0.2), "without_replacement")
    )
    small = make_pools(size=2000, signals=("hard",))
    problems = pool_problems(config, small, mixtures(config))
    assert any("2584" in problem.what for problem in problems)  # 1000 x 1.2^5 + 95
    assert not pool_problems(config, make_pools(size=3000, signals=("hard",)), mixtures(config))


def test_samplers_of_a_scan_draw_with_the_uncertainty(binned):
    config = config_with(Uncertainty(background=0.2), mixtures=make_config().mixtures)
    mixture = mixtures(config, binned)["hard"][0]
    found = PooledScan(config, binned).ensembles("hard", mixture, "test")
    totals = found.alternative(np.random.default_rng(1), 300).sum(axis=1)
    assert totals.std() == pytest.approx(200, rel=0.3)


FILE = """
name: unsure
storage: s
processes:
  b: {{role: background, files: [b.root], cross_section: 1.0}}
  s: {{role: signal, files: [s.root], cross_section: 1.0}}
binning:
  axes:
    - {{observable: jet1_pt, bins: 10, low: 100, high: 800}}
mixtures: {{background: 100, s_over_sqrt_b: [2]}}
ensembles: {{method: {method}, uncertainty: {uncertainty}}}
architectures: [{{name: {architecture}}}]
"""


def read(uncertainty, method="multinomial", architecture="mlp"):
    return parse_scan(
        FILE.format(uncertainty=uncertainty, method=method, architecture=architecture)
    )


def test_class_0_without_matched_totals_is_written_without_quotes():
    """Where the yield of the background matters; to YAML the bare key is no word."""
    text = FILE.replace("background: 100,", "background: 100, null: background,")
    text = text.format(uncertainty="{background: 0.1}", method="poisson", architecture="mlp")
    assert parse_scan(text).mixtures.null == "background"
    assert parse_scan(text.replace("null:", '"null":')) == parse_scan(text)


def test_a_scan_file_says_it_and_is_dumped_and_read_again():
    config = read("{background: 0.1, shape: {observable: jet1_pt, slope: 0.2}}")
    assert config.ensembles.unsure == Uncertainty(background=0.1, shape=SHAPE)
    assert parse_scan(dump(config)) == config
    assert any("pyhf itself" in said for said in cautions(workload(config)))


@pytest.mark.parametrize(
    ("uncertainty", "method", "architecture", "said"),
    [
        ("{shape: {observable: jet1_pt, slope: 0.2}}", "without_replacement", "mlp", "multinomial"),
        ("{shape: {observable: jet1_eta, slope: 0.2}}", "multinomial", "mlp", "on no axis"),
        ("{shape: {observable: jet1_pt, slope: 0.2}}", "multinomial", "event_mlp", "single events"),
        ("{background: 1.5}", "multinomial", "mlp", "expected 0 <= value < 1"),
        ("{shape: {observable: jet1_pt, at: 0.2}}", "multinomial", "mlp", "unknown key"),
    ],
)
def test_what_is_not_defined_is_refused_with_its_place(uncertainty, method, architecture, said):
    with pytest.raises(ConfigError) as caught:
        read(uncertainty, method, architecture)
    text = str(caught.value)
    assert said in text
    assert "line 1" in text


def test_the_tables_have_the_columns():
    for name in ("auc", "limits"):
        names = [column.name for column in LAYOUTS[name].columns]
        assert {"background_uncertainty", "shape_uncertainty", "shape_observable"} <= set(names)
