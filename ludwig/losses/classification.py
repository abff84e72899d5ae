"""Losses of one class of several.

B = rows of the batch, C = classes, N = rows, or places of rows that have a class each
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from ludwig.error import ConfigValidationError
from ludwig.losses.base import LOSSES, Loss
from ludwig.losses.classes import ClassLoss, known
from ludwig.losses.cross_entropy import CrossEntropy, CrossEntropyConfig
from ludwig.nn.sparse import entmax15, entmax15_loss, sparsemax, sparsemax_loss
from ludwig.schema import param


@LOSSES.register("softmax_cross_entropy", kinds=("category", "vector", "category_distribution", "image"))
class SoftmaxCrossEntropy(ClassLoss):
    """Softmax cross-entropy (negative log-likelihood of the class); see `CrossEntropy` for the formulas of its options.

    Use it as the default of category outputs. The target is a class id, or a distribution over the classes. With class
    weights the mean over ids is a weighted one, as in PyTorch.

    Takes logits [B, C] with class ids [B] or distributions [B, C].

    ```yaml
    name: species
    type: category
    loss:
      type: softmax_cross_entropy
      label_smoothing: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CrossEntropyConfig):
        pass

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.cross_entropy = CrossEntropy(config, labels)

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if target.is_floating_point():
            return self.cross_entropy.of_shares(logits.to(target.dtype), target)
        return super().rows(logits, target, hidden)

    def row_weights(self, target: Tensor) -> Tensor | None:
        return None if target.is_floating_point() else super().row_weights(target)

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        loss: Tensor = self.cross_entropy(logits, ids)
        return loss

    def weights(self, ids: Tensor, there: Tensor) -> Tensor:
        return self.cross_entropy.weights(ids, there)


@LOSSES.register("corn", kinds=("category", "category_distribution"))
class Corn(ClassLoss):
    """CORN, ordinal regression: each of the first C - 1 logits is the conditional logit that the class is beyond its
    rank.

    Use it for classes in an order, such as ratings: that of `order`; without it labels that are numbers are ranked by
    their value, others by the alphabet. The last logit is not used. A rank is trained only on rows that are beyond the
    rank before it, and all ranks of all rows count alike.

    Takes logits [B, C] and class ids [B].

    Source: Shi, Cao & Raschka 2021, "Deep Neural Networks for Rank-Consistent Ordinal Regression Based On Conditional
    Probabilities", arXiv:2111.08851, section 3.

    ```yaml
    name: stars
    type: category
    loss:
      type: corn
      order: [poor, fair, good]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        has_own_probabilities = True

        order: list[str] | None = param(
            None,
            help="Order of the classes, the lowest first; null ranks numbers by their value and other labels by the "
            "alphabet.",
        )

    rank_of_id: Tensor  # [C]

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.ranks = max(len(labels) - 1, 1)
        self.register_buffer("rank_of_id", torch.tensor(ranks_of(labels, config.order)), persistent=False)

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        ranks, own = torch.arange(logits.shape[-1] - 1, device=logits.device), self.rank_of_id[ids]
        beyond = (own.unsqueeze(-1) > ranks).to(logits.dtype)  # [N, C - 1]
        is_reached = own.unsqueeze(-1) >= ranks
        losses = binary_cross_entropy_with_logits(logits[..., :-1], beyond, reduction="none") * is_reached
        return losses.sum(-1) / self._questions(ids)  # [N]

    def weights(self, ids: Tensor, there: Tensor) -> Tensor:
        return self._questions(ids) * there

    def _questions(self, ids: Tensor) -> Tensor:
        """How many thresholds each row has a part in: like `ids`."""
        return (self.rank_of_id[ids] + 1).clamp_max(self.ranks).float()

    def probabilities(self, logits: Tensor) -> Tensor:
        """A class's share: beyond all ranks before it, and not beyond its own: [..., C]."""
        passed = logsigmoid(logits[..., :-1]).cumsum(-1).exp()  # [..., C - 1]
        edge = logits[..., :1]
        shares = torch.cat([torch.ones_like(edge), passed], -1) - torch.cat([passed, torch.zeros_like(edge)], -1)
        return shares.index_select(-1, self.rank_of_id)  # from the order of the ranks to that of the ids


def ranks_of(labels: Sequence[str], order: Sequence[str] | None = None) -> list[int]:
    """The rank of each class: as ordered, else by value where all labels are numbers, else by the alphabet.

    Raises:
        ConfigValidationError: The order is not one of these classes.
    """
    if order is not None and labels and sorted(order) != sorted(labels):
        raise ConfigValidationError(
            f"loss.order: Must name each class once, the lowest first. Received: {', '.join(order)}. The classes are "
            f"{', '.join(sorted(labels))}."
        )
    ranked = sorted(labels) if order is None else list(order)
    if order is None:
        with suppress(ValueError):  # they are not all numbers
            ranked = sorted(labels, key=float)
    rank = {label: place for place, label in enumerate(ranked)}
    return [rank[label] for label in labels]


@LOSSES.register("focal", kinds=("category", "category_distribution", "binary", "image"))
class Focal(ClassLoss):
    """Focal loss: cross-entropy in which well-classified rows count little, alpha * (1 - p)^gamma * cross-entropy.

    Use it for strong class imbalance. Binary rows weigh alpha when positive and 1 - alpha when negative; of several
    classes all rows weigh alpha.

    Takes logits [B] for a binary output, else [B, C], with class ids [B].

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv:1708.02002, eq. 5.

    ```yaml
    name: fraud
    type: binary
    loss:
      type: focal
      alpha: 0.75
      gamma: 2.0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        alpha: float = param(
            0.25,
            min=0,
            max=1,
            help="Alpha of the focal loss: weight of positive rows (negative ones get 1 - alpha), or of all rows of "
            "several classes.",
        )
        gamma: float = param(
            2.0,
            min=0,
            help="Focusing parameter: how strongly well-classified rows are down-weighted; 0 is cross-entropy.",
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.alpha, self.gamma = config.alpha, config.gamma

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if logits.dim() > 1:
            return super().rows(logits, target, hidden)
        truth = known(target)[0].to(logits.dtype)
        loss = binary_cross_entropy_with_logits(logits, truth, reduction="none")  # [B]
        return (self.alpha * truth + (1 - self.alpha) * (1 - truth)) * self._discounted(loss)

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        return self.alpha * self._discounted(cross_entropy(logits, ids, reduction="none"))  # [N]

    def _discounted(self, loss: Tensor) -> Tensor:
        missed = -torch.expm1(-loss)  # 1 - p
        return missed.clamp_min(torch.finfo(loss.dtype).tiny) ** self.gamma * loss  # a power's slope at 0 is infinite


@LOSSES.register("poly", kinds=("category", "category_distribution"))
class Poly(ClassLoss):
    """Poly-1 loss: cross-entropy whose first polynomial term counts more, cross-entropy + epsilon * (1 - p).

    Use it in place of softmax cross-entropy where tuning one more hyperparameter is worth it; it costs nothing.

    Takes logits [B, C] and class ids [B].

    Source: Leng et al. 2022, "PolyLoss", arXiv:2204.12511, there Poly-1.

    ```yaml
    name: species
    type: category
    loss:
      type: poly
      epsilon: 2.0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        epsilon: float = param(
            1.0, min=0, help="Epsilon of Poly-1: extra weight of the first polynomial term of the cross-entropy."
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.epsilon = config.epsilon

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        loss = cross_entropy(logits, ids, reduction="none")  # [N]
        return loss - self.epsilon * torch.expm1(-loss)


@LOSSES.register("sparsemax", kinds=("category", "category_distribution", "sequence", "text"))
class SparsemaxLoss(ClassLoss):
    """Sparsemax loss, which goes with sparsemax probabilities, some of which are exactly zero.

    Use it where most of many classes should get no probability at all. It sorts the logits of a row.

    Takes logits [B, C] and class ids [B], or those of steps.

    Source: Martins & Astudillo 2016, "From Softmax to Sparsemax", arXiv:1602.02068.

    ```yaml
    name: topic
    type: category
    loss:
      type: sparsemax
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        has_own_probabilities = True

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        return sparsemax_loss(logits, ids)

    def probabilities(self, logits: Tensor) -> Tensor:
        return sparsemax(logits)


@LOSSES.register("entmax15", kinds=("category", "category_distribution", "sequence", "text"))
class Entmax15Loss(ClassLoss):
    """1.5-entmax loss, which goes with 1.5-entmax probabilities, midway between softmax and sparsemax.

    Use it where sparsemax is too sparse. It sorts the logits of a row.

    Takes logits [B, C] and class ids [B], or those of steps.

    Source: Peters, Niculae & Martins 2019, "Sparse Sequence-to-Sequence Models", arXiv:1905.05702.

    ```yaml
    name: topic
    type: category
    loss:
      type: entmax15
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        has_own_probabilities = True

    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        return entmax15_loss(logits, ids)

    def probabilities(self, logits: Tensor) -> Tensor:
        return entmax15(logits)
