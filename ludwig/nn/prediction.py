"""What an output predicts for a batch, for losses and metrics to read.

B = rows of the batch, T = steps of a predicted sequence, K = ensemble members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from torch import Tensor

from ludwig.nn.tree import register_tree


@dataclass(frozen=True)
class Prediction:
    """The answer of one output. What an output type does not have is None."""

    logits: Tensor | None  # [B, *shape], straight from the decoder; with members [B, K, *shape]
    hidden: Tensor  # [B, H], what the decoder read last; with members [B, K, H], of a sequence [B, T, H]
    predictions: Tensor | None = None  # [B, *shape], in the column's own units or as class ids
    probabilities: Tensor | None = None  # [B, *classes]
    quantiles: Tensor | None = None  # [B, Q], ascending, in the column's own units
    mask: Tensor | None = None  # [B, T], which steps of a predicted sequence are there
    token_losses: Tensor | None = None  # [B, T], in place of logits where these are too large to keep

    @property
    def known_logits(self) -> Tensor:
        """The logits.

        Raises:
            TypeError: They were not kept, only the losses of tokens.
        """
        if self.logits is None:
            raise TypeError("This prediction holds per-token losses and no logits.")
        return self.logits

    def gathered(self, dealt: Tensor) -> Prediction:
        """Of rows that were dealt out to members, each with the answer of its one member: [B, 1, *shape].

        Args:
            dealt: The place of each row among those of all members: [B].
        """
        logits, hidden = self.known_logits.flatten(0, 1), self.hidden.flatten(0, 1)  # [B / K * K, ...]
        return dataclasses.replace(self, logits=logits[dealt].unsqueeze(1), hidden=hidden[dealt].unsqueeze(1))

    @property
    def lengths(self) -> Tensor | None:
        """How many steps each predicted sequence has: [B]."""
        return None if self.mask is None else self.mask.sum(1)


register_tree(Prediction)
