"""Sequence and text outputs."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.sequence import SequenceFeature
from ludwig.features.text import TextFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.tokens import TokenOutput
from ludwig.schema import Chosen, param

DECODER = {kind: Chosen(DECODERS, "generator", kind) for kind in ("sequence", "text")}
LOSS = {kind: Chosen(LOSSES, "sequence_softmax_cross_entropy", kind) for kind in ("sequence", "text")}


@OUTPUTS.register("sequence", kinds=("ecd",))
class SequenceOutput(TokenOutput):
    """Sequence output: symbols that are generated one after the other, or one for each step of the input (`tagger`).

    Takes a sequence [B, T, H] or, where symbols are generated, a vector [B, H]; predictions are lists of symbols.

    ```yaml
    name: parts_of_speech
    type: sequence
    decoder: {type: tagger}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenOutput.Config):
        feature = SequenceFeature

        decoder: Annotated[Decoder.Config, DECODER["sequence"]] = param(
            DECODER["sequence"].make, help="Decoder, which turns the combined signal into a sequence."
        )
        loss: Annotated[Loss.Config, LOSS["sequence"]] = param(
            LOSS["sequence"].make, help="Loss function that training minimises."
        )
        preprocessing: SequenceFeature.TargetConfig = param(
            SequenceFeature.TargetConfig, help="Preprocessing of the target column."
        )


@OUTPUTS.register("text", kinds=("ecd",))
class TextOutput(TokenOutput):
    """Text output: tokens that are generated one after the other, or one for each step of the input (`tagger`).

    For long or free texts fine-tune a language model instead (model_type: llm).

    Takes a sequence [B, T, H] or, where tokens are generated, a vector [B, H]; predictions are lists of tokens, and the
    text that they make.

    ```yaml
    name: translation
    type: text
    decoder: {type: generator, cell_type: lstm}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenOutput.Config):
        feature = TextFeature

        decoder: Annotated[Decoder.Config, DECODER["text"]] = param(
            DECODER["text"].make, help="Decoder, which turns the combined signal into a text."
        )
        loss: Annotated[Loss.Config, LOSS["text"]] = param(
            LOSS["text"].make, help="Loss function that training minimises."
        )
        preprocessing: TextFeature.TargetConfig = param(
            TextFeature.TargetConfig, help="Preprocessing of the target column."
        )
