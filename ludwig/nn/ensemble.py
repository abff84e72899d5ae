"""Linear maps of several members at once.

B = rows of the batch, K = members, H = size that comes in, O = size that goes out
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ludwig.nn.initializer import InitializerSpec, initialize


class MemberLinear(nn.Module):
    """K linear maps, each with weights of its own: [B, K, H] -> [B, K, O]."""

    def __init__(self, members: int, input_size: int, output_size: int, bias: bool = True) -> None:
        super().__init__()
        bound = input_size**-0.5  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(members, input_size, output_size).uniform_(-bound, bound))  # [K, H, O]
        self.bias = nn.Parameter(torch.empty(members, output_size).uniform_(-bound, bound)) if bias else None  # [K, O]

    def forward(self, values: Tensor) -> Tensor:
        by_member = values.transpose(0, 1)  # [K, B, H]
        if self.bias is None:
            return torch.bmm(by_member, self.weight).transpose(0, 1)  # [B, K, O]
        return torch.baddbmm(self.bias.unsqueeze(1), by_member, self.weight).transpose(0, 1)  # [B, K, O]


class BatchEnsembleLinear(nn.Module):
    """A linear map whose members share a weight W: [B, H] or [B, K, H] -> [B, K, O].

    A member's weight is W times, entry by entry, the outer product of its vectors s and r; its bias is its own. The
    vectors start at one, so that members start alike; the r of the first layer starts as random signs, which makes the
    members differ.

    Source: Wen, Tran & Ba 2020, "BatchEnsemble", arXiv:2002.06715; the start: Gorishniy et al. 2024, "TabM",
    arXiv:2410.24210.
    """

    def __init__(self, members: int, input_size: int, output_size: int, bias: bool = True, first: bool = False) -> None:
        super().__init__()
        bound = input_size**-0.5
        self.weight = nn.Parameter(torch.empty(output_size, input_size).uniform_(-bound, bound))  # [O, H]
        start = torch.randint(0, 2, (members, input_size)) * 2.0 - 1 if first else torch.ones(members, input_size)
        self.r = nn.Parameter(start)  # [K, H]
        self.s = nn.Parameter(torch.ones(members, output_size))  # [K, O]
        own = torch.empty(members, output_size).uniform_(-bound, bound)
        self.bias = nn.Parameter(own) if bias else None  # [K, O]

    def forward(self, values: Tensor) -> Tensor:
        if values.dim() == 2:
            values = values.unsqueeze(1)  # [B, 1, H]
        result = nn.functional.linear(values * self.r, self.weight) * self.s  # [B, K, O]
        return result if self.bias is None else result + self.bias


def linear(
    input_size: int, output_size: int, *, members: int | None = None, bias: bool = True
) -> nn.Linear | MemberLinear:
    """A linear map, or one for each member."""
    if members is None:
        return nn.Linear(input_size, output_size, bias=bias)
    return MemberLinear(members, input_size, output_size, bias=bias)


def start_linear(
    module: nn.Linear | MemberLinear | BatchEnsembleLinear,
    weights_initializer: InitializerSpec,
    bias_initializer: InitializerSpec,
) -> None:
    """Sets weights and bias by these rules. A member's fan is that of its own matrix."""
    matrices = [weight.T for weight in module.weight] if isinstance(module, MemberLinear) else [module.weight]
    for matrix in matrices:  # [O, H], as the rules expect it
        initialize(matrix, weights_initializer)
    if module.bias is not None:
        for bias in module.bias.view(-1, module.bias.shape[-1]):  # [O]
            initialize(bias, bias_initializer)
