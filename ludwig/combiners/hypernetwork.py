"""A hypernetwork: the first input decides what is made of the others.

B = rows of the batch, K = size of the hypernetwork's hidden layer, H = hidden size, O = output size
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.nn.activation import ActivationName
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param
from ludwig.schema.groups import filled


@COMBINERS.register("hypernetwork")
class HypernetworkCombiner(Combiner):
    """The first input feature generates the weights of a linear map, which is applied to all others.

    Use it where one input, such as a task, a device or a country, sets how the others are to be read; it must be the
    first of the inputs. It costs `sum of the other input sizes * hidden_size` weights and `hyper_hidden_size *
    hidden_size * output_size` for what generates the map.

    Takes vectors [B, H] and tokens [B, C, H] of two columns at least; gives a vector [B, output_size].

    Source: Ha, Dai & Le 2016, "HyperNetworks", arXiv:1609.09106; the start of the weights: Chang, Flokas & Lipson 2020,
    "Principled Weight Initialization for Hypernetworks" (ICLR), whose rule keeps the variance of what is mapped.

    ```yaml
    combiner:
      type: hypernetwork
      hidden_size: 64
      hyper_hidden_size: 32
      output_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        hidden_size: int = param(
            128, min=1, help="Hidden size: that of the vector which the generated map is applied to."
        )
        hyper_hidden_size: int = param(
            64,
            min=1,
            help="Hidden size of the hypernetwork. Raise it for more different maps, at a cost in proportion.",
        )
        output_size: int = param(
            128, min=1, help="Output size: that of the combined vector and of each fully connected layer."
        )
        num_fc_layers: int = param(0, min=0, help="Number of fully connected layers after the generated map.")
        dropout: float = param(
            0.1,
            min=0,
            max=1,
            help="Dropout rate: the share of outputs that training sets to zero. Raise it against overfitting.",
        )
        activation: ActivationName | None = param("relu", help="Activation function; null for none.")

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features)
            if len(features) < 2:
                text = "The combiner 'hypernetwork' needs at least two input features. Add one, or choose concat."
                faults.append(("", text))
            return faults

        def layer(self, size: int) -> LayerSpec:
            """A fully connected layer of that size."""
            return dataclasses.replace(filled(LayerSpec, self), output_size=size)

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        first = sources[0].shape
        generated, size = config.hyper_hidden_size, config.output_size
        self.hyper = FullyConnectedStack(first.size, [config.layer(generated)])
        others = sum(source.shape.flat_size for source in sources) - first.size
        self.others = FullyConnectedStack(others, [config.layer(config.hidden_size)])
        self.common = nn.Linear(config.hidden_size, size)
        self.basis = nn.Linear(config.hidden_size, generated * size)
        with torch.no_grad():  # a sum of K maps has the variance of one
            self.basis.weight.mul_(generated**-0.5)
            self.basis.bias.mul_(generated**-0.5)
        self.stack = FullyConnectedStack(size, [config.layer(size)] * config.num_fc_layers)
        self.shape = Shape("vector", size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        first, others = _apart(signals)
        scales = self.hyper(first)  # [B, K]
        values = self.others(others)  # [B, H]
        # The map W0 + sum of scale k * Wk, applied: the Wk come first, since a map for each row would be H * O numbers.
        parts = self.basis(values).view(values.shape[0], scales.shape[1], -1)  # [B, K, O]
        mapped = self.common(values) + torch.bmm(scales.unsqueeze(1), parts).squeeze(1)  # [B, O]
        return Signal.vector(self.stack(mapped))


def _apart(signals: Sequence[Signal]) -> tuple[Tensor, Tensor]:
    """The first input, and all others side by side: [B, H of it], [B, sum of the others' sizes]."""
    values = signals[0].values
    if values.dim() == 2:
        return values, torch.cat([signal.values.flatten(1) for signal in signals[1:]], dim=1)
    others = [values[:, 1:].flatten(1), *(signal.values.flatten(1) for signal in signals[1:])]
    return values[:, 0], torch.cat(others, dim=1)
