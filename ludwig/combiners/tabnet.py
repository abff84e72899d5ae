"""TabNet: in each of several steps, attention selects the numbers that the step reads.

B = rows of the batch, D = numbers of all inputs, A = size of the attention's part, N = output size
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import glu

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.nn.dropout import Dropout
from ludwig.nn.initializer import initialize
from ludwig.nn.norm import BatchNorm, GhostBatchNorm
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.nn.sparse import entmax, entmax15, sparsemax
from ludwig.schema import param

EntmaxMode = Literal["sparsemax", "entmax15", "constant", "adaptive"]
HALF = 0.5**0.5  # keeps the variance of a sum of two, as in the paper
EPSILON = 1e-5  # of the logarithm in the entropy of a mask
NEAREST = 0.01  # of a trainable alpha to 1 and to 2 at first, beyond which it would not move


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """Batch normalisation, over virtual batches where they have a size."""

    virtual_batch_size: int | None
    momentum: float
    eps: float

    def of(self, size: int) -> nn.Module:
        """For vectors of that size."""
        if self.virtual_batch_size is None:
            return BatchNorm(size, momentum=self.momentum, eps=self.eps)
        return GhostBatchNorm(size, self.virtual_batch_size, momentum=self.momentum, eps=self.eps)


def _linear(input_size: int, output_size: int) -> nn.Linear:
    layer = nn.Linear(input_size, output_size, bias=False)  # a norm follows, which has one
    initialize(layer.weight, "xavier_uniform")
    return layer


class FeatureTransformer(nn.Module):
    """Gated blocks of a step, with residual connections: [B, D] -> [B, O].

    A block is a linear map, normalisation and a gated linear unit. The maps of the first blocks are those that all
    steps share, which come with each call; their norms and the other blocks are the step's own.
    """

    def __init__(self, shared: Sequence[nn.Linear], own: Sequence[nn.Linear], norm: Normalisation) -> None:
        super().__init__()
        self.linears = nn.ModuleList(own)
        self.norms = nn.ModuleList(norm.of(linear.out_features) for linear in (*shared, *own))

    def forward(self, values: Tensor, shared: nn.ModuleList) -> Tensor:
        for place, (linear, norm) in enumerate(zip((*shared, *self.linears), self.norms, strict=True)):
            gated = glu(norm(linear(values)))  # [B, O]
            values = gated if place == 0 else (values + gated) * HALF
        return values


class Selection(nn.Module):
    """A sparse distribution over the numbers from their logits: [B, D] -> [B, D].

    Source: Peters, Niculae & Martins 2019, arXiv:1905.05702; with a trainable alpha: Correia, Niculae & Martins 2019,
    "Adaptively Sparse Transformers", arXiv:1909.00015.
    """

    def __init__(self, mode: EntmaxMode, alpha: float) -> None:
        super().__init__()
        self.mode, self.alpha = mode, alpha
        start = min(max(alpha - 1, NEAREST), 1 - NEAREST)
        self.logit = nn.Parameter(torch.logit(torch.tensor(start))) if mode == "adaptive" else None  # of alpha - 1

    def forward(self, logits: Tensor) -> Tensor:
        if self.logit is not None:
            return entmax(logits, 1 + self.logit.sigmoid())
        if self.mode == "constant":
            return entmax(logits, self.alpha)
        return sparsemax(logits) if self.mode == "sparsemax" else entmax15(logits)


class AttentiveTransformer(nn.Module):
    """How much of each number the next step reads: [B, A], [B, D] -> [B, D].

    `prior` is how much each number may still be used.
    """

    def __init__(self, linear: nn.Linear, norm: Normalisation, selection: Selection) -> None:
        super().__init__()
        self.linear, self.norm, self.selection = linear, norm.of(linear.out_features), selection

    def forward(self, values: Tensor, prior: Tensor) -> Tensor:
        mask: Tensor = self.selection(self.norm(self.linear(values)) * prior)
        return mask


@COMBINERS.register("tabnet")
class TabNetCombiner(Combiner):
    """TabNet: in several steps, sparse attention selects which numbers of a row each step reads.

    Use it for tables with many irrelevant columns. It wants large batches and many epochs; `tabm` is the safer first
    choice. It costs about `2 * (size + output_size) * (sum of input sizes + size + output_size)` weights a step, less
    what the steps share. In training the entropy of the masks, times `sparsity`, is added to the loss.

    Takes vectors [B, H] and tokens [B, C, H], whose numbers are selected one by one; gives a vector [B, output_size].

    Source: Arik & Pfister 2019, "TabNet: Attentive Interpretable Tabular Learning", arXiv:1908.07442.

    ```yaml
    combiner:
      type: tabnet
      size: 16
      output_size: 16
      num_steps: 4
      entmax_mode: entmax15
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        size: int = param(32, min=1, help="Size of the part of each step that attention reads (N_a in the paper).")
        output_size: int = param(
            128,
            min=1,
            help="Output size: that of the combined vector and of each step's part of it (N_d in the paper).",
        )
        num_steps: int = param(
            3, min=1, help="Number of decision steps. Raise it for more complex tables, at a cost in proportion."
        )
        num_total_blocks: int = param(4, min=1, help="Number of gated blocks of each step, the shared ones included.")
        num_shared_blocks: int = param(2, min=0, help="Number of gated blocks whose weights all steps share.")
        relaxation_factor: float = param(
            1.5, min=1, help="Relaxation factor: at 1 a number is read in one step only, above it in several (gamma)."
        )
        sparsity: float = param(
            0.0001,
            min=0,
            help="Weight of the sparsity loss, the entropy of the masks. Raise it for fewer numbers a row.",
        )
        entmax_mode: EntmaxMode = param(
            "sparsemax",
            help="Map that selects numbers: sparsemax, entmax15, or entmax with alpha constant or adaptive (trained).",
        )
        entmax_alpha: float = param(
            1.5, min=1, max=2, help="Alpha of entmax where it is constant, or its start: 1 is softmax, 2 sparsemax."
        )
        dropout: float = param(
            0.05, min=0, max=1, help="Dropout rate of the combined vector. Raise it against overfitting."
        )
        bn_virtual_bs: int | None = param(
            1024, min=1, help="Virtual batch size of ghost batch normalisation; null takes the whole batch."
        )
        bn_momentum: float = param(
            0.05, min=0, max=1, help="Momentum of batch normalisation: the weight of a batch in the moving averages."
        )
        bn_epsilon: float = param(0.001, above=0, help="Epsilon of batch normalisation, added to the variance.")

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features)
            if self.num_shared_blocks > self.num_total_blocks:
                text = f"Must be at most num_total_blocks, {self.num_total_blocks}. Received: {self.num_shared_blocks}."
                faults.append(("num_shared_blocks", text))
            return faults

    config: Config

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.config = config
        numbers = sum(source.shape.flat_size for source in sources)
        norm = Normalisation(config.bn_virtual_bs, config.bn_momentum, config.bn_epsilon)
        self.input_norm = BatchNorm(numbers, momentum=config.bn_momentum, eps=config.bn_epsilon)
        shared = self._linears(numbers, range(config.num_shared_blocks))
        own = range(config.num_shared_blocks, config.num_total_blocks)
        self.shared = nn.ModuleList(shared)
        self.transformers = nn.ModuleList(
            FeatureTransformer(shared, self._linears(numbers, own), norm) for _ in range(config.num_steps + 1)
        )
        self.selectors = nn.ModuleList(
            AttentiveTransformer(
                _linear(config.size, numbers), norm, Selection(config.entmax_mode, config.entmax_alpha)
            )
            for _ in range(config.num_steps)
        )
        self.dropout = Dropout(config.dropout)
        self.shape = Shape("vector", config.output_size)

    def _linears(self, numbers: int, places: range) -> list[nn.Linear]:
        """The maps of the blocks at these places of a step; the first block reads the numbers themselves."""
        width = self.config.size + self.config.output_size
        return [_linear(width if place else numbers, 2 * width) for place in places]

    def forward(self, signals: Sequence[Signal]) -> Signal:
        flat = torch.cat([signal.values.flatten(1) for signal in signals], dim=1)  # [B, D]
        numbers = self.input_norm(flat)
        prior, parts = torch.ones_like(numbers), [self.config.output_size, self.config.size]
        _, attended = self.transformers[0](numbers, self.shared).split(parts, dim=1)  # [B, A]
        decisions, entropies = [], []
        for selector, transformer in zip(self.selectors, self.transformers[1:], strict=True):
            mask = selector(attended, prior)  # [B, D]
            prior = prior * (self.config.relaxation_factor - mask)
            decision, attended = transformer(mask * numbers, self.shared).split(parts, dim=1)  # [B, N], [B, A]
            decisions.append(decision.relu())
            entropies.append(-(mask * (mask + EPSILON).log()).sum(1).mean())
        combined = self.dropout(torch.stack(decisions).sum(0))  # [B, N]
        if not self.training or self.config.sparsity == 0:
            return Signal.vector(combined)
        loss = torch.stack(entropies).mean() * self.config.sparsity  # []
        return Signal("vector", combined, auxiliary_loss=loss)
