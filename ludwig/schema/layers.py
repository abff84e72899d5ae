"""The options of a stack of fully connected layers, shared by all components that hold one."""

from __future__ import annotations

import dataclasses

from ludwig.nn.activation import ActivationName
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import LayerSpec
from ludwig.nn.norm import NormName
from ludwig.schema.groups import Overrides, filled, stack_of
from ludwig.schema.params import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightOptions:
    """The weights of a layer, before they are trained."""

    use_bias: bool = param(True, help="Whether each layer adds a bias.")
    weights_initializer: InitializerSpec = param("xavier_uniform", help="Initializer of the weights.")
    bias_initializer: InitializerSpec = param("zeros", help="Initializer of the biases.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormOptions:
    """The normalisation of a layer."""

    norm: NormName | None = param(
        None,
        help="Normalisation after linear and convolutional layers. It steadies and often speeds up training; null for "
        "none.",
    )
    norm_params: dict[str, float] | None = param(None, help="Parameters of the normalisation, such as eps.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActivationOptions:
    """What follows the normalisation of a layer."""

    activation: ActivationName | None = param("relu", help="Activation function; null for none.")
    dropout: float = param(
        0.0,
        min=0,
        max=1,
        help="Dropout rate: the share of outputs that training sets to zero. Raise it against overfitting.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SizeOptions:
    """How many numbers a layer gives."""

    output_size: int = param(256, min=1, help="Output size of a fully connected layer.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerOptions(SizeOptions, WeightOptions, NormOptions, ActivationOptions):
    """A fully connected layer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerOverrides(Overrides, of=LayerOptions):
    """One entry of `fc_layers`: what this layer has otherwise than the stack."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListedOptions:
    """Fully connected layers that may be listed; how many there are otherwise, whoever inherits this declares."""

    fc_layers: list[LayerOverrides] | None = param(
        None,
        help="Fully connected layers one by one, each with the options that it overrides; null for equal ones.",
    )

    def stack_of(self, count: int) -> list[LayerSpec]:
        """All layers: those that are listed, else `count`. Options that begin with `fc_` are theirs alone."""
        return stack_of(filled(LayerSpec, self, "fc_"), self.fc_layers, count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackOptions(ListedOptions, LayerOptions):
    """Fully connected layers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CountedOptions(ListedOptions):
    """Fully connected layers that are listed, or else so many equal ones."""

    num_fc_layers: int = param(0, min=0, help="Number of fully connected layers, unless fc_layers lists them.")

    def stack(self) -> list[LayerSpec]:
        """All layers, each with all its options."""
        return self.stack_of(self.num_fc_layers)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FullyConnectedOptions(CountedOptions, StackOptions):
    """The fully connected layers after a combiner or an encoder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FcActivationOptions:
    """What follows the normalisation of a fully connected layer that stands beside layers of another sort."""

    fc_activation: ActivationName | None = param(
        "relu", help="Activation function of the fully connected layers; null for none."
    )
    fc_dropout: float = param(
        0.0, min=0, max=1, help="Dropout rate of the fully connected layers. Raise it against overfitting."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadOptions(CountedOptions, FcActivationOptions, SizeOptions, NormOptions):
    """The fully connected layers after blocks that have activations and weights of their own, as a transformer's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FcOptions(ListedOptions, FcActivationOptions):
    """Fully connected layers beside layers of another sort: all their options but the size begin with `fc_`."""

    fc_use_bias: bool = param(True, help="Whether each fully connected layer adds a bias.")
    fc_weights_initializer: InitializerSpec | None = param(
        "xavier_uniform", help="Initializer of the weights of the fully connected layers; null for xavier_uniform."
    )
    fc_bias_initializer: InitializerSpec | None = param(
        "zeros", help="Initializer of the biases of the fully connected layers; null for zeros."
    )
    fc_norm: NormName | None = param(None, help="Normalisation of the fully connected layers' outputs; null for none.")
    fc_norm_params: dict[str, float] | None = param(
        None, help="Parameters of the normalisation of the fully connected layers, such as eps."
    )
