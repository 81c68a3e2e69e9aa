"""A template as a pyhf workspace: the model other programs read and judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from rayscan.arrays import Floats
from rayscan.stats.template import LUMINOSITY, SIGNAL, Template

STRENGTH = "mu"
CHANNEL = "histogram"
STAT = f"stat_{CHANNEL}"
SHAPE = "background_shape"
MEASUREMENT = "limit"
_IN_UNITS = MEASUREMENT + ": mu = 1 is {!r} times the signal"
_UNIT = re.compile(rf"{MEASUREMENT}: mu = 1 is (\S+) times the signal")


def workspace(template: Template, *, signal_unit: float = 1.0) -> dict[str, Any]:
    """The model and its data as a pyhf workspace (JSON, schema 1.0.0).

    ``pyhf cls`` and cabinetry open it unchanged. Bins without background are merged as
    ``Template.without_empty_bins`` tells, and without observed events the data are the
    expected background. The luminosity is a normsys shared by all samples, so that no parameter
    needs settings of its own and yields stay positive.

    Args:
        template: What to write.
        signal_unit: The model in which mu = 1 means this many times the template's signal: the
            same likelihood with another unit on mu (widths of the gammas stay as they are), for
            minimisers that want parameters of order one. The name of the measurement tells it,
            the only place the schema leaves for it; `signal_unit_of` reads it.

    Returns:
        The JSON document as a dictionary of plain Python objects.
    """
    merged = template.without_empty_bins()
    signal = merged.signal * signal_unit
    samples = [_sample(merged, SIGNAL, signal, signal)]
    samples += [_sample(merged, name, values, signal) for name, values in merged.backgrounds]
    observed = merged.background if merged.observed is None else merged.observed
    parameter = {"name": STRENGTH, "bounds": [[0.0, _largest_strength(signal, merged)]]}
    return {
        "channels": [{"name": CHANNEL, "samples": samples}],
        "observations": [{"name": CHANNEL, "data": observed.tolist()}],
        "measurements": [
            {
                "name": MEASUREMENT if signal_unit == 1.0 else _IN_UNITS.format(signal_unit),
                "config": {"poi": STRENGTH, "parameters": [parameter]},
            }
        ],
        "version": "1.0.0",
    }


def signal_unit_of(spec: Mapping[str, Any]) -> float:
    """How many times the template's signal mu = 1 means in a workspace; 1 where it is not said."""
    told = _UNIT.fullmatch(str(spec["measurements"][0]["name"]))
    return 1.0 if told is None else float(told[1])


def _largest_strength(signal: Floats, template: Template) -> float:
    """A bound on mu beyond any limit: signal and background of equal size, and never below 10."""
    total = float(signal.sum())
    needed = 10.0 * float(template.background.sum() + 10.0) / total if total > 0 else 0.0
    return max(10.0, needed)


def _sample(template: Template, name: str, values: Floats, signal: Floats) -> dict[str, Any]:
    modifiers: list[dict[str, Any]] = []
    if name == SIGNAL:
        modifiers.append({"name": STRENGTH, "type": "normfactor", "data": None})
    if template.normalisation.get(name, 0.0) > 0.0:
        relative = template.normalisation[name]
        modifiers.append(_normsys(_normalisation(name), relative))
    if template.luminosity_uncertainty > 0.0:
        modifiers.append(_normsys(LUMINOSITY, template.luminosity_uncertainty))
    if name in template.shape:
        up, down = template.shape[name]
        data = {"hi_data": up.tolist(), "lo_data": down.tolist()}
        modifiers.append({"name": SHAPE, "type": "histosys", "data": data})
    if template.has_gammas and (name != SIGNAL or template.signal_stat is not None):
        errors = _stat_share(template, name, signal)
        modifiers.append({"name": STAT, "type": "staterror", "data": errors})
    return {"name": name, "data": values.tolist(), "modifiers": modifiers}


def template_of(spec: Mapping[str, Any]) -> Template:
    """The template that `workspace` wrote, with any ``signal_unit``, without its observed events.

    Raises:
        ValueError: It is no workspace of ours.
    """
    try:
        samples = {s["name"]: s for s in spec["channels"][0]["samples"]}
        contents = {name: np.asarray(s["data"], dtype=np.float64) for name, s in samples.items()}
        relative = {n: _relative(s, _normalisation(n)) for n, s in samples.items()}
        errors = {name: _modifier(s, STAT) for name, s in samples.items()}
        scaled = contents.pop(SIGNAL)
        signal = scaled / signal_unit_of(spec)
        if errors[SIGNAL] is not None:
            # The widths of the gammas are told relative to the sum of all samples (`_stat_share`).
            background = np.sum([*contents.values()], axis=0)
            change = (background + signal) / (background + scaled)
            errors = {n: None if e is None else np.asarray(e) * change for n, e in errors.items()}
        some = [np.asarray(e) for n, e in errors.items() if n != SIGNAL and e is not None]
        return Template(
            signal=signal,
            backgrounds=tuple(contents.items()),
            signal_stat=errors[SIGNAL],
            background_stat=some[0] if some else None,
            normalisation={name: value for name, value in relative.items() if value > 0},
            luminosity_uncertainty=_relative(samples[SIGNAL], LUMINOSITY),
            shape={
                name: (np.asarray(varied["hi_data"]), np.asarray(varied["lo_data"]))
                for name, s in samples.items()
                if (varied := _modifier(s, SHAPE)) is not None
            },
        )
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"not a workspace of a limit: {error!r}") from error


def _modifier(sample: Mapping[str, Any], name: str) -> Any:
    found = [each["data"] for each in sample["modifiers"] if each["name"] == name]
    return found[0] if found else None


def _relative(sample: Mapping[str, Any], name: str) -> float:
    data = _modifier(sample, name)
    return 0.0 if data is None else float(data["hi"]) - 1.0


def parameters(template: Template, theta: Floats, gamma: Floats) -> dict[str, list[float]]:
    """Values of the workspace's parameters by name, of a template without empty bins.

    Of theta = (mu, one alpha per sample, that of the luminosity), and the gammas (bins,).
    """
    names = [SIGNAL, *(name for name, _ in template.backgrounds)]
    alphas = dict(zip([*map(_normalisation, names), LUMINOSITY], theta[1:], strict=True))
    single = {name: [float(alpha)] for name, alpha in alphas.items()}
    return {STRENGTH: [float(theta[0])], **single, STAT: gamma.tolist()}


def _normalisation(sample: str) -> str:
    return f"{sample}_normalisation"


def _normsys(name: str, relative: float) -> dict[str, Any]:
    data = {"hi": 1.0 + relative, "lo": 1.0 / (1.0 + relative)}
    return {"name": name, "type": "normsys", "data": data}


def _stat_share(template: Template, name: str, signal: Floats) -> list[float]:
    """The part of the gammas' width [events] written at one sample.

    pyhf divides the root of the sum of squares by the sum of the samples at mu = 1: only that ratio
    counts, so all of the background's is written at the first one, and all scale with the signal.
    """
    if name not in {SIGNAL, template.backgrounds[0][0]}:
        return [0.0] * len(signal)
    error = template.signal_stat if name == SIGNAL else template.background_stat
    if error is None:
        return [0.0] * len(signal)
    if template.signal_stat is None:
        return [float(value) for value in error]
    before = template.background + template.signal
    return [float(value) for value in error * (template.background + signal) / before]
