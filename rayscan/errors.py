"""Every error raised on purpose, in one tree.

Each is a dataclass: typed fields, and a message of them that says what was wanted, what was found
and what to do. All survive pickling with their fields, which plain exceptions with keyword
arguments do not, and which Ray needs to carry them between processes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, ClassVar, dataclass_transform


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known spelling, or an empty string.

    >>> nearest("jet1_pT", ["jet1_pt", "met"])
    " (nearest: 'jet1_pt')"
    """
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (nearest: '{found[0]}')" if found else ""


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(field,))
@dataclass(eq=False, kw_only=True)
class RayscanError(Exception):
    """Base of every error raised on purpose; its subclasses become dataclasses by themselves.

    Attributes:
        message: What it says, with its fields in braces.
    """

    message: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if "__init__" not in vars(cls):  # Ray's copy of an error has one of its own
            dataclass(eq=False, kw_only=True)(cls)

    def __post_init__(self) -> None:
        super().__init__(str(self))

    def __str__(self) -> str:
        return self.message.format(**vars(self))

    def __reduce__(self) -> tuple[Any, ...]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return partial(type(self), **values), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a scan file: where, what, and how to mend it."""

    where: str
    what: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line is not None else ""
        said = f"{place}{self.where}: {self.what}"
        # Names of a scan file may hold what moves a terminal's cursor, or looks like a new line.
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said)


class ConfigError(RayscanError):
    """A scan file, or a value in it, cannot be used; carries every problem at once."""

    problems: tuple[Problem, ...]
    path: str = ""

    def __str__(self) -> str:
        count = len(self.problems)
        name = self.path or "the configuration"
        head = f"{name} has {count} problem{'s' if count > 1 else ''}:"
        return "\n".join([head, *(f"  - {p}" for p in self.problems)])


class MemberError(RayscanError):
    """What a package or a file brings (an architecture, an observable, ...) is none."""

    what: str
    name: str
    why: str

    message = "{what} '{name}': {why}"


class InputError(RayscanError):
    """Base of what can be wrong with input events."""


class FileUnreadableError(InputError):
    """An input file is missing, not a file, empty or broken."""

    path: str
    why: str
    fix: str

    message = "{path}: {why}; {fix}"


class TreeMissingError(InputError):
    """A readable ROOT file without the tree that was asked for."""

    path: str
    tree: str
    found: tuple[str, ...]
    kind: str = ""
    fix: str = "give a Delphes output file, not its input, or name its tree (tree: NAME)"

    def __str__(self) -> str:
        has = ", ".join(self.found) or "nothing"
        if self.kind:
            return f"{self.path}: '{self.tree}' is a {self.kind}, not a tree; {self.fix}"
        return f"{self.path}: no tree '{self.tree}' (the file has: {has}); {self.fix}"


class BranchMissingError(InputError):
    """A tree lacks a leaf branch that an observable needs."""

    path: str
    branch: str
    known: tuple[str, ...] = field(default=(), repr=False)
    needed_by: str = ""

    def __str__(self) -> str:
        need = f", needed by '{self.needed_by}'" if self.needed_by else ""
        return (
            f"{self.path}: no branch '{self.branch}'{need}{nearest(self.branch, self.known)}; "
            "use another observable, or a Delphes card that writes this collection"
        )


class BranchUnusableError(InputError):
    """A leaf branch that an observable needs holds no numbers."""

    path: str
    branch: str
    kind: str
    needed_by: str = ""

    def __str__(self) -> str:
        need = f", needed by '{self.needed_by}'" if self.needed_by else ""
        return (
            f"{self.path}: branch '{self.branch}'{need}, holds '{self.kind}', not numbers; "
            "write it as numbers, one of each object"
        )


class DuplicateInputError(InputError):
    """The same events were given twice: training and test would share them."""

    first: str
    second: str

    message = (
        "{second}: holds the same events as {first}; a copy would put equal events "
        "into the training and the test pool: remove one of the two"
    )


class SelectionEmptyError(InputError):
    """No event of a process passes the selection."""

    process: str
    steps: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        flow = ", ".join(f"{cut}: {left}" for cut, left in self.steps)
        return f"process '{self.process}': no event passes the selection ({flow}); loosen the cuts"


class WeightError(InputError):
    """Event weights that cannot be turned into a probability to draw the event."""

    process: str
    why: str

    message = "process '{process}': {why}"


class WeightBranchError(InputError):
    """A file lacks the branch of event weights that was asked for, or has only another one."""

    path: str
    branch: str
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        has = ", ".join(f"'{name}'" for name in self.others) or "no other weights"
        best = self.others[0] if self.others else "Event.Weight"
        return (
            f"{self.path}: no event weights '{self.branch}' (the file has: {has}); give the "
            f"process 'weight: {best}[0]' to use those, or 'weight: none' to count every event as 1"
        )


class RepeatedEventsError(InputError):
    """Events that were read twice, known by what they hold."""

    first: str
    second: str
    events: int
    entries: tuple[int, int]

    def __str__(self) -> str:
        where = (
            f"{self.second} holds {self.events} of its selected events twice"
            if self.first == self.second
            else f"{self.second} holds {self.events} of the selected events of {self.first} again"
        )
        return (
            f"{where} (the first: entry {self.entries[0]} is entry {self.entries[1]}); equal "
            "events would be in the training and the test pool: leave one of the two out, or make "
            "its events again with another seed"
        )


class BrokenEventsError(InputError):
    """Events with values that are not finite or that nothing can have."""

    path: str
    events: int
    columns: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        where = ", ".join(f"'{name}' in {count}" for name, count in self.columns)
        return (
            f"{self.path}: {self.events} events have values that are not finite or impossible "
            f"({where}); make the file again, or set 'skip_broken_events: true' to leave those "
            "events out"
        )


class GeneratorError(InputError):
    """The event generator is missing or refused its settings."""

    process: str
    why: str
    fix: str

    message = "generating '{process}': {why}; {fix}"


class SamplingError(RayscanError):
    """Base of what can go wrong in drawing ensembles."""


class PoolExhaustedError(SamplingError):
    """A pool holds fewer events than one histogram needs."""

    pool: str
    available: int
    needed: int

    message = (
        "pool '{pool}' has {available} events inside the binning but one histogram "
        "needs {needed} without replacement; ask for at most {available} events per "
        "histogram, add input events, loosen the selection or the axis ranges"
    )


class EnsemblesError(SamplingError):
    """Ensembles were asked for that a scan does not have."""

    key: str
    why: str

    message = "{key}: {why}"


class TrainingError(RayscanError):
    """Base of what can go wrong in training and scoring."""


class DivergedError(TrainingError):
    """A loss or a score became NaN or infinite."""

    architecture: str
    epoch: int
    what: str

    message = "'{architecture}' diverged at epoch {epoch}: {what}; lower the learning rate"


class TrainingsMissingError(TrainingError):
    """Ray Tune ended before every member of the plan was trained."""

    done: int
    planned: int

    message = (
        "Ray Tune ended after {done} of {planned} trainings, which are kept; "
        "run the same command again to go on"
    )


class ShapeMismatchError(TrainingError):
    """Something of the wrong shape was given to a classifier."""

    what: str
    expected: tuple[int | str, ...]
    found: tuple[int, ...]

    message = "{what}: expected shape {expected}, found {found}"


class StatisticsError(RayscanError):
    """Base of what can go wrong in a statistical statement."""


class LimitUnboundedError(StatisticsError):
    """No finite upper limit exists: the data do not constrain the signal."""

    why: str

    message = "no finite upper limit: {why}"


class SampleUnusableError(StatisticsError):
    """Scores, counts or strengths from which the statement asked for cannot be made."""

    what: str
    expected: str
    found: str

    message = "{what}: expected {expected}, found {found}"


class FitFailedError(StatisticsError):
    """A minimiser did not find the maximum of a likelihood."""

    model: str
    why: str

    message = "the fit of {model} failed: {why}; look for bins of almost no background"


class TableError(RayscanError):
    """Base of what can go wrong with result tables."""

    path: str
    why: str

    message = "{path}: {why}"


class SchemaMismatchError(TableError):
    """A table on disk or a row does not have the columns of this version."""


class DamagedError(TableError):
    """A stored table or a part of one is not what was written."""

    message = (
        "{path}: {why}; run the scan again, which sets aside what is damaged and makes it anew"
    )


class StorageError(RayscanError):
    """Results cannot be written or read where the scan file says."""

    path: str
    why: str
    fix: str = "give a writable path as 'storage'"

    message = "{path}: {why}; {fix}"


class StorageBusyError(StorageError):
    """Another live run of the same scan owns the storage."""


class ClusterError(RayscanError):
    """A cluster does not answer, refuses, or knows nothing of what it was asked for."""

    what: str
    fix: str

    message = "{what}; {fix}"


class VariantsStoppedError(RayscanError):
    """Some scans of a study did not come to their end; the others have."""

    storage: str
    why: Mapping[str, str]

    def __str__(self) -> str:
        each = "".join(f"\n  - {name}: {why}" for name, why in self.why.items())
        return (
            f"{len(self.why)} of the scans in {self.storage} stopped, the others are finished; "
            f"mend these and run the same again, which does what is missing:{each}"
        )
