"""What a notebook shows of a running scan: one text, drawn anew."""

from __future__ import annotations

from rayscan.terminal.notebook import NotebookReporter


def test_a_notebook_has_one_display_with_a_bar_for_each_stage():
    shown: list[str] = []
    with NotebookReporter(shown.append) as reporter:
        reporter.begin("toy [a] (1 of 2)")
        reporter.stage("train", 4, "classifiers")
        assert "0/4 classifiers" in shown[-1]
        reporter.advance(3, "best auc 0.7")
        reporter.say("waited for the storage")
        assert [line.split()[0] for line in shown[-1].splitlines()] == ["toy", "waited", "train"]
        assert "3/4 classifiers" in shown[-1]
        assert shown[-1].endswith("best auc 0.7")
        reporter.advance(1)
        reporter.begin("toy.b (2 of 2)")
        reporter.stage("limits", 2, "benchmarks")
    final = shown[-1].splitlines()
    assert final[0] == "toy [a] (1 of 2)"
    assert "4/4 classifiers" in final[2]
    assert final[3] == "toy.b (2 of 2)"
    assert final[4].startswith("limits")
    assert "\x1b" not in shown[-1]
