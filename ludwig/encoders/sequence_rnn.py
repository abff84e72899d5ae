"""Recurrent layers over sequences of tokens or numbers.

B = rows of the batch, T = steps, E = size of a step's vector, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.sequence_options import RecurrentOptions
from ludwig.encoders.steps import EmbeddingOptions, SequenceOfValues, Steps, TokenSteps, ValueSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.recurrent import Recurrent, RecurrentSpec
from ludwig.nn.signal import Signal
from ludwig.schema import param
from ludwig.schema.groups import filled
from ludwig.schema.layers import FcActivationOptions, FullyConnectedOptions


class Rnn(Encoder):
    """Stacked recurrent layers, then a reduction over the steps and fully connected layers.

    Takes token ids [B, T], or numbers [B, T] or [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a
    sequence [B, T, H].

    Source: Elman 1990, "Finding Structure in Time"; Hochreiter & Schmidhuber 1997, "Long Short-Term Memory";
    Cho et al. 2014, arXiv:1406.1078 (GRU).
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RecurrentOptions, ReduceOptions, FcActivationOptions, FullyConnectedOptions, Encoder.Config):
        num_layers: int = param(1, min=1, help="Number of stacked recurrent layers.")

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        self.recurrent = Recurrent(steps.output_size, filled(RecurrentSpec, config))
        self.end = SequenceEnd(config.reduce_output, self.recurrent.output_size, steps.longest, config.stack())
        self.takes_last = config.reduce_output == "last"
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        states, last = self.recurrent(values, mask)  # [B, T, H], [B, H]
        if self.takes_last:  # of each direction its own end
            return Signal.vector(self.end.stack(last))
        signal: Signal = self.end(states, mask)
        return signal


@ENCODERS.register("rnn", kinds=("text", "sequence"))
class TextRnn(Rnn):
    """Embedded tokens, then stacked recurrent layers (RNN, LSTM or GRU) that read them in order.

    Use it where the order of words decides and the texts are short, or where no pretrained model may be used. Cost
    grows with the number of tokens, which are computed one after the other: `parallel_cnn` is quicker.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T, H].

    Source: Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, arXiv:1406.1078 (GRU).

    ```yaml
    name: review
    type: text
    encoder:
      type: rnn
      cell_type: lstm
      bidirectional: true
      state_size: 128
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, Rnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("rnn", kinds=("timeseries", "audio", "combined"))
class SeriesRnn(Rnn):
    """Stacked recurrent layers (RNN, LSTM or GRU) that read the numbers of a series or the features of audio in order.

    Use it where what happened long ago still counts; for short patterns `parallel_cnn` is quicker. Cost grows with the
    length of the series, whose steps are computed one after the other.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T,
    H].

    Source: Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, arXiv:1406.1078 (GRU).

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: rnn
      cell_type: gru
      num_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Rnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))
