"""Outputs whose prediction a decoder makes: combined signal -> decoder -> logits.

B = rows of the batch, T = steps of a sequence, K = ensemble members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ludwig.decoders.base import Decoder
from ludwig.nn.prediction import Prediction
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.outputs.base import Output, OutputSection
from ludwig.outputs.dependencies import Dependencies
from ludwig.schema import param

HOW_TO_KEEP_STEPS = (
    " Set encoder.reduce_output of a text, sequence or timeseries input to null, as with the encoder rnn; beside other "
    "inputs use the combiner sequence_concat."
)


class DecodedOutput(Output):
    """An output of an encoder-combiner-decoder model."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OutputSection):
        reduce_input: ReductionName | None = param(
            "sum", help="Reduction of a combined sequence to one vector before the decoder; null keeps the sequence."
        )
        dependencies: list[str] = param(
            list, help="Other output features whose last hidden vectors this one also takes as input."
        )
        reduce_dependencies: ReductionName | None = param(
            "sum", help="Reduction of the hidden vectors of these outputs where they are sequences; null keeps them."
        )

        reads_steps: ClassVar[bool] = False  # whether an input had best keep all its steps

        decoder: Decoder.Config

        def faults(self) -> list[tuple[str, str]]:
            faults = [*super().faults(), *((f"decoder.{name}", text) for name, text in self.decoder.faults())]
            if self.decoder.averages_probabilities and self.loss.has_own_probabilities:
                text = f"Averages softmax probabilities, and the loss '{self.loss.type}' has other ones. Set it to 0."
                faults.append(("decoder.mc_dropout_samples", text))
            return faults

        def completed(self) -> Self:
            """With what follows from the decoder."""
            return self

        def form_of_input(self, combined: Form) -> Form:
            """The form of the signal that the decoder gets from a combined one."""
            return "vector" if combined == "sequence" and reduces(self.reduce_input) else combined

        def faults_of_signal(self, combined: Form) -> list[tuple[str, str]]:
            """(parameter, message) of a combined signal that the decoder cannot take."""
            form = self.form_of_input(combined)
            if form in self.decoder.takes:
                return []
            if form == "sequence":
                text = f"The combiner gives a sequence, and the decoder '{self.decoder.type}' takes none."
                return [("reduce_input", f"{text} Set it to sum or mean.")]
            takes = " or ".join(sorted(self.decoder.takes))
            hint = HOW_TO_KEEP_STEPS if self.decoder.takes == {"sequence"} else ""
            return [
                ("decoder.type", f"The decoder '{self.decoder.type}' needs a {takes}. It would get a {form}.{hint}")
            ]

    config: Config

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: Any) -> None:
        """`shape` of the combined signal, and those of the hidden signals of the outputs that this one reads."""
        super().__init__(config, facts)
        self.has_members = shape.form == "members"
        self.linear_path = torch.nn.Linear(shape.linear, self.size, bias=False) if shape.linear else None
        self.reducer: SequenceReducer | None = None
        if shape.form == "sequence" and reduces(config.reduce_input):
            self.reducer = SequenceReducer(config.reduce_input, shape.size, shape.count)
            shape = Shape("vector", self.reducer.output_size, skips=shape.skips)
        self.dependencies = Dependencies(config.name, shape, dependencies, config.reduce_dependencies)
        self.decoder = self.built_decoder(self.dependencies.shape)
        if self.scaling is not None:
            for name, value in self.scaling.identity().items():
                self.register_buffer(name, value)

    def built_decoder(self, shape: Shape) -> Decoder:
        """The decoder, of a signal of this shape."""
        decoder: Decoder = self.config.decoder.build(shape, self.size)
        return decoder

    def start(self) -> None:
        self.decoder.start()

    @property
    def size(self) -> int:
        """How many numbers the decoder gives for a row."""
        return 1

    @property
    def hidden_shape(self) -> Shape:
        """Of the hidden signal that dependent outputs read."""
        return self.decoder.hidden_shape

    def forward(self, combined: Signal, hidden: Mapping[str, Signal], target: Tensor | None = None) -> Prediction:
        """Logits of the batch.

        Args:
            hidden: Last hidden signals of the outputs that were computed before.
            target: What is to be predicted: in training, and in evaluation where the decoder reads it.
        """
        if self.reducer is not None:
            assert combined.mask is not None
            reduced = self.reducer(combined.values, combined.mask)  # [B, H]
            combined = dataclasses.replace(combined, form="vector", values=reduced, mask=None)
        if self.config.dependencies:
            combined = self.dependencies(combined, hidden)
        prediction = self.decoded(combined, target)
        if prediction.logits is None:  # tokens that were generated without a target
            return prediction
        logits = prediction.logits
        if self.linear_path is not None:
            beside = combined.dealt_out(self.linear_path(combined.linear))
            logits = logits + beside.view(*beside.shape, *[1] * (logits.dim() - beside.dim()))  # alike at all pixels
        logits = self.shaped(logits)
        logits = self.bounded(logits) if self.decoder.bounds else logits
        exact = torch.promote_types(logits.dtype, torch.float32)  # half precision is too coarse for losses
        return dataclasses.replace(prediction, logits=logits.to(exact))

    def decoded(self, combined: Signal, target: Tensor | None) -> Prediction:
        """What the decoder gives for the signal that is its own to read."""
        prediction: Prediction = self.decoder(combined, target)
        return prediction

    def bounded(self, logits: Tensor) -> Tensor:
        """The logits as the decoder bounds numbers in the column's own units."""
        return self.decoder.bounded(logits)

    def hidden_of(self, prediction: Prediction) -> Signal:
        """What a dependent output reads of a prediction."""
        return Signal(self.hidden_shape.form, prediction.hidden, prediction.mask)

    def shaped(self, logits: Tensor) -> Tensor:
        """The decoder's numbers in the shape of the target."""
        return logits
