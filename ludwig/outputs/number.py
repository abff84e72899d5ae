"""Number outputs: regression of one number a row, normalised in training.

With quantiles a row has logits of its own for them, behind that of the prediction.

B = rows of the batch, K = ensemble members, Q = quantiles
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.number import NumberFacts, NumberFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.base import Setting
from ludwig.metrics.statistics import quantile_statistics
from ludwig.nn.prediction import Prediction
from ludwig.nn.quantiles import ascending, pinball
from ludwig.nn.signal import Shape
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.outputs.scaled import ScaledOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "regressor", "number")
LOSS = Chosen(LOSSES, "mean_squared_error", "number")


@OUTPUTS.register("number", kinds=("ecd",), aliases=("numerical",))
class NumberOutput(ScaledOutput):
    """Number output: regression. The loss is computed on the target as it is normalised and then standardised, metrics
    and predictions in its own units.

    With `quantiles` each row also gets prediction intervals. The quantiles are trained by the pinball loss (Koenker &
    Bassett 1978, "Regression Quantiles"), which is added to the loss, and do not cross. Afterwards each is shifted by
    the errors on the validation split, so that its share of new rows of the same kind lies below it: split-conformal
    prediction (Romano, Patterson & Candes 2019, arXiv:1905.03222).

    Takes a vector [B, H] or members [B, K, H]; predictions are [B], quantiles [B, Q].

    ```yaml
    name: price
    type: number
    loss: huber
    clip: [0, 1000000]
    quantiles: [0.05, 0.5, 0.95]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = NumberFeature
        reported = (
            "mean_absolute_error",
            "mean_squared_error",
            "root_mean_squared_error",
            "root_mean_squared_percentage_error",
            "mean_absolute_percentage_error",
            "r2",
            "mean_pinball_loss",
        )
        default_metric = "mean_squared_error"
        summarized = ("root_mean_squared_error", "r2")

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: NumberFeature.TargetConfig = param(
            NumberFeature.TargetConfig, help="Preprocessing of the target column."
        )
        clip: list[float] | None = param(
            None, length=2, help="Lower and upper bound that predictions are clipped to; null for none."
        )

        quantiles: list[float] = param(
            list,
            above=0,
            below=1,
            help="Quantiles, ascending, that are predicted too, each in a column of its own: prediction intervals.",
        )

        def metric_names(self) -> list[str]:
            return [name for name in super().metric_names() if self.quantiles or name != "mean_pinball_loss"]

        def faults(self) -> list[tuple[str, str]]:
            faults = super().faults()
            if self.clip is not None and not self.clip[0] < self.clip[1]:
                faults.append(("clip", f"Must be a lower and a greater upper bound. Received: {self.clip}."))
            return faults + (self._faults_of_quantiles() if self.quantiles else [])

        def _faults_of_quantiles(self) -> list[tuple[str, str]]:
            faults = []
            if self.quantiles != sorted({*self.quantiles}):
                faults.append(("quantiles", f"Must be ascending, each once. Received: {self.quantiles}."))
            loss = LOSSES.get(self.loss.type, "number")
            if loss.in_original_units or loss.finish is not Loss.finish:
                text = "cannot be added to the pinball loss of quantiles. Choose mean_squared_error, huber or "
                faults.append(("loss.type", f"'{self.loss.type}' {text}mean_absolute_error."))
            return faults

    config: Config
    facts: NumberFacts
    level: Tensor  # [Q]
    quantile_shift: Tensor  # [Q], in the units of the logits

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: NumberFacts) -> None:
        super().__init__(config, shape, dependencies, facts)
        if config.quantiles:
            self.register_buffer("level", torch.tensor(config.quantiles), persistent=False)
            self.register_buffer("quantile_shift", torch.zeros(len(config.quantiles)))  # until it is fitted

    @property
    def size(self) -> int:
        return 1 + len(self.config.quantiles)

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(self.config.quantiles)

    @property
    def fitted_names(self) -> tuple[str, ...]:
        return (*super().fitted_names, *(("quantile_shift",) if self.levels else ()))

    def setting(self) -> Setting:
        return Setting(levels=self.levels)

    def shaped(self, logits: Tensor) -> Tensor:
        if not self.levels:
            return logits.squeeze(-1)  # [B] or [B, K]
        return torch.cat([logits[..., :1], ascending(logits[..., 1:])], dim=-1)  # [B, 1 + Q] or [B, K, 1 + Q]

    def row_losses(self, loss: Loss, prediction: Prediction, target: Tensor, *, members: bool) -> Tensor:
        if not self.levels:
            return super().row_losses(loss, prediction, target, members=members)
        logits = prediction.known_logits
        rows = super().row_losses(loss, dataclasses.replace(prediction, logits=logits[..., 0]), target, members=members)
        if loss is not self.loss:
            return rows  # [B]
        each = pinball(logits[..., 1:], target.unsqueeze(1) if members else target, self.level)  # [B, Q] or [B, K, Q]
        return rows + each.flatten(1).mean(1)  # [B]

    def final(self, prediction: Prediction) -> Prediction:
        """With quantiles as they are shifted; where shifts made some cross, they are put in order.

        Source: Chernozhukov, Fernandez-Val & Galichon 2010, "Quantile and Probability Curves Without Crossing".
        """
        final = super().final(prediction)
        if not self.levels:
            return final
        logits = final.known_logits  # [B, 1 + Q]
        shifted = (logits[:, 1:] + self.quantile_shift).sort(-1).values  # [B, Q]
        return dataclasses.replace(final, logits=torch.cat([logits[:, :1], shifted], dim=-1))

    def complete(self, prediction: Prediction) -> Prediction:
        own = self.in_own_units(self.final(prediction).known_logits)  # [B] or [B, 1 + Q]
        own = own if self.config.clip is None else own.clamp(*self.config.clip)
        if not self.levels:
            return dataclasses.replace(prediction, predictions=own)
        return dataclasses.replace(prediction, predictions=own[:, 0], quantiles=own[:, 1:])

    @property
    def score_names(self) -> tuple[str, ...]:
        return (self.name,)

    def scores(self, prediction: Prediction) -> Tensor:
        assert prediction.predictions is not None
        return prediction.predictions.unsqueeze(1)  # [B, 1]

    def answers(self, prediction: Prediction) -> dict[str, Tensor]:
        answers = super().answers(prediction)
        if prediction.quantiles is None:
            return answers
        columns = zip(self.levels, prediction.quantiles.unbind(-1), strict=True)
        return {**answers, **{quantile_key(level): column for level, column in columns}}

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        if not self.levels:
            return {}
        quantiles = np.stack([columns[quantile_key(level)] for level in self.levels], axis=1)  # [N, Q]
        return quantile_statistics(self.observed(torch.as_tensor(target)).numpy(), quantiles, self.levels)


def quantile_key(level: float) -> str:
    """The key of a quantile's column."""
    return f"quantile_{level}"
