"""CLs upper limits on a signal strength: solved here where covered, by pyhf where not.

``profile`` solves every ``Template`` whose fits converge. pyhf itself solves what is given as a
workspace (any other model: shape uncertainties, several channels) and any template on which the
fast solver gives up. Where the channels that decide expect few events the asymptotic formulae do
not hold: there the exact count (one bin, all known) or toys give the limit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from rayscan.arrays import Floats
from rayscan.errors import FitFailedError, LimitUnboundedError, SampleUnusableError
from rayscan.stats.counting import FEW_EVENTS, counts_alone, decisive_background, exact_limits
from rayscan.stats.likelihood import Likelihoods
from rayscan.stats.profile import BANDS, profile_limits, signal_unit
from rayscan.stats.referee import pyhf_limits, referee
from rayscan.stats.template import Template
from rayscan.stats.toys import toy_limits
from rayscan.stats.workspace import workspace

__all__ = ["Limit", "Template", "referee", "upper_limits", "workspace"]

_BATCH = 128
_NEARLY_NONE = 1e-9
"""Background [events] in place of none at all: likelihoods stay finite, limits are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Upper limits on mu, the strength in units of the template's signal.

    Attributes:
        observed: The limit from the observed events; ``None`` without such, or if not "ok".
        expected: Limits for background-only data at -2, -1, 0, 1, 2 standard deviations; five
            ``None`` if not "ok".
        status: "ok"; "unbounded": no finite limit exists; "failed": none was found.
        message: Why it is not "ok", or what was done to the template; often empty.
        solver: Who solved it, "profile" or "pyhf".
        calculator: How the distribution of the test statistic is known: "asymptotic" formulae,
            "toys" or the "exact" Poisson count.
        error: Statistical error of the median, of toys only.
    """

    observed: float | None
    expected: tuple[float | None, ...]
    status: Literal["ok", "unbounded", "failed"]
    message: str = ""
    solver: Literal["profile", "pyhf"] = "profile"
    calculator: Literal["asymptotic", "toys", "exact"] = "asymptotic"
    error: float | None = None

    def scaled(self, factor: float) -> Limit:
        """The same in other units: on signal events, by how many of them mu = 1 means."""
        return replace(
            self,
            observed=None if self.observed is None else self.observed * factor,
            expected=tuple(None if value is None else value * factor for value in self.expected),
            error=None if self.error is None else self.error * factor,
        )


def upper_limits(
    templates: Sequence[Template | Mapping[str, Any]], level: float = 0.05, *, seed: int = 0
) -> list[Limit]:
    """CLs upper limits on mu of many models, in their order.

    Many templates with as many samples in one call cost least: they are solved side by side.

    Args:
        templates: Templates, or pyhf workspaces as dictionaries for any other model (these take
            pyhf minutes each; their observed limit is always given).
            Neither they nor uncertain shapes have toys: theirs are asymptotic, and say so.
        level: CLs at the limit, 0.05 for 95 % confidence.
        seed: Root of the toys' random stream.

    Raises:
        SampleUnusableError: ``level`` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise SampleUnusableError(what="level", expected="between 0 and 1", found=str(level))
    limits: dict[int, Limit] = {}
    solvable: dict[int, Template] = {}
    for place, template in enumerate(templates):
        if not isinstance(template, Template):
            limits[place] = _by_pyhf(template, level)
        elif (found := _special(template, level, seed)) is not None:
            limits[place] = found
        else:
            solvable[place] = template.without_empty_bins()
    for batch in _batches(solvable):
        limits |= _solved(batch, templates, solvable, level, seed)
    return [limits[place] for place in range(len(templates))]


def _special(template: Template, level: float, seed: int) -> Limit | None:
    """The limit of a template that is not solved side by side with others; None if it can be."""
    if not template.signal.any():
        return _none("unbounded", "the template holds no signal: any strength is allowed")
    if not template.background.any():
        return _without_background(template, level, seed)
    return _of_shape(template.without_empty_bins(), level) if template.shape else None


def _solved(
    batch: Sequence[int],
    templates: Sequence[Template | Mapping[str, Any]],
    solvable: Mapping[int, Template],
    level: float,
    seed: int,
) -> dict[int, Limit]:
    """Limits of one batch by their places; of few events by toys, one after the other."""
    limits = {}
    solved = profile_limits([solvable[place] for place in batch], level)
    for row, place in enumerate(batch):
        template = solvable[place]
        merged = len(templates[place].signal) - len(template.signal)  # type: ignore[union-attr]
        found = _limit(template, solved.observed[row], solved.expected[row], merged, level)
        if _few(found, template, solved.decisive[row], level):
            found = _of_few_events(template, found, level, seed)
        limits[place] = found
    return limits


def _few(limit: Limit, template: Template, decisive: float, level: float) -> bool:
    """Whether few events decide, or the formula breaks the bound CLs >= exp(-S)."""
    if limit.status != "ok":
        return False
    lowest = min(value for value in (limit.observed, *limit.expected) if value is not None)
    return bool(decisive < FEW_EVENTS or lowest * template.signal.sum() < -np.log(level))


def _of_few_events(template: Template, formula: Limit, level: float, seed: int) -> Limit:
    """The limit of the exact count or of toys, in place of that of a formula."""
    wanted = template.observed is not None
    if counts_alone(template):
        total = float(template.signal.sum())
        seen = None if template.observed is None else float(template.observed.sum())
        observed, expected = exact_limits(float(template.background.sum()), seen, BANDS, level)
        return replace(
            formula,
            observed=None if observed is None else observed / total,
            expected=tuple(value / total for value in expected),
            solver="profile",
            calculator="exact",
        )
    found = toy_limits(template, level, seed=seed)
    values = [*found.expected, *([found.observed] if wanted else [])]
    if not np.isfinite(values).all():
        return _none("failed", "fits of toys did not converge, and events are too few for formulae")
    return replace(
        formula,
        observed=found.observed if wanted else None,
        expected=tuple(float(value) for value in found.expected),
        solver="profile",
        calculator="toys",
        error=found.error,
    )


def _without_background(template: Template, level: float, seed: int) -> Limit:
    """All bins are one: an event in any of them is as telling."""
    one = template.grouped(np.zeros(len(template.signal), dtype=np.int64))
    if not counts_alone(one):
        (name, _), *others = one.backgrounds
        little = ((name, np.array([_NEARLY_NONE])), *others)
        one = replace(one, backgrounds=little, background_stat=None)
    ok = Limit(observed=None, expected=(), status="ok", message="no background is expected")
    return _of_few_events(one, ok, level, seed)


def _of_shape(template: Template, level: float) -> Limit:
    """Of pyhf and asymptotic, whatever the events: said where they are few."""
    limit = _given_up(template, level)
    if limit.status != "ok":
        return limit
    median = limit.expected[BANDS.index(0)]
    data = Likelihoods.of([replace(template, shape={})], np.ones(1))
    decisive = float(decisive_background(data, np.array([median]))[0])
    if not _few(limit, template, decisive, level):
        return limit
    told = f"asymptotic with {decisive:.2g} decisive background events: no toys of uncertain shapes"
    return replace(limit, message=told)


def _none(status: Literal["unbounded", "failed"], message: str) -> Limit:
    return Limit(observed=None, expected=(None,) * 5, status=status, message=message)


def _batches(templates: Mapping[int, Template]) -> Iterator[list[int]]:
    """Places of templates to solve side by side: as many samples, about as many bins."""

    def samples(place: int) -> int:
        return len(templates[place].backgrounds)

    ordered = sorted(templates, key=lambda place: (samples(place), len(templates[place].signal)))
    for _, group in itertools.groupby(ordered, key=samples):
        places = list(group)
        yield from (places[first : first + _BATCH] for first in range(0, len(places), _BATCH))


def _limit(
    template: Template, observed: float, expected: Floats, merged: int, level: float
) -> Limit:
    wanted = expected if template.observed is None else np.append(expected, observed)
    if not np.isfinite(wanted).all():
        return _given_up(template, level)
    plural = "s" if merged > 1 else ""
    return Limit(
        observed=None if template.observed is None else float(observed),
        expected=tuple(float(value) for value in expected),
        status="ok",
        message=f"merged {merged} bin{plural} without background" if merged else "",
    )


def _given_up(template: Template, level: float) -> Limit:
    """The limit of pyhf, with the signal in units near it for the sake of pyhf's minimiser."""
    unit = signal_unit(template)
    limit = _by_pyhf(workspace(template, signal_unit=unit), level)
    return (limit if template.observed is not None else replace(limit, observed=None)).scaled(unit)


def _by_pyhf(spec: Mapping[str, Any], level: float) -> Limit:
    try:
        found = pyhf_limits(spec, level)
    except LimitUnboundedError as error:
        return replace(_none("unbounded", str(error)), solver="pyhf")
    except FitFailedError as error:
        return replace(_none("failed", str(error)), solver="pyhf")
    return Limit(observed=found.observed, expected=found.expected, status="ok", solver="pyhf")
