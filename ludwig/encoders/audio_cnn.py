"""Statistics of the features of audio, and convolutions over its steps.

B = rows of the batch, T = steps, E = features of a step, F = filters, S = size of the statistics
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.steps import SequenceOfValues
from ludwig.nn.convolution import ConvolutionSpec, MaskedConv1d
from ludwig.nn.dropout import Dropout
from ludwig.nn.norm import NormName
from ludwig.nn.reduce import SequenceReducer
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.groups import filled
from ludwig.schema.layers import ActivationOptions

SMALL_BATCH = 64  # rows: convolutions over long sounds are dear, and sounds are few more often than many


@ENCODERS.register("audio_cnn", kinds=("audio",))
class AudioCnn(Encoder):
    """Mean, standard deviation and maximum of each feature over the steps, beside the mean and maximum of what stacked
    convolutions over the steps give. The outputs read the statistics by a linear layer of their own, past the combiner,
    which reads all of it.

    Use it as the default of audio: from few sounds the statistics predict at least as well as logistic regression on
    those of cepstral coefficients, and the convolutions see what follows what. Cost grows with the length of the
    sounds, halved by `strides` and by each `pool_size`; `num_layers: 0` takes the statistics alone, which is cheapest.

    Takes features [B, T, E]; gives a vector [B, 3 * E + 2 * num_filters], and the statistics [B, 3 * E] for linear
    layers.

    Sources: statistics over the steps as in Snyder et al. 2018, "X-Vectors: Robust DNN Embeddings for Speaker
    Recognition"; convolutions over log mel features, then mean and maximum, as in Kong et al. 2020, "PANNs",
    arXiv:1912.10211; the linear part beside a network as in Cheng et al. 2016, "Wide & Deep Learning",
    arXiv:1606.07792.

    ```yaml
    name: recording
    type: audio
    encoder:
      type: audio_cnn
      num_layers: 4
      num_filters: 128
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ActivationOptions, Encoder.Config):
        num_layers: int = param(3, min=0, help="Number of stacked convolutions; 0 for the statistics alone.")
        num_filters: int = param(64, min=1, help="Number of filters, which are the output channels of a convolution.")
        filter_size: int = param(3, min=1, help="Kernel size: how many steps a filter spans.")
        strides: int = param(2, min=1, help="Stride of the first convolution in steps. Raise it for speed.")
        pool_size: int | None = param(
            2, min=1, help="Max pooling kernel size and stride in steps, after each convolution; null for none."
        )
        norm: NormName | None = param(
            "batch", help="Normalisation of a convolution's outputs, which steadies training; null for none."
        )

        @property
        def suggested_learning_rate(self) -> float:
            return 0.001

        @property
        def suggested_batch_size(self) -> int:
            return SMALL_BATCH

        def convolutions(self) -> list[ConvolutionSpec]:
            """The convolutions, each with all its options; dropout comes once, after them."""
            later = dataclasses.replace(filled(ConvolutionSpec, self), strides=1, dropout=0.0)
            return [dataclasses.replace(later, strides=self.strides), *[later] * self.num_layers][: self.num_layers]

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        nn.Module.__init__(self)
        self.config = config
        size = facts[0].channels
        self.convolutions = nn.ModuleList()
        channels = size
        for spec in config.convolutions():
            self.convolutions.append(MaskedConv1d(channels, spec))
            channels = spec.num_filters
        self.dropout = Dropout(config.dropout)
        self.mean, self.most = SequenceReducer("mean", size), SequenceReducer("max", size)
        convolved = 2 * config.num_filters if config.num_layers else 0
        self.shape = Shape("vector", 3 * size + convolved, linear=3 * size)

    def forward(self, column: Padded) -> Signal:
        statistics = self._statistics(column.values, column.mask)  # [B, S]
        parts, values, mask = [statistics], column.values, column.mask
        for convolution in self.convolutions:
            values, mask = convolution(values, mask)  # [B, T', F], [B, T']
        if len(self.convolutions):
            parts.append(self.dropout(torch.cat([self.mean(values, mask), self.most(values, mask)], dim=1)))  # [B, 2F]
        return dataclasses.replace(Signal.vector(torch.cat(parts, dim=1)), linear=statistics)

    def _statistics(self, values: Tensor, mask: Tensor) -> Tensor:
        """Mean, standard deviation and maximum of each feature: [B, T, E] -> [B, 3 * E]."""
        mean: Tensor = self.mean(values, mask)  # [B, E]
        variance: Tensor = self.mean((values - mean.unsqueeze(1)).square(), mask)
        return torch.cat([mean, variance.clamp_min(1e-12).sqrt(), self.most(values, mask)], dim=1)  # [B, 3 * E]
