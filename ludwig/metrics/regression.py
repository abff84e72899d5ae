"""Metrics of numbers, vectors and series.

B = rows of the batch, S = numbers of a row; numbers that are missing in the target do not count
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.nn.prediction import Prediction

KINDS = ("number", "timeseries", "vector")
SMALLEST = torch.finfo(torch.float64).eps  # below it a target does not divide


def exact(values: Tensor) -> Tensor:
    """In double precision, so that sums over millions of rows stay right; Apple's GPUs have single precision only."""
    return values.float() if values.device.type == "mps" else values.double()


class MeanMetric(Metric):
    """A mean over all numbers of all rows."""

    direction: ClassVar[Direction] = "minimize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.total: Tensor | float = 0.0
        self.count: Tensor | int = 0

    def update(self, prediction: Prediction, target: Tensor) -> None:
        assert prediction.predictions is not None
        errors = self.errors(exact(prediction.predictions.detach()), exact(target))
        known = ~errors.isnan()
        self.total = self.total + errors.nansum()
        self.count = self.count + known.sum()

    def merge(self, other: Self) -> None:
        self.total, self.count = self.total + other.total, self.count + other.count

    def compute(self) -> float | None:
        return self.finish(float(self.total) / int(self.count)) if int(self.count) else None

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The error of each number; not a number where the target is missing."""
        raise NotImplementedError

    def finish(self, mean: float) -> float:
        """The metric from the mean of the errors."""
        return mean


@METRICS.register("mean_squared_error", kinds=KINDS)
class MeanSquaredError(MeanMetric):
    """The mean of squared differences."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).square()


@METRICS.register("root_mean_squared_error", kinds=("number", "timeseries"))
class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of squared differences."""

    def finish(self, mean: float) -> float:
        return float(mean**0.5)


@METRICS.register("mean_absolute_error", kinds=KINDS)
class MeanAbsoluteError(MeanMetric):
    """The mean of absolute differences."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs()


@METRICS.register("mean_absolute_percentage_error", kinds=KINDS)
class MeanAbsolutePercentageError(MeanMetric):
    """The mean of absolute differences over the size of the target, as a share (1 is 100 %)."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted - target).abs() / target.abs().clamp_min(SMALLEST)


@METRICS.register("root_mean_squared_percentage_error", kinds=("number",))
class RootMeanSquaredPercentageError(RootMeanSquaredError):
    """The root of the mean of squared differences over the size of the target."""

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return ((predicted - target) / target.abs().clamp_min(SMALLEST)).square()


@METRICS.register("symmetric_mean_absolute_percentage_error", kinds=("timeseries",))
class SymmetricMeanAbsolutePercentageError(MeanMetric):
    """The mean of 2 |difference| / (|prediction| + |target|), between 0 and 2; 0 where both are 0.

    Source: Makridakis 1993, "Accuracy measures: theoretical and practical concerns".
    """

    def errors(self, predicted: Tensor, target: Tensor) -> Tensor:
        return 2 * (predicted - target).abs() / (predicted.abs() + target.abs()).clamp_min(SMALLEST)


@METRICS.register("mean_absolute_scaled_error", kinds=("timeseries",))
class MeanAbsoluteScaledError(Metric):
    """The mean absolute error over that of saying, for each step of a row, the step before it.

    Source: Hyndman & Koehler 2006, "Another look at measures of forecast accuracy".
    """

    direction: ClassVar[Direction] = "minimize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.errors, self.naive = MeanAbsoluteError(setting), MeanAbsoluteError(setting)

    @staticmethod
    def _naive(target: Tensor) -> tuple[Tensor, Tensor]:
        """What the step before says, and the truth. Rows of one step are compared with the row before."""
        if target.dim() == 2 and target.shape[1] > 1:
            return target[:, :-1], target[:, 1:]
        return target[:-1], target[1:]

    def update(self, prediction: Prediction, target: Tensor) -> None:
        self.errors.update(prediction, target)
        said, truth = self._naive(target)
        self.naive.update(Prediction(said, said, said), truth)

    def merge(self, other: Self) -> None:
        self.errors.merge(other.errors)
        self.naive.merge(other.naive)

    def compute(self) -> float | None:
        error, naive = self.errors.compute(), self.naive.compute()
        return error / naive if error is not None and naive else None


@METRICS.register("r2", kinds=KINDS)
class R2(Metric):
    """The share of the variance that is explained: 1 - residual squares / squares around the mean.

    Of vectors it is the mean over their numbers. Counts and moments are merged as in Chan, Golub & LeVeque 1983, so
    that a large mean does not swallow a small variance.
    """

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []  # count, mean, squares around it, residual: [S]

    def update(self, prediction: Prediction, target: Tensor) -> None:
        assert prediction.predictions is not None
        truth, said = exact(target), exact(prediction.predictions.detach())
        known = ~truth.isnan()
        count = known.sum(0)
        filled = truth.nan_to_num(0.0)
        mean = filled.sum(0) / count.clamp_min(1)
        squares = ((filled - mean).square() * known).sum(0)
        residual = ((said - filled).square() * known).sum(0)
        self.parts.append((count, mean, squares, residual))

    def merge(self, other: Self) -> None:
        self.parts += other.parts

    def compute(self) -> float | None:
        if not self.parts:
            return None
        counts, means, squares, residuals = (torch.stack(column) for column in zip(*self.parts, strict=True))
        total = counts.sum(0)
        mean = (counts * means).sum(0) / total.clamp_min(1)
        around = (squares + counts * (means - mean).square()).sum(0)
        if int(total.min()) < 2:
            return None
        residual = residuals.sum(0)
        perfect = torch.where(residual == 0, 1.0, 0.0).to(around)  # as scikit-learn says of a constant target
        r2 = torch.where(around > 0, 1 - residual / around.clamp_min(torch.finfo(around.dtype).tiny), perfect)
        return float(r2.mean())
