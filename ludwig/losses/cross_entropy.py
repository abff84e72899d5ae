"""Cross entropy with its refinements, which several losses share.

C = classes, N = rows, or places of rows that have a class each
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ludwig.error import ConfigValidationError
from ludwig.losses.base import Loss
from ludwig.losses.classes import ClassWeightOptions
from ludwig.losses.refinements import RefinementOptions
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossEntropyConfig(RefinementOptions, ClassWeightOptions, Loss.Config):
    """The options of every cross entropy."""

    class_similarities: list[list[float]] | None = param(
        None,
        help="Class similarities: a square matrix in the order of the class ids, which makes soft targets; null "
        "for none.",
    )
    class_similarities_temperature: float = param(
        0,
        min=0,
        help="Temperature of the softmax over each row of similarities: higher is softer; 0 takes the most "
        "similar class only.",
    )


class CrossEntropy(nn.Module):
    """Softmax cross-entropy with a class or with a distribution over the classes.

    With `class_similarities` a class stands for the distribution softmax(its similarities / temperature). With
    `robust_lambda` r the loss is (1 - r) * loss + r / C. With `confidence_penalty` p it is loss + p * (ln C - entropy
    of the softmax), so that confident predictions cost (Pereyra et al. 2017, arXiv:1701.06548). With `label_smoothing`
    s the target is (1 - s) * target + s / C (Szegedy et al. 2016, arXiv:1512.00567, section 7).
    """

    class_weights: Tensor | None  # [C]
    soft_targets: Tensor | None  # [C, C]

    def __init__(self, config: CrossEntropyConfig, labels: Sequence[str]) -> None:
        super().__init__()
        self.options, self.smoothing = config, config.label_smoothing
        self.register_buffer("class_weights", config.weights_of(labels), persistent=False)
        self.register_buffer("soft_targets", _soft_targets(config, labels), persistent=False)

    def forward(self, logits: Tensor, ids: Tensor) -> Tensor:
        """The loss of classes, without their weights: [N, C], [N] -> [N]."""
        aim = ids if self.soft_targets is None else self.soft_targets[ids]  # [N] or [N, C]
        loss = cross_entropy(logits, aim, reduction="none", label_smoothing=self.smoothing)
        return self._refined(loss, logits)

    def of_shares(self, logits: Tensor, shares: Tensor) -> Tensor:
        """The loss of distributions, whose classes count with their weights: [N, C], [N, C] -> [N]."""
        aim = shares if self.soft_targets is None else shares @ self.soft_targets  # [N, C]
        loss = cross_entropy(logits, aim, self.class_weights, reduction="none", label_smoothing=self.smoothing)
        return self._refined(loss, logits)

    def weights(self, ids: Tensor, there: Tensor) -> Tensor:
        """How much each place counts: like `ids`."""
        return there.float() if self.class_weights is None else self.class_weights[ids] * there

    def _refined(self, loss: Tensor, logits: Tensor) -> Tensor:
        def entropy() -> Tensor:
            logs = logits.log_softmax(-1)
            return -(logs.exp() * logs).sum(-1)  # [N]

        return self.options.refined(loss, logits.shape[-1], entropy)


def _soft_targets(config: CrossEntropyConfig, labels: Sequence[str]) -> Tensor | None:
    rows, temperature = config.class_similarities, config.class_similarities_temperature
    if rows is None:
        return None
    size = len(labels) or len(rows)
    if len(rows) != size or any(len(row) != size for row in rows):
        of_classes = f" of {', '.join(labels)}" if labels else ""
        raise ConfigValidationError(
            f"loss.class_similarities must have {size} rows and columns, one for each class{of_classes}. "
            f"Received {len(rows)} rows, of {', '.join(str(len(row)) for row in rows)} numbers."
        )
    alike = torch.tensor([[float(value) for value in row] for row in rows])  # [C, C]
    if temperature == 0:  # the limit of the softmax
        return one_hot(alike.argmax(-1), len(rows)).float()
    return (alike / temperature).softmax(-1)
