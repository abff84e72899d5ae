"""Optimizers of PyTorch."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch

from ludwig.schema import param
from ludwig.training.optim.base import OPTIMIZERS, Optimizer
from ludwig.training.optim.muon import MuonWithAdamW
from ludwig.training.optim.shared_options import (
    AdagradOptions,
    AdamOptions,
    BetasOptions,
    EpsOptions,
    MomentumOptions,
    NesterovOptions,
    RmspropOptions,
    WeightDecayOptions,
)


@OPTIMIZERS.register("sgd")
class SgdOptimizer(Optimizer):
    """Stochastic gradient descent, with or without momentum: `torch.optim.SGD`.

    Use it where memory is short or where a long, well-tuned schedule shall give the best generalisation, as in vision.
    It keeps at most one number a weight, and needs a larger learning rate than Adam, such as 0.01 to 0.1.

    Source: Robbins & Monro 1951, "A Stochastic Approximation Method"; momentum as in Sutskever et al. 2013, "On the
    Importance of Initialization and Momentum in Deep Learning".

    ```yaml
    trainer:
      learning_rate: 0.05
      optimizer:
        type: sgd
        momentum: 0.9
        nesterov: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MomentumOptions, NesterovOptions, WeightDecayOptions, Optimizer.Config):
        works = torch.optim.SGD
        is_elementwise = True

        @property
        def fuses_on_gpu(self) -> bool:
            return not self.momentum  # after a first step that is left out, the kernel reads momentum nobody wrote


@OPTIMIZERS.register("adam")
class AdamOptimizer(Optimizer):
    """Adam, steps scaled by moving averages of gradients and of their squares: `torch.optim.Adam`. The default.

    Use it as the first choice: it works on most tasks with little tuning. With weight decay prefer `adamw`, since here
    the decay is an L2 penalty that Adam scales along with the gradient. It keeps two numbers a weight.

    Source: Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.

    ```yaml
    trainer:
      optimizer:
        type: adam
        betas: [0.9, 0.99]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = torch.optim.Adam
        is_elementwise = True


@OPTIMIZERS.register("adamw")
class AdamWOptimizer(Optimizer):
    """Adam with decoupled weight decay, which shrinks weights apart from the gradient: `torch.optim.AdamW`.

    Use it for transformers, for fine-tuning, and wherever weight decay is wanted. It keeps two numbers a weight.

    Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101.

    ```yaml
    trainer:
      no_weight_decay: [biases, norms]
      optimizer:
        type: adamw
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = torch.optim.AdamW
        is_elementwise = True

        weight_decay: float = param(
            0.02, min=0, help="Weight decay: share of a weight, times the learning rate, that each step takes away."
        )


@OPTIMIZERS.register("adadelta")
class AdadeltaOptimizer(Optimizer):
    """Adagrad with a window, whose steps follow from those before: `torch.optim.Adadelta`.

    Use it where a learning rate is hard to choose; set `trainer.learning_rate` to 1, its natural value. It keeps two
    numbers a weight.

    Source: Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701.

    ```yaml
    trainer:
      learning_rate: 1.0
      optimizer: adadelta
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(WeightDecayOptions, Optimizer.Config):
        works = torch.optim.Adadelta
        is_elementwise = True

        rho: float = param(
            0.9, min=0, max=1, help="Decay rate of the moving averages of squared gradients and updates."
        )
        eps: float = param(1e-6, min=0, help="Epsilon: added to denominators. Raise it for larger first steps.")


@OPTIMIZERS.register("adagrad")
class AdagradOptimizer(Optimizer):
    """Steps scaled by the sum of all squared gradients so far: `torch.optim.Adagrad`.

    Use it for sparse gradients, as those of large embeddings, where rare words then get large steps. Its steps only
    ever become smaller, which ends long trainings early. It keeps one number a weight.

    Source: Duchi, Hazan & Singer 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".

    ```yaml
    trainer:
      learning_rate: 0.01
      optimizer:
        type: adagrad
        initial_accumulator_value: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdagradOptions, Optimizer.Config):
        works = torch.optim.Adagrad
        is_elementwise = True

        initial_accumulator_value: float = param(
            0.0, min=0, help="Initial sum of squared gradients. Raise it for smaller first steps."
        )
        lr_decay: float = param(0.0, min=0, help="Learning rate decay: the rate is divided by 1 + lr_decay * step.")


@OPTIMIZERS.register("adamax")
class AdamaxOptimizer(Optimizer):
    """Adam with the largest recent gradient in place of the root of the mean square: `torch.optim.Adamax`.

    Use it where gradients are sparse or have outliers that upset Adam. It keeps two numbers a weight.

    Source: Kingma & Ba 2015, arXiv:1412.6980, section 7.1.

    ```yaml
    trainer:
      learning_rate: 0.002
      optimizer: adamax
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(BetasOptions, EpsOptions, WeightDecayOptions, Optimizer.Config):
        works = torch.optim.Adamax
        is_elementwise = True


@OPTIMIZERS.register("nadam")
class NadamOptimizer(Optimizer):
    """Adam with Nesterov momentum: `torch.optim.NAdam`.

    Use it in place of Adam where faster first epochs are wanted, as in recurrent networks. It keeps two numbers a
    weight.

    Source: Dozat 2016, "Incorporating Nesterov Momentum into Adam".

    ```yaml
    trainer:
      learning_rate: 0.002
      optimizer:
        type: nadam
        momentum_decay: 0.004
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(BetasOptions, EpsOptions, WeightDecayOptions, Optimizer.Config):
        works = torch.optim.NAdam
        is_elementwise = True

        momentum_decay: float = param(
            0.004, min=0, help="Momentum decay: how fast momentum rises to its full value. Raise it for a faster rise."
        )


@OPTIMIZERS.register("radam")
class RadamOptimizer(Optimizer):
    """Rectified Adam, which takes plain momentum steps until its averages can be trusted: `torch.optim.RAdam`.

    Use it where Adam fails in its first steps and no warm-up of the learning rate is wanted. It keeps two numbers a
    weight.

    Source: Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond", arXiv:1908.03265.

    ```yaml
    trainer:
      optimizer: radam
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(BetasOptions, EpsOptions, WeightDecayOptions, Optimizer.Config):
        works = torch.optim.RAdam
        is_elementwise = True


@OPTIMIZERS.register("rmsprop")
class RmspropOptimizer(Optimizer):
    """Gradients divided by a moving average of their size: `torch.optim.RMSprop`.

    Use it for recurrent networks and for targets that change while training goes on. It keeps one number a weight, one
    more with momentum and one more where it is centered.

    Source: Tieleman & Hinton 2012, "Lecture 6.5: RMSprop"; centered as in Graves 2013, arXiv:1308.0850.

    ```yaml
    trainer:
      optimizer:
        type: rmsprop
        momentum: 0.9
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RmspropOptions, Optimizer.Config):
        works = torch.optim.RMSprop
        is_elementwise = True

        centered: bool = param(
            False, help="Whether gradients are divided by the root of their variance, not of their mean square."
        )


@OPTIMIZERS.register("lbfgs")
class LbfgsOptimizer(Optimizer):
    """L-BFGS, a quasi-Newton method that searches along the curvature of the loss: `torch.optim.LBFGS`.

    Use it for small networks and batches of all rows, where it finds a precise minimum in few steps; noise of small
    batches upsets it. Each step computes the loss up to `max_eval` times and keeps `history_size` copies of the weights
    and gradients.

    Source: Liu & Nocedal 1989, "On the Limited Memory BFGS Method for Large Scale Optimization".

    ```yaml
    trainer:
      batch_size: 4096
      learning_rate: 1.0
      optimizer:
        type: lbfgs
        line_search_fn: strong_wolfe
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Optimizer.Config):
        works = torch.optim.LBFGS
        needs_closure = True

        max_iter: int = param(20, min=1, help="Maximum number of iterations of a step.")
        max_eval: int | None = param(
            None, min=1, help="Maximum number of evaluations of the loss in a step; null for 1.25 times max_iter."
        )
        tolerance_grad: float = param(
            1e-7, min=0, help="Tolerance of the gradient: a step ends when no entry of it is larger."
        )
        tolerance_change: float = param(
            1e-9, min=0, help="Tolerance of changes: a step ends when weights or loss change less."
        )
        history_size: int = param(
            100, min=1, help="How many past updates approximate the curvature. Lower it to save memory."
        )
        line_search_fn: Literal["strong_wolfe"] | None = param(
            None, help="Line search for the length of an update; null takes the learning rate."
        )


@OPTIMIZERS.register("muon")
class MuonOptimizer(Optimizer):
    """Muon, which orthogonalises the momentum of weight matrices, and AdamW for all other weights.

    Use it for deep networks of large matrices, such as transformers, where it needs fewer steps than AdamW. It keeps
    one number a weight of a matrix, and each step costs a few products of matrices more.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".

    ```yaml
    trainer:
      learning_rate: 0.02
      optimizer:
        type: muon
        momentum: 0.95
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Optimizer.Config):
        works = MuonWithAdamW

        momentum: float = param(0.95, min=0, max=1, help="Momentum: share of the last update that is kept.")
        nesterov: bool = param(True, help="Whether Nesterov momentum is used, which looks one step ahead.")
