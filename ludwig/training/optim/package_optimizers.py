"""Optimizers of transformers and of schedulefree."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from ludwig.schema import param
from ludwig.training.optim.base import OPTIMIZERS, Optimizer, Weights
from ludwig.training.optim.shared_options import BetasOptions, WeightDecayOptions


@OPTIMIZERS.register("adafactor")
class AdafactorOptimizer(Optimizer):
    """Adafactor, which keeps second moments of a matrix as one row and one column: `transformers`' own.

    Use it to train or fine-tune large networks, such as T5, where the state of Adam does not fit: it keeps far less
    than one number a weight. With `relative_step` it sets its own learning rate, and that of the trainer has no effect.

    Source: Shazeer & Stern 2018, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", arXiv:1804.04235.

    ```yaml
    trainer:
      learning_rate: 0.001
      optimizer:
        type: adafactor
        scale_parameter: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Optimizer.Config):
        works = "transformers.optimization:Adafactor"

        lr: float | None = param(
            None, min=0, help="Learning rate of its own, in place of the trainer's; needs relative_step to be false."
        )
        scale_parameter: bool = param(
            True, help="Whether steps are scaled by the size of the weights that they change."
        )
        relative_step: bool = param(
            False, help="Whether the learning rate follows from the number of the step, in place of the trainer's."
        )
        warmup_init: bool = param(False, help="Warm-up: whether that learning rate rises from a small one.")

        @property
        def sets_its_rate(self) -> bool:
            return self.relative_step or self.lr is not None

        def faults(self) -> list[tuple[str, str]]:
            if self.lr is not None and self.relative_step:
                return [("lr", "Has no effect with relative_step: set relative_step to false, or lr to null.")]
            if self.warmup_init and not self.relative_step:
                return [("warmup_init", "Needs relative_step.")]
            return []

        def make(self, weights: Weights, rate: float) -> torch.optim.Optimizer:
            own = None if self.relative_step else rate if self.lr is None else self.lr
            steps = {"relative_step": self.relative_step, "warmup_init": self.warmup_init}
            works: Any = self.implementation()
            optimizer: torch.optim.Optimizer = works(weights, lr=own, scale_parameter=self.scale_parameter, **steps)
            return optimizer


@OPTIMIZERS.register("schedule_free_adamw")
class ScheduleFreeAdamWOptimizer(Optimizer):
    """AdamW that averages its weights and so needs no learning rate schedule: `schedulefree.AdamWScheduleFree`.

    Use it where the length of training is not known in advance: the averaged weights are good at any time. Set
    `learning_rate_scheduler.decay` to null. It keeps two numbers a weight. Needs the extra `optimizers`.

    Source: Defazio et al. 2024, "The Road Less Scheduled", arXiv:2405.15682.

    ```yaml
    trainer:
      learning_rate: 0.0025
      learning_rate_scheduler:
        decay: null
      optimizer:
        type: schedule_free_adamw
        warmup_steps: 500
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(BetasOptions, WeightDecayOptions, Optimizer.Config):
        works = "schedulefree:AdamWScheduleFree"
        extra = "optimizers"
        is_averaged = True

        warmup_steps: int = param(0, min=0, help="Warm-up: steps in which the learning rate rises from zero.")
