"""Metrics of numbers, vectors and series.

B = rows of the batch, S = numbers of a row; numbers that are missing in the target do not count
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.mean import MeanMetric
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction
from ludwig.nn.quantiles import pinball

KINDS = ("number", "timeseries", "vector")
SMALLEST = torch.finfo(torch.float64).eps  # a target nearer to zero divides like this number


class ErrorMetric(MeanMetric):
    """The mean of the errors of all numbers of all rows."""

    direction: ClassVar[Direction] = "minimize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        assert prediction.predictions is not None
        truth = wide(target)
        return self.errors(wide(prediction.predictions), truth), ~truth.isnan()

    @abstractmethod
    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The error of each number."""


@METRICS.register("mean_squared_error", kinds=KINDS)
class MeanSquaredError(ErrorMetric):
    """Mean squared error (MSE)."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).square()


@METRICS.register("root_mean_squared_error", kinds=("number", "timeseries"))
class RootMeanSquaredError(MeanSquaredError):
    """Root mean squared error (RMSE)."""

    def finish(self, mean: float) -> float:
        return float(mean**0.5)


@METRICS.register("mean_absolute_error", kinds=KINDS)
class MeanAbsoluteError(ErrorMetric):
    """Mean absolute error (MAE)."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs()


@METRICS.register("mean_absolute_percentage_error", kinds=KINDS)
class MeanAbsolutePercentageError(ErrorMetric):
    """Mean absolute percentage error (MAPE), as a fraction: 1 is 100 %."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs() / target.abs().clamp_min(SMALLEST)


@METRICS.register("root_mean_squared_percentage_error", kinds=("number",))
class RootMeanSquaredPercentageError(RootMeanSquaredError):
    """Root mean squared percentage error (RMSPE), as a fraction: 1 is 100 %."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return ((predicted - target) / target.abs().clamp_min(SMALLEST)).square()


@METRICS.register("symmetric_mean_absolute_percentage_error", kinds=("timeseries",))
class SymmetricMeanAbsolutePercentageError(ErrorMetric):
    """Symmetric mean absolute percentage error (SMAPE), 2 |error| / (|prediction| + |target|): 0 to 2.

    Source: Makridakis 1993, "Accuracy measures: theoretical and practical concerns".
    """

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return 2 * (predicted - target).abs() / (predicted.abs() + target.abs()).clamp_min(SMALLEST)


@METRICS.register("mean_absolute_scaled_error", kinds=("timeseries",))
class MeanAbsoluteScaledError(Metric):
    """Mean absolute scaled error (MASE): the MAE over that of the naive forecast, which repeats the step before.

    Steps before it are those of the same row; where rows have one step only, it is that of the row before.
    Source: Hyndman & Koehler 2006, "Another look at measures of forecast accuracy".
    """

    direction: ClassVar[Direction] = "minimize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.errors, self.naive = MeanAbsoluteError(setting), MeanAbsoluteError(setting)
        self.ends: Tensor | None = None  # [2, 1], the first and the last row so far, where rows have one step

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        self.errors.update(prediction, target, weights)
        if target.shape[1] > 1:
            self._count(target[:, :-1], target[:, 1:], weights)
        elif len(target):
            self._count(target[:-1], target[1:])
            self._link(torch.cat([target[:1], target[-1:]]))  # [2, 1]

    def merge(self, other: Self) -> None:
        self.errors.merge(other.errors)
        self.naive.merge(other.naive)
        if other.ends is not None:
            self._link(other.ends)

    def compute(self) -> float | None:
        error, naive = self.errors.compute(), self.naive.compute()
        return error / naive if error is not None and naive else None

    def _link(self, ends: Tensor) -> None:
        """Counts the step from the last row so far to the first of what follows."""
        if self.ends is not None:
            self._count(self.ends[1:], ends[:1])
            ends = torch.cat([self.ends[:1], ends[1:]])
        self.ends = ends

    def _count(self, before: Tensor, after: Tensor, weights: Tensor | None = None) -> None:
        steps = (wide(after) - wide(before)).abs()
        self.naive.add(steps, ~steps.isnan(), weights)


@METRICS.register("mean_pinball_loss", kinds=("number", "timeseries"))
class MeanPinballLoss(MeanMetric):
    """Mean pinball loss (quantile loss) over the predicted quantiles, in the units of the target.

    Source: Koenker & Bassett 1978, "Regression Quantiles".
    """

    direction: ClassVar[Direction] = "minimize"

    @classmethod
    def applies(cls, setting: Setting) -> bool:
        return bool(setting.levels)

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        assert prediction.quantiles is not None
        truth = wide(target)
        levels = truth.new_tensor(self.setting.levels)
        return pinball(wide(prediction.quantiles), truth, levels).mean(-1), ~truth.isnan()


@METRICS.register("r2", kinds=KINDS)
class R2(Metric):
    """R2, coefficient of determination: 1 - residual sum of squares / total sum of squares.

    Of vectors it is the mean over their places. Moments of batches are merged as in Chan, Golub & LeVeque 1983,
    "Algorithms for Computing the Sample Variance", so that a large mean does not swallow a small variance.
    """

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.parts: list[Tensor] = []  # of each batch [5, S]: rows, weight, mean, squares around it, residual squares

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.predictions is not None
        truth, predicted = _columns(target), _columns(prediction.predictions)  # [B, S]
        there = (~truth.isnan()).to(truth)  # [B, S]
        shares = there if weights is None else there * wide(weights).unsqueeze(1)  # [B, S]
        truth = truth.nan_to_num(0.0)
        weight = shares.sum(0)
        mean = (shares * truth).sum(0) / torch.where(weight > 0, weight, 1)  # [S]
        around, residual = truth - mean, (predicted - truth).masked_fill(there == 0, 0.0)
        squares = (torch.stack([around, residual]).square() * shares).sum(1)  # [2, S]
        self.parts.append(torch.cat([torch.stack([(shares > 0).sum(0).to(mean), weight, mean]), squares]))

    def merge(self, other: Self) -> None:
        self.parts += other.parts

    def compute(self) -> float | None:
        if not self.parts:
            return None
        rows, weights, means, squares, residuals = torch.stack(self.parts, 1).cpu().double()  # [batches, S]
        weight = weights.sum(0)
        mean = (weights * means).sum(0) / torch.where(weight > 0, weight, 1)
        around = (squares + weights * (means - mean).square()).sum(0)
        residual = residuals.sum(0)
        of_constant = torch.where(
            residual > 0, 0.0, 1 - residual
        )  # 1 if it is predicted exactly, as scikit-learn has it
        shares = torch.where(around > 0, 1 - residual / around, of_constant)[rows.sum(0) >= 2]
        return float(shares.mean()) if len(shares) else None


def _columns(numbers: Tensor) -> Tensor:
    """Those of number outputs as vectors of one: [B] or [B, S] -> [B, S]."""
    return wide(numbers).unsqueeze(1).flatten(1)
