"""The loss of rows whose prediction is that of several members.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

from torch import Tensor

from ludwig.losses.base import Loss
from ludwig.nn.prediction import Prediction


def rows_of(loss: Loss, prediction: Prediction, target: Tensor, members: bool) -> tuple[Tensor, Tensor | None]:
    """The loss of each row and its weight: [B]. With members the loss is the mean of theirs."""
    if not members:
        return loss.rows(prediction.logits, target, prediction.hidden), loss.row_weights(target)
    count = prediction.logits.shape[1]
    logits, hidden = prediction.logits.flatten(0, 1), prediction.hidden.flatten(0, 1)  # [B * K, ...]
    rows = loss.rows(logits, target.repeat_interleave(count, dim=0), hidden)  # [B * K]
    return rows.view(-1, count).mean(1), loss.row_weights(target)  # [B]
