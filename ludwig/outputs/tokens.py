"""Outputs that are sequences of tokens: generated one after the other, or one for each step of the input.

B = rows of the batch, T = steps of the target, C = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from torch import Tensor

from ludwig.columns.ragged import Padded
from ludwig.decoders.base import Decoder
from ludwig.features.tokens import TokenFacts
from ludwig.nn.prediction import Prediction
from ludwig.nn.reduce import ReductionName, reduces
from ludwig.nn.signal import Shape
from ludwig.outputs.decoded import DecodedOutput
from ludwig.runtime.console import warn
from ludwig.schema import param

METRICS_OF_TOKENS = ("token_accuracy", "sequence_accuracy", "edit_distance", "perplexity", "next_token_perplexity")


class TokenOutput(DecodedOutput):
    """A sequence of tokens for each row. In evaluation loss and perplexity are those of the target's tokens, each given
    the true ones before it; accuracies are those of the tokens that were predicted without the target."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        reads_steps: ClassVar[bool] = True
        reported = METRICS_OF_TOKENS
        default_metric = "loss"
        summarized = ("token_accuracy", "sequence_accuracy")

        reduce_input: ReductionName | None = param(
            None,
            help="Reduction of a combined sequence to one vector before the decoder; null keeps the sequence, so that "
            "decoders can attend to its steps.",
        )

        def requires(self) -> dict[str, Any]:
            return {"use": "answer"} if self.decoder.ends else {}

        def completed(self) -> Self:
            if "vector" in self.decoder.takes or not reduces(self.reduce_input):
                return self
            warn(
                f"The output '{self.name}': reduce_input is set to null, since the decoder '{self.decoder.type}' needs "
                f"the whole sequence. Received: {self.reduce_input}."
            )
            return dataclasses.replace(self, reduce_input=None)

    has_baselines = False

    config: Config
    facts: TokenFacts

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: Any) -> None:
        # a linear path past the combiner would add the same to the logits of all steps
        super().__init__(config, dataclasses.replace(shape, linear=0), dependencies, facts)

    @property
    def size(self) -> int:
        return self.facts.ids

    def built_decoder(self, shape: Shape) -> Decoder:
        decoder: Decoder = self.config.decoder.build(shape, self.size, self.facts.longest, self.facts.end)
        return decoder

    @property
    def names_of_logits(self) -> tuple[str, ...]:
        return self.facts.vocabulary.words

    def target(self, column: Tensor | Padded) -> Tensor:
        """Token ids, -1 behind the end: [B, T]."""
        assert isinstance(column, Padded)
        return column.values.masked_fill(~column.mask, -1)

    def complete(self, prediction: Prediction) -> Prediction:
        """In training, the most probable token at each step of the target."""
        if prediction.predictions is not None:
            return prediction
        best = prediction.known_logits.softmax(-1).max(-1)  # [B, T]
        assert prediction.mask is not None
        ids = best.indices.masked_fill(~prediction.mask, -1)
        return dataclasses.replace(prediction, predictions=ids, probabilities=best.values)
