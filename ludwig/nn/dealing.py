"""The rows of a batch dealt out to ensemble members.

B = rows of the batch, K = members, R = B / K rounded up, H = size of a vector
"""

from __future__ import annotations

import torch
from torch import Tensor

from ludwig.nn.dropout import Draws


class Dealing(Draws):
    """Deals rows out in turn, the first to a member that is drawn: so over a run each member sees every row, even
    where batches come in one order.
    """

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The rows [B, H] as the members get them [R, K, H], and the place of each row among R * K: [B].

        Where B is no multiple of K the first rows are dealt out twice, and only one of their places is given.
        """
        count = -(-len(rows) // self.members) * self.members
        device = rows.device if self.generator is None else self.generator.device
        first = torch.randint(self.members, (), generator=self.generator, device=device).to(rows.device)
        places = torch.arange(count, device=rows.device)
        hands = rows[(places - first) % count % len(rows)].view(-1, self.members, rows.shape[1])  # [R, K, H]
        return hands, (places[: len(rows)] + first) % count
