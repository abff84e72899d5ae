"""Integrated gradients of an encoder-combiner-decoder network, along the line from a baseline to each row.

Ids have no gradient, so the line is drawn behind the encoders, for all types of inputs alike: from the mean of what an
encoder gives for a sample to what it gives for the row. The attribution of an input is the sum over what its encoder
gives, so the attributions of a row add up to the difference between its score and that of the baseline.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365, eq. 1; the integral
by Gauss-Legendre quadrature.

B = rows of the batch, S = scores, F = input features, T = steps, P = points of the line, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Padded
from ludwig.combiners.base import Source
from ludwig.data.loader import batches
from ludwig.models.ecd.answers import AnsweringModel
from ludwig.nn.signal import Signal

POINTS = 64  # of the line at which gradients are taken
MOST_FLOATS, MOST_ROWS = 2**22, 2**13  # of all points together: numbers that encoders give, rows of the network
ROWS_OF_SAMPLE = 256  # that are encoded at once

Baseline = list[list[Tensor]]  # of each signal, of each of its tensors: the mean over the sample, without the batch


@dataclasses.dataclass(frozen=True)
class Attributed:
    """What the inputs of some rows add to the scores of an output."""

    features: Tensor  # [B, S, F]
    expected: Tensor  # [B, S], the scores of the baseline
    steps: dict[str, Tensor]  # [B, S, T], of inputs whose encoders keep their steps


@contextmanager
def differentiable(network: AnsweringModel) -> Iterator[None]:
    """Inside the block the network computes as in evaluation, and gradients can be taken: cuDNN takes those of
    recurrent layers in training mode only, which without dropout computes the same.
    """
    network.eval()
    recurrent = [part for part in network.modules() if isinstance(part, nn.RNNBase) and part.dropout == 0]
    for part in recurrent:
        part.train()
    try:
        yield
    finally:
        network.eval()


@torch.no_grad()
def baseline_of(network: AnsweringModel, sample: Frame, device: torch.device) -> Baseline:
    """The mean of what the encoders give for the rows of a sample; of sequences that of all their steps: [H]."""
    means: list[list[_Mean]] = []
    for batch in batches(sample, ROWS_OF_SAMPLE, device):
        tables = [_rows_of(signal) for signal in network.signals(batch)]
        means = means or [[_Mean(table) for table in parts] for parts in tables]
        for own, parts in zip(means, tables, strict=True):
            for mean, table in zip(own, parts, strict=True):
                mean.add(table)
    return [[mean.value for mean in own] for own in means]


class _Mean:
    """The mean of the rows of tables like the given one."""

    def __init__(self, like: Tensor) -> None:
        self.total, self.count = like.new_zeros(like.shape[1:], dtype=torch.float32), 0

    def add(self, table: Tensor) -> None:
        self.total += table.float().sum(0)
        self.count += len(table)

    @property
    def value(self) -> Tensor:
        return self.total / max(self.count, 1)


def rows_at_once(network: AnsweringModel, baseline: Baseline) -> int:
    """How many rows are explained at once, so that memory is bounded."""
    steps = [source.shape.count if source.shape.form == "sequence" else 1 for source in network.sources]
    floats = sum(count * part.numel() for count, parts in zip(steps, baseline, strict=True) for part in parts)
    return max(min(MOST_FLOATS // max(floats * POINTS, 1), MOST_ROWS // POINTS), 1)


def attributed(
    network: AnsweringModel, name: str, batch: Frame, baseline: Baseline, inputs: Sequence[str]
) -> Attributed:
    """What each of the inputs adds to the scores of an output, for each row of the batch."""
    with torch.no_grad():
        signals = network.signals(batch)
    ends = [_parts_of(signal) for signal in signals]
    starts = [_start(*each) for each in zip(signals, ends, baseline, strict=True)]
    with torch.no_grad():
        moved = [_with_parts(*each) for each in zip(signals, starts, strict=True)]
        expected = _scores(network, name, moved)  # [B, S]
    differences = [[e - s for e, s in zip(*pair, strict=True)] for pair in zip(ends, starts, strict=True)]
    scores = expected.shape[1]
    features = expected.new_zeros(len(batch), scores, len(inputs))
    steps: dict[str, Tensor] = {}
    of_labels = _gradients(network, name, signals, starts, differences, scores)
    for label, gradients in enumerate(of_labels, start=scores - len(of_labels)):
        for source, signal, parts, slopes in zip(network.sources, signals, differences, gradients, strict=True):
            main, *beside = [(part * slope).float() for part, slope in zip(parts, slopes, strict=True)]
            _add(features[:, label], source, signal, main, beside, inputs)
            if _has_step_of_each_token(batch.column(source.features[0]), signal):
                kept = steps.setdefault(source.features[0], expected.new_zeros(len(batch), scores, main.shape[1]))
                kept[:, label] += main.sum(2)  # [B, T]
    if scores > 1:  # probabilities sum to 1, so what the others win the first one loses
        for found in (features, *steps.values()):
            found[:, 0] = -found[:, 1:].sum(1)
    return Attributed(features, expected, steps)


def _gradients(
    network: AnsweringModel,
    name: str,
    signals: Sequence[Signal],
    starts: Sequence[Sequence[Tensor]],
    differences: Sequence[Sequence[Tensor]],
    scores: int,
) -> list[list[list[Tensor]]]:
    """By score, signal and part: the mean gradient along the line; of several scores that of the first follows."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    places, shares = (torch.from_numpy(each).to(starts[0][0]) for each in ((nodes + 1) / 2, weights / 2))  # [P]
    lines = [
        [_line(s, d, places) for s, d in zip(*pair, strict=True)] for pair in zip(starts, differences, strict=True)
    ]
    flat = [part for parts in lines for part in parts]
    found = _scores(network, name, [_with_parts(_repeated(s), parts) for s, parts in zip(signals, lines, strict=True)])
    of_labels = []
    for label in range(1 if scores > 1 else 0, scores):
        slopes = iter(
            torch.autograd.grad(
                found[:, label].sum(), flat, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        )
        of_labels.append([[_mean(next(slopes), shares) for _ in parts] for parts in lines])
    return of_labels


def _line(start: Tensor, difference: Tensor, places: Tensor) -> Tensor:
    """Points between start and end, those of all rows at one place together: [P * B, ...]."""
    at = places.view(-1, *[1] * start.dim())
    return (start + at * difference).flatten(0, 1).requires_grad_()


def _mean(slopes: Tensor, shares: Tensor) -> Tensor:
    """Over the points of the line: [P * B, ...] -> [B, ...]."""
    each = slopes.view(POINTS, -1, *slopes.shape[1:])  # [P, B, ...]
    found: Tensor = torch.tensordot(shares, each, dims=1)
    return found


def _repeated(signal: Signal) -> Signal:
    mask = signal.mask
    return signal if mask is None else dataclasses.replace(signal, mask=mask.repeat(POINTS, 1))  # [P * B, T]


def _scores(network: AnsweringModel, name: str, signals: Sequence[Signal]) -> Tensor:
    output = network.outputs[name]
    found: Tensor = output.scores(output.complete(network.answer_to(signals, name)))
    return found  # [B, S]


def _add(
    total: Tensor, source: Source, signal: Signal, main: Tensor, beside: Sequence[Tensor], inputs: Sequence[str]
) -> None:
    """Adds what a signal adds to a score, input by input, to the total [B, F]; what is beside it is of one input."""
    of_each = main.sum(-1) if signal.form == "tokens" else main.flatten(1).sum(1, keepdim=True)  # [B, C]
    places = torch.tensor([inputs.index(feature) for feature in source.features], device=total.device)
    total.index_add_(1, places, of_each.to(total))
    for part in beside:
        total[:, places[0]] += part.flatten(1).sum(1).to(total)


def _has_step_of_each_token(column: Tensor | Padded, signal: Signal) -> bool:
    """Whether an encoder kept all steps of its column, and neither pooled them nor left some out."""
    if signal.mask is None or not isinstance(column, Padded):
        return False
    return torch.equal(column.mask.sum(1), signal.mask.sum(1))


def _parts_of(signal: Signal) -> list[Tensor]:
    """What of a signal the rest of the network reads: values, then skips, then what goes past the combiner."""
    return [signal.values, *signal.skips, *([] if signal.linear is None else [signal.linear])]


def _with_parts(signal: Signal, parts: Sequence[Tensor]) -> Signal:
    values, *others = parts
    count = len(signal.skips)
    linear = None if signal.linear is None else others[count]
    return dataclasses.replace(signal, values=values, skips=tuple(others[:count]), linear=linear, auxiliary_loss=None)


def _rows_of(signal: Signal) -> list[Tensor]:
    """The parts of a signal, each with what is averaged first: rows, or the steps that are there."""
    values, *others = _parts_of(signal)
    return [values if signal.mask is None else values[signal.mask], *others]


def _start(signal: Signal, ends: Sequence[Tensor], means: Sequence[Tensor]) -> list[Tensor]:
    """The baseline of each row; a sequence keeps its length, and each of its steps is the mean step."""
    starts = [mean.to(end).expand_as(end) for mean, end in zip(means, ends, strict=True)]
    if signal.mask is not None:
        starts[0] = torch.where(signal.mask.unsqueeze(-1), starts[0], ends[0])  # [B, T, H]
    return starts
