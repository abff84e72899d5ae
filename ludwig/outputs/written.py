"""What outputs of a language model share: they read what it wrote.

B = rows of the batch, T = tokens of the longest target, S = tokens of the longest answer, V = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from ludwig.features.pretrained_tokenizer import PretrainedTokenizer
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import Output, OutputSection


@dataclass(frozen=True)
class Written:
    """What a model wrote of its own accord. Behind the end of an answer ids are -1."""

    ids: Tensor  # [B, S]
    probabilities: Tensor  # [B, S], of these tokens; 1 behind the end


class WrittenOutput(Output):
    """An output whose prediction is read out of a text."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OutputSection):
        may_be_taught: ClassVar[bool]  # whether its target is a text that the model can learn to write

        def settled(self, known: Mapping[str, Any]) -> Any:
            """The options of the feature, with what else its tokens depend on where it has any."""
            return self.preprocessing

    config: Any
    has_members = False

    def __init__(self, config: Any, facts: Any, tokenizer: PretrainedTokenizer) -> None:
        nn.Module.__init__(self)
        self.config, self.facts, self.name, self.tokenizer = config, facts, config.name, tokenizer
        self.loss = config.loss.build(self.labels)

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest answer in the training split; 0 where answers are no texts."""
        return 0

    def answered(self, written: Written, logits: Tensor) -> Prediction:
        """The complete prediction.

        Args:
            logits: What the model gives for the tokens of the target, [B, T, V]; of no tokens where that is not known.
        """
        raise NotImplementedError
