"""Sequences of symbols."""

from __future__ import annotations

import dataclasses
from typing import Annotated, ClassVar

from ludwig.features.base import FEATURES
from ludwig.features.tokenizer_base import TOKENIZERS
from ludwig.features.tokens import ENCODER_OF_STEPS, Strategy, TokenFeature
from ludwig.schema import Named, param


@FEATURES.register("sequence")
class SequenceFeature(TokenFeature):
    """Sequence feature: a column of sequences of symbols, as text such as "A C G T".

    Use it for symbols that are not natural language: tags, events, steps of a process, amino acids. It differs from
    `text` in its defaults: symbols stand between spaces, and their order counts. A batch is padded to its longest
    sequence, [B, T].

    ```yaml
    name: clicks
    type: sequence
    preprocessing:
      tokenizer: comma
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenFeature.Config):
        tokenizer: Annotated[str, Named(TOKENIZERS)] = param(
            "space", help="Tokenizer, which splits a cell into symbols."
        )

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "sequence"
    suggested_learning_rate: ClassVar[float] = 0.001
    default_encoder = "embed"
    encoder_of_steps = ENCODER_OF_STEPS
    may_hold_times = True
