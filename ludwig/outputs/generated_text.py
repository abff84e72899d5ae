"""A text output of a language model: it is trained to generate the target.

B = rows of the batch, T = tokens of the longest target, V = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from torch import Tensor

from ludwig.columns.ragged import Padded
from ludwig.decoders.extractors import EXTRACTORS, Extractor
from ludwig.features.text import TextFeature
from ludwig.features.tokens import TokenFacts
from ludwig.losses.base import LOSSES, Loss
from ludwig.nn.generation import Generated
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.generated import GeneratedOutput
from ludwig.schema import Chosen, param

ANSWER = "llm"  # the kind of losses and metrics
DECODER = Chosen(EXTRACTORS, "text_extractor", "text")
LOSS = Chosen(LOSSES, "next_token_softmax_cross_entropy", ANSWER)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswerColumn(TextFeature.TargetConfig):
    """A target text: all of it, unless that is bounded."""

    max_sequence_length: int | None = param(
        None, min=1, help="Maximum number of tokens of a target; longer ones are truncated. Null for no limit."
    )


@OUTPUTS.register("text", kinds=("llm",))
class GeneratedTextOutput(GeneratedOutput):
    """Text output of a language model: the generated text. Its metrics are computed token by token against the target
    and the end-of-sequence token.

    It is the output that a language model can be fine-tuned on.

    ```yaml
    name: answer
    type: text
    preprocessing: {max_sequence_length: 256}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(GeneratedOutput.Config):
        feature = TextFeature
        reported = ("token_accuracy", "sequence_accuracy", "perplexity", "next_token_perplexity")
        default_metric = "loss"
        is_trainable = True

        decoder: Annotated[Extractor.Config, DECODER] = param(
            DECODER.make, help="Decoder, which extracts the prediction from the generated text."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: AnswerColumn = param(AnswerColumn, help="Preprocessing of the target column.")

        @property
        def kind(self) -> str:
            return ANSWER

        def requires(self) -> dict[str, Any]:
            return {"use": "answer"}

    facts: TokenFacts

    @property
    def longest_answer(self) -> int:
        return self.facts.longest

    def target(self, column: Tensor | Padded) -> Tensor:
        """Token ids, -1 behind the end: [B, T]."""
        assert isinstance(column, Padded)
        return column.values.masked_fill(~column.mask, -1)

    def complete(self, prediction: Prediction) -> Prediction:
        """Without a generated answer, what is most probable at each place of the target."""
        if prediction.predictions is not None:
            return prediction
        return dataclasses.replace(prediction, predictions=prediction.known_logits.argmax(-1))

    def from_generated(self, generated: Generated, known: Prediction) -> Prediction:
        return dataclasses.replace(known, predictions=generated.ids, probabilities=generated.probabilities)
