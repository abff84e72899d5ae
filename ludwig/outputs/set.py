"""Set outputs: which of several labels a row has.

B = rows of the batch, K = ensemble members, C = labels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from torch import Tensor
from torch.nn.functional import logsigmoid

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.members import MemberFacts
from ludwig.features.set import SetFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.base import Setting
from ludwig.metrics.statistics import label_statistics
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "classifier", "set")
LOSS = Chosen(LOSSES, "sigmoid_cross_entropy", "set")


@OUTPUTS.register("set", kinds=("ecd",))
class SetOutput(DecodedOutput):
    """Set output: multi-label classification with a probability of each label by itself.

    Predictions are the labels whose probability reaches the threshold. A label that the training split does not have is
    left out of evaluation.

    Takes a vector [B, H] or members [B, K, H]; logits are [B, C].

    ```yaml
    name: genres
    type: set
    threshold: 0.4
    preprocessing: {tokenizer: comma}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = SetFeature
        reported = ("jaccard",)
        default_metric = "jaccard"

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: SetFeature.TargetConfig = param(
            SetFeature.TargetConfig, help="Preprocessing of the target column."
        )
        threshold: float = param(
            0.5,
            min=0,
            max=1,
            help="Decision threshold: probability from which a label is predicted. Lower it for recall, raise it for "
            "precision.",
        )

        def faults(self) -> list[tuple[str, str]]:
            if not self.decoder.averages_probabilities:
                return super().faults()
            text = "Averages probabilities that sum to 1, and those of a set's labels do not. Set it to 0."
            return [*super().faults(), ("decoder.mc_dropout_samples", text)]

    config: Config
    facts: MemberFacts

    @property
    def labels(self) -> tuple[str, ...]:
        return self.facts.vocabulary.words

    @property
    def size(self) -> int:
        return len(self.facts.vocabulary)

    def setting(self) -> Setting:
        return Setting(classes=self.size, threshold=self.config.threshold)

    def joined(self, logits: Tensor) -> Tensor:
        """Those of the mean of the probabilities."""
        return logsigmoid(logits).logsumexp(1) - logsigmoid(-logits).logsumexp(1)  # [B, C]

    def complete(self, prediction: Prediction) -> Prediction:
        probabilities = self.final(prediction).known_logits.sigmoid()  # [B, C]
        chosen = probabilities >= self.config.threshold
        return dataclasses.replace(prediction, predictions=chosen, probabilities=probabilities)

    def answer(self, probabilities: Tensor) -> Prediction:
        hidden = probabilities.new_empty((len(probabilities), 0))
        return Prediction(None, hidden, probabilities >= self.config.threshold, probabilities)

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        return label_statistics(np.asarray(target) > 0, np.asarray(columns["predictions"]) > 0, self.labels)
