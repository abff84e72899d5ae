"""Losses of vectors that are told apart.

B = rows of the batch, S = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from ludwig.losses.base import LOSSES, Loss
from ludwig.schema import param


@LOSSES.register("nt_xent", kinds=("vector",))
class NtXent(Loss):
    """Each predicted vector is to be nearest to its own target, among the targets of the batch.

    The rows of a batch are each other's negatives, so this loss depends on the batch by its nature.
    Source: Chen et al. 2020, "SimCLR", arXiv:2002.05709, eq. 1, in the direction from prediction to target.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        temperature: float = param(0.07, above=0, help="By what similarities are divided.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.temperature = config.temperature

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        alike = normalize(logits, dim=-1) @ normalize(target.to(logits.dtype), dim=-1).T / self.temperature  # [B, B]
        return cross_entropy(alike, torch.arange(len(alike), device=alike.device), reduction="none")  # [B]
