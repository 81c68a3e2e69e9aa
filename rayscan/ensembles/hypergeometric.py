"""The exact sampler: histograms of events drawn without replacement, straight from bin counts.

Picking n events of a pool without replacement and binning them is one draw of the multivariate
hypergeometric distribution on the pool's bin counts. Independent Binomial(K_k, q), conditioned on
their total, follow it for every q; so

1. every bin outside a small *head* of full bins gets an independent binomial, from a table where
   its mean is large and by skipping from event to event where it is small;
2. a candidate whose bins add up to T is kept with probability P(n - T) / max P, where P is the
   binomial of all head events together;
3. the head bins share the remaining n - T events by ordinary hypergeometric numbers.

Shape letters: N histograms, bins = flat cells.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.binomial_table import BinomialTable, binomial
from rayscan.errors import PoolExhaustedError

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.unsignedinteger]

SMALL_DRAW = 64
"""Fewer histograms than this do not repay the tables: they are drawn one bin after the other."""
SMALL_POOL = 4
"""So are pools with fewer non-empty bins than this."""
SPARSE = 0.25
"""Mean count below which skipping from event to event is cheaper than a look-up."""
CANDIDATES = 8000
CELLS = 2**23
STRIP = 64
LARGEST_POOL = 10**9
LOOK_UP, SKIP, HEAD = 5.0, 18.0, 90.0
"""Cost [ns] of a number from a table, of an event skipped to, of a hypergeometric number: they
decide how many bins form the head, hence the speed and never the distribution."""


def count_type(largest: int) -> type[np.uint16 | np.uint32]:
    """The integer type of histograms whose fullest bin holds at most ``largest`` events."""
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32


class Hypergeometric:
    """Histograms of n events drawn without replacement from a pool of bin counts.

    Args:
        counts: Pool events in each bin, shape (bins,); zeros are allowed.
        n: Events of each histogram; the typical number if ``draw`` is given ``totals``.
        pool: Name of the pool in error messages.

    Raises:
        PoolExhaustedError: ``n`` exceeds the pool.
        ValueError: Negative counts or n, or a pool of 10^9 events or more.

    >>> rng = np.random.default_rng(1)
    >>> Hypergeometric(np.array([3, 0, 2]), 5).draw(rng, 2)
    array([[3, 0, 2],
           [3, 0, 2]], dtype=uint16)
    """

    def __init__(self, counts: npt.ArrayLike, n: int, *, pool: str = "events") -> None:
        self.counts: Integers = np.array(counts, dtype=np.int64)
        self.size = int(self.counts.sum())
        self.n = int(n)
        self.pool = pool
        if self.counts.ndim != 1 or self.n < 0 or np.any(self.counts < 0):
            raise ValueError("counts: expected one axis of numbers of at least 0, and n at least 0")
        if self.size >= LARGEST_POOL:
            raise ValueError(f"counts: {self.size} pool events, expected fewer than 10^9")
        self._refuse(self.n)
        # Choosing n events is leaving N - n: the rarer of the two is drawn.
        self._complement = 2 * self.n > self.size
        self._filled: Integers = np.flatnonzero(self.counts)
        self._plan: _Plan | None = None

    def _refuse(self, needed: int) -> None:
        if needed > self.size:
            raise PoolExhaustedError(pool=self.pool, available=self.size, needed=needed)

    def draw(
        self,
        rng: np.random.Generator,
        histograms: int,
        out: Counts | None = None,
        *,
        totals: Integers | None = None,
    ) -> Counts:
        """Independent histograms.

        Args:
            rng: Source of randomness.
            histograms: How many, N.
            out: Array (N, bins) to write to, wide enough for the counts; made if absent.
            totals: Events of each histogram, shape (N,), if not all hold ``n``. Fast if they
                scatter around ``n`` about as Poisson numbers do, exact however far they lie.

        Returns:
            Counts, shape (N, bins), uint16, or uint32 where one could exceed 65,535.

        Raises:
            PoolExhaustedError: A total exceeds the pool.
            ValueError: ``out`` or ``totals`` of the wrong shape, or ``out`` too narrow.
        """
        wanted, largest = self._wanted(histograms, totals)
        kind = count_type(min(int(self.counts.max(initial=0)), largest))
        if out is None:
            out = np.empty((histograms, len(self.counts)), dtype=kind)
        elif out.shape != (histograms, len(self.counts)) or not np.can_cast(kind, out.dtype):
            raise ValueError(
                f"out: expected {(histograms, len(self.counts))} of {np.dtype(kind)}, "
                f"found {out.shape} of {out.dtype}"
            )
        drawn = self.size - wanted if self._complement else wanted
        rows = np.arange(histograms)
        if self._pays(histograms, drawn):
            rows = self._split(rng, drawn, out)
        self._one_by_one(rng, drawn[rows], rows, out)
        return out

    def _wanted(self, histograms: int, totals: Integers | None) -> tuple[Integers, int]:
        if totals is None:
            return np.full(histograms, self.n, dtype=np.int64), self.n
        wanted = np.asarray(totals, dtype=np.int64)
        if wanted.shape != (histograms,) or np.any(wanted < 0):
            raise ValueError(f"totals: expected {histograms} numbers of at least 0")
        largest = int(wanted.max(initial=0))
        self._refuse(largest)
        return wanted, largest

    def _pays(self, histograms: int, drawn: Integers) -> bool:
        typical = self.size - self.n if self._complement else self.n
        some = typical > 0 and bool(drawn.any())
        return some and histograms >= SMALL_DRAW and len(self._filled) >= SMALL_POOL

    def _one_by_one(
        self, rng: np.random.Generator, left: Integers, rows: Integers, out: Counts
    ) -> None:
        """The same distribution bin after bin, for the few rows that are left."""
        if not left.size:
            return
        counts = self.counts[self._filled]
        if np.all(left == left[0]):
            found = rng.multivariate_hypergeometric(
                counts, int(left[0]), size=left.size, method="marginals"
            )
        else:
            found = _sequential(rng, counts, left)
        out[rows] = 0
        out[np.ix_(rows, self._filled)] = counts - found if self._complement else found

    def _split(self, rng: np.random.Generator, drawn: Integers, out: Counts) -> Integers:
        """Fill rows by the split sampler; the rows it did not get to."""
        if self._plan is None:
            typical = self.size - self.n if self._complement else self.n
            self._plan = _Plan(self.counts, self._filled, typical)
        plan = self._plan
        constant = bool(np.all(drawn == drawn[0]))
        work = plan.workspace(len(drawn), out.dtype)
        pending = np.arange(len(drawn))
        worth = True
        while worth and len(pending) >= SMALL_DRAW:
            # Histograms of equal totals can use any candidate, so some more are made than wanted.
            wish = int(len(pending) / plan.acceptance * 1.02) + 64 if constant else len(pending)
            rows = min(wish, work.shape[1])
            kept = plan.candidates(
                rng, work, rows, drawn[:1] if constant else drawn[pending[:rows]]
            )
            kept = kept[: len(pending)]
            done = np.arange(len(kept)) if constant else kept
            self._write(work, kept, pending[done], out)
            pending = np.delete(pending, done)
            worth = len(kept) > 0.05 * rows
        return pending

    def _write(self, work: Counts, kept: Integers, target: Integers, out: Counts) -> None:
        """Turn the kept columns of (bins, candidates) into rows of ``out``, strip by strip."""
        # Modulo 2^16 like everything unsigned: the difference is right even if a count is wider.
        everything = self.counts.astype(out.dtype)
        starts = np.arange(0, work.shape[1] + STRIP, STRIP)
        edges = np.searchsorted(kept, starts)
        for start, first, last in zip(starts, edges[:-1], edges[1:], strict=False):
            if first < last:
                rows = work[:, start : start + STRIP].T.copy()
                if self._complement:
                    np.subtract(everything, rows, out=rows)
                out[target[first:last]] = rows[kept[first:last] - start]


class _Plan:
    """How the bins of one pool are divided between head, tables and skipping, for one n."""

    def __init__(self, counts: Integers, filled: Integers, n: int) -> None:
        self.bins = len(counts)
        self.probability = n / int(counts.sum())
        order = filled[np.argsort(counts[filled], kind="stable")[::-1]]
        size = _head_size(counts[order], self.probability)
        self.head, self.head_counts = order[:size], counts[order[:size]]
        self.head_low, terms = binomial(int(self.head_counts.sum()), self.probability)
        # The chance that a candidate is kept is P(all bins add up to n) / max P(head).
        self.acceptance = float(
            binomial(int(counts.sum()), self.probability)[1].max() / terms.max()
        )
        # A zero at either end answers for everything outside.
        self.keep_probability = np.concatenate([[0.0], terms / terms.max(), [0.0]])
        rest = order[size:]
        is_sparse = counts[rest] * self.probability < SPARSE
        dense, self.sparse = rest[~is_sparse], rest[is_sparse]
        tables = {int(K): BinomialTable(int(K), self.probability) for K in np.unique(counts[dense])}
        self.dense = [(int(k), tables[int(counts[k])]) for k in dense]
        self.sparse_events = np.repeat(self.sparse, counts[self.sparse]).astype(np.int32)

    def workspace(self, histograms: int, kind: np.dtype[np.unsignedinteger]) -> Counts:
        """Room for the counts of candidates, (bins, candidates); empty bins stay zero."""
        most = min(CANDIDATES, max(CELLS // self.bins, SMALL_DRAW))
        candidates = min(int(1.02 * histograms / self.acceptance) + 64, most)
        # An odd number of cache lines a row: a power of two makes the transposition 5 times slower.
        return np.zeros((self.bins, 32 * (2 * (candidates // 64) + 1)), dtype=kind)

    def candidates(
        self, rng: np.random.Generator, work: Counts, rows: int, totals: Integers
    ) -> Integers:
        """Fill the first columns of the workspace; the columns to keep, ascending."""
        taken = self._skip(rng, work, rows)
        for k, table in self.dense:
            table.fill(rng, work[k, :rows])
            taken += work[k, :rows]
        left = totals - taken
        place = np.clip(left - self.head_low + 1, 0, len(self.keep_probability) - 1)
        kept = np.flatnonzero(rng.random(rows) < self.keep_probability[place])
        shares = _sequential(rng, self.head_counts, left[kept])
        for k, share in zip(self.head, shares.T, strict=True):
            work[k, kept] = share
        return kept

    def _skip(self, rng: np.random.Generator, work: Counts, rows: int) -> Integers:
        """Fill the sparse bins: every event is in with probability q, visited by its gaps.

        Returns:
            How many such events each candidate holds, shape (rows,).
        """
        width = len(self.sparse_events)
        if not width:
            return np.zeros(rows, dtype=np.int64)
        work[self.sparse] = 0
        row, event = np.divmod(successes(rng, rows * width, self.probability), width)
        place = self.sparse_events[event] * np.int64(work.shape[1]) + row
        np.add.at(work.reshape(-1), place, work.dtype.type(1))
        return np.bincount(row, minlength=rows)


def _head_size(counts: Integers, probability: float) -> int:
    """How many of the bins, fullest first, form the head, for the least expected time."""
    inside = np.cumsum(counts)
    acceptance = np.sqrt(inside / inside[-1])
    bin_cost = np.minimum(LOOK_UP, SKIP * counts * probability)
    cost = (LOOK_UP + bin_cost.sum() - np.cumsum(bin_cost)) / acceptance
    return int(np.argmin(cost + HEAD * np.arange(1, len(counts) + 1))) + 1


def _sequential(rng: np.random.Generator, counts: Integers, totals: Integers) -> Integers:
    """One bin after the other: hypergeometric numbers given what is left, shape (N, bins)."""
    found = np.empty((len(totals), len(counts)), dtype=np.int64)
    left, pool = totals, int(counts.sum())
    for k, count in enumerate(counts):
        pool -= int(count)
        found[:, k] = rng.hypergeometric(count, pool, left) if pool else left
        left = left - found[:, k]
    return found


def successes(rng: np.random.Generator, trials: int, probability: float) -> Integers:
    """Places of the successes among independent trials, ascending; costs the successes only."""
    found, last, more = [], -1, True
    while more:
        expected = (trials - last) * probability
        gaps = rng.geometric(probability, int(expected + 4 * np.sqrt(expected)) + 16)
        places = last + np.cumsum(gaps)
        inside = int(np.searchsorted(places, trials))
        found.append(places[:inside])
        more, last = inside == len(places), int(places[-1])
    return np.concatenate(found)
