"""Losses of numbers and of vectors of numbers.

B = rows of the batch, S = numbers of a row; number outputs have [B], vectors and series [B, S]
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from ludwig.losses.base import LOSSES, Loss
from ludwig.schema import param

KINDS = ("number", "timeseries", "vector")
SMALLEST = torch.finfo(torch.float32).eps  # a target nearer to zero divides like this number


class RegressionLoss(Loss, ABC):
    """The mean over the entries of a row. An entry that is missing in a row of several does not count."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if target.dim() == 1:
            return self.errors(logits, target)  # [B]
        there = ~target.isnan()
        errors = self.errors(logits, target.nan_to_num(0.0)) * there  # [B, S]
        return errors.sum(1) / there.sum(1).clamp_min(1)  # [B]

    def row_weights(self, target: Tensor) -> Tensor | None:
        """Rows of several numbers of which none is there do not count."""
        return None if target.dim() == 1 else (~target.isnan()).any(1).float()  # [B]

    @abstractmethod
    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The error of each number: [B] or [B, S]."""


@LOSSES.register("mean_squared_error", kinds=KINDS)
class MeanSquaredError(RegressionLoss):
    """Mean squared error (MSE, L2 loss).

    Use it as the default of number outputs; it predicts the mean and follows outliers.

    Takes predictions and targets [B], or [B, S] where missing entries do not count.

    ```yaml
    name: price
    type: number
    loss:
      type: mean_squared_error
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).square()


@LOSSES.register("mean_absolute_error", kinds=KINDS)
class MeanAbsoluteError(RegressionLoss):
    """Mean absolute error (MAE, L1 loss).

    Use it against outliers; it predicts the median.

    Takes predictions and targets [B], or [B, S] where missing entries do not count.

    ```yaml
    name: price
    type: number
    loss:
      type: mean_absolute_error
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs()


@LOSSES.register("mean_absolute_percentage_error", kinds=KINDS)
class MeanAbsolutePercentageError(RegressionLoss):
    """Mean absolute percentage error (MAPE), as a fraction: 1 is 100 %. It is computed in the column's own units.

    Use it for positive targets of very different sizes. Targets near zero dominate it.

    Takes predictions and targets [B], or [B, S] where missing entries do not count.

    ```yaml
    name: sales
    type: number
    loss:
      type: mean_absolute_percentage_error
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    in_original_units: ClassVar[bool] = True

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs() / target.abs().clamp_min(SMALLEST)


@LOSSES.register("root_mean_squared_error", kinds=("number",))
class RootMeanSquaredError(MeanSquaredError):
    """Root mean squared error (RMSE): its gradient is that of the MSE over twice the error, so steps depend less on the
    scale.

    Use it as the MSE. The root is taken over the batch, so accumulated batches do not equal the big batch exactly.

    Takes predictions and targets [B].

    ```yaml
    name: price
    type: number
    loss:
      type: root_mean_squared_error
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def finish(self, mean: Tensor) -> Tensor:
        root = mean.clamp_min(torch.finfo(mean.dtype).tiny).sqrt()  # the root's slope at 0 is infinite
        return torch.where(mean == 0, mean, root)


@LOSSES.register("root_mean_squared_percentage_error", kinds=("number",))
class RootMeanSquaredPercentageError(RootMeanSquaredError):
    """Root mean squared percentage error (RMSPE), as a fraction: 1 is 100 %. It is computed in the column's own units.

    Use it as the mean absolute percentage error, where large relative errors should count more.

    Takes predictions and targets [B].

    ```yaml
    name: sales
    type: number
    loss:
      type: root_mean_squared_percentage_error
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    in_original_units: ClassVar[bool] = True

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return ((predicted - target) / target.abs().clamp_min(SMALLEST)).square()


@LOSSES.register("huber", kinds=KINDS)
class Huber(RegressionLoss):
    """Huber loss: half the squared error up to delta, and linear beyond it.

    Use it as a compromise between mean squared and mean absolute error, for targets with outliers.

    Takes predictions and targets [B], or [B, S] where missing entries do not count.

    Source: Huber 1964, "Robust Estimation of a Location Parameter".

    ```yaml
    name: price
    type: number
    loss:
      type: huber
      delta: 1.5
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        delta: float = param(
            1.0,
            above=0,
            help="Delta: difference from which the loss is linear, not quadratic. Lower it against outliers.",
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.delta = config.delta

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return huber_loss(predicted, target, reduction="none", delta=self.delta)
