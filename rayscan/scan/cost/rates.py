"""Unit costs of a scan in CPU seconds, and what they add up to for one step of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from rayscan.models.knobs import Value
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.networks.dense import DenseNetwork

NETWORKS = ("mlp", "cnn", "event_mlp")
"""Architectures that load TensorFlow and compile a graph."""

DrawKind = Literal["exact", "shared_out", "multinomial", "poisson"]


def _fixed(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """CPU seconds of each kind of work.

    Attributes:
        generated_event: Per selected event, by ``<source>_<level>``.
        generated_file: Per generated file, by ``<source>_<level>``: the generator's own start.
        entry: Per entry of an input file read, selected and put into pools.
        draw: Per histogram and pool it is drawn from.
        draw_bin: The same, per bin, by how numbers of events are shared out among pools.
        ensemble_event: Per event drawn for a pseudo-experiment at event level.
        ensemble_sum: Per event of it and classifier that sums over it.
        example: Per training example and epoch of a network.
        example_bin: The same, per input.
        product: Per training example, epoch and multiply-add of dense layers.
        convolution: The same, of convolutions.
        compilation: Per network shape and process.
        logistic_cell: Per histogram and bin that logistic regression fits.
        svm_pair: Per pair of histograms that a support vector machine fits.
        svm_pair_bin: The same, per bin.
        score: Per classifier and scored histogram, the AUC included.
        score_bin: The same, per bin.
        score_convolution: The same, per multiply-add of a convolution.
        ceiling: Per test set, without its draws.
        marginal: Per histogram and bin, what integrating over nuisances adds to a ceiling.
        limit: Per limit of methods ``template`` and ``response``.
        referee: Per limit that pyhf re-checks.
        referee_channel: The same, per square of its channels.
        trial: Per Tune trial: hand-out, storing, ledger.
        process: Per worker and stage: start and imports.
        tensorflow: Import of TensorFlow, per worker.
        driver: Start of the driver and of Ray.
        training: Factor on all costs of training an architecture, 1 where not given.
        scoring: Factor on all costs of scoring an architecture, 1 where not given.
    """

    generated_event: Mapping[str, float]
    generated_file: Mapping[str, float]
    entry: float
    draw: float
    draw_bin: Mapping[str, float]
    ensemble_event: float
    ensemble_sum: float
    example: float
    example_bin: float
    product: float
    convolution: float
    compilation: float
    logistic_cell: float
    svm_pair: float
    svm_pair_bin: float
    score: float
    score_bin: float
    score_convolution: float
    ceiling: float
    marginal: float
    limit: float
    referee: float
    referee_channel: float
    trial: float
    process: float
    tensorflow: float
    driver: float
    training: Mapping[str, float] = field(default_factory=dict)
    scoring: Mapping[str, float] = field(default_factory=dict)

    def drawing(self, kind: DrawKind, *, bins: int, pools: int) -> float:
        """One histogram drawn, the mean of both classes [s].

        Args:
            kind: How numbers of events are shared out.
            bins: Cells of the histogram.
            pools: Background pools it is drawn from.
        """
        # Without end all backgrounds are one density; class 1 draws one pool more, the signal's.
        sources = 1.0 if kind in {"multinomial", "poisson"} else float(pools)
        return (sources + 0.5) * (self.draw + self.draw_bin[kind] * bins)

    def fitting(
        self, name: str, knobs: Mapping[str, Value], *, shape: tuple[int, ...], examples: int
    ) -> float:
        """All epochs of one member, without draws and compilation [s].

        Args:
            name: Architecture.
            knobs: All its hyperparameters.
            shape: Bins along each axis, or (features,) for a network of single events.
            examples: Histograms (both classes) or events of an epoch.
        """
        bins = math.prod(shape)
        cost = 0.0
        if name == "logistic_regression":
            cost = self.logistic_cell * examples * bins * _number(knobs, "draws")
        elif name == "linear_svm":
            rows = min(_number(knobs, "histograms"), examples * _number(knobs, "draws"))
            cost = rows**2 * (self.svm_pair + self.svm_pair_bin * bins)
        elif name in NETWORKS:
            dense, convolved = products(name, knobs, shape)
            each = self.example + self.example_bin * bins
            each += self.product * dense + self.convolution * convolved
            cost = _number(knobs, "epochs") * examples * each
        return cost * self.training.get(name, 1.0)

    def scored(self, name: str, knobs: Mapping[str, Value], *, shape: tuple[int, ...]) -> float:
        """One histogram, or one event, scored by one classifier [s]."""
        cost = self.score + self.score_bin * math.prod(shape)
        if name in NETWORKS:
            dense, convolved = products(name, knobs, shape)
            cost += self.product * dense + self.score_convolution * convolved
        return cost * self.scoring.get(name, 1.0)


def products(name: str, knobs: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[float, float]:
    """Multiply-adds of one example in dense layers and in convolutions.

    >>> products("mlp", {"units": 20, "layers": 2}, (30, 30))
    (18420.0, 0.0)
    """
    if name != "cnn":
        hidden = (round(knobs["units"]),) * round(knobs["layers"])
        kernels = DenseNetwork(math.prod(shape), hidden, 1).shapes()[::2]
        return float(sum(map(math.prod, kernels))), 0.0
    network = ConvolutionNetwork(shape, round(knobs["filters"]), round(knobs["units"]), 1)
    kernels = network.shapes()[::2]
    cells = [math.prod(size) for size, _ in network.stages()]
    convolved = sum(n * math.prod(k) for n, k in zip(cells, kernels, strict=False))
    return float(sum(math.prod(kernel) for kernel in kernels if len(kernel) == 2)), convolved


def weights(name: str, knobs: Mapping[str, Any], shape: tuple[int, ...]) -> int:
    """Weights of a network, its biases not counted.

    >>> weights("mlp", {"units": 20, "layers": 2}, (30, 30))
    18420
    """
    if name != "cnn":
        return int(products(name, knobs, shape)[0])
    network = ConvolutionNetwork(shape, round(knobs["filters"]), round(knobs["units"]), 1)
    return sum(math.prod(kernel) for kernel in network.shapes()[::2])


def _number(knobs: Mapping[str, Value], name: str) -> float:
    return float(knobs[name])


def reference() -> Rates:
    """What the steps of a scan cost on one core of the reference machine.

    Two cores of an AMD EPYC virtual machine of 2025, numpy 2.4, TensorFlow 2.21 without oneDNN,
    OMP_NUM_THREADS=1; ``time.process_time`` of each step through the same functions that a scan
    calls, the least of two or three. ``trial``, ``process`` and ``driver`` are what was left of a
    whole run of ``jobs/quickstart.yaml`` (74 CPU seconds, nothing else running) after subtracting
    these.
    """
    return Rates(
        # 20,000 events at parton, 3,000 at shower, 1,000 at hadron level of one boson and one jet
        # (Z, W and mediators: 34-57, 410-430, 2,400-2,800 us with the start of the generator);
        # top pairs cost three to four times as much.
        generated_event=_fixed(
            pythia_parton=30e-6, pythia_shower=300e-6, pythia_hadron=1500e-6, density_parton=1e-6
        ),
        generated_file=_fixed(
            pythia_parton=0.3, pythia_shower=0.4, pythia_hadron=1.2, density_parton=0.02
        ),
        entry=5e-6,  # real Delphes files, 2 to 8 observables: 4.1-5.3 us; generated ones 0.7 us
        # 4,000 histograms of 25, 200, 900, 2,500 bins, B = 2,000 and 50,000, one and three pools.
        draw=0.2e-6,
        draw_bin=_fixed(exact=0.0122e-6, shared_out=0.06e-6, multinomial=0.055e-6, poisson=0.03e-6),
        ensemble_event=15e-9,  # 2-30 ns: up to 2 % of a pool is the slow end
        ensemble_sum=4e-9,  # 12 classifiers: 2.3-5.4 ns
        # MLP of 200, 900, 2,500 bins, 20 and 80 units, 4,000-8,000 histograms: 0.75-9 us; networks
        # of single events, 64 and 256 units: 0.57-5 us.
        example=0.3e-6,
        example_bin=1.7e-9,
        product=0.03e-9,
        convolution=0.35e-9,  # 30x30 bins, 32 filters, batch 128: 0.9 ms an example and epoch
        compilation=1.3,
        # 8,000 histograms of 200, 900 and 2,500 bins, of a ceiling of about 0.95.
        logistic_cell=20e-9,
        svm_pair=5e-9,
        svm_pair_bin=0.03e-9,
        score=0.15e-6,  # 1 to 16 classifiers on 8,000 and 55,000 histograms of 200 and 900 bins
        score_bin=0.5e-9,
        score_convolution=0.14e-9,
        ceiling=0.04,
        marginal=9e-7,
        limit=5e-3,
        referee=0.3,  # 25, 100 and 180 channels: 0.8, 3.8 and 12 s on busy cores
        referee_channel=3e-4,
        trial=0.25,
        process=2.0,
        tensorflow=4.5,
        driver=7.0,
    )
