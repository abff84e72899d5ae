"""Embeddings of tokens, reduced, with no context.

B = rows of the batch, T = steps, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.embeddings import EmbeddingDropoutOptions
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.steps import EmbeddingOptions, TokenSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.signal import Signal
from ludwig.schema import param


@ENCODERS.register("embed", kinds=("text", "sequence"))
class EmbedEncoder(Encoder):
    """Trainable embeddings of a text's tokens, reduced to one vector; the order of the tokens is lost.

    Use it as a quick first model, or where which words occur matters more than their order, such as in topics. It costs
    one look-up a token, and its weights are the table alone.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the embeddings [B, T, H].

    Source: the deep averaging network of Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for
    Text Classification", without its layers.

    ```yaml
    name: review
    type: text
    encoder:
      type: embed
      embedding_size: 64
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, EmbeddingDropoutOptions, EmbeddingOptions, Encoder.Config):
        weights_initializer: InitializerSpec = param("uniform", help="Initializer of the embeddings.")

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, facts)
        self.steps = TokenSteps(config, facts[0], config.weights_initializer, config.dropout)
        self.end = SequenceEnd(config.reduce_output, self.steps.output_size, self.steps.longest)
        self.shape = self.end.shape

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)
        signal: Signal = self.end(values, mask)
        return signal
