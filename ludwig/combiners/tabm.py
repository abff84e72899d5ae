"""TabM: many members in one network.

B = rows of the batch, K = members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.nn.dealing import Dealing
from ludwig.nn.mlp import BatchEnsembleStack, FullyConnectedStack, LayerSpec
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import FullyConnectedOptions

Architecture = Literal["tabm", "tabm-mini", "tabm-packed"]


class MiniStack(nn.Module):
    """Fully connected layers that all members share, after a scaling of the inputs by each: [B, H] -> [B, K, O].

    The scalings start as random signs, as those of the first layer of TabM do.
    """

    def __init__(self, width: int, layers: Sequence[LayerSpec], members: int) -> None:
        super().__init__()
        self.scaling = nn.Parameter(torch.randint(0, 2, (members, width)) * 2.0 - 1)  # [K, H]
        self.layers = FullyConnectedStack(width, layers)
        self.output_size = self.layers.output_size

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.layers(_by_member(values) * self.scaling)
        return result  # [B, K, O]


class PackedStack(nn.Module):
    """Fully connected layers of each member: [B, H] -> [B, K, O]."""

    def __init__(self, width: int, layers: Sequence[LayerSpec], members: int) -> None:
        super().__init__()
        self.members = members
        self.layers = FullyConnectedStack(width, layers, members=members)
        self.output_size = self.layers.output_size

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.layers(_by_member(values).expand(-1, self.members, -1))
        return result  # [B, K, O]


def _by_member(values: Tensor) -> Tensor:
    """Rows that all members see get a dimension for these; rows that were dealt out have one."""
    return values.unsqueeze(1) if values.dim() == 2 else values  # [B, 1, H] or [B, K, H]


Stack = BatchEnsembleStack | MiniStack | PackedStack


def _stack(arch: Architecture, width: int, layers: Sequence[LayerSpec], members: int) -> Stack:
    stacks: dict[str, Callable[[int, Sequence[LayerSpec], int], Stack]]
    stacks = {"tabm": BatchEnsembleStack, "tabm-mini": MiniStack, "tabm-packed": PackedStack}
    return stacks[arch](width, layers, members)


@COMBINERS.register("tabm")
class TabMCombiner(Combiner):
    """TabM: an ensemble of K multilayer perceptrons that share their weights and differ by trainable scaling vectors.

    Use it as the first choice wherever inputs are vectors or tokens: it imitates an ensemble with little more than the
    weights of one network. Each output has a head for each member and predicts what they predict on average. With
    `deal_rows` each row of a training batch is shown to one member only, so that a step costs no more than one network
    does; without it the training loss is the mean of the members' losses, and a step costs K times as much. With `arch:
    tabm-mini` members share all layers and differ by one scaling of the inputs; with `tabm-packed` they share nothing,
    at K times the weights.

    Takes vectors [B, H] and tokens [B, C, H]; gives members [B, K, output_size], of rows that were dealt out
    [B / K, K, output_size].

    Source: Gorishniy, Kotelnikov & Babenko 2024, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
    Ensembling", arXiv:2410.24210.

    ```yaml
    combiner:
      type: tabm
      num_members: 16
      num_fc_layers: 3
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FullyConnectedOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        arch: Architecture = param(
            "tabm",
            help="Architecture: what a member has of its own: scalings and biases of each layer (tabm), one scaling "
            "of the inputs (tabm-mini) or all weights (tabm-packed).",
        )
        num_members: int = param(
            8, min=1, help="Number of ensemble members. Raise it for better averages at a higher cost."
        )
        num_fc_layers: int = param(2, min=1, help="Number of fully connected layers, unless fc_layers lists them.")
        deal_rows: bool = param(
            True,
            help="Whether the rows of a training batch are dealt out to the members, each to one. False shows all rows "
            "to all members, for small batches at a higher cost.",
        )

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            empty = [("fc_layers", "Must list at least one layer.")] if self.fc_layers == [] else []
            return super().faults(forms, features) + empty

        def gives(self, forms: Sequence[Form]) -> Form:
            return "members"

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        width = sum(source.shape.flat_size for source in sources)
        self.stack = _stack(config.arch, width, config.stack(), config.num_members)
        self.dealing = Dealing(config.num_members) if config.deal_rows and config.num_members > 1 else None
        self.shape = Shape("members", self.stack.output_size, config.num_members)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        flat = torch.cat([signal.values.flatten(1) for signal in signals], dim=1)  # [B, sum of widths]
        if self.dealing is None or not self.training:
            return Signal.members(self.stack(flat))  # [B, K, H]
        hands, places = self.dealing(flat)
        return Signal.members(self.stack(hands), places)  # [B / K, K, H]
