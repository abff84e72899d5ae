"""What outputs of classes share.

B = rows of the batch, K = ensemble members, C = classes
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Protocol

from torch import Tensor

from ludwig.features.labels import Vocabulary
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassMetricOptions:
    """How predicted classes are evaluated."""

    reported: ClassVar[tuple[str, ...]] = ("accuracy", "accuracy_micro", "balanced_accuracy", "hits_at_k", "roc_auc")
    default_metric: ClassVar[str] = "accuracy"
    summarized: ClassVar[tuple[str, ...]] = ("accuracy", "balanced_accuracy")

    top_k: int = param(
        3,
        min=1,
        help="Top k: the hits_at_k metric counts a hit where the target is among the k most probable classes.",
    )

    def setting_for(self, classes: int) -> Setting:
        """What metrics need to know of an output of that many classes."""
        return Setting(classes=classes, top_k=self.top_k)


class ClassFacts(Protocol):
    """The fitted state of a column of classes."""

    @property
    def vocabulary(self) -> Vocabulary: ...


class ClassOutput(DecodedOutput):
    """An output that gives each class a probability, which sum to 1."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ClassMetricOptions, DecodedOutput.Config):
        pass

    config: Config
    facts: ClassFacts

    @property
    def labels(self) -> tuple[str, ...]:
        return self.facts.vocabulary.words

    @property
    def size(self) -> int:
        return len(self.facts.vocabulary)

    def setting(self) -> Setting:
        return self.config.setting_for(self.size)

    def joined(self, logits: Tensor) -> Tensor:
        """Those of the mean of the softmax probabilities; with probabilities of a loss's own, the mean logits."""
        if self.config.loss.has_own_probabilities:
            return super().joined(logits)
        return logits.log_softmax(-1).logsumexp(1) - math.log(logits.shape[1])  # [B, C]

    def complete(self, prediction: Prediction) -> Prediction:
        logits = self.final(prediction).known_logits  # [B, C]
        own = self.loss.probabilities(logits)
        probabilities = logits.softmax(-1) if own is None else own
        return dataclasses.replace(prediction, predictions=probabilities.argmax(-1), probabilities=probabilities)

    @property
    def score_names(self) -> tuple[str, ...]:
        return self.labels

    def scores(self, prediction: Prediction) -> Tensor:
        assert prediction.probabilities is not None
        return prediction.probabilities  # [B, C]
