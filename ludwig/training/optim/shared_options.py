"""The options that optimizers share."""

from __future__ import annotations

import dataclasses

from ludwig.schema import param

Betas = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightDecayOptions:
    """Weight decay."""

    weight_decay: float = param(
        0.0, min=0, help="Weight decay: how strongly weights are pulled towards zero. Raise it against overfitting."
    )

    @property
    def shrinks_weights(self) -> bool:
        """Whether there is weight decay."""
        return self.weight_decay > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpsOptions:
    """What keeps divisions by a root of squared gradients finite."""

    eps: float = param(
        1e-8, min=0, help="Epsilon: added to denominators. Raise it where steps on rare gradients are too large."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BetasOptions:
    """The two moving averages of Adam and its kin."""

    betas: Betas = param(
        (0.9, 0.999),
        min=0,
        max=1,
        help="Decay rates of the moving averages of gradients (momentum) and of squared gradients. Lower the second "
        "where gradients change fast.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamOptions(BetasOptions, EpsOptions, WeightDecayOptions):
    """The options of Adam."""

    amsgrad: bool = param(
        False, help="Whether AMSGrad is used: the largest second moment so far scales the step (arXiv:1904.09237)."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MomentumOptions:
    """Momentum that may be left out."""

    momentum: float = param(
        0.0, min=0, help="Momentum: share of the last update that is kept. 0.9 smooths noisy gradients; 0 for none."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NesterovOptions:
    """How momentum takes in a gradient."""

    dampening: float = param(0.0, min=0, help="Dampening: share by which gradients count less in the momentum.")
    nesterov: bool = param(False, help="Whether Nesterov momentum is used, which looks one step ahead.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RmspropOptions(MomentumOptions, EpsOptions, WeightDecayOptions):
    """The options of RMSprop."""

    alpha: float = param(0.99, min=0, help="Smoothing constant: decay rate of the moving average of squared gradients.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdagradOptions(WeightDecayOptions):
    """The options of Adagrad."""

    eps: float = param(1e-10, min=0, help="Epsilon: added to denominators, which keeps them above zero.")
