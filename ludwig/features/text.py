"""Texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ludwig.features.base import FEATURES
from ludwig.features.tokens import ENCODER_OF_STEPS, Strategy, TokenFacts, TokenFeature, objects_of
from ludwig.schema import param


@FEATURES.register("text")
class TextFeature(TokenFeature):
    """Text feature: a column of texts, split into tokens. Each distinct text is tokenized once.

    Use it for free text. A batch is padded to its longest text, [B, T].

    ```yaml
    name: review
    type: text
    preprocessing:
      tokenizer: space_punct
      lowercase: true
      max_sequence_length: 128
    ```

    With a frozen pretrained encoder `cache_encoder_embeddings: true` computes its vectors once for all rows of a
    training run: epochs then cost only what follows the encoder, and the vectors take `4 * size` bytes a row.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenFeature.Config):
        prompt: dict[str, Any] | None = param(
            None, internal=True, help="Prompt template that fills the column, where there is one."
        )
        cache_encoder_embeddings: bool = param(
            False,
            help="Whether the embeddings of a frozen pretrained encoder are computed once for all rows of a training "
            "run and kept in memory, instead of at every step.",
        )

        @property
        def caches_embeddings(self) -> bool:
            return self.cache_encoder_embeddings

        def uncached(self) -> Self:
            return dataclasses.replace(self, cache_encoder_embeddings=False)

        def faults_without_encoder(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that are for a column with an encoder of its own."""
            if not self.caches_embeddings:
                return []
            return [("cache_encoder_embeddings", "Has no effect: the column has no encoder. Remove it.")]

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

        def faults(self) -> list[tuple[str, str]]:
            return [*super().faults(), *self.faults_without_encoder()]

    kind = "text"
    default_encoder = "ngrams"
    encoder_of_steps = ENCODER_OF_STEPS
    may_hold_times = True

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: TokenFacts) -> dict[str, Any]:
        """Also the text that the tokens make."""
        return {**super().decode(predicted, facts), "response": self.texts(predicted["predictions"], facts)}

    def texts(self, ids: NDArray[Any], facts: TokenFacts) -> NDArray[np.object_]:
        """The text that each row of predicted tokens stands for: [N]."""
        words = facts.vocabulary.words
        kept = zip(ids, self.are_tokens(ids), strict=True)
        return objects_of([self.tokenizer.text(row[are].tolist(), words) for row, are in kept])
