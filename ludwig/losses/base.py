"""The contract of a loss: one value a row, so that a mean over a split does not depend on the batch size.

B = rows of the batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from ludwig.schema import Component, Registry, param

SMALLEST_WEIGHT = 1e-12  # of a batch, below which it does not divide


class Loss(Component, nn.Module):
    """How wrong the logits of a batch are.

    The loss of any number of rows is `finish(sum(rows * row_weights) / sum(row_weights))`: a batch, a split and
    accumulated batches all follow it.
    """

    in_original_units: ClassVar[bool] = False  # relative errors make no sense on standardised numbers

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        has_own_probabilities: ClassVar[bool] = False  # other ones than the softmax or sigmoid of the logits

        weight: float = param(1.0, min=0, help="Loss weight: factor of this output's loss in the combined loss.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        """`labels` are the classes of the output in the order of their ids; empty for outputs without classes."""
        nn.Module.__init__(self)
        self.config = config

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        """The loss of each row: [B]."""
        raise NotImplementedError

    def rows_of_tokens(self, losses: Tensor, target: Tensor) -> Tensor:
        """The loss of each row from those of its tokens, where these were computed elsewhere: [B, T] -> [B].

        Raises:
            TypeError: The loss is not one of tokens.
        """
        raise TypeError(f"The loss '{self.config.type}' is not made of losses of tokens.")

    @property
    def is_plain(self) -> bool:
        """Whether the losses of tokens that `rows_of_tokens` reads are their cross entropies, and nothing besides."""
        return False

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The loss of each of some tokens, where it is made of these: [N, C], [N] -> [N].

        Raises:
            TypeError: The loss is not one of tokens.
        """
        raise TypeError(f"The loss '{self.config.type}' is not made of losses of tokens.")

    def row_weights(self, target: Tensor) -> Tensor | None:
        """How much each row counts in the mean: [B]; None where all count alike."""
        return None

    def finish(self, mean: Tensor) -> Tensor:
        """The loss from the mean of the rows."""
        return mean

    def probabilities(self, logits: Tensor) -> Tensor | None:
        """The probabilities that belong to the loss; None for the usual softmax or sigmoid."""
        return None

    def of_rows(self, rows: Tensor, weights: Tensor | None) -> Tensor:
        """The loss of a batch from those of its rows: []. Where no row counts it is zero."""
        if weights is None:
            return self.finish(rows.mean())
        return self.finish((rows * weights).sum() / weights.sum().clamp_min(SMALLEST_WEIGHT))

    def forward(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        """The loss of a batch: []."""
        return self.of_rows(self.rows(logits, target, hidden), self.row_weights(target))


LOSSES: Registry[Loss] = Registry("loss")
