"""Outputs whose prediction is read out of a text that a language model generates.

B = rows of the batch, T = tokens of the longest target, S = tokens of the longest answer, V = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from torch import Tensor

from ludwig.features.pretrained_tokenizer import PretrainedTokenizer
from ludwig.nn.generation import Generated
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import Output, OutputSection


class GeneratedOutput(Output):
    """An output of a language model."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OutputSection):
        is_trainable: ClassVar[bool]  # whether its target is a text that the model can be fine-tuned to generate

    config: Any

    def __init__(self, config: Any, facts: Any, tokenizer: PretrainedTokenizer) -> None:
        super().__init__(config, facts)
        self.tokenizer = tokenizer

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest answer in the training split; 0 where answers are no texts."""
        return 0

    @property
    def candidates(self) -> tuple[str, ...]:
        """The answers whose likelihoods are compared, a text for each class; none where a text is generated."""
        return ()

    def from_likelihoods(self, logs: Tensor) -> Prediction:
        """The complete prediction from the log-likelihood of each of the compared answers: [B, C]."""
        raise NotImplementedError

    def texts(self, ids: Tensor) -> list[str]:
        """The text of each row of token ids, which are -1 behind its end: [B]."""
        return [self.tokenizer.text([token for token in row if token >= 0]) for row in ids.tolist()]

    def from_generated(self, generated: Generated, known: Prediction) -> Prediction:
        """The complete prediction.

        Args:
            known: By the tokens of the target alone; of no tokens where that is not known.
        """
        raise NotImplementedError
