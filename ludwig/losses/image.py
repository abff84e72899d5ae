"""Losses of maps of classes, one class a pixel. A pixel whose target is below zero does not count.

B = rows of the batch, C = classes, P = pixels
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ludwig.losses.base import LOSSES, Loss
from ludwig.losses.classes import known
from ludwig.schema import param


class OverlapLoss(Loss, ABC):
    """One minus how well the pixels of the classes overlap with the true ones, image by image."""

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        ids, there = (each.flatten(1) for each in known(target))  # [B, P]
        there = there.unsqueeze(1)  # [B, 1, P]
        shares = logits.flatten(2).softmax(1) * there  # [B, C, P]
        truth = one_hot(ids, logits.shape[1]).movedim(-1, 1).to(shares.dtype) * there  # [B, C, P]
        return self.of_shares(shares, truth)  # [B]

    def row_weights(self, target: Tensor) -> Tensor | None:
        return known(target)[1].flatten(1).any(1).float()  # [B]

    @abstractmethod
    def of_shares(self, shares: Tensor, truth: Tensor) -> Tensor:
        """The loss of images from probabilities and truth, both zero at pixels that do not count: [B, C, P] -> [B]."""


@LOSSES.register("dice", kinds=("image",))
class Dice(OverlapLoss):
    """Dice loss for semantic segmentation: one minus the mean over the classes of (2 overlap + smooth) / (probabilities
    + truth + smooth).

    Use it where classes differ much in size, such as small objects on a large background.

    Takes logits [B, C, height, width] and class ids [B, height, width]; a pixel below zero does not count.

    Source: Milletari, Navab & Ahmadi 2016, "V-Net", arXiv:1606.04797, section 3, with sums for sums of squares.

    ```yaml
    name: mask
    type: image
    loss:
      type: dice
      smooth: 1.0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        smooth: float = param(
            1.0, min=0, help="Smoothing constant in numerator and denominator, so that absent classes count little."
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.smooth = config.smooth

    def of_shares(self, shares: Tensor, truth: Tensor) -> Tensor:
        overlap, sizes = (shares * truth).sum(-1), shares.sum(-1) + truth.sum(-1)  # [B, C]
        whole = (sizes + self.smooth).clamp_min(torch.finfo(shares.dtype).tiny)
        return 1 - ((2 * overlap + self.smooth) / whole).mean(-1)  # [B]


@LOSSES.register("lovasz_softmax", kinds=("image",))
class LovaszSoftmax(OverlapLoss):
    """Lovász-Softmax loss for semantic segmentation: a convex surrogate of one minus the intersection over union (IoU),
    as the mean over the classes that an image has.

    Use it where IoU is the metric that counts, often after some epochs of cross-entropy. It sorts the pixels of each
    class.

    Takes logits [B, C, height, width] and class ids [B, height, width]; a pixel below zero does not count.

    Source: Berman, Triki & Blaschko 2018, "The Lovász-Softmax loss", arXiv:1705.08790, algorithm 1.

    ```yaml
    name: mask
    type: image
    loss:
      type: lovasz_softmax
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def of_shares(self, shares: Tensor, truth: Tensor) -> Tensor:
        errors, order = (truth - shares).abs().sort(dim=-1, descending=True)  # [B, C, P]
        ranked = truth.gather(-1, order)
        size = ranked.sum(-1, keepdim=True)  # [B, C, 1]
        union = size + (1 - ranked).cumsum(-1)  # [B, C, P], of the truth and the pixels so far
        missed = 1 - (size - ranked.cumsum(-1)) / union  # the set function of the pixels so far
        slope = torch.cat([missed[..., :1], missed.diff(dim=-1)], -1)
        present = (size.squeeze(-1) > 0).to(shares.dtype)  # [B, C]
        losses = (errors * slope).sum(-1) * present
        return losses.sum(-1) / present.sum(-1).clamp_min(1)  # [B]
