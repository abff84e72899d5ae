"""What losses of classes share: ids below zero, which no class has, and weights of classes.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ludwig.error import ConfigValidationError, nearest


def known(target: Tensor) -> tuple[Tensor, Tensor]:
    """(ids that are all valid, 1 where the id was one): [B], [B]."""
    ids = target.long()
    there = ids >= 0
    return ids.clamp_min(0), there


def weights_of_classes(given: Sequence[float] | Mapping[str, float], labels: Sequence[str]) -> Tensor:
    """The weight of each class in the order of their ids: [C].

    Raises:
        ConfigValidationError: A label is not a class, or there is not one weight a class.
    """
    if isinstance(given, Mapping):
        by_label = {str(label): weight for label, weight in given.items()}
        alien = [label for label in by_label if label not in labels]
        if alien:
            raise ConfigValidationError(
                f"loss.class_weights: '{alien[0]}' is no class of the data.{nearest(alien[0], labels)} "
                f"Classes: {', '.join(labels)}."
            )
        return torch.tensor([by_label.get(label, 1.0) for label in labels])
    if len(given) != len(labels):
        raise ConfigValidationError(
            f"loss.class_weights has {len(given)} weights, and the data has {len(labels)} classes: {', '.join(labels)}."
        )
    return torch.tensor(list(given))
