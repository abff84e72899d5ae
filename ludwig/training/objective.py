"""What training minimises: the seam through which another loss enters the loop.

B = rows of the batch
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.models.base import Model, Step

TINY = 1e-12  # below which a sum of weights does not divide

Balance = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class Objective:
    """The loss of a batch. This one is the model's own, of its targets; preference training has others."""

    def begin(self, model: Model) -> None:
        """Called once before the first step.

        Raises:
            ConfigValidationError: The model cannot be trained so.
        """

    def loss(self, model: Model, batch: Frame) -> Step:
        """The loss of each output over the batch, and the predictions that it was computed from."""
        return model.training_loss(batch)

    def weights_of(self, model: Model, batch: Frame) -> dict[str, Tensor]:
        """How much the rows of a batch count together in the loss of each output: []."""
        return model.weights_of(batch)

    def columns(self) -> Mapping[str, str]:
        """Columns of the data that it reads besides the features: their feature type by name."""
        return {}


SUPERVISED = Objective()


def total_loss(
    step: Step,
    loss_weights: Mapping[str, float],
    *,
    balance: Balance | None = None,
    shares: Mapping[str, Tensor] | None = None,
    penalty: Tensor | None = None,
    share: float = 1.0,
) -> Tensor:
    """The weighted sum of all that is minimised: the only place where losses are added up: [].

    Args:
        loss_weights: The weight of each output's loss, as the config sets it.
        balance: Weighs the weighted losses anew, where they are balanced automatically.
        shares: Where the batch is a part of an accumulation window: its share of each output's loss.
        penalty: Regularisation of the weights.
        share: The batch's share of the penalty and of the auxiliary loss.
    """
    losses = {name: part if loss_weights[name] == 1 else part * loss_weights[name] for name, part in step.parts.items()}
    if balance is not None:
        losses = balance(losses)
    if shares is not None:
        losses = {name: loss * shares[name] for name, loss in losses.items()}
    terms = list(losses.values())
    besides = [term for term in (step.auxiliary, penalty) if term is not None]
    if besides:
        terms.append(_sum(besides) * share if share != 1 else _sum(besides))
    return _sum(terms)


def shares_of(own: Mapping[str, Tensor], totals: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """How much of each output's loss over a window the rows of a part have."""
    return {name: weight / totals[name].clamp_min(TINY) for name, weight in own.items()}


def _sum(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def loss_weights_of(model: Model) -> dict[str, float]:
    """The weight of each output's loss in the sum."""
    return {name: output.config.loss.weight for name, output in model.outputs.items()}


def losses_by_output(steps: list[tuple[Step, Frame]]) -> dict[str, Tensor]:
    """The loss of each output over the micro-batches of a batch, by their rows, on the device: []."""
    rows = sum(len(batch) for _, batch in steps)
    losses: dict[str, Tensor] = {}
    for step, batch in steps:
        for name, loss in step.parts.items():
            term = loss.detach() * (len(batch) / rows)
            losses[name] = losses[name] + term if name in losses else term
    return losses


def weighted_sum(losses: Mapping[str, Tensor], loss_weights: Mapping[str, float]) -> Tensor:
    """The losses of the outputs as one: []; zero where there are none."""
    terms = [loss_weights[name] * loss for name, loss in losses.items()]
    return torch.stack(terms).sum() if terms else torch.zeros(())
