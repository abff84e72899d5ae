"""TabM: many members in one network.

B = rows of the batch, K = members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.nn.mlp import BatchEnsembleStack
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import FullyConnectedOptions


@COMBINERS.register("tabm")
class TabMCombiner(Combiner):
    """TabM: an ensemble of K multilayer perceptrons that share their weights and differ by trainable scaling vectors.

    Use it for tabular data, where it imitates an ensemble with little more than the weights of one network. Each output
    has a head for each member, is trained on the mean of their losses and predicts the mean of their predictions.
    Computation and activations are K times those of `concat` with the same layers.

    Takes vectors [B, H] and tokens [B, C, H]; gives members [B, K, output_size].

    Source: Gorishniy, Kotelnikov & Babenko 2024, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
    Ensembling", arXiv:2410.24210.

    ```yaml
    combiner:
      type: tabm
      num_members: 16
      output_size: 256
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FullyConnectedOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        num_members: int = param(
            32, min=1, help="Number of ensemble members. Raise it for better averages at a higher cost."
        )
        num_fc_layers: int = param(3, min=1, help="Number of fully connected layers, unless fc_layers lists them.")
        dropout: float = param(0.1, min=0, max=1, help="Dropout rate. Raise it against overfitting.")

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            empty = [("fc_layers", "Must list at least one layer.")] if self.fc_layers == [] else []
            return super().faults(forms, features) + empty

        def gives(self, forms: Sequence[Form]) -> Form:
            return "members"

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        width = sum(source.shape.flat_size for source in sources)
        self.stack = BatchEnsembleStack(width, config.stack(), config.num_members)
        self.shape = Shape("members", self.stack.output_size, config.num_members)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        flat = torch.cat([signal.values.flatten(1) for signal in signals], dim=1)  # [B, sum of widths]
        return Signal.members(self.stack(flat))  # [B, K, H]
