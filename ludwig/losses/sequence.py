"""Losses of sequences of tokens. A step whose target is below zero is padding and does not count.

B = rows of the batch, T = steps, C = tokens of the vocabulary, N = all steps of the batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor

from ludwig.losses.base import LOSSES
from ludwig.losses.classes import ClassLoss
from ludwig.losses.cross_entropy import CrossEntropy, CrossEntropyConfig
from ludwig.schema import param


@LOSSES.register("sequence_softmax_cross_entropy", kinds=("sequence", "text"))
class SequenceSoftmaxCrossEntropy(ClassLoss):
    """Softmax cross-entropy of the tokens of a sequence, as the mean over all steps; formulas: `CrossEntropy`.

    Use it for outputs that generate or tag a sequence.

    Takes logits [B, T, C] and token ids [B, T]; steps below zero are padding.

    ```yaml
    name: tags
    type: text
    loss:
      type: sequence_softmax_cross_entropy
      label_smoothing: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CrossEntropyConfig):
        unique: bool = param(False, help="Whether repeated tokens of a row count once.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.cross_entropy, self.unique = CrossEntropy(config, labels), config.unique

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        loss: Tensor = self.cross_entropy(logits, ids)  # [N]
        return loss

    @property
    def is_plain(self) -> bool:
        return not self.cross_entropy.options.is_refined and self.cross_entropy.soft_targets is None

    def weights(self, ids: Tensor, there: Tensor) -> Tensor:
        weights = self.cross_entropy.weights(ids, there)  # [B, T]
        if not self.unique:
            return weights
        same = (ids.unsqueeze(-1) == ids.unsqueeze(-2)) & there.unsqueeze(-2)  # [B, T, T]
        return weights / same.sum(-1).clamp_min(1)


@LOSSES.register("next_token_softmax_cross_entropy", kinds=("sequence", "text", "llm"))
class NextTokenSoftmaxCrossEntropy(SequenceSoftmaxCrossEntropy):
    """Next-token cross-entropy (language modelling): the loss of each token of the target given those before it.

    Use it to fine-tune a language model (supervised fine-tuning); prompts do not count. Decoders and language models
    give their logits beside the tokens that these predict, so it equals `sequence_softmax_cross_entropy`.

    Takes logits [B, T, C] and token ids [B, T]; steps below zero are padding.

    ```yaml
    name: continuation
    type: text
    loss:
      type: next_token_softmax_cross_entropy
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SequenceSoftmaxCrossEntropy.Config):
        pass
