"""Toy examples whose truth is known: histograms of two smooth densities, and Gaussian events."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from rayscan.models.contract import HONEST, Templates
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


@dataclass(eq=False)
class ToyItems:
    """Items of N such events: background alone against N - S of them and S of the signal."""

    features: tuple[str, ...] = ("a", "b")
    S: int = 3
    events: int = 9
    count: int = 400
    pool_size: int = 4000
    shift: float = 0.8
    seed: int = 1
    bad: float | None = None
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.shape = (self.events, len(self.features))
        self._toy = ToyEvents(features=self.features, shift=self.shift, seed=self.seed)

    def pool(self, pool, arrangement=HONEST):
        x, _ = self._toy.draw(stream(self.seed, pool, "events"), self.pool_size)
        if pool == "train" and self.bad is not None:
            x[::50, 1] = self.bad
        return x

    def labels(self, pool):
        return np.tile([0, 1], self.count if pool == "train" else self.count // 2)

    def items(self, pool, epoch, arrangement=HONEST):
        rng, n = stream(self.seed, pool, "items", epoch), len(self.labels(pool)) // 2
        # the first half of the pool is signal
        signal, background = (
            rng.integers(low, low + self.pool_size // 2, (n, self.events))
            for low in (0, self.pool_size // 2)
        )
        one = background.copy()
        one[:, self.events - self.S :] = signal[:, : self.S]
        null = rng.integers(self.pool_size // 2, self.pool_size, (n, self.events))
        places = np.stack([null, one], axis=1).reshape(2 * n, -1)
        if arrangement.order == "shuffled":
            rng.permuted(places, axis=1, out=places)
        yield from np.split(places.astype(np.int32), range(128, 2 * n, 128))

    def draw(self, rng: np.random.Generator, n: int, arrangement=HONEST):
        """n items of fresh events, their features side by side, classes in turn."""
        labels = np.arange(n) % 2
        kinds = np.zeros((n, self.events), np.int64)
        kinds[labels == 1, self.events - self.S :] = 1
        if arrangement.order == "shuffled":
            rng.permuted(kinds, axis=1, out=kinds)
        x = rng.normal(size=(*kinds.shape, len(self.features)))
        x += self.shift * (2 * kinds[..., None] - 1)
        return (3.0 + 50.0 * x).astype(np.float32).reshape(n, -1), labels

    def test(self, n: int = 2000, arrangement=HONEST):
        return self.draw(stream(self.seed, "test"), n, arrangement)

    def truth(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Exact likelihood ratio of each item: the mean over all choices of S events of prod r."""
        rows = x.reshape(len(x), self.events, -1)
        odds = np.exp(2.0 * self.shift * ((rows.astype(np.float64) - 3.0) / 50.0).sum(axis=2))
        sums = np.zeros((len(x), self.S + 1))  # elementary symmetric polynomials
        sums[:, 0] = 1.0
        for column in odds.T:
            sums[:, 1:] += column[:, None] * sums[:, :-1]
        return np.asarray(sums[:, -1] / math.comb(self.events, self.S))


@pytest.fixture(scope="session")
def toy_examples() -> type[ToyExamples]:
    """The class of toy histograms: a test chooses its size."""
    return ToyExamples


@pytest.fixture(scope="session")
def toy_events() -> type[ToyEvents]:
    """The class of toy events."""
    return ToyEvents


@pytest.fixture(scope="session")
def toy_items() -> type[ToyItems]:
    """The class of toy items."""
    return ToyItems
