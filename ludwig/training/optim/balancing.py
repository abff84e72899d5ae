"""Finds out, step by step, how much the loss of each output should count.

Every method gives weights of the losses: what is minimised is the sum of weight times loss. Nothing here waits for the
device, and losses that are not finite change nothing.

T = losses, one an output
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ludwig.metrics.sums import wide
from ludwig.schema import param

Gram = Callable[[], Tensor]  # [T, T]: inner products of the gradients of the losses in the weights that all share
Method = Literal["none", "log_transform", "uncertainty", "famo", "gradnorm", "nash_mtl", "pareto_mtl"]

TINY = 1e-8  # keeps divisions and logarithms finite
RIDGE = 1e-6  # that is added to the products of gradients, whose mean square is 1
NEWTON_STEPS = 30  # after which the bargaining weights of Nash-MTL do not move any more


@dataclasses.dataclass(frozen=True, kw_only=True)
class BalancingOptions:
    """How the losses of several outputs are weighed."""

    loss_balancing: Method = param(
        "none",
        help="Loss balancing (multi-task learning): method that weights the losses of several outputs during training.",
    )
    loss_balancing_alpha: float = param(
        1.5,
        help="Of gradnorm: restoring force towards equal training rates. Raise it where some outputs train much "
        "more slowly.",
    )
    loss_balancing_lr: float = param(0.01, help="Learning rate of the loss weights of uncertainty, famo and gradnorm.")
    loss_balancing_preference_vector: list[float] | None = param(
        None,
        min=0,
        help="Of pareto_mtl: preference vector, the importance of each output in their order; null for equal ones.",
    )
    loss_balancing_tchebycheff_weight: float = param(
        0.5,
        min=0,
        max=1,
        help="Of pareto_mtl: weight of the Tchebycheff term, which counts only the worst output; the rest is a "
        "weighted sum.",
    )


class Balancer(nn.Module):
    """Weighs losses. Its state stands in buffers, so that a run that is resumed goes on with it."""

    weights: Tensor  # [T], of the last losses that were numbers

    def __init__(self, losses: int, options: BalancingOptions) -> None:
        super().__init__()
        self.count, self.options = losses, options
        self.register_buffer("weights", torch.ones(losses))

    @torch.no_grad()
    def forward(self, losses: Tensor, gram: Gram) -> Tensor:
        """The weights of the losses of a batch: [T] -> [T]. Called once a batch, since the state moves with it."""
        is_number = losses.isfinite().all()
        before = {name: buffer.clone() for name, buffer in self.named_buffers()}
        self.weights.copy_(self.weigh(losses, gram))
        for name, buffer in self.named_buffers():
            buffer.copy_(torch.where(is_number, buffer, before[name]))
        return self.weights.clone()

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        """Moves the state and gives the weights: [T]."""
        raise NotImplementedError

    def scaled(self, weights: Tensor) -> Tensor:
        """Weights whose sum is their number, as if none were weighed, so that learning rates keep their meaning."""
        return weights * (self.count / weights.sum().clamp_min(TINY))


class Adam(nn.Module):
    """Adam steps of the numbers that a balancer trains (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1)."""

    mean: Tensor
    square: Tensor
    steps: Tensor

    def __init__(self, numbers: int, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("square", torch.zeros(numbers))
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, gradient: Tensor) -> Tensor:
        """How far the numbers move: like `gradient`."""
        self.steps += 1
        self.mean.lerp_(gradient, 0.1)
        self.square.lerp_(gradient.square(), 0.001)
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        return -self.rate * mean / (square.sqrt() + TINY)


class LogTransform(Balancer):
    """Minimises the sum of log(1 + loss), in which no loss is large: the weight is its slope 1 / (1 + loss)."""

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        return 1 / (1 + losses.clamp_min(0))


class Uncertainty(Balancer):
    """Trains the variance of each output: exp(-s) * loss + s for a log variance s.

    Source: Kendall, Gal & Cipolla 2018, arXiv:1705.07115, section 3.2, without the halves of its regression case.
    """

    log_variance: Tensor  # [T]

    def __init__(self, losses: int, options: BalancingOptions) -> None:
        super().__init__(losses, options)
        self.register_buffer("log_variance", torch.zeros(losses))
        self.adam = Adam(losses, options.loss_balancing_lr)

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        weights = torch.exp(-self.log_variance)  # [T]
        self.log_variance += self.adam(1 - weights * losses)
        return weights


class Famo(Balancer):
    """All losses are to fall by like shares: logits move away from outputs that fell faster.

    Source: Liu et al. 2023, "FAMO: Fast Adaptive Multitask Optimization", arXiv:2306.03792, algorithm 1; where it looks
    at the same batch again after the step, this looks at the next batch. Decay of the logits: 0.001.
    """

    logits: Tensor  # [T]
    last_logs: Tensor  # [T], logarithms of the losses before
    seen: Tensor  # [], 1 once there were losses before

    def __init__(self, losses: int, options: BalancingOptions) -> None:
        super().__init__(losses, options)
        self.register_buffer("logits", torch.zeros(losses))
        self.register_buffer("last_logs", torch.zeros(losses))
        self.register_buffer("seen", torch.zeros(()))
        self.adam = Adam(losses, options.loss_balancing_lr)

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        positive = losses.clamp_min(0) + TINY
        fell = (self.last_logs - positive.log()) * self.seen  # [T]
        shares = self.logits.softmax(0)
        self.logits += self.adam(shares * (fell - (shares * fell).sum()) + 0.001 * self.logits)
        self.last_logs.copy_(positive.log())
        self.seen.fill_(1)
        return self.scaled(self.logits.softmax(0) / positive)


class GradNorm(Balancer):
    """Gradients of like norm, longer for outputs whose loss falls slowly.

    Source: Chen et al. 2018, arXiv:1711.02257, eq. 1 and 2.
    """

    own: Tensor  # [T], the weights before scaling
    first: Tensor  # [T], the first losses
    seen: Tensor  # []

    def __init__(self, losses: int, options: BalancingOptions) -> None:
        super().__init__(losses, options)
        self.register_buffer("own", torch.ones(losses))
        self.register_buffer("first", torch.ones(losses))
        self.register_buffer("seen", torch.zeros(()))
        self.adam = Adam(losses, options.loss_balancing_lr)

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        self.first.copy_(torch.where(self.seen > 0, self.first, losses.clamp_min(TINY)))
        self.seen.fill_(1)
        norms = gram().diagonal().clamp_min(0).sqrt()  # [T]
        left = losses.clamp_min(TINY) / self.first  # the share of the first loss that is left
        lengths = self.own * norms
        wanted = lengths.mean() * (left / left.mean()) ** self.options.loss_balancing_alpha
        weights = self.own + self.adam((lengths - wanted).sign() * norms)
        self.own.copy_(self.scaled(weights.clamp_min(TINY)))
        return self.own


class NashMtl(Balancer):
    """The outputs bargain for a common direction: weights a with (G^T G) a = 1 / a, for gradients G.

    Source: Navon et al. 2022, "Multi-Task Learning as a Bargaining Game", arXiv:2202.01017, claim 3.1. The solution is
    the least point of the convex a^T (G^T G) a / 2 - sum(log a), found by damped Newton steps.
    """

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        products = wide(gram())  # [T, T]
        products = products / products.diagonal().mean().clamp_min(TINY**2)  # nothing of the scale is left in the end
        products = products + RIDGE * torch.eye(self.count).to(products)  # gradients that are opposite have no solution
        weights = torch.ones(self.count).to(products)
        for _ in range(NEWTON_STEPS):
            slope = products @ weights - 1 / weights  # [T]
            curvature = products + torch.diag(1 / weights.square())  # [T, T]
            step = torch.linalg.solve_ex(curvature, slope).result
            decrement = (slope * step).sum().clamp_min(0).sqrt()
            weights = (weights - step / (1 + decrement)).clamp_min(TINY)
        return self.scaled(weights).to(losses)


class ParetoMtl(Balancer):
    """Steers to a preferred trade-off: a weighted sum, mixed with the loss of the output that is worst for its weight.

    Sources: Lin et al. 2019, "Pareto Multi-Task Learning", arXiv:1912.12854, for the aim; Steuer & Choo 1983, "An
    interactive weighted Tchebycheff procedure for multiple objective programming", for the mixture.
    """

    preference: Tensor  # [T], of sum 1

    def __init__(self, losses: int, options: BalancingOptions) -> None:
        super().__init__(losses, options)
        given = torch.tensor(options.loss_balancing_preference_vector or [1.0] * losses)
        self.register_buffer("preference", given / given.sum(), persistent=False)

    def weigh(self, losses: Tensor, gram: Gram) -> Tensor:
        share = self.options.loss_balancing_tchebycheff_weight
        weighted = self.preference * losses
        worst = (torch.arange(self.count, device=losses.device) == weighted.argmax()).to(losses)  # [T]
        return self.count * self.preference * (1 - share + share * worst)


BALANCERS: dict[str, type[Balancer]] = {
    "log_transform": LogTransform,
    "uncertainty": Uncertainty,
    "famo": Famo,
    "gradnorm": GradNorm,
    "nash_mtl": NashMtl,
    "pareto_mtl": ParetoMtl,
}


def balancer_of(options: BalancingOptions, losses: int) -> Balancer | None:
    """The balancer of so many losses; None where there is nothing to balance."""
    return (
        None if options.loss_balancing == "none" or losses < 2 else BALANCERS[options.loss_balancing](losses, options)
    )
