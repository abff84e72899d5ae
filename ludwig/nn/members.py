"""The loss of rows whose prediction is that of several members.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ludwig.nn.prediction import Prediction


class RowLoss(Protocol):
    """A loss of rows, whose mean is finished once: what training and evaluation ask of any loss."""

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        """The loss of each row: [B]."""

    def rows_of_tokens(self, losses: Tensor, target: Tensor) -> Tensor:
        """The loss of each row from those of its tokens: [B, T] -> [B]."""

    def finish(self, mean: Tensor) -> Tensor:
        """The loss from the mean of the rows."""


def rows_of(loss: RowLoss, prediction: Prediction, target: Tensor, members: bool) -> Tensor:
    """The loss of each row: [B]. With members it is the mean of theirs."""
    if prediction.token_losses is not None:
        return loss.rows_of_tokens(prediction.token_losses, target)
    logits, hidden = prediction.known_logits, prediction.hidden
    if not members:
        return loss.rows(logits, target, hidden)
    count = logits.shape[1]
    logits, hidden = logits.flatten(0, 1), hidden.flatten(0, 1)  # [B * K, ...]
    rows = loss.rows(logits, target.repeat_interleave(count, dim=0), hidden)  # [B * K]
    return rows.view(-1, count).mean(1)  # [B]
