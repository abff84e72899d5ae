"""Embeddings of tokens, reduced, with no context.

B = rows of the batch, T = steps, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import SequenceEnd, form_after
from ludwig.encoders.steps import EmbeddingOptions, TokenSteps
from ludwig.features.text import TextFacts
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Form, Signal
from ludwig.schema import param


@ENCODERS.register("embed", kinds=("text",))
class EmbedEncoder(Encoder):
    """The embeddings of a text's tokens, reduced to one vector."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, Encoder.Config):
        dropout: float = param(0.0, min=0, max=1, help="Share of the numbers that is dropped in training.")
        weights_initializer: InitializerSpec = param("uniform", help="How the embeddings start.")
        reduce_output: ReductionName | None = param("sum", help="How the steps become one vector; null keeps them.")

        def form(self) -> Form:
            return form_after(self.reduce_output)

    def __init__(self, config: Config, facts: Sequence[TextFacts]) -> None:
        super().__init__(config, facts)
        self.steps = TokenSteps(config, facts[0], config.weights_initializer, config.dropout)
        self.end = SequenceEnd(config.reduce_output, self.steps.output_size, self.steps.longest)
        self.shape = self.end.shape

    def start(self, facts: Sequence[TextFacts]) -> None:
        self.steps.start(facts[0])

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)
        signal: Signal = self.end(values, mask)
        return signal
