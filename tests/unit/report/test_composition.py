"""What the background is made of."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.report.frames.auc import event_aucs
from rayscan.report.frames.composition import composition, relative_yields, shown
from rayscan.report.page import html
from rayscan.report.views import sections

# arXiv:2105.12018, Table 3: sigma [pb], efficiency and the printed R
PAPER = {
    "z_nunu": (53.6, 0.78, 1),
    "w_taunu": (24.8, 0.20, 0.12),
    "w_lnu": (49.7, 0.049, 0.058),
    "z_ll": (19.1, 0.013, 0.006),
    "tt": (217, 0.021, 0.11),
    "tt_one_b": (217, 0.014, 0.073),
    "tt_third": (217, 0.004, 0.021),
    "diboson": (5.18, 0.12, 0.014),
}
EVENTS = 100_000


def flow(processes):
    """Cut flows of one cut; the first process is the main one."""
    rows = []
    main = None
    for name, (sigma, share, _) in processes.items():
        main = main or sigma * share
        error = np.sqrt(share * (1 - share) / EVENTS)
        for step, left, off in ((0, 1.0, 0.0), (1, share, error)):
            rows.append(
                {
                    "process": name,
                    "role": "background",
                    "step": step,
                    "cut": "all" if step == 0 else "met > 100",
                    "efficiency": left,
                    "efficiency_error": off,
                    "cross_section": sigma * left,
                    "composition": sigma * left / main if step else sigma / 53.6,
                }
            )
    return rows


@pytest.fixture
def published(fake, fake_scan):
    return fake(fake_scan(), cutflow=lambda _: flow(PAPER))


def test_the_published_table_is_reproduced(published):
    found = composition(published).set_index("process")
    assert found.index[0] == "z_nunu"
    for name, (sigma, share, printed) in PAPER.items():
        row = found.loc[name]
        # printed with two digits, of efficiencies that are rounded too
        assert row["relative"] == pytest.approx(printed, rel=0.07)
        assert row["relative"] == pytest.approx(sigma * share / (53.6 * 0.78))
        assert row["selected"] == pytest.approx(sigma * share)


def test_the_error_is_that_of_both_efficiencies(published):
    found = composition(published).set_index("process")
    parts = [np.sqrt((1 - e) / e / EVENTS) for e in (0.20, 0.78)]
    wanted = found.loc["w_taunu", "relative"] * np.hypot(*parts)
    assert found.loc["w_taunu", "relative_error"] == pytest.approx(wanted)
    assert found.loc["z_nunu", "relative_error"] == 0


def test_the_error_is_the_spread_of_simulated_samples():
    rng = np.random.default_rng(4)
    share, size = np.array([0.78, 0.2]), 2000
    seen = rng.binomial(size, share, (4000, 2)) / size
    ratios = [relative_yields([53.6, 24.8], each, [0, 0])[0][1] for each in seen]
    _, error = relative_yields([53.6, 24.8], share, np.sqrt(share * (1 - share) / size))
    assert error[1] == pytest.approx(np.std(ratios), rel=0.05)


def test_a_process_of_which_nothing_is_left_has_no_part():
    ratio, error = relative_yields([1.0, 2.0], [0.5, 0.0], [0.01, 0.0])
    assert (ratio[1], error[1]) == (0, 0)


def test_it_is_shown_where_there_are_several_backgrounds(published, tables):
    title = "background composition: sigma x efficiency over that of the main process"
    assert len(sections(published)[title]) == len(PAPER)
    row = shown(published).set_index("background").loc["w_taunu"]
    assert row["relative to the first"].startswith("0.1186 ± ")
    assert "Background composition" in html(published, {})
    assert title not in sections(tables)
    assert "Background composition" not in html(tables, {})


def test_the_auc_of_single_events_is_summarised_once_per_repeat(fake, fake_scan):
    def with_events(rows):
        return [
            row | {"auc_event": 0.6 + 0.01 * row["repeat"], "auc_event_error": 0.002}
            if row["label"] == "cnn"
            else row
            for row in rows
        ]

    tables = fake(fake_scan(train="highest"), auc=with_events)
    found = event_aucs(tables)
    assert len(found) == 9  # trained on each of three, tested on each
    assert set(found["repeats"]) == {3}
    assert found["auc_mean"].to_numpy() == pytest.approx(0.61)
    assert found["auc_std"].to_numpy() == pytest.approx(0.01)
    assert len(sections(tables)["AUC of single events"]) == 3
    assert event_aucs(fake(fake_scan())).empty
