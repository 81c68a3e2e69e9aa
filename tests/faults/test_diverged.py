"""A member whose loss becomes NaN leaves a row; its study is told; the scan ends with code 1."""

from __future__ import annotations

import fault_scan

from rayscan.results.read import read_tables

POISON = "  - {name: mlp, label: poison, hyperparameters: {learning_rate: 1.0e+30, epochs: 3}}\n"
SEARCH = (
    "  - {name: mlp, label: searched, hyperparameters: "
    "{learning_rate: {choices: [1.0e+30, 3.0e-3]}, epochs: 3}}\n"
)


def test_a_poisoned_point(tmp_path, cache):
    fault_scan.write(
        tmp_path,
        cache,
        repeats=1,
        change=lambda text: text.replace(
            "architectures:\n", f"search: {{trials: 6, batch: 2}}\narchitectures:\n{POISON}{SEARCH}"
        ),
    )
    errors = fault_scan.run(tmp_path, code=1)
    trials = read_tables(tmp_path / "results").trials.set_index("label")
    assert (trials.loc["poison", "status"] == "diverged").all()
    assert trials.loc["poison", "error"].str.contains("its loss is nan").all()
    searched = trials.loc["searched"]
    bad = searched["hyperparameters"].str.contains("1e+30", regex=False)
    assert bad.any()
    assert (~bad).any()
    assert (searched.loc[bad, "status"] == "diverged").all()
    assert (searched.loc[~bad, "status"] == "ok").all()
    assert errors.count("has no classifier") == 2 + bad.sum()
