"""Binary outputs: the probability of true.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.binary import BinaryFacts, BinaryFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.base import Setting
from ludwig.metrics.statistics import binary_statistics
from ludwig.nn.calibration import PlattMethod, Scaling, scaling_of
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import Chosen, param

ThresholdMetric = Literal["f1", "balanced_accuracy", "accuracy", "matthews_corrcoef"]
DECODER = Chosen(DECODERS, "regressor", "binary")
LOSS = Chosen(LOSSES, "binary_weighted_cross_entropy", "binary")


@OUTPUTS.register("binary", kinds=("ecd",))
class BinaryOutput(DecodedOutput):
    """Binary output: binary classification with the probability of true.

    Takes a vector [B, H] or members [B, K, H]; logits are [B].

    ```yaml
    name: churned
    type: binary
    threshold: auto
    threshold_metric: balanced_accuracy
    calibration: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = BinaryFeature
        reported = ("accuracy", "average_precision", "precision", "recall", "roc_auc", "specificity")
        default_metric = "roc_auc"

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: BinaryFeature.TargetConfig = param(
            BinaryFeature.TargetConfig, help="Preprocessing of the target column."
        )
        threshold: float | Literal["auto"] = param(
            0.5,
            min=0,
            max=1,
            help="Decision threshold: probability from which the prediction is true. Lower it for recall, raise it "
            "for precision; auto chooses it on the validation split.",
        )
        threshold_metric: ThresholdMetric = param(
            "f1", help="Metric by which threshold auto chooses the decision threshold."
        )
        calibration: bool | PlattMethod = param(
            False,
            help="Calibration method of the probabilities, fitted on the validation split; true for temperature "
            "scaling.",
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.threshold == "auto" or self.threshold_metric == "f1":
                return super().faults()
            text = f"Has no effect: the threshold is {self.threshold}. Set threshold to auto, or remove this."
            return [*super().faults(), ("threshold_metric", text)]

    config: Config
    facts: BinaryFacts
    chosen_threshold: Tensor  # [], where it is automatic

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: BinaryFacts) -> None:
        super().__init__(config, shape, dependencies, facts)
        if config.threshold == "auto":
            self.register_buffer("chosen_threshold", torch.tensor(0.5))  # until it is chosen

    @property
    def threshold(self) -> float | Tensor:
        """The probability from which the prediction is true."""
        return self.chosen_threshold if self.config.threshold == "auto" else self.config.threshold

    @property
    def threshold_metric(self) -> str | None:
        return self.config.threshold_metric if self.config.threshold == "auto" else None

    @property
    def labels(self) -> tuple[str, ...]:
        return self.facts.labels

    def setting(self) -> Setting:
        return Setting(classes=2, threshold=float(self.threshold))

    def shaped(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1)  # [B] or [B, K]

    @property
    def scaling(self) -> Scaling | None:
        return scaling_of(self.config.calibration, ())

    def joined(self, logits: Tensor) -> Tensor:
        """Those of the mean of the probabilities; with probabilities of a loss's own, the mean logits."""
        if self.config.loss.has_own_probabilities:
            return super().joined(logits)
        return logsigmoid(logits).logsumexp(1) - logsigmoid(-logits).logsumexp(1)  # [B]

    def complete(self, prediction: Prediction) -> Prediction:
        logits = self.final(prediction).known_logits  # [B]
        own = self.loss.probabilities(logits)
        of_true = logits.sigmoid() if own is None else own
        return dataclasses.replace(prediction, predictions=of_true >= self.threshold, probabilities=of_true)

    @property
    def score_names(self) -> tuple[str, ...]:
        return self.labels

    def scores(self, prediction: Prediction) -> Tensor:
        assert prediction.probabilities is not None
        return torch.stack([1 - prediction.probabilities, prediction.probabilities], dim=1)  # [B, 2]

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        predicted = np.asarray(columns["predictions"])
        return binary_statistics(np.asarray(target), predicted, np.asarray(columns["probabilities"]), self.labels)
