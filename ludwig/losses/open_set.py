"""Losses for classes of which some rows belong to none: the background class stands for unknown things.

B = rows of the batch, C = classes, H = size of the hidden vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ludwig.error import ConfigValidationError
from ludwig.losses.base import LOSSES, Loss
from ludwig.losses.classes import known
from ludwig.schema import param


class OpenSetLoss(Loss):
    """Cross-entropy; rows of the background class get that with the uniform distribution: -mean over the classes of ln
    p.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        background_class: int | None = param(
            None, min=0, help="Background class: id of the class that collects unknown examples; null for none."
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.background = config.background_class
        if self.background is not None and labels and self.background >= len(labels):
            raise ConfigValidationError(
                f"loss.background_class is {self.background}, and the classes have ids 0 to {len(labels) - 1}: "
                f"{', '.join(labels)}."
            )

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        of_classes = torch.stack([torch.zeros_like(logits), logits], -1) if logits.dim() == 1 else logits  # [B, C]
        ids = known(target)[0]
        loss = cross_entropy(of_classes, ids, reduction="none")  # [B]
        if self.background is None:
            return loss
        spread = -of_classes.log_softmax(-1).mean(-1)  # [B], least where all classes are equally probable
        return torch.where(ids == self.background, spread, loss)

    def row_weights(self, target: Tensor) -> Tensor | None:
        return known(target)[1].float()


@LOSSES.register("entropic_open_set", kinds=("category", "binary"))
class EntropicOpenSet(OpenSetLoss):
    """Entropic open-set loss: cross-entropy, where rows of the background class should make all classes equally
    probable.

    Use it for open-set classification, where unknown examples occur at prediction and samples of them are at hand.

    Takes logits [B, C], or [B] for a binary output, and class ids [B].

    Source: Dhamija, Günther & Boult 2018, "Reducing Network Agnostophobia", arXiv:1811.04110.

    ```yaml
    name: species
    type: category
    loss:
      type: entropic_open_set
      background_class: 0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OpenSetLoss.Config):
        pass


@LOSSES.register("objectosphere", kinds=("category", "binary"))
class Objectosphere(OpenSetLoss):
    """Objectosphere loss: the entropic open-set loss, with hidden vectors of a large norm for known examples and of
    norm zero for unknown ones.

    Use it as the entropic open-set loss, where the norm of the hidden vector is to separate known from unknown. With
    norm l it adds zeta * max(xi - l, 0)^2 to known rows and zeta * l^2 to rows of the background class.

    Takes logits [B, C], or [B] for a binary output, class ids [B] and hidden vectors [B, H].

    Source: Dhamija, Günther & Boult 2018, "Reducing Network Agnostophobia", arXiv:1811.04110.

    ```yaml
    name: species
    type: category
    loss:
      type: objectosphere
      background_class: 0
      xi: 5.0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OpenSetLoss.Config):
        xi: float = param(10.0, min=0, help="Minimum norm of the hidden vector of known examples.")
        zeta: float = param(0.1, min=0, help="Weight of the penalty on the norm of the hidden vector.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.xi, self.zeta = config.xi, config.zeta

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        exact = hidden.to(torch.promote_types(hidden.dtype, torch.float32))  # squares overflow in float16
        squares = exact.square().sum(-1)  # [B]
        length = squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt()  # the root's slope at 0 is infinite
        cost = (self.xi - length).clamp_min(0).square()
        if self.background is not None:
            cost = torch.where(known(target)[0] == self.background, squares, cost)
        return super().rows(logits, target, hidden) + self.zeta * cost
