"""Options that several combiners share."""

from __future__ import annotations

import dataclasses

from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.transformer import AttentionSpec, heads_fault
from ludwig.schema import param
from ludwig.schema.groups import filled
from ludwig.schema.layers import (
    FcActivationOptions,
    FullyConnectedOptions,
    ListedOptions,
    NormOptions,
    WeightOptions,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerOptions(WeightOptions, NormOptions, FcActivationOptions, ListedOptions):
    """Layers of a transformer over the inputs, then fully connected layers."""

    hidden_size: int = param(256, min=1, help="Hidden size: that of the token of an input. A multiple of num_heads.")
    transformer_output_size: int = param(
        256, min=1, help="Hidden size of the feed-forward network of each transformer layer."
    )
    num_layers: int = param(1, min=1, help="Number of transformer layers. Raise it for interactions of more inputs.")
    num_heads: int = param(8, min=1, help="Number of attention heads.")
    dropout: float = param(
        0.1,
        min=0,
        max=1,
        help="Dropout rate of the transformer layers: the share of outputs that training sets to zero.",
    )
    num_fc_layers: int = param(0, min=0, help="Number of fully connected layers, unless fc_layers lists them.")
    output_size: int = param(256, min=1, help="Output size of a fully connected layer.")
    fc_residual: bool = param(
        False, help="Residual (skip) connections around fully connected layers of equal size, which ease deep stacks."
    )

    def attention(self) -> AttentionSpec:
        """The start of the weights of attention."""
        return filled(AttentionSpec, self)

    def tokenizer(self) -> LayerSpec:
        """The linear map of an input to its token, whose bias is the identity of the input."""
        return token_layer(self.hidden_size, self)

    def fully_connected(self, size: int) -> FullyConnectedStack:
        """The layers after the transformer, for vectors of that size."""
        return FullyConnectedStack(size, self.stack_of(self.num_fc_layers), residual=self.fc_residual)

    def faults_of_heads(self) -> list[tuple[str, str]]:
        """(parameter, message) of heads that do not divide the hidden size."""
        return head_faults("hidden_size", self.hidden_size, self.num_heads)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FusionOptions(FullyConnectedOptions):
    """Fully connected layers after a fusion of the inputs, with one dropout rate for both."""

    dropout: float = param(
        0.1,
        min=0,
        max=1,
        help="Dropout rate: the share of outputs that training sets to zero. Raise it against overfitting.",
    )


def token_layer(size: int, weights: WeightOptions) -> LayerSpec:
    """A linear map without a bias to tokens of that size."""
    return LayerSpec(size, use_bias=False, weights_initializer=weights.weights_initializer, activation=None)


def head_faults(option: str, size: int, heads: int) -> list[tuple[str, str]]:
    """(parameter, message) of heads that do not divide the size."""
    fault = heads_fault(size, heads)
    return [] if fault is None else [(option, fault)]
