"""Losses of one class of several.

B = rows of the batch, C = classes
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from ludwig.error import ConfigValidationError
from ludwig.losses.base import LOSSES, Loss
from ludwig.losses.classes import known, weights_of_classes
from ludwig.nn.sparse import entmax15, entmax15_loss, sparsemax, sparsemax_loss
from ludwig.schema import param


class ClassLoss(Loss):
    """A loss of class ids; a row whose id is below zero has no known class and does not count."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        return self.of_ids(logits, known(target)[0])

    def row_weights(self, target: Tensor) -> Tensor | None:
        return known(target)[1].float()

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The loss of rows whose class is known: [B]."""
        raise NotImplementedError


@LOSSES.register("softmax_cross_entropy", kinds=("category", "vector", "category_distribution"))
class SoftmaxCrossEntropy(Loss):
    """Cross entropy of the softmax. The target is a class id, or a distribution over the classes.

    With class weights the mean is a weighted one. With `class_similarities`, a class's target is the softmax of its
    row of similarities times the temperature. With `robust_lambda` r it is (1 - r) * loss + r / C. With
    `confidence_penalty` p it is loss + p * (ln C - entropy): confident answers cost (Pereyra et al. 2017,
    arXiv:1701.06548).
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        class_weights: list[float] | dict[str, float] | None = param(
            None, min=0, help="Weight of each class, in the order of their ids or by label."
        )
        robust_lambda: float = param(0, min=0, max=1, help="Share of a constant loss that is mixed in.")
        confidence_penalty: float = param(0.0, min=0, help="How much confidence costs.")
        class_similarities: list[list[float]] | None = param(
            None, help="How alike classes are: a row and a column for each, in the order of their ids."
        )
        class_similarities_temperature: float = param(0, min=0, help="Factor of the similarities before the softmax.")

    class_weights: Tensor | None  # [C]
    soft_targets: Tensor | None  # [C, C]

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.robust, self.penalty = config.robust_lambda, config.confidence_penalty
        weights = None if config.class_weights is None else weights_of_classes(config.class_weights, labels)
        self.register_buffer("class_weights", weights, persistent=False)
        self.register_buffer("soft_targets", _soft_targets(config, labels), persistent=False)

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        aim = target.to(logits.dtype) if target.dim() == 2 else known(target)[0]
        if self.soft_targets is not None and aim.dim() == 1:
            aim = self.soft_targets[aim]  # [B, C]
        loss = cross_entropy(logits, aim, reduction="none")  # [B]
        if self.robust:
            loss = (1 - self.robust) * loss + self.robust / logits.shape[-1]
        if self.penalty:
            logs = logits.log_softmax(-1)
            entropy = -(logs.exp() * logs).sum(-1)  # [B]
            loss = loss + self.penalty * (math.log(logits.shape[-1]) - entropy)
        return loss

    def row_weights(self, target: Tensor) -> Tensor | None:
        if target.dim() == 2:
            return None
        ids, there = known(target)
        return there.float() if self.class_weights is None else self.class_weights[ids] * there


def _soft_targets(config: SoftmaxCrossEntropy.Config, labels: Sequence[str]) -> Tensor | None:
    if config.class_similarities is None or config.class_similarities_temperature == 0:
        return None
    rows = config.class_similarities
    if {len(rows), *map(len, rows)} != {len(labels)}:
        raise ConfigValidationError(
            f"loss.class_similarities must have {len(labels)} rows and columns, one a class: {', '.join(labels)}."
        )
    return (torch.tensor(rows) * config.class_similarities_temperature).softmax(-1)  # [C, C]


@LOSSES.register("corn", kinds=("category",))
class Corn(ClassLoss):
    """For classes with an order: each of the first C - 1 logits tells whether the class is beyond one more rank.

    Source: Shi, Cao & Raschka 2021, "Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional
    Probabilities", arXiv:2111.08851, eq. 7.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        ranks = torch.arange(logits.shape[-1] - 1, device=logits.device)
        asked = ids.unsqueeze(-1) >= ranks  # [B, C - 1], the rank before was passed
        beyond = (ids.unsqueeze(-1) > ranks).to(logits.dtype)
        losses = binary_cross_entropy_with_logits(logits[..., :-1], beyond, reduction="none") * asked
        return losses.sum(-1) / max(logits.shape[-1] - 1, 1)  # [B]

    def probabilities(self, logits: Tensor) -> Tensor:
        """A class's share: beyond all ranks before it, and not beyond its own."""
        passed = logsigmoid(logits[..., :-1]).cumsum(-1).exp()  # [B, C - 1]
        ones, zeros = torch.ones_like(passed[..., :1]), torch.zeros_like(passed[..., :1])
        return torch.cat([ones, passed], -1) - torch.cat([passed, zeros], -1)  # [B, C]


@LOSSES.register("focal", kinds=("category", "binary"))
class Focal(Loss):
    """Cross entropy in which rows that are told well already count little.

    Binary rows weigh alpha when true and 1 - alpha when false; classes all weigh alpha.
    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv:1708.02002, eq. 5.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        alpha: float = param(0.25, min=0, max=1, help="Weight of true rows, or of all rows of several classes.")
        gamma: float = param(2.0, min=0, help="How much rows that are told well are discounted.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.alpha, self.gamma = config.alpha, config.gamma

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if logits.dim() == 1:
            truth = target.to(logits.dtype)
            loss = binary_cross_entropy_with_logits(logits, truth, reduction="none")  # [B]
            weight = self.alpha * truth + (1 - self.alpha) * (1 - truth)
            return weight * (1 - (-loss).exp()) ** self.gamma * loss
        loss = cross_entropy(logits, known(target)[0], reduction="none")  # [B]
        return self.alpha * (1 - (-loss).exp()) ** self.gamma * loss

    def row_weights(self, target: Tensor) -> Tensor | None:
        return (
            None
            if target.dtype in (torch.uint8, torch.bool) or target.is_floating_point()
            else known(target)[1].float()
        )


@LOSSES.register("poly", kinds=("category",))
class Poly(ClassLoss):
    """Cross entropy whose first polynomial term counts more: loss + epsilon * (1 - probability of the class).

    Source: Leng et al. 2022, "PolyLoss", arXiv:2204.12511, eq. 6.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        epsilon: float = param(1.0, min=0, help="How much more the first term counts.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.epsilon = config.epsilon

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        loss = cross_entropy(logits, ids, reduction="none")  # [B]
        return loss + self.epsilon * (1 - (-loss).exp())


@LOSSES.register("sparsemax", kinds=("category",))
class SparsemaxLoss(ClassLoss):
    """The loss that belongs to sparsemax probabilities, some of which are exactly zero."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        return sparsemax_loss(logits, ids)

    def probabilities(self, logits: Tensor) -> Tensor:
        return sparsemax(logits)


@LOSSES.register("entmax15", kinds=("category",))
class Entmax15Loss(ClassLoss):
    """The loss that belongs to 1.5-entmax probabilities, midway between softmax and sparsemax."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        pass

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        return entmax15_loss(logits, ids)

    def probabilities(self, logits: Tensor) -> Tensor:
        return entmax15(logits)


class OpenSetLoss(Loss):
    """What the open-set losses share: which rows are of the background, and what they cost."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        background_class: int | None = param(None, min=0, help="Id of the class of unknown things; null for none.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.background = config.background_class
        if self.background is not None and labels and self.background >= len(labels):
            raise ConfigValidationError(
                f"loss.background_class is {self.background}, and the classes have ids 0 to {len(labels) - 1}: "
                f"{', '.join(labels)}."
            )

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        two = torch.stack([torch.zeros_like(logits), logits], -1) if logits.dim() == 1 else logits  # [B, C]
        ids = known(target)[0]
        loss = cross_entropy(two, ids, reduction="none")  # [B]
        if self.background is None:
            return loss
        spread = -two.log_softmax(-1).mean(-1)  # [B], least where all classes are alike
        return torch.where(ids == self.background, spread, loss)

    def row_weights(self, target: Tensor) -> Tensor | None:
        return known(target)[1].float()


@LOSSES.register("entropic_open_set", kinds=("category", "binary"))
class EntropicOpenSet(OpenSetLoss):
    """Cross entropy, and for rows of the background the distance from knowing nothing.

    Source: Dhamija, Günther & Boult 2018, "Reducing Network Agnostophobia", arXiv:1811.04110, eq. 2.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OpenSetLoss.Config):
        pass


@LOSSES.register("objectosphere", kinds=("category", "binary"))
class Objectosphere(OpenSetLoss):
    """The entropic open-set loss, and a wish for long hidden vectors of known things and short ones of unknown.

    Source: Dhamija, Günther & Boult 2018, arXiv:1811.04110, eq. 4.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(OpenSetLoss.Config):
        xi: float = param(10.0, min=0, help="How long the hidden vector of a known thing should be.")
        zeta: float = param(0.1, min=0, help="How much the length counts.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.xi, self.zeta = config.xi, config.zeta

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        squares = hidden.square().sum(-1)  # [B]
        length = (squares + torch.finfo(squares.dtype).tiny).sqrt()  # the root's slope at 0 is infinite
        cost = (self.xi - length).clamp_min(0).square()
        if self.background is not None:
            cost = torch.where(known(target)[0] == self.background, squares, cost)
        return super().rows(logits, target, hidden) + self.zeta * cost
