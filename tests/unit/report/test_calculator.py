"""The four-step calculator against closed forms and arithmetic by hand."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.errors import ConfigError, SampleUnusableError, StorageError
from rayscan.report.calculator.answer import Analysis, calculate
from rayscan.report.calculator.reach import aucs_at, ceiling_at, limits_at, separation_of
from rayscan.report.calculator.text import as_json, table
from rayscan.results.ledger import rows_to_table
from rayscan.results.read import Tables
from rayscan.results.seal import checksum
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.stats.auc import delong
from rayscan.stats.limits import upper_limits
from rayscan.stats.template import Template
from rayscan.stats.workspace import workspace
from rayscan.stats.yields import Yields, closed_form_auc, next_order_auc

PAPER = Analysis(
    cross_section_signal=0.5,
    efficiency_signal=0.8,
    cross_section_background=53.6,
    efficiency_background=0.78,
    luminosity=1.0,
)


def no_workspace(_):
    return None


@pytest.fixture(scope="module")
def several(fake, fake_scan):
    """One benchmark with limits at four luminosities, B = 40,000 per fb^-1, and no repeats."""
    scan = fake_scan(
        benchmarks={"spin1": 1.18, "alp": 0.29},
        architectures={"cnn": 0.92},
        strengths=(0.5, 1.0, 2.0, 3.0),
        repeats=3,
        luminosities=(1.0, 10.0, 100.0, 1000.0),
    )
    return fake(scan)


# ------------------------------------------------------------------ yields and AUC


def test_the_published_example_by_hand():
    found = calculate(PAPER).yields
    assert found.background == pytest.approx(41_808)
    assert found.signal == pytest.approx(400)
    assert found.s_over_sqrt_b == pytest.approx(400 / 204.47, rel=1e-4)


@pytest.mark.parametrize("x", [0.05, 0.3, 0.7, 1.0, 1.9, 2.6, 2.99])
def test_between_strengths_the_auc_follows_the_closed_form(several, x):
    (found,) = aucs_at(several, "spin1", x)
    exact = ndtr(0.92 * 1.18 * x / math.sqrt(2))
    assert found.auc == pytest.approx(exact, abs=2e-3)  # S of the table are whole numbers
    assert found.error > 0


def test_at_a_tested_strength_auc_and_error_are_those_of_the_table(several):
    rows = several.auc[
        (several.auc["train_benchmark"] == "spin1")
        & (several.auc["test_benchmark"] == "spin1")
        & (several.auc["test_signal"] == 2000)
    ]
    x = 2000 / math.sqrt(1_002_000)
    (found,) = aucs_at(several, "spin1", x)
    assert found.auc == pytest.approx(rows["auc"].mean(), abs=1e-9)
    # three repeats that differ by 0.003 each, on the same test set and pools
    error = math.hypot(rows["auc_total_error"].mean(), 0.003 / math.sqrt(3))
    assert found.error == pytest.approx(error, rel=1e-6)


def test_beyond_the_strongest_tested_strength_there_is_a_bound_and_no_number(several):
    (found,) = aucs_at(several, "spin1", 5.5)
    assert found.auc is None
    assert found.error is None
    assert found.at_least == pytest.approx(ndtr(0.92 * 1.18 * 3 / math.sqrt(2)), abs=2e-3)
    assert "beyond the strongest tested x" in found.how


def test_an_auc_of_one_is_no_point_to_interpolate_to(fake, fake_scan):
    scan = fake_scan(benchmarks={"hard": 1.5}, architectures={"cnn": 1.0}, spread=0.0, repeats=1)

    def saturated(rows):
        return [r | ({"auc": 1.0} if r["test_s_over_sqrt_b"] > 4 else {}) for r in rows]

    tables = fake(scan, auc=saturated)
    (found,) = aucs_at(tables, "hard", 3.0)
    assert found.auc is None
    assert found.at_least == pytest.approx(ndtr(1.5 * 2 / math.sqrt(2)), abs=1e-3)


def test_of_several_backgrounds_the_largest_is_taken(fake, fake_scan):
    scan = fake_scan(benchmarks={"a": 1.0}, architectures={"cnn": 1.0}, backgrounds=(100, 10**6))
    tables = fake(scan)
    tables.auc.loc[tables.auc["test_background"] == 100, "auc"] = 0.6
    (found,) = aucs_at(tables, "a", 2.0)
    assert found.auc == pytest.approx(ndtr(2.0 / math.sqrt(2)), abs=1e-3)


def test_the_ceiling_is_that_of_the_table_with_its_error(several):
    assert separation_of(several, "spin1") == pytest.approx((1.18, 0.0236))
    found = calculate(PAPER, tables=several, benchmark="spin1")
    x = found.yields.s_over_sqrt_total
    # Ceilings of these tables are of small S/B; S = 400 of 41,808 lies beyond their S/B, so that
    # the value falls a little, and has this as a part of its error.
    assert found.ceiling.auc == pytest.approx(ndtr(1.18 * x / math.sqrt(2)), abs=0.01)
    assert found.ceiling.error > 0
    assert "next order" in found.ceiling.how
    weak = calculate(
        Analysis(luminosity=10.0, cross_section_signal=0.05), tables=several, benchmark="spin1"
    )
    assert "table auc" in weak.ceiling.how
    x = weak.yields.s_over_sqrt_total
    assert weak.ceiling.auc == pytest.approx(ndtr(1.18 * x / math.sqrt(2)), abs=2e-3)
    assert weak.aucs[0].auc < weak.ceiling.auc


POSITION = (np.arange(40) + 0.5) / 40


def densities(background=8.0, signal=3.0):
    """Falling spectra; k = 1.7 with these slopes."""
    found = [np.exp(-slope * POSITION) for slope in (background, signal)]
    return [each / each.sum() for each in found]


def sampled_ratio(S, B, histograms=20_000):
    """AUC of the likelihood ratio on drawn histograms, and its error."""
    background, signal = densities()
    weights = np.log1p(S / (S + B) * (signal / background - 1))
    rng = np.random.default_rng(S)
    null = rng.multinomial(S + B, background, histograms) @ weights
    drawn = rng.multinomial(B, background, histograms) + rng.multinomial(S, signal, histograms)
    found = delong(null, drawn @ weights)
    return found.auc, found.error


def separation_k():
    background, signal = densities()
    return float(np.sqrt(np.sum((signal - background) ** 2 / background)))


@pytest.mark.parametrize(("S", "B"), [(20, 1500), (40, 1500), (80, 1500), (100, 20_000)])
def test_the_next_order_is_that_of_a_sampled_ratio_within_its_error(S, B):
    k = separation_k()
    given = {"signal": S, "background": B}
    value, error = next_order_auc(k, Yields(**{n: float(v) for n, v in given.items()}))
    exact, of_sampling = sampled_ratio(S, B)
    first, _ = closed_form_auc(k, S / math.sqrt(S + B))
    assert abs(value - exact) < error + 3 * of_sampling
    assert abs(value - exact) < abs(first - exact)
    if S == 40:
        assert first - exact > 6 * of_sampling  # the formula alone: .893 for .870


def test_the_ceiling_of_a_table_serves_other_backgrounds(several):
    """Sampled ratios at B = 5,000 tell that of B = 1,500 at the same S/B, where k x overstates."""
    known = {S: sampled_ratio(S, 5000) for S in (30, 60, 130)}
    rows = several.auc.iloc[: len(known)].assign(
        test_benchmark="spin1",
        train_benchmark="spin1",
        test_signal=list(known),
        test_background=5000,
        auc_ceiling=[auc for auc, _ in known.values()],
        auc_ceiling_error=[error for _, error in known.values()],
        separation_k=separation_k(),
        separation_k_error=0.01,
    )
    tables = Tables(**{**vars(several), "auc": rows})
    for S in (15, 30):
        found = ceiling_at(tables, "spin1", Yields(signal=float(S), background=1500.0))
        exact, of_sampling = sampled_ratio(S, 1500)
        # Gaussian scores leave out phi(d) gamma (d^2 - 1)/6 with a skewness gamma of about 0.15.
        assert found.auc == pytest.approx(
            exact, abs=3 * math.hypot(found.error, of_sampling) + 5e-3
        )
        assert found.error < 0.02
    strong = ceiling_at(tables, "spin1", Yields(signal=80.0, background=1500.0))
    exact, _ = sampled_ratio(80, 1500)
    assert abs(strong.auc - exact) < 3 * strong.error
    assert "beyond" in strong.how


def test_without_ceilings_there_is_none_of_the_table(several):
    tables = Tables(**{**vars(several), "auc": several.auc.assign(auc_ceiling=np.nan)})
    assert ceiling_at(tables, "spin1", Yields(signal=10.0, background=1e4)) is None


def test_few_events_are_never_excluded_below_three():
    """B = 0.5 and k = 3: the closed form of many events says 0.44."""
    found = calculate(
        Analysis(
            cross_section_signal=0.01,
            efficiency_signal=1.0,
            cross_section_background=0.0005,
            efficiency_background=1.0,
            luminosity=1.0,
            k=3.0,
        )
    )
    shape, counting = found.limits
    assert (shape.method, counting.method) == ("shape", "counting")
    for limit in (shape, counting):
        assert np.min(limit.expected) >= -math.log(0.05) * 0.99
        assert "few events" in limit.how
    assert any("k alone" in told for told in found.cautions) == (found.ceiling.error > 0.005)


# ------------------------------------------------------------------------- limits


def test_a_limit_of_the_table_is_taken_as_it_is(several):
    found = {each.name: each for each in limits_at(several, "spin1", 40_000.0, no_workspace)}
    assert set(found) == {"template", "response of cnn"}
    for each in found.values():
        assert each.method == "stored"
        assert each.how == "table limits at 1 fb^-1"
    assert found["template"].expected[2] == pytest.approx(1.96 * 200 / 1.18)


def test_between_two_rows_the_limit_is_interpolated_and_says_how_well(several):
    template = next(iter(limits_at(several, "spin1", 126_491.1, no_workspace)))  # halfway in log B
    assert template.method == "interpolated"
    assert template.expected[2] == pytest.approx(1.96 * math.sqrt(126_491.1) / 1.18, rel=1e-6)
    assert template.error == pytest.approx(math.log(10) ** 2 / 64, rel=1e-3)
    assert "8.3%" in template.how


def two_bins(background):
    return Template(
        signal=np.array([0.3, 0.7]) * 100,
        backgrounds=(("b", np.array([0.8, 0.2]) * background),),
        background_stat=np.array([0.01, 0.02]) * background,
        normalisation={"b": 0.05},
    )


def limit_of(template):
    (found,) = upper_limits([template])
    return [value * template.signal.sum() for value in found.expected]


def test_the_bound_on_the_interpolation_holds_where_systematics_take_over(several):
    low, high = (
        dict(zip(("m2", "m1", "0", "p1", "p2"), limit_of(two_bins(b)), strict=True))
        for b in (40_000.0, 400_000.0)
    )

    for background, values in ((40_000.0, low), (400_000.0, high)):
        chosen = (several.limits["method"] == "template") & (
            several.limits["background_events"] == background
        )
        for tag, value in values.items():
            several.limits.loc[chosen, f"signal_events_expected_{tag}"] = value
    rows = several.limits
    chosen = rows["background_events"].isin([40_000.0, 400_000.0])
    for background in (60_000.0, 126_491.0, 300_000.0):
        tables = Tables(**{**vars(several), "limits": rows[chosen]})
        found = next(iter(limits_at(tables, "spin1", background, no_workspace)))
        exact = limit_of(two_bins(background))[2]
        assert exact * 0.999 < found.expected[2] <= exact * (1 + found.error) * 1.001


def test_a_workspace_is_scaled_and_solved_again(several):
    stored = several.limits["workspace"].copy()
    several.limits["workspace"] = "workspaces/one.json"
    spec = json.loads(json.dumps(workspace(two_bins(40_000.0))))
    found = next(iter(limits_at(several, "spin1", 90_000.0, {"workspaces/one.json": spec}.get)))
    several.limits["workspace"] = stored
    assert found.method == "rescaled"
    assert found.how == "workspace of 1 fb^-1 scaled to this B"
    exact = limit_of(two_bins(90_000.0))
    assert found.expected == pytest.approx(exact, rel=1e-6)


def test_a_damaged_workspace_is_told(several, tmp_path):
    sound = json.dumps(workspace(two_bins(40_000.0))).encode()
    name = f"workspaces/{checksum(sound)}.json"
    storage = Storage(str(tmp_path))
    tables = Tables(**{**vars(several), "limits": several.limits.assign(workspace=name)})
    at = replace(PAPER, luminosity=2.0)
    storage.write(name, sound)
    found = calculate(at, tables=tables, benchmark="spin1", storage=storage)
    assert found.limits[0].method == "rescaled"
    storage.write(name, sound.replace(b"1", b"3", 1))
    with pytest.raises(StorageError, match=rf"{name}: does not match its checksum; run the scan"):
        calculate(at, tables=tables, benchmark="spin1", storage=storage)


def test_outside_the_table_and_without_a_workspace_there_is_no_number(several):
    found = next(iter(limits_at(several, "spin1", 1e9, no_workspace)))
    assert found.method == "none"
    assert found.expected == (None,) * 5
    assert "no workspace to scale" in found.how


def test_without_results_k_gives_ceiling_and_limit():
    found = calculate(Analysis(**{**as_dict(PAPER), "k": 1.18}))
    first = ndtr(1.18 * found.yields.s_over_sqrt_total / math.sqrt(2))
    assert first - found.ceiling.error - 1e-9 <= found.ceiling.auc <= first
    ideal, counting = found.limits
    background = found.yields.background
    assert ideal.expected[2] == pytest.approx(
        1.96 * math.sqrt(background / (1 + 1.18**2)), rel=1e-4
    )
    assert counting.expected[2] == pytest.approx(1.96 * math.sqrt(background), rel=0.02)
    # the cross-section limit is the one that gives as many selected events
    pb = found.cross_section(counting.expected[2])
    assert pb * 0.8 * 1.0 * 1000 == pytest.approx(counting.expected[2])


def as_dict(analysis):
    return {name: getattr(analysis, name) for name in type(analysis).__dataclass_fields__}


# -------------------------------------------------------------- what the tables know


def test_what_is_not_given_comes_from_the_tables(several):
    found = calculate(Analysis(luminosity=10.0), tables=several, benchmark="spin1").analysis
    flow = several.cutflow.set_index(["process", "step"])
    last = several.cutflow["step"].max()
    assert found.cross_section_signal == 53.6
    assert found.efficiency_signal == pytest.approx(flow.loc[("spin1", last), "efficiency"])
    assert found.efficiency_background == pytest.approx(flow.loc[("zvv", last), "efficiency"])
    assert found.k == 1.18
    assert found.background_uncertainty is None  # its scan file does not say


def test_a_luminosity_that_is_not_the_only_one_is_asked_for(several):
    with pytest.raises(ConfigError, match="--luminosity: missing"):
        calculate(Analysis(), tables=several, benchmark="spin1")


def test_an_unknown_benchmark_is_named_with_the_nearest(several):
    with pytest.raises(ConfigError, match=r"'spin11' is not in the scan \(nearest: 'spin1'\)"):
        calculate(PAPER, tables=several, benchmark="spin11")
    with pytest.raises(ConfigError, match="missing; it has alp, spin1"):
        calculate(PAPER, tables=several)


def test_everything_missing_is_said_at_once():
    with pytest.raises(ConfigError) as raised:
        calculate(Analysis(luminosity=1.0, efficiency_signal=0.5))
    assert [problem.where for problem in raised.value.problems] == [
        "--cross-section-signal",
        "--cross-section-background",
        "--efficiency-background",
    ]


def test_an_impossible_number_is_refused():
    with pytest.raises(SampleUnusableError, match="efficiency of the signal"):
        calculate(Analysis(**{**as_dict(PAPER), "efficiency_signal": 1.5}))


def test_a_large_s_over_b_and_another_uncertainty_are_cautioned_about(fake, fake_scan):
    file = {"kind": "scan", "name": "scan file", "value": "limits: {background_uncertainty: 0.05}"}
    tables = fake(fake_scan(), provenance=lambda _: [file])
    strong = {**as_dict(PAPER), "cross_section_signal": 20.0, "background_uncertainty": 0.1}
    found = calculate(Analysis(**strong), tables=tables, benchmark="spin1")
    told = " ".join(found.cautions)
    assert "S/B = 0.38 is not small" in told
    assert "the scan's background uncertainty, 0.05, not 0.1" in told
    assert "scan stronger signals" in told
    plain = calculate(Analysis(luminosity=139.0), tables=tables, benchmark="alp")
    assert plain.analysis.background_uncertainty == 0.05


def test_an_uncertain_background_of_the_ensembles_is_known_to_the_calculator(fake, fake_scan):
    text = "limits: {background_uncertainty: 0.05}\nensembles: {uncertainty: {background: 0.2}}"
    file = {"kind": "scan", "name": "scan file", "value": text}
    tables = fake(fake_scan(), provenance=lambda _: [file])
    found = calculate(Analysis(luminosity=139.0), tables=tables, benchmark="alp")
    assert found.analysis.background_uncertainty == 0.2
    assert any("those of a known background" in told for told in found.cautions)


# ----------------------------------------------------------------------- what is shown


def test_table_and_json_say_the_same(several):
    found = calculate(PAPER, tables=several, benchmark="spin1")
    shown = table(found).set_index("quantity")["value"]
    told = json.loads(as_json(found))
    assert shown["B"] == "41808"
    assert told["background"] == pytest.approx(41_808)
    assert shown["AUC of cnn"].startswith(f"{told['aucs'][0]['auc']:.4f} +- ")
    assert shown["AUC ceiling"].startswith(f"{told['auc_ceiling']:.4f} +- ")
    for limit in told["limits"]:
        assert shown[f"limit on S, {limit['name']}"].startswith(f"{limit['expected'][2]:.4g}")
        pb = shown[f"limit on sigma [pb], {limit['name']}"]
        assert pb.startswith(f"{limit['cross_section'][2]:.4g}")


@pytest.fixture
def storage(tmp_path, several):
    """A storage with these tables."""
    import pyarrow.parquet as pq

    for name in LAYOUTS:
        rows = getattr(several, name).astype(object)
        rows = rows.where(rows.notna(), None).to_dict("records")
        folder = tmp_path / "ledger" / name
        folder.mkdir(parents=True)
        pq.write_table(rows_to_table(name, rows), folder / "all.parquet")
    return str(tmp_path)


GIVEN = ["--benchmark", "spin1", "--luminosity", "10"]


def test_the_command_shows_a_table_and_json(storage):
    done = CliRunner().invoke(
        app, ["calculate", "--results", storage, *GIVEN], env={"COLUMNS": "160"}
    )
    assert done.exit_code == 0, done.output
    for words in ("S/sqrt(B)", "AUC of cnn", "AUC ceiling", "limit on sigma [pb], template"):
        assert words in done.output
    done = CliRunner().invoke(app, ["calculate", "--results", storage, *GIVEN, "--json"])
    assert json.loads(done.output)["analysis"]["luminosity"] == 10


def test_what_must_be_changed_ends_with_code_2(storage):
    for arguments in ([], ["--results", storage], ["--results", f"{storage}/none"]):
        command = [sys.executable, "-m", "rayscan", "calculate", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("rayscan: ")
