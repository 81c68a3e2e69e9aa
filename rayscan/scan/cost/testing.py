"""How many tests a scan makes: test ensembles, classifiers that meet them, rows of results."""

from __future__ import annotations

from rayscan.scan.config.heads.registry import head_of, second_signals, trained
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.plan.strengths import trains_at_each


def strengths_tested(config: ScanConfig, choice: ArchitectureChoice) -> int:
    """Strengths at which each classifier of an architecture is tested."""
    everything = not trains_at_each(config, choice) or config.crosstest.strengths == "all"
    return len(config.mixtures.strengths) if everything else 1


def sets_met(config: ScanConfig, choice: ArchitectureChoice) -> int:
    """Test sets that each classifier of an architecture meets."""
    return strengths_tested(config, choice) * head_of(choice).sets(len(config.benchmarks))


def rows_written(config: ScanConfig, choice: ArchitectureChoice) -> int:
    """Rows that each classifier of an architecture has in `auc` or `multiclass`."""
    rows = head_of(choice).rows(len(config.benchmarks), len(trained(config, choice)[0]))
    return strengths_tested(config, choice) * rows


def pair_sets(config: ScanConfig) -> int:
    """Test sets of two hypotheses: each benchmark, against the background and against signals."""
    benchmarks, second = len(config.benchmarks), len(second_signals(config))
    return (benchmarks + second * (benchmarks - 1)) * len(config.mixtures.strengths)


def class_sets(config: ScanConfig) -> int:
    """Test sets of all hypotheses at one strength, where some head meets them."""
    some = any(head_of(choice).test == "classes" for choice in config.architectures)
    return some * len(config.mixtures.strengths)


def hypotheses(config: ScanConfig, choice: ArchitectureChoice) -> int:
    """Kinds of histograms in a test set that an architecture meets."""
    return head_of(choice).hypotheses(len(config.benchmarks))


def histograms_tested(config: ScanConfig) -> int:
    """Histograms of all test sets, in all folds."""
    of_classes = class_sets(config) * (len(config.benchmarks) + 1)
    sets = 2 * times_tested(config) * pair_sets(config) + of_classes
    return sets * len(config.pools.numbers) * config.ensembles.test


def times_tested(config: ScanConfig) -> int:
    """How often a classifier of two classes is tested: of a shared pool also on its unseen part."""
    return 1 if config.pools.split == "events" else 2
