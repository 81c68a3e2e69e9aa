"""A pack in training: members of one shape, stacked, epoch by epoch through one compiled graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats, Integers
from rayscan.errors import ShapeMismatchError
from rayscan.models.event_blocks import cut
from rayscan.models.networks.backend import tensorflow
from rayscan.models.networks.graphs import Data, Plan, Settings, State, epoch_graph, score_graph
from rayscan.models.networks.packed import layout
from rayscan.models.networks.progress import Progress
from rayscan.models.networks.sources import Labelled
from rayscan.seeds import seed_sequence, stream


def packs(members: Sequence[Progress]) -> list[Pack]:
    """The members in packs that share sizes, loss, input, batch size and numbers of examples."""
    groups: dict[tuple[object, ...], list[Progress]] = defaultdict(list)
    for member in members:
        task = member.task
        source = task.source
        rows = source.size, source.span(task.knobs.batch_size), len(source.validation_labels)
        key = (task.network, task.loss, task.source.seen.how, task.knobs.batch_size, rows)
        groups[key].append(member)
    return [Pack(group) for group in groups.values()]


class Pack:
    """Members of one shape and their state on the device."""

    def __init__(self, members: Sequence[Progress]) -> None:
        self._tf = tensorflow()
        self._where = layout([member.task.source for member in members])
        self._members = [members[k] for k in self._where.order]
        self._sources = list(dict.fromkeys(member.task.source for member in self._members))
        first = self._members[0].task
        examples = first.source.size
        self._network = first.network
        self._plan = Plan(
            network=first.network,
            loss=first.loss,
            where=self._where,
            how=first.source.seen.how,
            batch=min(first.knobs.batch_size, examples),
            examples=examples,
            dropout=any(member.task.knobs.dropout for member in members),
        )
        self._span = first.source.span(self._plan.batch)
        initial = self._network.stack([member.task.initial() for member in members], self._where)
        zeros = [np.zeros_like(array) for array in initial]
        constant = self._tf.constant
        self._state = State(*([constant(a) for a in part] for part in (initial, zeros, zeros)))
        means, scales = zip(*(source.seen.in_graph() for source in self._sources), strict=True)
        self._moments = constant(np.stack(means)), constant(np.stack(scales))
        streams = any(source.streams for source in self._sources)
        self._validation = None if streams else list(self._chunks())
        self._drawn: list[Labelled] = []
        self._data: Data | None = None

    @property
    def active(self) -> bool:
        """Whether any member still trains."""
        return not all(member.ended for member in self._members)

    def advance(self, epoch: int) -> None:
        """Train one epoch, validate, keep the weights that are the best so far."""
        losses = np.zeros(len(self._members))
        for number, data in enumerate(self._windows(epoch)):
            plan = replace(self._plan, examples=data.labels.shape[1])
            settings = self._settings(epoch, number, plan)
            self._state, mean = epoch_graph(plan)(data, settings, self._state)
            losses += mean.numpy() * (plan.examples / self._plan.examples)
        logits = self._score()
        improved = [
            not member.ended and member.record(float(loss), values)
            for member, loss, values in zip(self._members, losses, logits, strict=True)
        ]
        if any(improved):
            self._keep(improved)

    def _keep(self, improved: Sequence[bool]) -> None:
        weights = [array.numpy() for array in self._state.weights]
        by_member = self._network.unstack(weights, self._where)
        for slot, better in enumerate(improved):
            if better:
                self._members[slot].best = by_member[self._where.order[slot]]

    def _windows(self, epoch: int) -> Iterator[Data]:
        """The rows of an epoch on the device; left there while they stay the same."""
        batch, left = self._plan.batch, self._plan.examples
        for drawn in zip(*(each.windows(epoch, batch) for each in self._sources), strict=True):
            if self._data is None or any(
                new is not old for (new, _), (old, _) in zip(drawn, self._drawn, strict=True)
            ):
                self._check(drawn, min(left, self._span))
                self._drawn, self._data = list(drawn), self._put(drawn)
            yield self._data
            left -= self._span

    def _check(self, drawn: Sequence[Labelled], rows: int) -> None:
        for x, _ in drawn:
            if x.shape != (expected := (rows, x.shape[1])):
                raise ShapeMismatchError(
                    what="training examples of an epoch", expected=expected, found=x.shape
                )

    def _put(self, drawn: Sequence[Labelled]) -> Data:
        labels = np.stack([labels for _, labels in drawn])
        weights = [source.balanced(row) for row, source in zip(labels, self._sources, strict=True)]
        constant = self._tf.constant
        x = constant(_stacked([x for x, _ in drawn]))
        return Data(x, constant(labels), constant(np.stack(weights)), *self._moments)

    def _settings(self, epoch: int, number: int, plan: Plan) -> Settings:
        tf, steps = self._tf, self._plan.steps
        done = epoch * steps + number * (self._span // plan.batch)
        tasks = [member.task for member in self._members]
        window = (epoch, number) if number else (epoch,)
        order = np.zeros(plan.steps * plan.batch, dtype=np.int32)
        # One order for all packs of all processes: a pack must give what separate training gives.
        order[: plan.examples] = stream(0, "order", *window).permutation(plan.examples)
        step = done + np.arange(plan.steps)
        rates = np.stack([_rates(member, step, steps) for member in self._members], axis=1)
        return Settings(
            order=tf.constant(order),
            rates=tf.constant(rates.astype(np.float32)),
            dropout=tf.constant([task.knobs.dropout for task in tasks], tf.float32),
            l2=tf.constant([task.knobs.l2 for task in tasks], tf.float32),
            keys=tf.constant(self._keys(window)),
            done=tf.constant(done, tf.int32),
            numbers={
                name: tf.constant([task.source.numbers[name] for task in tasks], tf.float32)
                for name in sorted(plan.loss.needs)
            },
        )

    def _keys(self, window: Sequence[int]) -> npt.NDArray[np.uint32]:
        """Dropout keys of an epoch, or of a later window in it, (hidden, 2, K)."""
        hidden = self._network.hidden
        if not self._plan.dropout:
            return np.zeros((hidden, 2, len(self._members)), np.uint32)
        words = [
            seed_sequence(member.task.seed, "dropout", *window).generate_state(2 * hidden)
            for member in self._members
        ]
        return np.stack(words, axis=-1).reshape(hidden, 2, len(self._members)).astype(np.uint32)

    def _chunks(self) -> Iterator[object]:
        """Validation rows in pieces of one size, the last filled up with empty rows."""
        rows = len(self._sources[0].validation_labels)
        size = min(self._network.rows, rows)
        pieces = [cut(source.validation_blocks(), rows, size) for source in self._sources]
        for several in zip(*pieces, strict=True):
            x = _stacked(several)
            yield self._tf.constant(np.pad(x, ((0, 0), (0, size - x.shape[1]), (0, 0))))

    def _score(self) -> Floats:
        """Validation logits (K, N, outputs)."""
        graph = score_graph(self._network, self._where, self._plan.how)
        chunks = self._chunks() if self._validation is None else self._validation
        parts = [graph(self._state.weights, x, *self._moments).numpy() for x in chunks]
        rows = len(self._sources[0].validation_labels)
        return np.concatenate(parts, axis=1)[:, :rows].astype(np.float64)


def _stacked(arrays: Sequence[npt.NDArray[np.number]]) -> npt.NDArray[np.number]:
    """Datasets on a leading axis, without a copy of a single one."""
    return arrays[0][None] if len(arrays) == 1 else np.stack(arrays)


def _rates(member: Progress, step: Integers, steps: int) -> Floats:
    """Learning rate at some steps of a training, so many an epoch; 0 for one that has ended."""
    knobs = member.task.knobs
    if member.ended:
        return np.zeros(len(step))
    if knobs.schedule == "constant":
        return np.full(len(step), knobs.learning_rate)
    done = np.minimum(step / (knobs.epochs * steps), 1.0)
    return np.asarray(knobs.learning_rate * 0.5 * (1.0 + np.cos(np.pi * done)))
