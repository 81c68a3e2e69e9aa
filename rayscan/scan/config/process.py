"""What a user says of one physics process: its files or its recipe, its cross-section, its role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rayscan.events.weights import branch_of
from rayscan.generator.generate import Generate


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of a scan.

    Attributes:
        role: ``background``, or ``signal`` (each signal is a benchmark).
        files: Delphes ROOT files or glob patterns, relative to the scan file.
        generate: Make the events instead of reading files.
        cross_section: Cross-section [pb] of the events in the files, any generator filter included;
            by default that of the generator.
        tree: Name of the tree in the files.
        weight: Branch of the event weights, with its place in the list: ``Weight.Weight[0]``; or
            ``none``, which counts every event as 1. By default ``Event.Weight``, and ``none`` only
            for files without any weights.
        normalise: How weights of several files are put together: ``per_file`` scales those of each
            file to a mean of 1 over all its events before any cut, so that files count in
            proportion to their events; ``as_is`` takes them as they are, which is right for slices
            of one process. By default as they are, and files that differ are an error.
        held_out: Leave this signal out of the training on several signals at once (heads
            ``multimodel`` and ``multiclass``), unless it is named there; it is tested all the same.
    """

    role: Literal["background", "signal"]
    files: tuple[str, ...] = ()
    generate: Generate | None = None
    cross_section: float | None = None
    tree: str = "Delphes"
    weight: str | None = None
    normalise: Literal["per_file", "as_is"] | None = None
    held_out: bool = False

    def __post_init__(self) -> None:
        if bool(self.files) == (self.generate is not None):
            raise ValueError("give either 'files' or 'generate', and not both")
        if self.weight is not None:
            branch_of(self.weight)
        if self.generate is not None and (self.weight or self.normalise):
            raise ValueError("weight, normalise: only for 'files'; generated events need neither")
        if self.held_out and self.role != "signal":
            raise ValueError("held_out: only a signal can be held out of a training; remove")
        if self.cross_section is not None and not self.cross_section > 0:
            raise ValueError(f"cross_section: {self.cross_section} pb, expected a positive number")
        if self.files and self.cross_section is None:
            raise ValueError(
                "cross_section: missing; give the cross-section [pb] of the events in the files, "
                "the generator's filter efficiency included"
            )
