"""Muon for matrices, AdamW for everything else.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the work is done by
`torch.optim.Muon`, which takes matrices only.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch import nn


class MuonWithAdamW(torch.optim.Optimizer):
    """Two optimizers as one: their groups and states stand one after the other."""

    def __init__(self, weights: list[nn.Parameter], lr: float, momentum: float, nesterov: bool) -> None:
        matrices = [weight for weight in weights if weight.dim() == 2]
        others = [weight for weight in weights if weight.dim() != 2]
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            self.parts.append(torch.optim.Muon(matrices, lr=lr, weight_decay=0.0, momentum=momentum, nesterov=nesterov))
        if others:
            self.parts.append(torch.optim.AdamW(others, lr=lr, weight_decay=0.0))
        super().__init__([*matrices, *others], {"lr": lr})
        self.param_groups = list(chain.from_iterable(part.param_groups for part in self.parts))

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None if closure is None else closure()
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        state: dict[int, Any] = {}
        groups: list[dict[str, Any]] = []
        for part, first in zip(self.parts, self._firsts(), strict=True):
            own = part.state_dict()
            state |= {first + place: entry for place, entry in own["state"].items()}
            groups += own["param_groups"]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        counts = [len(part.param_groups[0]["params"]) for part in self.parts]
        for part, first, count, group in zip(
            self.parts, self._firsts(), counts, state_dict["param_groups"], strict=True
        ):
            own = {
                place - first: entry for place, entry in state_dict["state"].items() if first <= place < first + count
            }
            part.load_state_dict({"state": own, "param_groups": [group]})
        self.param_groups = list(chain.from_iterable(part.param_groups for part in self.parts))

    def _firsts(self) -> list[int]:
        """The place of each part's first weight among all."""
        counts = [len(part.param_groups[0]["params"]) for part in self.parts]
        return [sum(counts[:place]) for place in range(len(counts))]
