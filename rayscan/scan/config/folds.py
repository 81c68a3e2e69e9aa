"""Which architectures are validated on folds of their training sets, and why the others are not."""

from __future__ import annotations

from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig, Training
from rayscan.scan.config.search_space import starting_knobs
from rayscan.scan.config.validation import Validation

FEWEST = 10
"""Histograms of each class in a part: fewer are now and then all of one class."""


def no_folds(choice: ArchitectureChoice, training: Training) -> str:
    """Why an architecture cannot be validated on folds; empty where it can.

    Raises:
        ValueError: Its knobs cannot be.
    """
    architecture, head = choice.architecture, head_of(choice)
    if architecture.reads != "histograms":
        return "sees single events"
    if head.joint or head.test != "pairs":
        return f"a {head.choice.head} head has several signals"
    if training.strength == "drawn" and architecture.learns_strength:
        return "with 'strength: drawn' its set has no mixture of its own"
    if architecture.frozen(architecture.valued(starting_knobs(choice))):
        return ""
    if "refresh" in architecture.knobs.defaults():
        return "draws new histograms at every epoch (refresh: never has one set)"
    return "learns from no set of histograms"


def folds_of(config: ScanConfig, choice: ArchitectureChoice) -> Validation | None:
    """The folds that an architecture of a scan is validated on; None: none."""
    if config.validation is None or no_folds(choice, config.training):
        return None
    return config.validation
