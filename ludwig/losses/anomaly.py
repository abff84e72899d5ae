"""Losses of anomaly scores: the squared distance of a row from the centre of the normal ones.

B = rows of the batch; labels are 0 for normal rows, 1 for anomalies, -1 for unknown ones
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ludwig.losses.base import LOSSES, Loss
from ludwig.schema import param

LEAST_SCORE = 1e-6  # of which an inverse is taken
SMALL_RADIUS = -5.0  # where training starts: nearly all rows lie outside, and are drawn in


class AnomalyLoss(Loss):
    """A loss of scores [B], or [B, 2] where the decoder was asked for the score of a perturbed row as well."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loss.Config):
        perturbs: ClassVar[bool] = False  # whether it asks for perturbed scores in training

        @property
        def perturbation(self) -> tuple[float, int]:
            """The relative size of a perturbation and the steps of its search; none by default."""
            return 0.0, 0


@LOSSES.register("deep_svdd", kinds=("anomaly",))
class DeepSvdd(AnomalyLoss):
    """Deep SVDD with a soft boundary: a sphere around the centre that is small, and out of which at most the share `nu`
    of the rows lies.

    Use it where no anomaly is labelled; rows that are do not count. The radius is trained with the network: the loss is
    radius^2 + max(0, score - radius^2) / nu, and with `nu: 1` the mean distance to the centre.

    Takes scores [B] and labels [B].

    Source: Ruff et al. 2018, "Deep One-Class Classification", ICML, eq. 3.

    ```yaml
    name: is_fraud
    type: anomaly
    loss:
      type: deep_svdd
      nu: 0.05
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AnomalyLoss.Config):
        nu: float = param(
            0.1, above=0, max=1, help="Nu: bound on the share of training rows that lie outside of the sphere."
        )

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.nu = config.nu
        self.radius = nn.Parameter(torch.tensor(SMALL_RADIUS))  # its softplus is the square of the radius

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        boundary = softplus(self.radius)
        return boundary + (logits - boundary).clamp_min(0) / self.nu  # [B]

    def row_weights(self, target: Tensor) -> Tensor | None:
        return (target <= 0).float()


@LOSSES.register("deep_sad", kinds=("anomaly",))
class DeepSad(AnomalyLoss):
    """Deep SAD: normal and unknown rows are drawn to the centre, labelled anomalies are driven away from it.

    Use it where some anomalies are labelled. The loss of a row is its score, of a labelled anomaly the inverse of it;
    labelled rows count `eta` times.

    Takes scores [B] and labels [B].

    Source: Ruff et al. 2020, "Deep Semi-Supervised Anomaly Detection", arXiv:1906.02694, eq. 8.

    ```yaml
    name: is_fraud
    type: anomaly
    loss:
      type: deep_sad
      eta: 2.0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AnomalyLoss.Config):
        eta: float = param(1.0, min=0, help="Eta: weight of labelled rows beside unlabelled ones.")

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.eta = config.eta

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        inverse = 1 / (logits + LEAST_SCORE)
        return torch.where(target > 0, inverse, logits)  # [B]

    def row_weights(self, target: Tensor) -> Tensor | None:
        return torch.where(target >= 0, self.eta, 1.0)


@LOSSES.register("drocc", kinds=("anomaly",))
class Drocc(AnomalyLoss):
    """DROCC: rows are drawn to the centre, and what lies a little beside them, where it looks most normal, is driven
    away.

    Use it where no anomaly is labelled and normal rows lie on a thin manifold; a constant network cannot minimise it.
    The perturbed vectors are found by gradient descent on the score in each step of training, which costs
    `num_perturbation_steps` passes of the decoder. A perturbed row costs -ln(1 - exp(-score)).

    Takes scores [B] or, in training, [B, 2] with those of perturbed rows, and labels [B].

    Source: Goyal et al. 2020, "DROCC: Deep Robust One-Class Classification", arXiv:2002.12718, algorithm 1, on the
    combined vector; the cost of what is not normal from Ruff et al. 2020, arXiv:2006.00339, eq. 4.

    ```yaml
    name: is_fraud
    type: anomaly
    loss:
      type: drocc
      perturbation_strength: 0.2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AnomalyLoss.Config):
        perturbs: ClassVar[bool] = True

        perturbation_strength: float = param(
            0.1, min=0, help="Perturbation strength: length of a perturbation, as a share of that of the vector."
        )
        num_perturbation_steps: int = param(5, min=1, help="Number of steps of the search for a perturbation.")

        @property
        def perturbation(self) -> tuple[float, int]:
            return self.perturbation_strength, self.num_perturbation_steps

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        if logits.dim() == 1:
            return logits  # [B]
        scores, perturbed = logits.unbind(-1)
        return scores - torch.log(-torch.expm1(-perturbed.clamp_min(LEAST_SCORE)))  # [B]

    def row_weights(self, target: Tensor) -> Tensor | None:
        return (target <= 0).float()
