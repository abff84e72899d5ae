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

    def weights(self, ids: Tensor, there: Tensor) -> Tensor:
        weights = self.cross_entropy.weights(ids, there)  # [B, T]
        if not self.unique:
            return weights
        same = (ids.unsqueeze(-1) == ids.unsqueeze(-2)) & there.unsqueeze(-2)  # [B, T, T]
        return weights / same.sum(-1).clamp_min(1)


@LOSSES.register("next_token_softmax_cross_entropy", kinds=("sequence", "text"))
class NextTokenSoftmaxCrossEntropy(SequenceSoftmaxCrossEntropy):
    """Next-token cross-entropy (language modelling): the logits of a step predict the token of the step after it.

    Use it for autoregressive outputs whose logits stand beside the tokens that they were computed from.

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

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        return super().rows(logits[:, :-1], target[:, 1:], hidden)

    def row_weights(self, target: Tensor) -> Tensor | None:
        return super().row_weights(target[:, 1:])


@LOSSES.register("next_token_softmax_cross_entropy", kinds=("llm",))
class AnswerSoftmaxCrossEntropy(SequenceSoftmaxCrossEntropy):
    """Next-token cross-entropy of the target of a language model; prompts do not count.

    Use it to fine-tune a language model (supervised fine-tuning). The logits stand beside the tokens that they predict.

    Takes logits [B, T, C] and token ids [B, T]; steps below zero are padding.

    ```yaml
    name: answer
    type: text
    loss:
      type: next_token_softmax_cross_entropy
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SequenceSoftmaxCrossEntropy.Config):
        pass
