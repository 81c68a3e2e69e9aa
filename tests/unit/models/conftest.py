"""Toy examples whose truth is known: histograms of two smooth densities, and Gaussian events."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from rayscan.models.contract import Templates
from rayscan.models.event_blocks import EventBlocks
from rayscan.seeds import stream


def densities(shape: tuple[int, int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A falling background and a harder, narrower signal, probabilities of flat bins."""
    y, x = np.meshgrid(
        (np.arange(shape[0]) + 0.5) / shape[0],
        (np.arange(shape[1]) + 0.5) / shape[1],
        indexing="ij",
    )
    background = np.exp(-3.0 * y) * np.exp(-(((x - 0.5) / 0.35) ** 2))
    signal = np.exp(-1.5 * y) * np.exp(-(((x - 0.5) / 0.25) ** 2))
    return (background / background.sum()).ravel(), (signal / signal.sum()).ravel()


@dataclass(eq=False)
class ToyExamples:
    """Multinomial histograms: B + S background events against B background and S signal events."""

    shape: tuple[int, ...] = (8, 8)
    n_classes: int = 2
    S: int = 120
    B: int = 1000
    histograms: int = 400
    seed: int = 1
    bad: float | None = None
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.background, self.signal = densities((self.shape[0], self.shape[1]))

    @property
    def null_mean(self) -> npt.NDArray[np.float64]:
        return (self.B + self.S) * self.background

    @property
    def null_variance(self) -> npt.NDArray[np.float64]:
        return (self.B + self.S) * self.background * (1 - self.background)

    @property
    def templates(self) -> Templates:
        return Templates(self.background, self.signal, self.S, self.B, 10**9, 10**9)

    def draw(self, rng: np.random.Generator, n: int):
        """n histograms, classes in turn; class 2 and above hold twice, three times the signal."""
        labels = np.arange(n) % self.n_classes
        x = np.empty((n, self.background.size), np.uint16)
        for k in range(self.n_classes):
            rows = labels == k
            drawn = rng.multinomial(self.B + self.S * (k == 0), self.background, rows.sum())
            if k:
                drawn = drawn + rng.multinomial(k * self.S, self.signal, rows.sum())
            x[rows] = drawn
        return x, labels

    def training(self, epoch: int):
        self.asked.append(epoch)
        x, labels = self.draw(stream(self.seed, "training", epoch), self.histograms)
        if self.bad is not None:
            x = x.astype(np.float64)
            x[3, 5] = self.bad
        return x, labels

    def validation(self):
        return self.draw(stream(self.seed, "validation"), max(40, self.histograms // 4))

    def test(self, n: int = 2000):
        return self.draw(stream(self.seed, "test"), n)


@dataclass(eq=False)
class ToyEvents:
    """The toy of arXiv:2101.07263: signal N(+shift, 1), background N(-shift, 1) in each feature."""

    features: tuple[str, ...] = ("a", "b")
    S: int = 10
    B: int = 90
    events: int = 4000
    shift: float = 0.3
    signal_share: float = 0.5
    seed: int = 1
    bad: float | None = None

    def draw(self, rng: np.random.Generator, n: int):
        labels = (np.arange(n) < self.signal_share * n).astype(np.int64)
        x = rng.normal(size=(n, len(self.features))) + self.shift * (2 * labels[:, None] - 1)
        return (3.0 + 50.0 * x).astype(np.float32), labels

    def blocks(self, pool):
        """Both classes in blocks of a thousand."""
        x, labels = self.training() if pool == "train" else self.validation()
        found = []
        for label in dict.fromkeys(labels.tolist()):
            parts = np.split(x[labels == label], range(1000, (labels == label).sum(), 1000))
            found.append(EventBlocks(label, tuple(map(len, parts)), parts.__getitem__))
        return found

    def training(self):
        x, labels = self.draw(stream(self.seed, "training"), self.events)
        if self.bad is not None:
            x[3, 1] = self.bad
        return x, labels

    def validation(self):
        return self.draw(stream(self.seed, "validation"), self.events // 4)

    def test(self, n: int = 2000):
        return self.draw(stream(self.seed, "test"), n)

    def truth(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Exact log(p_s / p_b) of each event."""
        return np.asarray(2.0 * self.shift * ((x.astype(np.float64) - 3.0) / 50.0).sum(axis=1))


@pytest.fixture(scope="session")
def toy_examples() -> type[ToyExamples]:
    """The class of toy histograms: a test chooses its size."""
    return ToyExamples


@pytest.fixture(scope="session")
def toy_events() -> type[ToyEvents]:
    """The class of toy events."""
    return ToyEvents
