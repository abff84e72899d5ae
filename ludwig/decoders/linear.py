"""Decoders whose head is one linear map.

B = rows of the batch, K = ensemble members, H = size of the vector, O = numbers to predict for a row
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.error import ConfigValidationError
from ludwig.nn.activation import ActivationName, activation
from ludwig.nn.dropout import Dropout
from ludwig.nn.ensemble import linear, start_linear
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


class LinearDecoder(Decoder):
    """Fully connected layers, then one linear layer (the head) of the size that the output predicts."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Decoder.Config):
        use_bias: bool = param(True, help="Whether the head (the output layer) adds a bias.")
        weights_initializer: InitializerSpec = param("xavier_uniform", help="Initializer of the weights of the head.")
        bias_initializer: InitializerSpec = param("zeros", help="Initializer of the bias of the head.")

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        self.linear = linear(self.head_input_size(config), size, members=self.members, bias=config.use_bias)
        start_linear(self.linear, config.weights_initializer, config.bias_initializer)

    def head_input_size(self, config: Config) -> int:
        """The width of what the linear map reads."""
        return self.hidden_shape.size

    def head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.linear(hidden)
        return logits  # [B, O] or [B, K, O]


@DECODERS.register("regressor", kinds=("number", "binary"))
class RegressorDecoder(LinearDecoder):
    """Linear regression head: one number a row; for a binary output that number is the logit.

    Use it for every number output, and as the default of binary outputs.

    Takes a vector [B, H] or members [B, K, H]; gives [B, 1] or [B, K, 1].

    ```yaml
    name: price
    type: number
    decoder:
      type: regressor
      num_fc_layers: 1
      fc_output_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LinearDecoder.Config):
        pass


@DECODERS.register("projector", kinds=("vector", "timeseries"))
class ProjectorDecoder(LinearDecoder):
    """Linear projection head: a vector of numbers a row, such as the steps of a forecast.

    Use it for vector and time series outputs. It costs `H * output_size` weights.

    Takes a vector [B, H] or members [B, K, H]; gives [B, output_size] or [B, K, output_size].

    ```yaml
    name: embedding
    type: vector
    decoder:
      type: projector
      activation: tanh
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LinearDecoder.Config):
        output_size: int | None = param(
            None, min=1, help="Output size: number of entries of the vector; null infers it from the training split."
        )
        activation: ActivationName | None = param(
            None, help="Activation function of the output, in the column's units; null for none."
        )
        multiplier: float = param(1.0, above=0, help="Factor by which the output is multiplied, after its activation.")
        clip: list[int] | None = param(
            None,
            length=2,
            min=0,
            max=999999999,
            help="Lower and upper bound that the output is clipped to, in the column's units; null for none.",
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.clip is None or self.clip[0] < self.clip[1]:
                return []
            return [("clip", f"Must be a lower and a greater upper bound. Received: {self.clip}.")]

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        if config.output_size not in (None, size):
            raise ConfigValidationError(
                f"decoder.output_size is {config.output_size}, and the vectors of the data have {size} numbers. "
                "Remove it, or make it equal."
            )
        super().__init__(config, shape, size)
        self.activation, self.multiplier, self.clip = activation(config.activation), config.multiplier, config.clip
        self.bounds = (config.activation, config.multiplier, config.clip) != (None, 1.0, None)

    def bounded(self, numbers: Tensor) -> Tensor:
        numbers = self.activation(numbers) * self.multiplier
        return numbers if self.clip is None else numbers.clamp(self.clip[0], self.clip[1])


class SamplingDecoder(LinearDecoder):
    """A classification head with Monte Carlo dropout: several forward passes with dropout on, averaged in probability.

    Source: Gal & Ghahramani 2016, "Dropout as a Bayesian Approximation", arXiv:1506.02142.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LinearDecoder.Config):
        mc_dropout_samples: int = param(
            0,
            min=0,
            help="Monte Carlo dropout: number of forward passes with dropout on whose probabilities are averaged; 0 "
            "predicts once, without dropout.",
        )

        @property
        def averages_probabilities(self) -> bool:
            return self.mc_dropout_samples > 0

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        self.samples = config.mc_dropout_samples

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        if self.training or self.samples == 0:
            return super().forward(signal, target)
        with _dropout_on(self, signal.values.device):
            draws = [super(SamplingDecoder, self).forward(signal) for _ in range(self.samples)]
        hidden = torch.stack([draw.hidden for draw in draws]).mean(0)  # [B, H]
        return Prediction(_mean_in_probability(torch.stack([draw.known_logits for draw in draws])), hidden)


@contextmanager
def _dropout_on(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Dropout is at work below, from a generator of its own: predictions repeat and leave the run's draws alone.

    A draw has one mask for all rows, so that the prediction of a row does not depend on the others of its batch.
    """
    generator = torch.Generator(device).manual_seed(0)
    before = [(part, part.generator) for part in module.modules() if isinstance(part, Dropout)]
    for part, _ in before:
        part.train().generator, part.shares_mask = generator, True
    try:
        yield
    finally:
        for part, own in before:
            part.eval().generator, part.shares_mask = own, False


def _mean_in_probability(draws: Tensor) -> Tensor:
    """Logits whose probabilities are the mean of those of the draws: [samples, B, O] -> [B, O]."""
    if draws.shape[-1] == 1:
        return logsigmoid(draws).logsumexp(0) - logsigmoid(-draws).logsumexp(0)  # [B, 1]
    return draws.log_softmax(-1).logsumexp(0) - math.log(len(draws))  # [B, O]


@DECODERS.register("classifier", kinds=("category", "set", "category_distribution"))
class ClassifierDecoder(SamplingDecoder):
    """Linear classification head: one logit a class.

    Use it as the default of category outputs. It costs `H * classes` weights. With dropout in its fully connected
    layers, `mc_dropout_samples` averages several forward passes (Monte Carlo dropout, arXiv:1506.02142), which costs as
    many times the decoder at prediction.

    Takes a vector [B, H] or members [B, K, H]; gives [B, classes] or [B, K, classes].

    ```yaml
    name: species
    type: category
    decoder:
      type: classifier
      num_fc_layers: 1
      fc_dropout: 0.2
      mc_dropout_samples: 10
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SamplingDecoder.Config):
        pass


@DECODERS.register("mlp_classifier", kinds=("category", "binary", "category_distribution"))
class MlpClassifierDecoder(SamplingDecoder):
    """Multilayer perceptron classification head: a hidden layer with an activation of its own before the logits.

    Use it where several outputs share a combiner and a linear head underfits. It costs `H * output_size + output_size *
    classes` weights.

    Takes a vector [B, H] or members [B, K, H]; gives [B, classes] or [B, K, classes].

    ```yaml
    name: species
    type: category
    decoder:
      type: mlp_classifier
      output_size: 128
      activation: gelu
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SamplingDecoder.Config):
        num_fc_layers: int = param(
            1, min=0, help="Number of fully connected layers before the hidden layer, unless fc_layers lists them."
        )
        output_size: int = param(256, min=1, help="Output size of the hidden layer.")
        activation: ActivationName | None = param(
            "relu", help="Activation function of the hidden layer; null for none."
        )
        dropout: float = param(
            0.0, min=0, max=1, help="Dropout rate of the hidden layer. Raise it against overfitting."
        )

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        layer = LayerSpec(output_size=config.output_size, activation=config.activation, dropout=config.dropout)
        self.layer = FullyConnectedStack(self.hidden_shape.size, [layer], members=self.members)

    def head_input_size(self, config: LinearDecoder.Config) -> int:
        return config.output_size if isinstance(config, MlpClassifierDecoder.Config) else self.hidden_shape.size

    def head(self, hidden: Tensor) -> Tensor:
        return super().head(self.layer(hidden))
