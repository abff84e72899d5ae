"""Two groups of inputs, compared.

B = rows of the batch, C = columns of a group, H = size of the vector of an entity
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.error import nearest
from ludwig.nn.initializer import initialize
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.runtime.console import warn
from ludwig.schema import param
from ludwig.schema.layers import FullyConnectedOptions


class Columns(nn.Module):
    """The columns of one signal that belong to an entity, side by side: [B, H] or [B, C, H] -> [B, W]."""

    def __init__(self, source: Source, names: Collection[str]) -> None:
        super().__init__()
        places = [place for place, name in enumerate(source.features) if name in names]
        self.size = source.shape.size * len(places)
        self.is_whole = len(places) == len(source.features)
        self.register_buffer("places", torch.tensor(places, dtype=torch.int64), persistent=False)  # [C]

    def forward(self, signal: Signal) -> Tensor:
        values = signal.values
        if not self.is_whole:
            values = values.index_select(1, self.get_buffer("places"))  # [B, C, H]
        return values.flatten(1)  # [B, W]


class Entity(nn.Module):
    """The inputs of one entity side by side, then fully connected layers: signals -> [B, H]."""

    def __init__(self, sources: Sequence[Source], names: Collection[str], layers: Sequence[LayerSpec]) -> None:
        super().__init__()
        self.places = [place for place, source in enumerate(sources) if not set(names).isdisjoint(source.features)]
        columns = [Columns(sources[place], names) for place in self.places]
        self.columns = nn.ModuleList(columns)
        self.stack = FullyConnectedStack(sum(each.size for each in columns), layers)

    def forward(self, signals: Sequence[Signal]) -> Tensor:
        parts = [columns(signals[place]) for columns, place in zip(self.columns, self.places, strict=True)]
        result: Tensor = self.stack(torch.cat(parts, dim=1))
        return result  # [B, H]


@COMBINERS.register("comparator")
class ComparatorCombiner(Combiner):
    """Two groups of inputs as two vectors, by layers of their own, and what these have in common and apart.

    Use it to match two things that the columns describe, such as a query and a document or two offers. The result is
    the dot product of the two vectors, their bilinear product with a trainable matrix, their difference and its
    absolute value. It costs `sum of input sizes * output_size` weights and `output_size` squared for the matrix.

    Takes vectors [B, H] and tokens [B, C, H]; gives a vector [B, 2 + 2 * output_size].

    Source: the siamese networks of Mou et al. 2016, "Natural Language Inference by Tree-Based Convolution and Heuristic
    Matching", arXiv:1512.08422, section 3.3; the bilinear product of Socher et al. 2013, "Reasoning With Neural Tensor
    Networks for Knowledge Base Completion", eq. 1.

    ```yaml
    combiner:
      type: comparator
      entity_1: [query]
      entity_2: [title, text]
      num_fc_layers: 2
      output_size: 128
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FullyConnectedOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        entity_1: list[str] | None = param(None, help="Input features of the first of the two things to compare.")
        entity_2: list[str] | None = param(None, help="Input features of the second one: all others.")
        num_fc_layers: int = param(
            1, min=0, help="Number of fully connected layers of each entity, unless fc_layers lists them; at least one."
        )

        def completed(self, features: Sequence[str]) -> Self:
            entities = {"entity_1": self.entity_1, "entity_2": self.entity_2}
            for option, names in entities.items():
                for name in [name for name in names or [] if name not in features]:
                    warn(f"combiner.{option}: there is no input '{name}', so it is left out.{nearest(name, features)}")
            known = {
                option: None if names is None else [name for name in names if name in features]
                for option, names in entities.items()
            }
            return dataclasses.replace(self, entity_1=known["entity_1"], entity_2=known["entity_2"])

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features)
            one, two = self.entity_1 or [], self.entity_2 or []
            for option, names in (("entity_1", one), ("entity_2", two)):
                if not names:
                    text = f"Must name at least one input feature. Inputs: {', '.join(features)}."
                    faults.append((option, text))
            both = sorted(set(one) & set(two))
            if both:
                faults.append(("entity_2", f"Must not name what entity_1 names. Received in both: {', '.join(both)}."))
            missing = [name for name in features if name not in {*one, *two}]
            if one and two and missing:
                faults.append(("entity_2", f"Every input must be in one entity. In neither: {', '.join(missing)}."))
            if not self.stack():
                faults.append(("num_fc_layers", "Must be at least 1, so that both vectors have one size. Received: 0."))
            return faults

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.entity_1 = Entity(sources, config.entity_1 or (), config.stack())
        self.entity_2 = Entity(sources, config.entity_2 or (), config.stack())
        size = self.entity_1.stack.output_size
        self.matrix = nn.Parameter(torch.empty(size, size))  # [H, H]
        initialize(self.matrix, config.weights_initializer)
        self.shape = Shape("vector", 2 + 2 * size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        one, two = self.entity_1(signals), self.entity_2(signals)  # [B, H] each
        dot = (one * two).sum(1, keepdim=True)  # [B, 1]
        bilinear = (one @ self.matrix * two).sum(1, keepdim=True)  # [B, 1]
        apart = one - two  # [B, H]
        return Signal.vector(torch.cat([dot, bilinear, apart, apart.abs()], dim=1))  # [B, 2 + 2 * H]
