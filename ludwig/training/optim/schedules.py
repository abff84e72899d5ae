"""The learning rate as a pure function of the step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

from ludwig.schema import param
from ludwig.training.optim.plateau import PlateauRule

Decay = Literal["linear", "exponential", "cosine", "one_cycle", "inverse_sqrt", "polynomial", "wsd"]


@dataclasses.dataclass(frozen=True)
class Span:
    """What a schedule knows of the run."""

    total_steps: int
    steps_per_round: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningRateScheduler:
    """The section `trainer.learning_rate_scheduler`."""

    decay: Decay | Literal["auto"] | None = param(
        "auto",
        help="Learning rate decay: its schedule over the run; null for a constant rate. auto is cosine where there are "
        "many rows and length and patience are auto too, else null.",
    )
    decay_rate: float = param(0.96, min=0, max=1, help="Decay rate: factor of the exponential decay every decay_steps.")
    decay_steps: int = param(
        10000, min=1, help="Number of steps after which the exponential decay has applied decay_rate once."
    )
    staircase: bool = param(False, help="Whether the exponential decay is applied in discrete steps, not continuously.")
    warmup_evaluations: int = param(
        0,
        min=0,
        help="Learning rate warm-up: number of evaluation intervals over which the rate rises linearly from zero.",
    )
    warmup_fraction: float = param(
        0.0,
        min=0,
        max=1,
        help="Learning rate warm-up: fraction of all steps over which the rate rises linearly from zero. Raise "
        "it where training diverges early.",
    )
    t_0: int | None = param(
        None, min=1, help="Steps of the first cosine period before a warm restart; null for one period over the run."
    )
    t_mult: int = param(1, min=1, help="Factor by which the cosine period grows after each warm restart.")
    eta_min: float = param(0.0, min=0, max=1, help="Minimum learning rate of the cosine decay.")
    max_lr: float | None = param(
        None, above=0, help="Maximum learning rate of the one-cycle schedule; null for learning_rate."
    )
    pct_start: float = param(0.3, min=0, max=1, help="Fraction of the steps in which the one-cycle schedule rises.")
    div_factor: float = param(
        25.0, above=0, help="Initial learning rate of the one-cycle schedule: its maximum divided by this."
    )
    final_div_factor: float = param(
        10000.0, above=0, help="Final learning rate of the one-cycle schedule: its initial rate divided by this."
    )
    inverse_sqrt_warmup_steps: int = param(
        4000,
        min=1,
        help="Warm-up of the inverse square root decay: number of steps at a constant rate before it begins.",
    )
    polynomial_power: float = param(1.0, above=0, help="Power of the polynomial decay; 1 is linear.")
    polynomial_end_lr: float = param(0.0, min=0, help="Final learning rate of the polynomial decay.")
    wsd_warmup_fraction: float = param(
        0.1, min=0, max=1, help="Warm-up-stable-decay schedule: fraction of the steps for warm-up."
    )
    wsd_stable_fraction: float = param(
        0.8, min=0, max=1, help="Warm-up-stable-decay schedule: fraction of the steps at the full learning rate."
    )
    wsd_decay_fraction: float = param(
        0.1, min=0, max=1, help="Warm-up-stable-decay schedule: fraction of the steps for the decay to zero."
    )

    reduce_on_plateau: int = param(
        0,
        min=0,
        help="Reduce on plateau: maximum number of times the learning rate is reduced when a metric plateaus; 0 "
        "for never.",
    )
    reduce_on_plateau_patience: int = param(
        10, min=0, help="Patience: number of evaluations without improvement before the learning rate is reduced."
    )
    reduce_on_plateau_rate: float = param(
        0.1, min=0, max=1, help="Factor by which the learning rate is reduced on a plateau."
    )
    reduce_eval_metric: str = param(
        "loss", help="Metric of the validation field that is monitored for a plateau of the learning rate."
    )
    reduce_eval_split: Literal["training", "validation"] = param(
        "training", help="Split on which that metric is monitored."
    )

    @property
    def plateau(self) -> PlateauRule:
        """When the rate is reduced."""
        return PlateauRule(
            self.reduce_eval_split, self.reduce_eval_metric, self.reduce_on_plateau_patience, self.reduce_on_plateau
        )

    @property
    def spans_run(self) -> bool:
        """Whether the rate falls to the end of the run, so that the run should not end before."""
        return self.decay in ("linear", "one_cycle", "polynomial", "wsd") or (
            self.decay == "cosine" and self.t_0 is None
        )

    def warmup_steps(self, span: Span) -> int:
        """The longer of the two warm-ups."""
        by_rounds = self.warmup_evaluations * span.steps_per_round
        return max(by_rounds, int(self.warmup_fraction * span.total_steps))

    def rate(self, base: float, step: int, span: Span) -> float:
        """The rate of a step, which counts from 0."""
        if self.decay in ("one_cycle", "wsd"):  # these have a climb of their own
            return _DECAYS[self.decay](self, base, step, span)
        warmup = self.warmup_steps(span)
        if step < warmup:
            return base * (step + 1) / warmup
        if self.decay is None or self.decay == "auto":
            return base
        return _DECAYS[self.decay](
            self, base, step - warmup, dataclasses.replace(span, total_steps=max(span.total_steps - warmup, 1))
        )


def _linear(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    return base * max(0.0, 1 - step / span.total_steps)


def _exponential(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    exponent = 1 + step / options.decay_steps
    return base * options.decay_rate ** (math.ceil(exponent) if options.staircase else exponent)


def _cosine(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    """With warm restarts: Loshchilov & Hutter 2017, "SGDR", arXiv:1608.03983, eq. 5."""
    period, begin = options.t_0 or span.steps_per_round, 0
    while step - begin >= period:
        begin, period = begin + period, period * options.t_mult
        if options.t_mult == 1:
            begin = step - step % period
    return options.eta_min + (base - options.eta_min) * (1 + math.cos(math.pi * (step - begin) / period)) / 2


def _one_cycle(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    """Smith & Topin 2018, "Super-Convergence", arXiv:1708.07120, with cosine flanks."""
    top = options.max_lr or base
    first = top / options.div_factor
    climb = options.pct_start * span.total_steps
    if step < climb:
        return first + (top - first) * (1 - math.cos(math.pi * step / climb)) / 2
    last = first / options.final_div_factor
    share = min((step - climb) / max(span.total_steps - climb, 1), 1)
    return last + (top - last) * (1 + math.cos(math.pi * share)) / 2


def _inverse_sqrt(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    return base / math.sqrt(max(step, options.inverse_sqrt_warmup_steps))


def _polynomial(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    share = min(step / span.total_steps, 1)
    return float(
        (base - options.polynomial_end_lr) * (1 - share) ** options.polynomial_power + options.polynomial_end_lr
    )


def _wsd(options: LearningRateScheduler, base: float, step: int, span: Span) -> float:
    """Warm-up, stable, decay: Hu et al. 2024, "MiniCPM", arXiv:2404.06395, section 4."""
    warmup = options.wsd_warmup_fraction * span.total_steps
    fall_begins = warmup + options.wsd_stable_fraction * span.total_steps
    if step < warmup:
        return base * (step + 1) / math.ceil(warmup)
    if step < fall_begins:
        return base
    return base * max(0.0, 1 - (step - fall_begins) / max(options.wsd_decay_fraction * span.total_steps, 1))


_DECAYS: dict[str, Callable[[LearningRateScheduler, float, int, Span], float]] = {
    "linear": _linear,
    "exponential": _exponential,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "inverse_sqrt": _inverse_sqrt,
    "polynomial": _polynomial,
    "wsd": _wsd,
}
