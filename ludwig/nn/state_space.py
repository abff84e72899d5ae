"""State space layers: a hidden state that each step lets decay and adds to. Padding never changes a result.

B = rows of the batch, T = steps, L = steps of a chunk, G = chunks, H = size of a vector, D = size inside a layer,
N = numbers of state for each of those, K = heads, P = size of a head
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ludwig.nn.initializer import InitializerSpec, initialize

SCANNED = 16  # most steps of a chunk of the scan: a power of two; on CPUs 8 and 32 take longer
MULTIPLIED = 64  # most steps of a chunk of matrix products
FASTEST, SLOWEST = 0.1, 0.001  # step sizes before training, from Gu & Dao 2023, section 3.6
MOST_DECAY = 16.0  # the largest rate of decay before training, from Dao & Gu 2024


class _Recurrence(torch.autograd.Function):
    """The recurrence with a gradient of its own, which is the recurrence from the other end."""

    @staticmethod
    def forward(ctx: FunctionCtx, decay: Tensor, added: Tensor) -> Tensor:
        states = _scan(decay, added)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        decay, states = ctx.saved_tensors  # type: ignore[attr-defined]
        later = functional.pad(decay[:, 1:], (0, 0) * (decay.dim() - 2) + (0, 1))  # what the next step keeps
        of_added = _scan(later.flip(1), gradient.flip(1)).flip(1)  # [B, L, ...]
        before = functional.pad(states[:, :-1], (0, 0) * (decay.dim() - 2) + (1, 0))
        return of_added * before, of_added


def _scan(decay: Tensor, added: Tensor) -> Tensor:
    """Pairs of neighbours are merged to one step each, and so on: no product is taken but of decays."""
    if decay.shape[1] == 1:
        return added
    even, odd = decay[:, ::2], decay[:, 1::2]  # [B, L / 2, ...] each
    later = _scan(odd * even, torch.addcmul(added[:, 1::2], odd, added[:, ::2]))
    earlier = torch.addcmul(added[:, 2::2], even[:, 1:], later[:, :-1])
    return torch.stack([torch.cat([added[:, :1], earlier], dim=1), later], dim=2).flatten(1, 2)  # [B, L, ...]


def recurrence(decay: Tensor, added: Tensor) -> Tensor:
    """state[t] = decay[t] * state[t - 1] + added[t], from zero, for all steps at once: [B, L, ...] -> [B, L, ...].

    The number of steps is a power of two; its logarithm is that of the operations one after the other. Decays between
    0 and 1 keep it stable, however many there are.

    Source: Blelloch 1990, "Prefix Sums and Their Applications", section 1.4.
    """
    states: Tensor = _Recurrence.apply(decay, added) if torch.is_grad_enabled() else _scan(decay, added)  # type: ignore[no-untyped-call]
    return states


def selective_scan(values: Tensor, step: Tensor, rate: Tensor, into: Tensor, out: Tensor) -> Tensor:
    """A state of N numbers for each of D, which decays by exp(step * rate), takes in step * value * into and gives its
    product with out.

    Chunk after chunk, with a parallel scan inside each. Backward, each chunk is computed again, so that memory holds
    the states of one chunk and not of all steps.

    Source: Gu & Dao 2023, "Mamba", arXiv:2312.00752, eq. 2 and algorithm 2, with the simplified discretization of its
    section 3.5.2.

    Args:
        values, step: [B, T, D], the step sizes at least zero; a step of size zero changes nothing.
        rate: [D, N], below zero.
        into, out: [B, T, N]

    Returns:
        [B, T, D]
    """
    steps = values.shape[1]
    length = min(SCANNED, 1 << (steps - 1).bit_length())
    more = -steps % length
    parts = [torch.split(functional.pad(each, (0, 0, 0, more)), length, dim=1) for each in (values, step, into, out)]
    state = values.new_zeros(values.shape[0], *rate.shape)  # [B, D, N]
    chunk: Callable[..., tuple[Tensor, Tensor]] = _recomputed if torch.is_grad_enabled() else _scanned
    shown = []
    for each in zip(*parts, strict=True):
        given, state = chunk(state, rate, *each)
        shown.append(given)
    return torch.cat(shown, dim=1)[:, :steps]  # [B, T, D]


def _scanned(
    state: Tensor, rate: Tensor, values: Tensor, step: Tensor, into: Tensor, out: Tensor
) -> tuple[Tensor, Tensor]:
    """What a chunk gives, and its last state: [B, L, D], [B, D, N]."""
    decay = (step.unsqueeze(-1) * rate).exp()  # [B, L, D, N]
    added = (step * values).unsqueeze(-1) * into.unsqueeze(2)  # [B, L, D, N]
    first = torch.addcmul(added[:, :1], decay[:, :1], state.unsqueeze(1))
    states = recurrence(decay, torch.cat([first, added[:, 1:]], dim=1))  # [B, L, D, N]
    return (states * out.unsqueeze(2)).sum(-1), states[:, -1]


def _recomputed(*parts: Tensor) -> tuple[Tensor, Tensor]:
    result: tuple[Tensor, Tensor] = checkpoint(_scanned, *parts, use_reentrant=False, preserve_rng_state=False)
    return result


def dual_scan(values: Tensor, step: Tensor, rate: Tensor, into: Tensor, out: Tensor) -> Tensor:
    """As `selective_scan`, with one rate of decay for all numbers of a head: matrix products inside a chunk, as in
    attention, and a state from chunk to chunk.

    Decays are differences of logarithms within a chunk, so that nothing overflows.

    Source: Dao & Gu 2024, "Transformers are SSMs", arXiv:2405.21060, section 6.

    Args:
        values: [B, T, K, P]
        step: [B, T, K], at least zero; a step of size zero changes nothing.
        rate: [K], below zero.
        into, out: [B, T, N], for all heads.

    Returns:
        [B, T, K, P]
    """
    steps = values.shape[1]
    length = min(MULTIPLIED, steps)
    more = -steps % length
    values, step = functional.pad(values, (0, 0, 0, 0, 0, more)), functional.pad(step, (0, 0, 0, more))
    into, out = functional.pad(into, (0, 0, 0, more)), functional.pad(out, (0, 0, 0, more))
    chunks = (-1, length)
    into, out = torch.unflatten(into, 1, chunks), torch.unflatten(out, 1, chunks)  # [B, G, L, N]
    added = torch.unflatten(values * step.unsqueeze(-1), 1, chunks).permute(0, 3, 1, 2, 4)  # [B, K, G, L, P]
    logs = torch.unflatten(step * rate, 1, chunks).permute(0, 3, 1, 2).cumsum(-1)  # [B, K, G, L]
    inside = _inside(added, logs, into, out)
    entering = _entering(added, logs, into)  # [B, K, G, N, P]
    carried = (out.unsqueeze(1) @ entering) * logs.exp().unsqueeze(-1)  # [B, K, G, L, P]
    return (inside + carried).permute(0, 2, 3, 1, 4).flatten(1, 2)[:, :steps]  # [B, T, K, P]


def _inside(added: Tensor, logs: Tensor, into: Tensor, out: Tensor) -> Tensor:
    """What each step has of the steps before it in its chunk: [B, K, G, L, P]."""
    future = torch.ones(logs.shape[-1], logs.shape[-1], dtype=torch.bool, device=logs.device).triu(1)  # [L, L]
    left = (logs.unsqueeze(-1) - logs.unsqueeze(-2)).masked_fill(future, -math.inf).exp()  # [B, K, G, L, L]
    scores = (out @ into.transpose(-1, -2)).unsqueeze(1)  # [B, 1, G, L, L]
    return (scores * left).to(added.dtype) @ added


def _entering(added: Tensor, logs: Tensor, into: Tensor) -> Tensor:
    """The state that each chunk starts from: [B, K, G, N, P]."""
    left = (logs[..., -1:] - logs).exp().unsqueeze(-1)  # [B, K, G, L, 1]
    own = into.unsqueeze(1).transpose(-1, -2) @ (added * left)  # [B, K, G, N, P]
    kept = logs[..., -1].exp()[..., None, None]  # [B, K, G, 1, 1]
    states = [torch.zeros_like(own[:, :, 0])]  # [B, K, N, P]
    for chunk in range(own.shape[2] - 1):
        states.append(torch.addcmul(own[:, :, chunk], kept[:, :, chunk], states[-1]))
    return torch.stack(states, dim=2)


class CausalConvolution(nn.Module):
    """A convolution of each channel by itself over the steps up to the current one: [B, T, D] -> [B, T, D]."""

    def __init__(self, channels: int, span: int) -> None:
        super().__init__()
        self.span = span
        self.convolution = nn.Conv1d(channels, channels, span, groups=channels)

    def forward(self, values: Tensor) -> Tensor:
        earlier = functional.pad(values.transpose(1, 2), (self.span - 1, 0))  # [B, D, T + span - 1]
        convolved: Tensor = self.convolution(earlier)
        return convolved.transpose(1, 2)  # [B, T, D]


class SelectiveStateSpace(nn.Module):
    """A state space layer whose decay and whose inputs depend on the step (Mamba): [B, T, H] -> [B, T, H].

    Source: Gu & Dao 2023, "Mamba", arXiv:2312.00752, section 3.4 and figure 3.
    """

    def __init__(
        self,
        size: int,
        *,
        state: int = 16,
        span: int = 4,
        expand: int = 2,
        use_bias: bool = False,
        weights_initializer: InitializerSpec = "xavier_uniform",
    ) -> None:
        """`span`: steps of the convolution; `expand`: how many times wider the layer is inside."""
        super().__init__()
        inner, rank = expand * size, math.ceil(size / 16)
        self.widths = [rank, state, state]
        self.enter = nn.Linear(size, 2 * inner, bias=use_bias)
        self.convolution = CausalConvolution(inner, span)
        self.select = nn.Linear(inner, sum(self.widths), bias=False)
        self.step = nn.Linear(rank, inner)
        self.log_rate = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))  # [D, N], S4D-Real
        self.skip = nn.Parameter(torch.ones(inner))  # [D]
        self.leave = nn.Linear(inner, size, bias=use_bias)
        for layer in (self.enter, self.select, self.leave):
            initialize(layer.weight, weights_initializer)
        nn.init.uniform_(self.step.weight, -(rank**-0.5), rank**-0.5)
        _start_steps(self.step.bias)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        there = mask.unsqueeze(-1)  # [B, T, 1]
        inner, gate = self.enter(values).chunk(2, dim=-1)  # [B, T, D] each
        inner = functional.silu(self.convolution(inner.masked_fill(~there, 0.0)))
        rank, into, out = torch.split(self.select(inner), self.widths, dim=-1)
        step = functional.softplus(self.step(rank).float()).masked_fill(~there, 0.0)  # [B, T, D]
        scanned = selective_scan(inner.float(), step, -self.log_rate.float().exp(), into.float(), out.float())
        scanned = (scanned + self.skip * inner).to(gate.dtype) * functional.silu(gate)
        result: Tensor = self.leave(scanned)
        return result  # [B, T, H]


class DualStateSpace(nn.Module):
    """A state space layer with heads, whose scan is made of matrix products (Mamba-2): [B, T, H] -> [B, T, H].

    Source: Dao & Gu 2024, "Transformers are SSMs", arXiv:2405.21060, section 7.1 and figure 6.
    """

    def __init__(self, size: int, heads: int, *, state: int = 64, span: int = 4, expand: int = 2) -> None:
        """The heads divide `expand * size`."""
        super().__init__()
        inner = expand * size
        self.heads = heads
        self.widths = [inner, inner + 2 * state, heads]
        self.parts = [inner, state, state]
        self.enter = nn.Linear(size, sum(self.widths), bias=False)
        self.convolution = CausalConvolution(inner + 2 * state, span)
        self.step = nn.Parameter(torch.empty(heads))  # [K]
        self.log_rate = nn.Parameter(torch.empty(heads).uniform_(1.0, MOST_DECAY).log())  # [K]
        self.skip = nn.Parameter(torch.ones(heads))  # [K]
        self.norm = nn.RMSNorm(inner)
        self.leave = nn.Linear(inner, size, bias=False)
        for layer in (self.enter, self.leave):
            initialize(layer.weight, "xavier_uniform")
        _start_steps(self.step)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        there = mask.unsqueeze(-1)  # [B, T, 1]
        gate, inner, step = torch.split(self.enter(values), self.widths, dim=-1)
        inner = functional.silu(self.convolution(inner.masked_fill(~there, 0.0)))
        by_head, into, out = torch.split(inner, self.parts, dim=-1)
        by_head = torch.unflatten(by_head, -1, (self.heads, -1))  # [B, T, K, P]
        step = functional.softplus(step.float() + self.step).masked_fill(~there, 0.0)  # [B, T, K]
        scanned = dual_scan(by_head, step, -self.log_rate.float().exp(), into, out)
        scanned = (scanned + self.skip.unsqueeze(-1) * by_head).flatten(2).to(gate.dtype)  # [B, T, D]
        result: Tensor = self.leave(self.norm(scanned * functional.silu(gate)))
        return result  # [B, T, H]


def _start_steps(bias: Tensor) -> None:
    """Step sizes before training are spread evenly in their logarithm; the bias is what softplus makes them of."""
    with torch.no_grad():
        sizes = torch.empty_like(bias).uniform_(math.log(SLOWEST), math.log(FASTEST)).exp()
        bias.copy_(sizes + torch.log(-torch.expm1(-sizes)))
