"""Candidates of the exact sampler: bins filled independently, kept if their total can be made up.

Shape letters: N histograms, bins = flat cells. `hypergeometric` tells why this is exact.
"""

from __future__ import annotations

import numpy as np

from rayscan.arrays import Counts, Integers
from rayscan.ensembles.tabulated import Successes, Table, binomial, count_type

SPARSE = 0.25
"""Mean count below which skipping from event to event is cheaper than a look-up."""
LOOK_UP, SKIP, HEAD = 5.0, 18.0, 90.0
"""Cost [ns] of a number from a table, of an event skipped to, of a hypergeometric number: they
decide how many bins form the head, hence the speed and never the distribution."""
MOST_CANDIDATES = 16000
MOST_CELLS = 2**25
"""Size of the workspace: 64 MB at 16 bits, 29 MB for 30 x 30 bins."""


class Candidates:
    """Candidate histograms of about n events, 0 < n < those of the pool, and which of them to keep.

    The bins are divided into the head, those filled from a table, and those filled by skipping.
    """

    def __init__(self, counts: Integers, n: int) -> None:
        self.bins = len(counts)
        total = int(counts.sum())
        self.probability = n / total
        filled = np.flatnonzero(counts)
        order = filled[np.argsort(counts[filled], kind="stable")[::-1]]
        size = _head_size(counts[order], self.probability)
        self.head, self.head_counts = order[:size], counts[order[:size]]
        self.head_low, terms = binomial(int(self.head_counts.sum()), self.probability)
        # The chance that a candidate is kept is P(all bins add up to n) / max P(head).
        self.acceptance = float(binomial(total, self.probability)[1].max() / terms.max())
        # A zero at either end answers for everything outside.
        self.keep_probability = np.concatenate([[0.0], terms / terms.max(), [0.0]])
        rest = order[size:]
        is_sparse = counts[rest] * self.probability < SPARSE
        dense, self.sparse = rest[~is_sparse], rest[is_sparse]
        fillings = np.unique(counts[dense]).tolist()
        tables = {K: Table(*binomial(K, self.probability)) for K in fillings}
        self.dense = [(int(k), tables[int(counts[k])]) for k in dense]
        self.successes = Successes(self.probability)
        self.sparse_events = np.repeat(self.sparse, counts[self.sparse]).astype(np.int32)

    @property
    def reach(self) -> float:
        """Standard deviation of the events in the head: totals this far from n cost little more."""
        share = self.probability * (1 - self.probability)
        return float(np.sqrt(self.head_counts.sum() * share))

    def workspace(self, histograms: int, largest: int) -> Counts:
        """Room for candidates of so many histograms, (bins, candidates); empty bins stay zero.

        No histogram holds more than ``largest`` events.
        """
        in_head = min(int(self.head_counts[0]), largest)
        kind = count_type(max([in_head, *(table.high for _, table in self.dense)]))
        most = min(MOST_CANDIDATES, max(MOST_CELLS // self.bins, 128))
        candidates = min(int(1.02 * histograms / self.acceptance) + 64, most)
        # An odd number of cache lines a row: a power of two makes the transposition 5 times slower.
        return np.zeros((self.bins, 32 * (2 * (candidates // 64) + 1)), dtype=kind)

    def fill(self, rng: np.random.Generator, work: Counts, rows: int, totals: Integers) -> Integers:
        """Fill the first columns of the workspace; the columns to keep, ascending."""
        taken = self._skip(rng, work, rows)
        # Sums of 16 bits are ten times as fast, as long as they cannot overflow.
        part, room = np.zeros(rows, dtype=work.dtype), 0
        largest = int(np.iinfo(work.dtype).max)
        for k, table in self.dense:
            table.fill(rng, work[k, :rows])
            if room + table.high > largest:
                taken += part
                part[:], room = 0, 0
            part += work[k, :rows]
            room += table.high
        taken += part
        left = totals - taken
        place = np.clip(left - self.head_low + 1, 0, len(self.keep_probability) - 1)
        kept = np.flatnonzero(rng.random(rows) < self.keep_probability[place])
        shares = sequential(rng, self.head_counts, left[kept])
        for k, share in zip(self.head, shares, strict=True):
            work[k, kept] = share
        return kept

    def _skip(self, rng: np.random.Generator, work: Counts, rows: int) -> Integers:
        """Fill the sparse bins, and count their events in each candidate, shape (rows,).

        Every event is in with probability q, visited by its gaps.
        """
        width = len(self.sparse_events)
        if not width:
            return np.zeros(rows, dtype=np.int64)
        work[self.sparse] = 0
        row, event = np.divmod(self.successes.places(rng, rows * width), width)
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


def sequential(rng: np.random.Generator, counts: Integers, totals: Integers) -> Integers:
    """One bin after the other: hypergeometric numbers given what is left, shape (bins, N)."""
    found = np.empty((len(counts), len(totals)), dtype=np.int64)
    left, pool = totals, int(counts.sum())
    for k, count in enumerate(counts):
        pool -= int(count)
        found[k] = rng.hypergeometric(count, pool, left) if pool else left
        left = left - found[k]
    return found
