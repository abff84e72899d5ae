"""Attention and the layers of a transformer encoder. Padding never changes a result.

B = rows of the batch, T = steps or tokens, S = steps of the context, N = heads, D = size of a head, H = size of a
vector
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError
from ludwig.nn.activation import GATED, ActivationName, activation
from ludwig.nn.dropout import Dropout
from ludwig.nn.initializer import InitializerSpec, initialize

ROTARY_BASE = 10_000.0  # Su et al. 2021, section 3.4.2


@dataclass(frozen=True)
class AttentionSpec:
    """The weights of attention and of the layers after it, before they are trained."""

    use_bias: bool = True
    weights_initializer: InitializerSpec = "xavier_uniform"
    bias_initializer: InitializerSpec = "zeros"


def heads_fault(size: int, heads: int, rotary: bool = False) -> str | None:
    """What is wrong with a number of heads for vectors of a size; None where it fits."""
    if size % heads:
        return f"Must be a multiple of the number of heads, {heads}. Received: {size}."
    if rotary and size // heads % 2:
        return f"Rotary embeddings need heads of an even size. Received: {size} / {heads} heads = {size // heads}."
    return None


def started(layer: nn.Linear, spec: AttentionSpec, parts: int = 1) -> nn.Linear:
    """The linear map with weights set by the spec's rules; `parts` maps that lie side by side start by themselves."""
    for weight in layer.weight.chunk(parts):
        initialize(weight, spec.weights_initializer)
    if layer.bias is not None:
        for bias in layer.bias.chunk(parts):
            initialize(bias, spec.bias_initializer)
    return layer


class Attention(nn.Module):
    """Scaled dot-product attention with several heads: [B, T, H] and a context [B, S, C] -> [B, T, H].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.2; rotary embeddings of
    positions: Su et al. 2021, "RoFormer", arXiv:2104.09864, section 3.2.2.
    """

    def __init__(
        self,
        size: int,
        heads: int,
        context_size: int | None = None,
        *,
        rotary: bool = False,
        spec: AttentionSpec = AttentionSpec(),
    ) -> None:
        """`context_size`: that of the vectors which are attended to, where it is another.

        Raises:
            ConfigValidationError: The heads do not divide the size.
        """
        super().__init__()
        fault = heads_fault(size, heads, rotary)
        if fault is not None:
            raise ConfigValidationError(f"The hidden size of attention: {fault}")
        self.heads, self.rotary = heads, rotary
        self.query = started(nn.Linear(size, size, bias=spec.use_bias), spec)
        self.key_value = started(nn.Linear(context_size or size, 2 * size, bias=spec.use_bias), spec, parts=2)
        self.out = started(nn.Linear(size, size, bias=spec.use_bias), spec)

    def forward(self, values: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Each step attends to the context, or without one to all steps.

        `mask` is True where a step of the context may be attended to: [B, S], or [1 or B, T, S] for each step by
        itself. A step that may attend to nothing gives what the bias of the last map gives.
        """
        keys, given = self.keys_and_values(values if context is None else context)
        return self.attend(values, keys, given, mask)

    def keys_and_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """What is attended to, by head, for those who keep it from step to step: [B, S, C] -> twice [B, N, S, D]."""
        keys, given = (self._by_head(each) for each in self.key_value(context).chunk(2, dim=-1))
        return rotated(keys) if self.rotary else keys, given

    def attend(self, values: Tensor, keys: Tensor, given: Tensor, mask: Tensor | None = None) -> Tensor:
        """Each step attends to these keys and values: [B, T, H] -> [B, T, H]; `mask` as in `forward`."""
        queries = self._by_head(self.query(values))  # [B, N, T, D]
        attended = _attended(rotated(queries) if self.rotary else queries, keys, given, mask)
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result  # [B, T, H]

    def _by_head(self, values: Tensor) -> Tensor:
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2)  # [B, N, T, D]


def _attended(queries: Tensor, keys: Tensor, given: Tensor, mask: Tensor | None) -> Tensor:
    """[B, N, T, D], [B, N, S, D] twice -> [B, N, T, D]."""
    if mask is None:
        return functional.scaled_dot_product_attention(queries, keys, given)
    there = mask if mask.dim() == 3 else mask.unsqueeze(1)  # [B, 1 or T, S]
    some = there.any(-1, keepdim=True)  # [B, 1 or T, 1]
    # A softmax of nothing is NaN: what may attend to nothing attends to all, and what it reads there is left out.
    attended = functional.scaled_dot_product_attention(queries, keys, given, (there | ~some).unsqueeze(1))
    return attended.masked_fill(~some.unsqueeze(1), 0.0)


def causal(steps: int, before: int, device: torch.device) -> Tensor:
    """A mask by which each step sees itself and what stands before it; `before` steps came earlier: [1, T, S]."""
    own = torch.arange(steps, device=device).unsqueeze(1) + before
    return (torch.arange(before + steps, device=device) <= own).unsqueeze(0)


def rotated(values: Tensor) -> Tensor:
    """Rotary embeddings: pairs of numbers of each head turned by an angle that grows with the step; [B, N, T, D].

    The first half of a head's numbers pairs with the second, which is the same up to their order.
    """
    steps, size = values.shape[-2], values.shape[-1]
    exponents = torch.arange(0, size, 2, device=values.device, dtype=torch.float32) / size  # [D / 2]
    angles = torch.outer(torch.arange(steps, device=values.device), ROTARY_BASE**-exponents)  # [T, D / 2]
    cosines, sines = angles.cos().to(values.dtype), angles.sin().to(values.dtype)
    first, second = values.chunk(2, dim=-1)  # [B, N, T, D / 2] each
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)


class FeedForward(nn.Module):
    """Two linear maps with a nonlinearity between them: [..., H] -> [..., H]. A gated one has a gate beside the first.

    Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 2; with gates: Shazeer 2020, arXiv:2002.05202.
    """

    def __init__(
        self,
        size: int,
        hidden_size: int,
        dropout: float = 0.0,
        name: ActivationName | None = "gelu",
        spec: AttentionSpec = AttentionSpec(),
    ) -> None:
        super().__init__()
        parts = 2 if name in GATED else 1
        self.first = started(nn.Linear(size, parts * hidden_size, bias=spec.use_bias), spec, parts)
        self.activation, self.dropout = activation(name), Dropout(dropout)
        self.second = started(nn.Linear(hidden_size, size, bias=spec.use_bias), spec)

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.second(self.dropout(self.activation(self.first(values))))
        return result  # [..., H]


class TransformerBlock(nn.Module):
    """One layer of a transformer encoder: attention of all steps to all, then a feed-forward network on each.

    Each of the two adds to what comes in. With `pre_norm` what comes in is normalised, and the last layer's output is
    to be normalised after it (`TransformerStack` does so); else what each of the two gives.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1; pre-norm: Xiong et al. 2020, arXiv:2002.04745.
    """

    def __init__(
        self,
        size: int,
        heads: int,
        feed_forward_size: int,
        dropout: float = 0.0,
        *,
        name: ActivationName | None = "gelu",
        pre_norm: bool = True,
        normalises_first: bool = True,
        rotary: bool = False,
        spec: AttentionSpec = AttentionSpec(),
    ) -> None:
        """`name`: the nonlinearity. `normalises_first`: whether the attention of a pre-norm layer has a norm."""
        super().__init__()
        self.pre_norm = pre_norm
        self.attention = Attention(size, heads, rotary=rotary, spec=spec)
        self.feed_forward = FeedForward(size, feed_forward_size, dropout, name, spec)
        has_first = normalises_first or not pre_norm
        self.attention_norm: nn.Module = nn.LayerNorm(size) if has_first else nn.Identity()
        self.feed_forward_norm = nn.LayerNorm(size)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, T, H] -> [B, T, H]; steps that the mask [B, T] leaves out are attended to by none."""
        if self.pre_norm:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask=mask))
            fed: Tensor = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
            return fed
        x = self.attention_norm(x + self.dropout(self.attention(x, mask=mask)))
        normal: Tensor = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return normal


class TransformerStack(nn.Module):
    """Several layers of a transformer encoder; after pre-norm ones a last normalisation: [B, T, H] -> [B, T, H]."""

    def __init__(
        self,
        layers: int,
        size: int,
        heads: int,
        feed_forward_size: int,
        dropout: float = 0.0,
        *,
        name: ActivationName | None = "gelu",
        pre_norm: bool = True,
        rotary: bool = False,
        spec: AttentionSpec = AttentionSpec(),
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            TransformerBlock(
                size, heads, feed_forward_size, dropout, name=name, pre_norm=pre_norm, rotary=rotary, spec=spec
            )
            for _ in range(layers)
        )
        self.norm: nn.Module = nn.LayerNorm(size) if pre_norm else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        normal: Tensor = self.norm(x)
        return normal
