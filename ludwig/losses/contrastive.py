"""Contrastive losses of vectors.

B = rows of the batch, S = size of a vector, P = rows that are compared at once
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from ludwig.losses.base import LOSSES, Loss
from ludwig.schema import param

AT_ONCE = 1024  # rows that are compared with all others, which bounds the memory of large batches of evaluation


@LOSSES.register("nt_xent", kinds=("vector",))
class NtXent(Loss):
    """NT-Xent, a contrastive loss (InfoNCE): each predicted vector should be nearest to its own target among those of
    the batch.

    Use it to align vectors, such as embeddings; large batches give more negatives. It costs B * B similarities.

    -ln(exp(s_ii) / sum over j of exp(s_ij)), s = cosine / temperature. Targets that are equal count as one, since a
    row's own target is no negative of it. The rows of a batch are each other's negatives, so this loss depends on the
    batch by its nature.

    Takes vectors [B, S] and targets [B, S].

    Source: Chen et al. 2020, "SimCLR", arXiv:2002.05709, eq. 1, from prediction to target.

    ```yaml
    name: embedding
    type: vector
    loss:
      type: nt_xent
      temperature: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        temperature: float = param(
            0.07, above=0, help="Temperature: divides the cosine similarities. Lower it to stress hard negatives."
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.temperature = config.temperature

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        copies = _copies(target).log()  # [B]
        predicted, truth = normalize(logits.to(target.dtype), dim=-1), normalize(target, dim=-1)
        losses = []
        with torch.autocast(target.device.type, enabled=False):  # the temperature enlarges what half precision lacks
            for place, part in enumerate(torch.split(predicted, AT_ONCE)):
                alike = part @ truth.T / self.temperature - copies  # [P, B]
                own = torch.arange(len(part), device=part.device) + place * AT_ONCE
                losses.append(cross_entropy(alike, own, reduction="none") - copies[own])
        return torch.cat(losses)  # [B]


def _copies(vectors: Tensor) -> Tensor:
    """How many rows hold the same vector: [B, S] -> [B]."""
    steps = torch.arange(1, vectors.shape[1] + 1, device=vectors.device, dtype=vectors.dtype)
    mark, other = (vectors * steps.sin()).sum(1), (vectors * steps.cos()).sum(1)  # [B], both equal for equal rows only
    counts = [
        ((mark[rows].unsqueeze(1) == mark) & (other[rows].unsqueeze(1) == other)).sum(1)  # [P]
        for rows in torch.split(torch.arange(len(vectors), device=vectors.device), AT_ONCE)
    ]
    return torch.cat(counts).to(vectors.dtype)
