"""Outputs whose prediction a decoder makes: combined signal -> decoder -> logits.

B = rows of the batch, T = steps of a sequence, K = ensemble members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ludwig.decoders.base import Decoder
from ludwig.nn.prediction import Prediction
from ludwig.nn.reduce import ReductionName, SequenceReducer
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.outputs.base import Output, OutputSection
from ludwig.outputs.dependencies import Dependencies
from ludwig.schema import param

UNREDUCED = (None, "none", "None")


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

        decoder: Decoder.Config

        def form_of_input(self, combined: Form) -> Form:
            """The form of the signal that the decoder gets from a combined one."""
            return "vector" if combined == "sequence" and self.reduce_input not in UNREDUCED else combined

        def faults_of_signal(self, combined: Form) -> list[tuple[str, str]]:
            """(parameter, message) of a combined signal that the decoder cannot take."""
            form = self.form_of_input(combined)
            if form in self.decoder.takes:
                return []
            if form == "sequence":
                text = f"The combiner gives a sequence, and the decoder '{self.decoder.type}' takes none."
                return [("reduce_input", f"{text} Set it to sum or mean.")]
            takes = " or ".join(sorted(self.decoder.takes))
            return [("decoder.type", f"The decoder '{self.decoder.type}' needs a {takes}. It would get a {form}.")]

    config: Config

    def __init__(self, config: Config, shape: Shape, dependencies: Mapping[str, Shape], facts: Any) -> None:
        """`shape` of the combined signal, and those of the hidden signals of the outputs that this one reads."""
        super().__init__(config, facts)
        self.has_members = shape.form == "members"
        self.reducer: SequenceReducer | None = None
        if shape.form == "sequence" and config.reduce_input not in UNREDUCED:
            self.reducer = SequenceReducer(config.reduce_input, shape.size, shape.count)
            shape = Shape("vector", self.reducer.output_size, skips=shape.skips)
        self.dependencies = Dependencies(config.name, shape, dependencies, config.reduce_dependencies)
        self.decoder: Decoder = config.decoder.build(self.dependencies.shape, self.size)
        if self.scaling is not None:
            for name, value in self.scaling.identity().items():
                self.register_buffer(name, value)

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
            target: What is to be predicted, in training only, for decoders with teacher forcing.
        """
        if self.reducer is not None:
            assert combined.mask is not None
            reduced = self.reducer(combined.values, combined.mask)  # [B, H]
            combined = dataclasses.replace(combined, form="vector", values=reduced, mask=None)
        if self.config.dependencies:
            combined = self.dependencies(combined, hidden)
        prediction: Prediction = self.decoder(combined, target)
        return dataclasses.replace(prediction, logits=self.shaped(prediction.known_logits))

    def hidden_of(self, prediction: Prediction) -> Signal:
        """What a dependent output reads of a prediction."""
        return Signal(self.hidden_shape.form, prediction.hidden, prediction.mask)

    def shaped(self, logits: Tensor) -> Tensor:
        """The decoder's numbers in the shape of the target."""
        return logits
