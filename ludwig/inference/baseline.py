"""What simple models reach on the same rows: a constant, and a linear model of the same encoded inputs.

N = rows, I = columns of ids, F = columns of numbers, C = classes, S = numbers of a target
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ludwig.columns.frame import SAMPLE_WEIGHT, Frame
from ludwig.columns.ragged import Ragged
from ludwig.models.base import Model
from ludwig.nn.prediction import Prediction
from ludwig.outputs.decoded import DecodedOutput
from ludwig.runtime.seed import undrawn

Baseline = Callable[["Table"], NDArray[Any]]  # probabilities [N, C], or numbers in the column's own units [N, S]
Floats = NDArray[np.float64]
Scores = dict[str, dict[str, float]]  # by output, by metric

CONSTANT, LINEAR = "constant", "linear"
MOST_ROWS = 20_000  # that a linear model is fitted on
MOST_WEIGHTS = 1_000_000  # of a linear model that is worth its time
MOST_NUMBERS = 256  # of a cell that a linear model reads
MOST_IDS = 200  # of a column that have a weight of their own, the most frequent ones
ITERATIONS = 200


@dataclasses.dataclass(frozen=True)
class Table:
    """Encoded inputs as a linear model reads them."""

    ids: NDArray[np.int64]  # [N, I]
    numbers: NDArray[np.float32]  # [N, F]

    @staticmethod
    def of(frame: Frame, names: Sequence[str]) -> Table:
        """The inputs of these names; media, and cells of many numbers, are left out."""
        ids: list[NDArray[Any]] = []
        numbers = [np.empty((len(frame), 0), np.float32)]
        for name in names:
            column = frame.others.get(name)
            if isinstance(column, Ragged):
                numbers.append(_summary(column))
            elif column is None:
                cells = frame.columns((name,))[:, 0].cpu().numpy()  # [N, *shape]
                if cells.ndim == 1 and cells.dtype.kind in "iub":
                    ids.append(cells.astype(np.int64))
                elif cells.size <= MOST_NUMBERS * len(cells):
                    numbers.append(np.nan_to_num(cells.reshape(len(cells), -1).astype(np.float32)))
        stacked = np.stack(ids, axis=1) if ids else np.empty((len(frame), 0), np.int64)
        return Table(stacked, np.concatenate(numbers, axis=1))

    def rows(self, index: NDArray[np.bool_]) -> Table:
        return Table(self.ids[index], self.numbers[index])

    @property
    def width(self) -> int:
        """Columns of the design matrix, at most."""
        return int(self.ids.shape[1] * MOST_IDS + self.numbers.shape[1])

    def joined(self) -> NDArray[np.float64]:
        """[N, I + F]"""
        return np.concatenate([self.ids, self.numbers], axis=1, dtype=np.float64)


def baselines(model: Model, training: Frame, splits: Mapping[str, Frame]) -> dict[str, dict[str, Scores]]:
    """The metrics of both baselines on the splits, computed as those of the model are: by baseline, by split.

    The constant is the share of each class, or the mean. The linear model is scikit-learn's logistic or ridge
    regression on those inputs whose cells are ids, numbers or lists of them. Both count rows by their weights.
    """
    decoded = {name: output for name, output in model.outputs.items() if isinstance(output, DecodedOutput)}
    outputs = {name: output for name, output in decoded.items() if output.has_baselines}
    names = [name for name in training.names if name not in (*model.outputs, SAMPLE_WEIGHT)]
    tables = {split: Table.of(frame, names) for split, frame in splits.items()}
    sample = training.rows(torch.from_numpy(np.random.default_rng(0).permutation(len(training))[:MOST_ROWS]))
    fitted_on = Table.of(sample, names)
    found: dict[str, dict[str, Scores]] = {CONSTANT: {}, LINEAR: {}}
    for name, output in outputs.items():
        linear = _linear(output, fitted_on, model.target(name, sample).cpu(), _weights(sample))
        constant = _constant(output, model.target(name, training).cpu(), _weights(training))
        fitted = {CONSTANT: constant, LINEAR: linear}
        for kind, baseline in fitted.items():
            if baseline is not None:
                for split, table in tables.items():
                    frame = splits[split]
                    scores = _scores(output, baseline(table), model.target(name, frame).cpu(), frame.weights)
                    found[kind].setdefault(split, {})[name] = scores
    return found


def _weights(frame: Frame) -> Floats:
    """How much each row counts: [N]."""
    return np.ones(len(frame)) if frame.weights is None else frame.weights.double().cpu().numpy()


def _summary(column: Ragged) -> NDArray[np.float32]:
    """Of lists of ids how often each of the first occurs, of series their mean and their last step: [N, F]."""
    lengths = column.lengths.numpy()
    rows, flat = np.repeat(np.arange(len(column)), lengths), column.values.numpy()
    values = flat.reshape(len(flat), math.prod(flat.shape[1:]))[:, 0]  # [total]
    if column.values.is_floating_point():
        sums = np.bincount(rows, np.nan_to_num(values), minlength=len(column))
        ends = column.offsets.numpy()[1:] - 1
        last = np.nan_to_num(values[np.clip(ends, 0, None)]) if len(values) else sums
        return np.stack([sums / np.maximum(lengths, 1), np.where(lengths > 0, last, 0)], axis=1).astype(np.float32)
    ids = values.astype(np.int64)
    counts = np.zeros((len(column), MOST_IDS), np.float32)  # ids are in the order of their frequency
    near = ids < MOST_IDS
    np.add.at(counts, (rows[near], ids[near]), 1)
    return counts


def _constant(output: DecodedOutput, target: Tensor, weights: Floats) -> Baseline:
    """The share of each class, or the mean in the column's own units."""
    if _has_ids(output, target):
        known = (target >= 0).numpy()
        each = np.broadcast_to(weights.reshape(-1, *[1] * (target.dim() - 1)), target.shape)  # of the pixels of a mask
        counts = np.bincount(target.long().numpy()[known], each[known], minlength=len(output.labels))
        row = counts / (counts.sum() or 1)  # [C]
    else:
        own = _numbers(output, target).numpy()  # [N, S]
        shares = np.where(np.isnan(own), 0, weights[:, None])
        row = (shares * np.nan_to_num(own)).sum(0) / np.maximum(shares.sum(0), np.finfo(np.float64).tiny)  # [S]
    return lambda table: np.tile(row, (len(table.ids), 1))


def _has_ids(output: DecodedOutput, target: Tensor) -> bool:
    """Whether the target is one class a row or a pixel, and not a mark or share of each class."""
    return bool(output.labels) and target.dim() != 2


def _numbers(output: DecodedOutput, target: Tensor) -> Tensor:
    """The target in the column's own units, or the mark or share of each class: [N, S]."""
    own = target if output.labels else output.observed(target)
    return own.double().view(len(target), -1)


def _linear(output: DecodedOutput, table: Table, target: Tensor, weights: Floats) -> Baseline | None:
    """Logistic or ridge regression; None where there is nothing that it can be fitted on."""
    if output.labels and target.dim() > 2:
        return None  # a class for each pixel
    has_ids = _has_ids(output, target)
    known = target >= 0 if has_ids else target.view(len(target), -1).isfinite().all(1)  # [N]
    known &= torch.from_numpy(weights > 0)
    given, answers = table.rows(known.numpy()), target[known]
    answers_each = len(output.labels) or math.prod(target.shape[1:])
    if table.width == 0 or len(answers) < 2 or table.width * answers_each > MOST_WEIGHTS:
        return None
    fit = _logistic if has_ids else _ridge
    return fit(output, given, answers, weights[known.numpy()])


def _logistic(output: DecodedOutput, table: Table, ids: Tensor, weights: Floats) -> Baseline | None:
    classes = np.unique(ids.long().numpy())
    if len(classes) < 2:
        return None
    with warnings.catch_warnings(action="ignore"):  # of not having converged
        logistic = _linear_models().LogisticRegression(max_iter=ITERATIONS)
        fitted = _fitted(table, logistic, ids.long().numpy(), weights)

    def probabilities(rows: Table) -> NDArray[Any]:
        found = np.zeros((len(rows.ids), len(output.labels)))
        found[:, classes] = fitted.predict_proba(rows.joined())
        return found

    return probabilities


def _ridge(output: DecodedOutput, table: Table, numbers: Tensor, weights: Floats) -> Baseline:
    fitted = _fitted(table, _linear_models().Ridge(), numbers.numpy(), weights)

    def predicted(rows: Table) -> NDArray[Any]:
        found = torch.from_numpy(fitted.predict(rows.joined()))
        if output.labels:  # shares of classes
            return found.clamp(0, 1).numpy()
        scaled = found.to(numbers.dtype).view(-1, *numbers.shape[1:])
        return output.observed(scaled).view(len(scaled), -1).numpy()

    return predicted


def _linear_models() -> Any:
    with undrawn():
        from sklearn import linear_model
    return linear_model


def _fitted(table: Table, estimator: Any, target: NDArray[Any], weights: Floats) -> Any:
    """A pipeline of one-hot ids and standardised numbers, with an estimator that knows the weights of its rows."""
    with undrawn():
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
    ids = [*range(table.ids.shape[1])]
    numbers = [*range(len(ids), len(ids) + table.numbers.shape[1])]
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=MOST_IDS)
    columns = ColumnTransformer([("ids", one_hot, ids), ("numbers", StandardScaler(), numbers)])
    pipeline = make_pipeline(columns, estimator)
    return pipeline.fit(table.joined(), target, **{f"{pipeline.steps[-1][0]}__sample_weight": weights})


def _scores(output: DecodedOutput, found: NDArray[Any], target: Tensor, weights: Tensor | None) -> dict[str, float]:
    """The metrics of what a baseline predicts; the number that it predicts is its quantile of every level."""
    values = torch.from_numpy(np.ascontiguousarray(found))  # [N, C] or [N, S]
    hidden = values.new_empty((len(values), 0))
    if not output.labels:
        numbers = values.view(-1, *target.shape[1:])  # as the target
        quantiles = numbers.unsqueeze(-1).expand(*numbers.shape, len(output.levels))
        prediction = Prediction(None, hidden, predictions=numbers, quantiles=quantiles)
    elif output.size == 1:  # one probability, that of true
        of_true = values[:, 1].float()
        prediction = Prediction(None, hidden, of_true >= output.setting().threshold, of_true)
    else:
        prediction = output.answer(values.float())
    board = output.scoreboard().board
    board.update(prediction, output.observed(target), None if weights is None else weights.cpu())
    return board.compute()
