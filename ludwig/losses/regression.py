"""Losses of numbers and of vectors of numbers.

B = rows of the batch, S = numbers of a row; number outputs have [B], vectors and series [B, S]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from ludwig.losses.base import LOSSES, Loss
from ludwig.schema import param

KINDS = ("number", "timeseries", "vector")
SMALLEST = torch.finfo(torch.float32).eps  # below it a target does not divide


class RegressionLoss(Loss):
    """The mean over the numbers of a row; a number that is missing in the target does not count."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if target.dim() == 1:
            return self.errors(logits, target)  # [B]
        known = ~target.isnan()
        errors = self.errors(logits, target.nan_to_num(0.0)) * known  # [B, S]
        return errors.sum(1) / known.sum(1).clamp_min(1)  # [B]

    def row_weights(self, target: Tensor) -> Tensor | None:
        """Rows of a series without any number do not count."""
        return None if target.dim() == 1 else (~target.isnan()).any(1).to(target.dtype)

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The error of each number."""
        raise NotImplementedError


@LOSSES.register("mean_squared_error", kinds=KINDS)
class MeanSquaredError(RegressionLoss):
    """The mean of squared differences."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).square()


@LOSSES.register("mean_absolute_error", kinds=KINDS)
class MeanAbsoluteError(RegressionLoss):
    """The mean of absolute differences."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs()


@LOSSES.register("mean_absolute_percentage_error", kinds=KINDS)
class MeanAbsolutePercentageError(RegressionLoss):
    """The mean of absolute differences over the size of the target, as a share (1 is 100 %)."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    in_original_units: ClassVar[bool] = True

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs() / target.abs().clamp_min(SMALLEST)


@LOSSES.register("root_mean_squared_error", kinds=("number",))
class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of squared differences."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def finish(self, mean: Tensor) -> Tensor:
        return mean.clamp_min(torch.finfo(mean.dtype).tiny).sqrt()  # the root's slope at 0 is infinite


@LOSSES.register("root_mean_squared_percentage_error", kinds=("number",))
class RootMeanSquaredPercentageError(RootMeanSquaredError):
    """The root of the mean of squared differences over the size of the target."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    in_original_units: ClassVar[bool] = True

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return ((predicted - target) / target.abs().clamp_min(SMALLEST)).square()


@LOSSES.register("huber", kinds=KINDS)
class HuberLoss(RegressionLoss):
    """Squared for small differences, linear beyond delta.

    Source: Huber 1964, "Robust Estimation of a Location Parameter".
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        delta: float = param(1.0, above=0, help="From which difference on the loss is linear.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.delta = config.delta

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return huber_loss(predicted, target, reduction="none", delta=self.delta)
