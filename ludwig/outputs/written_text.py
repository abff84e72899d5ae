"""What a text output of a language model learns: to write the target.

B = rows of the batch, T = tokens of the longest target, V = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from torch import Tensor

from ludwig.columns.ragged import Padded
from ludwig.decoders.extractors import EXTRACTORS, Extractor
from ludwig.features.pretrained_text import AnswerFeature, LengthFacts
from ludwig.losses.base import LOSSES, Loss
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.written import Written, WrittenOutput
from ludwig.schema import Chosen, param

ANSWER = "llm"  # the kind of losses and metrics
DECODER = Chosen(EXTRACTORS, "text_extractor", "text")
LOSS = Chosen(LOSSES, "next_token_softmax_cross_entropy", ANSWER)


@OUTPUTS.register("text", kinds=("llm",))
class WrittenTextOutput(WrittenOutput):
    """The answer itself. It is judged token by token against the target and the token that ends it."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(WrittenOutput.Config):
        feature = AnswerFeature
        reported = ("token_accuracy", "sequence_accuracy", "perplexity", "next_token_perplexity")
        default_metric = "loss"
        may_be_taught = True

        decoder: Annotated[Extractor.Config, DECODER] = param(DECODER.make, help="How the answer is read.")
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="What is minimised.")
        preprocessing: AnswerFeature.TargetConfig = param(AnswerFeature.TargetConfig, help="How the column is read.")

        @property
        def kind(self) -> str:
            return ANSWER

        def settled(self, known: Mapping[str, Any]) -> Any:
            return AnswerFeature.settled(self.preprocessing, known)

    facts: LengthFacts

    @property
    def longest_answer(self) -> int:
        return self.facts.longest

    def target(self, column: Tensor | Padded) -> Tensor:
        """Token ids, -1 behind the end: [B, T]."""
        assert isinstance(column, Padded)
        return column.values.masked_fill(~column.mask, -1)

    def complete(self, prediction: Prediction) -> Prediction:
        """Without an answer of its own, what the model would write at each place of the target."""
        if prediction.predictions is not None:
            return prediction
        return dataclasses.replace(prediction, predictions=prediction.logits.argmax(-1))

    def answered(self, written: Written, logits: Tensor) -> Prediction:
        hidden = logits.new_empty((len(logits), 0))  # [B, 0]
        return Prediction(logits, hidden, written.ids, written.probabilities)
