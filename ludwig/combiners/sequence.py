"""Sequences with the other inputs at each of their steps.

B = rows of the batch, T = steps of a sequence, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ludwig.columns.ragged import Padded
from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.error import nearest
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import Chosen, param

ENCODER = Chosen(ENCODERS, "parallel_cnn", "combined")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepOptions:
    """Which sequence the others are laid beside, and how the steps become one vector."""

    main_sequence_feature: str | None = param(
        None, help="Input feature whose steps all others are laid beside; null for the first that is a sequence."
    )
    reduce_output: ReductionName | None = param(
        None, help="Reduction of the steps to one vector, such as sum, mean or attention; null keeps all steps."
    )

    def faults_of_steps(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
        """(parameter, message): there must be a sequence, and the main one must be one."""
        sequences = [name for form, name in zip(forms, features, strict=True) if form == "sequence"]
        if not sequences:
            text = (
                "This combiner needs an input whose encoder keeps a sequence. Set encoder.reduce_output of a text, "
                "sequence or timeseries input to null."
            )
            return [("", text)]
        main = self.main_sequence_feature
        if main is not None and main not in sequences:
            hint = nearest(main, sequences)
            text = f"Must be an input whose encoder gives a sequence: {', '.join(sequences)}. Received: {main!r}.{hint}"
            return [("main_sequence_feature", text)]
        return []


class SideBySide(nn.Module):
    """All inputs at each step of the main sequence: signals -> [B, T, sum of sizes], [B, T].

    Vectors and tokens are the same at each step; other sequences are laid beside it step by step, with zeros where they
    have ended, and are cut where the main one ends.
    """

    def __init__(self, sources: Sequence[Source], main: str | None) -> None:
        super().__init__()
        shapes = [source.shape for source in sources]
        sequences = [place for place, shape in enumerate(shapes) if shape.form == "sequence"]
        named = [place for place in sequences if main in sources[place].features]
        self.main = (named or sequences)[0]
        self.longest = shapes[self.main].count
        self.size = sum(shape.size if shape.form == "sequence" else shape.flat_size for shape in shapes)

    def forward(self, signals: Sequence[Signal]) -> tuple[Tensor, Tensor]:
        mask = signals[self.main].mask
        assert mask is not None
        beside = torch.cat([_by_step(signal, mask.shape[1]) for signal in signals], dim=2)  # [B, T, sum of sizes]
        return beside.masked_fill(~mask.unsqueeze(-1), 0.0), mask


def _by_step(signal: Signal, steps: int) -> Tensor:
    if signal.mask is None:
        return signal.values.flatten(1).unsqueeze(1).expand(-1, steps, -1)  # [B, T, C * H]
    there = signal.values.masked_fill(~signal.mask.unsqueeze(-1), 0.0)
    return pad(there, (0, 0, 0, steps - there.shape[1]))  # [B, T, H]; cuts where it is negative


@COMBINERS.register("sequence_concat")
class SequenceConcatCombiner(Combiner):
    """Concatenation of all inputs at each step of a sequence: vectors are repeated, sequences lie side by side.

    Use it where outputs have a prediction a step, such as tags, or want the whole sequence; it has no weights of its
    own. `sequence` adds an encoder of what it gives.

    Takes vectors [B, H], tokens [B, C, H] and one sequence [B, T, H] at least; gives a sequence [B, T, sum of sizes],
    with `reduce_output` a vector.

    Source: side by side as in `concat`; Molino et al. 2019, "Ludwig: a type-based declarative deep learning toolbox",
    arXiv:1909.07930.

    ```yaml
    combiner:
      type: sequence_concat
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StepOptions, Combiner.Config):
        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            return super().faults(forms, features) or self.faults_of_steps(forms, features)

        def gives(self, forms: Sequence[Form]) -> Form:
            return "vector" if reduces(self.reduce_output) else "sequence"

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.beside = SideBySide(sources, config.main_sequence_feature)
        self.reducer = SequenceReducer(config.reduce_output, self.beside.size, self.beside.longest)
        form = config.gives([source.shape.form for source in sources])
        self.shape = Shape(form, self.reducer.output_size, self.beside.longest if form == "sequence" else 1)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        values, mask = self.beside(signals)  # [B, T, H], [B, T]
        if self.reducer.reduces:
            return Signal.vector(self.reducer(values, mask))  # [B, H']
        return Signal.sequence(values, mask)


@dataclasses.dataclass(frozen=True)
class CombinedSteps:
    """What an encoder of combined sequences knows of them."""

    longest: int  # steps
    channels: int  # numbers of a step


@COMBINERS.register("sequence")
class SequenceCombiner(Combiner):
    """All inputs at each step of a sequence, as `sequence_concat` lays them, then an encoder of sequences.

    Use it where what the steps of a sequence mean depends on the other inputs, or where several series of equal steps
    are to be read together. It costs what its encoder costs, whose first layer is as wide as all inputs.

    Takes vectors [B, H], tokens [B, C, H] and one sequence [B, T, H] at least; gives a vector [B, H], or a sequence [B,
    T', H] where neither the encoder nor `reduce_output` reduces it.

    Source: Molino et al. 2019, "Ludwig: a type-based declarative deep learning toolbox", arXiv:1909.07930; that of its
    encoder.

    ```yaml
    combiner:
      type: sequence
      main_sequence_feature: null
      encoder:
        type: rnn
        cell_type: gru
        state_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StepOptions, Combiner.Config):
        encoder: Annotated[Encoder.Config, ENCODER] = param(
            ENCODER.make, help="Encoder of the combined sequence, with its options; its reduce_output comes first."
        )

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features) or self.faults_of_steps(forms, features)
            return faults + [(f"encoder.{name}", text) for name, text in self.encoder.faults()]

        def gives(self, forms: Sequence[Form]) -> Form:
            return "vector" if reduces(self.reduce_output) else self.encoder.form()

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.beside = SideBySide(sources, config.main_sequence_feature)
        self.steps = CombinedSteps(self.beside.longest, self.beside.size)
        self.encoder: Encoder = config.encoder.build([self.steps])
        shape = self.encoder.shape
        self.reducer: SequenceReducer | None = None
        if shape.form == "sequence" and reduces(config.reduce_output):
            self.reducer = SequenceReducer(config.reduce_output, shape.size, shape.count)
            shape = Shape("vector", self.reducer.output_size)
        self.shape = shape

    def start(self) -> None:
        self.encoder.start([self.steps])

    def forward(self, signals: Sequence[Signal]) -> Signal:
        values, mask = self.beside(signals)  # [B, T, H], [B, T]
        encoded: Signal = self.encoder(Padded(values, mask))  # [B, H'] or [B, T', H']
        if self.reducer is None or encoded.mask is None:
            return encoded
        reduced = self.reducer(encoded.values, encoded.mask)  # [B, H'']
        return dataclasses.replace(encoded, form="vector", values=reduced, mask=None)
