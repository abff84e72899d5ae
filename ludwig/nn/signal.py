"""What flows between encoders, combiners and decoders, which do not know each other.

B = rows of the batch, C = columns, T = steps of a sequence, K = ensemble members, H = size of one vector
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ludwig.nn.tree import register_tree

Form = Literal["vector", "tokens", "sequence", "members"]


@dataclass(frozen=True)
class Shape:
    """What a part promises to give, known when the model is built."""

    form: Form
    size: int  # H
    count: int = 1  # C of tokens, K of members, the longest T of a sequence
    skips: tuple[tuple[int, ...], ...] = ()  # of each skip tensor, the batch aside
    linear: int = 0  # L, what outputs read past the combiner by a linear layer

    @property
    def flat_size(self) -> int:
        """The width once columns or steps are laid side by side."""
        return self.size * self.count


@dataclass(frozen=True)
class Signal:
    """The values of a batch in one of four forms, with what else a part hands on, so that no module keeps it."""

    form: Form
    values: Tensor  # vector [B, H], tokens [B, C, H], sequence [B, T, H], members [B, K, H]
    mask: Tensor | None = None  # [B, T], True where a sequence has a step; sequences only
    skips: tuple[Tensor, ...] = ()  # activations that a decoder reads past the combiner, as in a U-Net
    linear: Tensor | None = None  # [B, L], what outputs read past the combiner by a linear layer, as in Wide & Deep
    auxiliary_loss: Tensor | None = None  # [], added to the training loss, as TabNet's sparsity
    dealt: Tensor | None = None  # [B], where rows were dealt out to members: the place of each in values [B / K * K]

    @staticmethod
    def vector(values: Tensor) -> Signal:
        return Signal("vector", values)  # [B, H]

    @staticmethod
    def tokens(values: Tensor) -> Signal:
        return Signal("tokens", values)  # [B, C, H]

    @staticmethod
    def sequence(values: Tensor, mask: Tensor) -> Signal:
        return Signal("sequence", values, mask)  # [B, T, H], [B, T]

    @staticmethod
    def members(values: Tensor, dealt: Tensor | None = None) -> Signal:
        return Signal("members", values, dealt=dealt)  # [B, K, H], or [B / K, K, H] of rows that were dealt out

    def dealt_out(self, rows: Tensor) -> Tensor:
        """Numbers of the batch's rows, [B, O], as they lie beside the values: [B, 1, O] beside those of members."""
        if self.dealt is None:
            return rows if self.form == "vector" else rows.unsqueeze(1)
        count, members = self.values.shape[:2]
        places = rows.new_zeros(count * members, rows.shape[1]).index_copy(0, self.dealt, rows)
        return places.view(count, members, -1)  # [B / K, K, O]


register_tree(Signal, constants=("form",))
