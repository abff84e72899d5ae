"""What outputs of numbers share that may predict quantiles too: logits of their own, behind that of each prediction.

B = rows of the batch, K = ensemble members, Q = quantiles; the target is [B, *shape]
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.base import Setting
from ludwig.metrics.statistics import quantile_statistics
from ludwig.nn.prediction import Prediction
from ludwig.nn.quantiles import ascending, pinball
from ludwig.nn.signal import Shape
from ludwig.outputs.decoded import DecodedOutput
from ludwig.outputs.scaled import ScaledOutput
from ludwig.schema import param


class QuantileOutput(ScaledOutput):
    """With `quantiles` each number of a row also gets prediction intervals.

    They are trained by the pinball loss (Koenker & Bassett 1978, "Regression Quantiles"), which is added to the loss,
    and do not cross. Afterwards each is shifted by the errors on the validation split, so that its share of new rows of
    the same kind lies below it: split-conformal prediction (Romano, Patterson & Candes 2019, arXiv:1905.03222).
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        quantiles: list[float] = param(
            list,
            above=0,
            below=1,
            help="Quantiles, ascending, that are predicted too, each in a column of its own: prediction intervals.",
        )

        def metric_names(self) -> list[str]:
            return [name for name in super().metric_names() if self.quantiles or name != "mean_pinball_loss"]

        def faults(self) -> list[tuple[str, str]]:
            return super().faults() + (self._faults_of_quantiles() if self.quantiles else [])

        def _faults_of_quantiles(self) -> list[tuple[str, str]]:
            faults = []
            if self.quantiles != sorted({*self.quantiles}):
                faults.append(("quantiles", f"Must be ascending, each once. Received: {self.quantiles}."))
            loss = LOSSES.get(self.loss.type, self.kind)
            if loss.in_original_units or loss.finish is not Loss.finish:
                text = "cannot be added to the pinball loss of quantiles. Choose mean_squared_error, huber or "
                faults.append(("loss.type", f"'{self.loss.type}' {text}mean_absolute_error."))
            return faults

    config: Config
    level: Tensor  # [Q]
    quantile_shift: Tensor  # [*shape, Q], in the units of the logits

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: Any) -> None:
        super().__init__(config, shape, dependencies, facts)
        if config.quantiles:
            self.register_buffer("level", torch.tensor(config.quantiles), persistent=False)
            shifts = torch.zeros(*self.row_shape, len(config.quantiles))
            self.register_buffer("quantile_shift", shifts)  # until it is fitted

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Of the numbers of a row."""
        return ()

    @property
    def size(self) -> int:
        return math.prod(self.row_shape) * (1 + len(self.config.quantiles))

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(self.config.quantiles)

    @property
    def fitted_names(self) -> tuple[str, ...]:
        return (*super().fitted_names, *(("quantile_shift",) if self.levels else ()))

    def setting(self) -> Setting:
        return Setting(levels=self.levels)

    def shaped(self, logits: Tensor) -> Tensor:
        numbers = 1 + len(self.levels)
        each = logits.view(*logits.shape[:-1], *self.row_shape, numbers)  # [B, *shape, 1 + Q], [B, K, *shape, 1 + Q]
        if not self.levels:
            return each.squeeze(-1)  # [B, *shape] or [B, K, *shape]
        return torch.cat([each[..., :1], ascending(each[..., 1:])], dim=-1)

    def row_losses(self, loss: Loss, prediction: Prediction, target: Tensor, *, members: bool) -> Tensor:
        if not self.levels:
            return super().row_losses(loss, prediction, target, members=members)
        logits = prediction.known_logits
        rows = super().row_losses(loss, dataclasses.replace(prediction, logits=logits[..., 0]), target, members=members)
        if loss is not self.loss:
            return rows  # [B]
        there = ~target.isnan()  # [B, *shape]
        truth = target.nan_to_num(0.0)
        each = pinball(logits[..., 1:], truth.unsqueeze(1) if members else truth, self.level).mean(-1)
        each = each.mean(1) if members else each  # [B, *shape]
        counted = there.reshape(len(there), -1).sum(1).clamp_min(1)  # [B]
        return rows + (each * there).reshape(len(each), -1).sum(1) / counted  # [B]

    def final(self, prediction: Prediction) -> Prediction:
        """With quantiles as they are shifted; where shifts made some cross, they are put in order.

        Source: Chernozhukov, Fernandez-Val & Galichon 2010, "Quantile and Probability Curves Without Crossing".
        """
        final = super().final(prediction)
        if not self.levels:
            return final
        logits = final.known_logits  # [B, *shape, 1 + Q]
        shifted = (logits[..., 1:] + self.quantile_shift).sort(-1).values  # [B, *shape, Q]
        return dataclasses.replace(final, logits=torch.cat([logits[..., :1], shifted], dim=-1))

    def complete(self, prediction: Prediction) -> Prediction:
        own = self.clipped(self.in_own_units(self.final(prediction).known_logits))  # [B, *shape] or [B, *shape, 1 + Q]
        if not self.levels:
            return dataclasses.replace(prediction, predictions=own)
        return dataclasses.replace(prediction, predictions=own[..., 0], quantiles=own[..., 1:])

    def clipped(self, own: Tensor) -> Tensor:
        """The numbers in the column's own units within their bounds."""
        return own

    def answers(self, prediction: Prediction) -> dict[str, Tensor]:
        answers = super().answers(prediction)
        if prediction.quantiles is None:
            return answers
        columns = zip(self.levels, prediction.quantiles.unbind(-1), strict=True)
        return {**answers, **{quantile_key(level): column for level, column in columns}}

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        if not self.levels:
            return {}
        quantiles = np.stack([columns[quantile_key(level)] for level in self.levels], axis=-1)  # [N, *shape, Q]
        truth = self.observed(torch.as_tensor(target)).numpy()  # [N, *shape]
        known = ~np.isnan(truth)
        return quantile_statistics(truth[known], quantiles[known], self.levels)


def quantile_key(level: float) -> str:
    """The key of a quantile's column."""
    return f"quantile_{level}"
