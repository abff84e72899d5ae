"""Anomaly outputs: how far a row lies from the normal ones.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from torch import Tensor

from ludwig.decoders.anomaly import AnomalyDecoder
from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.anomaly import AnomalyFacts, AnomalyFeature
from ludwig.losses.anomaly import AnomalyLoss
from ludwig.losses.base import LOSSES
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "anomaly", "anomaly")
LOSS = Chosen(LOSSES, "deep_svdd", "anomaly")


@OUTPUTS.register("anomaly", kinds=("ecd",))
class AnomalyOutput(DecodedOutput):
    """Anomaly output: one-class anomaly detection with a score that is about 1 for an average row before training.

    Training needs no labels. A row is predicted as an anomaly where its score exceeds the threshold, by default the
    `threshold_percentile` of the scores on the validation split, labelled anomalies left out.

    Takes a vector [B, H] or members [B, K, H]; scores are [B].

    ```yaml
    name: is_fraud
    type: anomaly
    threshold: auto
    threshold_percentile: 99
    loss: drocc
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = AnomalyFeature
        reported = ("anomaly_auroc", "f1_max")
        default_metric = "anomaly_auroc"

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[AnomalyLoss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: AnomalyFeature.TargetConfig = param(
            AnomalyFeature.TargetConfig, help="Preprocessing of the target column."
        )
        threshold: float | Literal["auto"] = param(
            "auto",
            min=0,
            help="Decision threshold: score above which a row is predicted as an anomaly; auto takes the "
            "threshold_percentile.",
        )
        threshold_percentile: float = param(
            95.0, min=0, max=100, help="Percentile of the scores that threshold auto takes as decision threshold."
        )

    has_baselines = False  # its labels are no target of training

    config: Config
    decoder: AnomalyDecoder
    chosen_threshold: Tensor  # [], where it is automatic

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: AnomalyFacts) -> None:
        super().__init__(config, shape, dependencies, facts)
        if config.threshold == "auto":
            self.register_buffer("chosen_threshold", torch.tensor(math.inf))  # until it is chosen

    @property
    def threshold(self) -> float | Tensor:
        """The score above which a row is predicted as an anomaly."""
        return self.chosen_threshold if self.config.threshold == "auto" else self.config.threshold

    @property
    def threshold_percentile(self) -> float | None:
        return self.config.threshold_percentile if self.config.threshold == "auto" else None

    def decoded(self, combined: Signal, target: Tensor | None) -> Prediction:
        """With the scores of perturbed rows beside the others in training, where the loss asks for them."""
        prediction = super().decoded(combined, target)
        if not (self.training and self.config.loss.perturbs and torch.is_grad_enabled()):
            return prediction
        perturbed = self.decoder.perturbed(combined, *self.config.loss.perturbation)
        both = torch.cat([prediction.known_logits, perturbed], dim=-1)  # [B, 2] or [B, K, 2]
        return dataclasses.replace(prediction, logits=both)

    def shaped(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1) if logits.shape[-1] == 1 else logits  # [B] or [B, K]; in training also [B, 2]

    def final(self, prediction: Prediction) -> Prediction:
        """Without the scores of perturbed rows, which are the loss's alone."""
        scores = prediction.known_logits
        if scores.dim() > 1 + self.has_members:
            prediction = dataclasses.replace(prediction, logits=scores[..., 0])
        return super().final(prediction)

    def complete(self, prediction: Prediction) -> Prediction:
        scores = self.final(prediction).known_logits  # [B]
        return dataclasses.replace(prediction, predictions=(scores > self.threshold).to(torch.int8))

    def answers(self, prediction: Prediction) -> dict[str, Tensor]:
        return {"anomaly_score": self.final(prediction).known_logits, **super().answers(prediction)}
