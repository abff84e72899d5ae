"""What losses of classes share: places whose class is not known, and weights of classes.

B = rows of the batch, C = classes, P = places of a row that have a class each (steps of a sequence, pixels)
N = all places of the batch
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ludwig.error import ConfigValidationError, nearest
from ludwig.losses.base import Loss
from ludwig.schema import param


class ClassLoss(Loss, ABC):
    """A loss of class ids, of one a row or of many places a row; an id below zero is no known class and does not count.

    The loss of a row is the weighted mean over its places and counts with their weight, so that a split's loss is the
    weighted mean over all of its places.
    """

    @abstractmethod
    def of_ids(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The loss of places whose class is known: [N, C], [N] -> [N]."""

    def weights(self, ids: Tensor, there: Tensor) -> Tensor:
        """How much each place counts, zero where no class is known: [B], or [B, *places]."""
        return there.float()

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if are_shares(target):
            return self._of_shares(logits, target)
        ids, _ = known(target)
        if ids.dim() == 1:
            return self.of_ids(logits, ids)  # [B]
        losses = self.of_ids(classes_last(logits, ids).flatten(0, -2), ids.flatten())  # [N]
        return self.rows_of_tokens(losses.view(len(ids), -1), target)  # [B]

    def rows_of_tokens(self, losses: Tensor, target: Tensor) -> Tensor:
        weights = self.weights(*known(target)).flatten(1)  # [B, P]
        total = weights.sum(1).clamp_min(torch.finfo(weights.dtype).tiny)  # [B]
        return (losses * weights).sum(1) / total  # [B]

    def _of_shares(self, logits: Tensor, shares: Tensor) -> Tensor:
        """The expected loss of a class that is drawn from each row's distribution: [B, C], [B, C] -> [B]."""
        ids = torch.arange(shares.shape[1], device=shares.device).expand_as(shares)  # [B, C]
        losses = self.of_ids(logits.repeat_interleave(shares.shape[1], 0), ids.flatten()).view_as(shares)  # [B, C]
        weights = shares * self.weights(ids, shares >= 0)
        return (losses * weights).sum(1) / weights.sum(1).clamp_min(torch.finfo(weights.dtype).tiny)

    def row_weights(self, target: Tensor) -> Tensor | None:
        if are_shares(target):
            ids = torch.arange(target.shape[1], device=target.device).expand_as(target)
            return (target * self.weights(ids, target >= 0)).sum(1)  # [B]
        weights = self.weights(*known(target))
        return weights if weights.dim() == 1 else weights.flatten(1).sum(1)  # [B]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassWeightOptions:
    """How much each class counts."""

    class_weights: list[float] | dict[str, float] | None = param(
        None,
        min=0,
        help="Class weights, as a list in the order of the class ids or by label; null for equal ones. Use them "
        "for imbalanced classes.",
    )

    def weights_of(self, labels: Sequence[str]) -> Tensor | None:
        """The weight of each class in the order of their ids: [C]; None where all are equal."""
        return None if self.class_weights is None else weights_of_classes(self.class_weights, labels)


def are_shares(target: Tensor) -> bool:
    """Whether a target is a distribution over the classes, [B, C], and not ids."""
    return target.is_floating_point() and target.dim() == 2


def known(target: Tensor) -> tuple[Tensor, Tensor]:
    """(ids that are all valid, true where the id was one): [B], [B]. NaN is no id either."""
    there = target >= 0
    ids = target.long() if not target.is_floating_point() else target.nan_to_num(-1.0).long()
    return ids.clamp_min(0), there


def classes_last(logits: Tensor, ids: Tensor) -> Tensor:
    """Logits with the classes at the end; maps of pixels have them before height and width."""
    return logits.movedim(1, -1) if ids.dim() == 3 else logits  # [B, *places, C]


def weights_of_classes(given: Sequence[float] | Mapping[str, float], labels: Sequence[str]) -> Tensor:
    """The weight of each class in the order of their ids, 1 for a label that is not named: [C].

    Raises:
        ConfigValidationError: A label is not a class, or there is not one weight a class.
    """
    if isinstance(given, Mapping):
        by_label = {str(label): weight for label, weight in given.items()}
        alien = [label for label in by_label if label not in labels]
        if alien:
            raise ConfigValidationError(
                f"loss.class_weights: '{alien[0]}' is not a class of the data.{nearest(alien[0], labels)} "
                + (f"Classes: {', '.join(labels)}." if labels else "Its classes have no labels; give a list instead.")
            )
        return torch.tensor([float(by_label.get(label, 1.0)) for label in labels])
    if labels and len(given) != len(labels):
        raise ConfigValidationError(
            f"loss.class_weights has {len(given)} weights, and the data has {len(labels)} classes: "
            f"{', '.join(labels)}. Give one weight a class in this order, or weights by label."
        )
    return torch.tensor([float(weight) for weight in given])
