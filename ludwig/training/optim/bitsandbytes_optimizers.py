"""Optimizers of bitsandbytes, for large models: states of 8 bits, and states in paged memory.

An 8-bit state is quantised block by block, with a quarter of the memory of 32 bits and next to no loss of quality;
weights of fewer than 4096 numbers keep states of 32 bits. A paged state moves to the memory of the CPU while that of
the GPU is full, in place of an error; while all fits, it costs no time. All need the extra `llm`.

Sources: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization", arXiv:2110.02861; for paging, Dettmers
et al. 2023, "QLoRA: Efficient Finetuning of Quantized LLMs", arXiv:2305.14314.
"""

from __future__ import annotations

import dataclasses

from ludwig.schema import param
from ludwig.training.optim.base import OPTIMIZERS, Optimizer
from ludwig.training.optim.shared_options import (
    AdagradOptions,
    AdamOptions,
    BetasOptions,
    NesterovOptions,
    RmspropOptions,
    WeightDecayOptions,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LionOptions(BetasOptions, WeightDecayOptions):
    """The options of Lion."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrustOptions:
    """The bound of layer-wise adaptive learning rates."""

    max_unorm: float = param(
        1.0, min=0, max=1, help="Largest norm of an update, as a share of the norm of the weight; 0 for no bound."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LambOptions(AdamOptions, TrustOptions):
    """The options of LAMB."""

    bias_correction: bool = param(
        True, help="Whether the moving averages, which start at zero, are corrected in the first steps."
    )
    adam_w_mode: bool = param(True, help="Whether weight decay is decoupled from the gradient, as in AdamW.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SgdOptions(NesterovOptions, WeightDecayOptions):
    """The options of SGD, which bitsandbytes has with momentum only."""

    momentum: float = param(
        0.9, above=0, max=1, help="Momentum: share of the last update that is kept. Raise it to smooth noisy gradients."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LarsOptions(SgdOptions, TrustOptions):
    """The options of LARS."""

    dampening: float = param(0.0, min=0, max=1, help="Dampening: share by which gradients count less in the momentum.")


@OPTIMIZERS.register("adam_8bit")
class Adam8bitOptimizer(Optimizer):
    """Adam with states of 8 bits: `bitsandbytes.optim.Adam8bit`.

    Use it in place of `adam` where the state of the optimizer does not fit in memory: it keeps two bytes a weight in
    place of eight. Weight decay is decoupled, as in `adamw_8bit`.

    Source: Kingma & Ba 2015, arXiv:1412.6980; Dettmers et al. 2022, arXiv:2110.02861.

    ```yaml
    trainer:
      optimizer:
        type: adam_8bit
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = "bitsandbytes.optim:Adam8bit"


@OPTIMIZERS.register("paged_adam")
class PagedAdamOptimizer(Optimizer):
    """Adam with states of 32 bits in paged memory: `bitsandbytes.optim.PagedAdam`.

    Use it in place of `adam` where memory runs out now and then, as on long sequences. It keeps eight bytes a weight.
    Weight decay is decoupled, as in `paged_adamw`.

    Source: Kingma & Ba 2015, arXiv:1412.6980; Dettmers et al. 2023, arXiv:2305.14314.

    ```yaml
    trainer:
      optimizer:
        type: paged_adam
        betas: [0.9, 0.99]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = "bitsandbytes.optim:PagedAdam"


@OPTIMIZERS.register("paged_adam_8bit")
class PagedAdam8bitOptimizer(Optimizer):
    """Adam with states of 8 bits in paged memory: `bitsandbytes.optim.PagedAdam8bit`.

    Use it in place of `adam` to fine-tune large models on one GPU. It keeps two bytes a weight. Weight decay is
    decoupled, as in `paged_adamw_8bit`.

    Source: Kingma & Ba 2015, arXiv:1412.6980; Dettmers et al. 2022, arXiv:2110.02861; Dettmers et al. 2023,
    arXiv:2305.14314.

    ```yaml
    trainer:
      optimizer:
        type: paged_adam_8bit
        betas: [0.9, 0.99]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = "bitsandbytes.optim:PagedAdam8bit"


@OPTIMIZERS.register("adamw_8bit")
class AdamW8bitOptimizer(Optimizer):
    """AdamW with states of 8 bits: `bitsandbytes.optim.AdamW8bit`.

    Use it in place of `adamw` where the state of the optimizer does not fit in memory: it keeps two bytes a weight in
    place of eight.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101; Dettmers et al. 2022, arXiv:2110.02861.

    ```yaml
    trainer:
      optimizer:
        type: adamw_8bit
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = "bitsandbytes.optim:AdamW8bit"


@OPTIMIZERS.register("paged_adamw")
class PagedAdamWOptimizer(Optimizer):
    """AdamW with states of 32 bits in paged memory: `bitsandbytes.optim.PagedAdamW`.

    Use it in place of `adamw` where memory runs out now and then, as on long sequences. It keeps eight bytes a weight.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101; Dettmers et al. 2023, arXiv:2305.14314.

    ```yaml
    trainer:
      optimizer:
        type: paged_adamw
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = "bitsandbytes.optim:PagedAdamW"


@OPTIMIZERS.register("paged_adamw_8bit")
class PagedAdamW8bitOptimizer(Optimizer):
    """AdamW with states of 8 bits in paged memory: `bitsandbytes.optim.PagedAdamW8bit`.

    Use it in place of `adamw` to fine-tune large models on one GPU, as with quantised bases. It keeps two bytes a
    weight.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101; Dettmers et al. 2022, arXiv:2110.02861; Dettmers et al. 2023,
    arXiv:2305.14314.

    ```yaml
    trainer:
      learning_rate: 0.0002
      optimizer:
        type: paged_adamw_8bit
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdamOptions, Optimizer.Config):
        works = "bitsandbytes.optim:PagedAdamW8bit"


@OPTIMIZERS.register("lion")
class LionOptimizer(Optimizer):
    """Lion, which steps by the sign of its momentum: `bitsandbytes.optim.Lion`.

    Use it with large batches and large models: it keeps one number a weight, half of Adam's. Take a learning rate three
    to ten times smaller than for `adamw`, and a weight decay as much larger.

    Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675.

    ```yaml
    trainer:
      learning_rate: 0.0001
      optimizer:
        type: lion
        betas: [0.9, 0.99]
        weight_decay: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LionOptions, Optimizer.Config):
        works = "bitsandbytes.optim:Lion"


@OPTIMIZERS.register("lion_8bit")
class Lion8bitOptimizer(Optimizer):
    """Lion with states of 8 bits: `bitsandbytes.optim.Lion8bit`.

    Use it in place of `lion` where memory is short: it keeps one byte a weight.

    Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675; Dettmers et al. 2022,
    arXiv:2110.02861.

    ```yaml
    trainer:
      learning_rate: 0.0001
      optimizer:
        type: lion_8bit
        weight_decay: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LionOptions, Optimizer.Config):
        works = "bitsandbytes.optim:Lion8bit"


@OPTIMIZERS.register("paged_lion")
class PagedLionOptimizer(Optimizer):
    """Lion with states of 32 bits in paged memory: `bitsandbytes.optim.PagedLion`.

    Use it in place of `lion` where memory runs out now and then. It keeps four bytes a weight.

    Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675; Dettmers et al. 2023,
    arXiv:2305.14314.

    ```yaml
    trainer:
      learning_rate: 0.0001
      optimizer:
        type: paged_lion
        weight_decay: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LionOptions, Optimizer.Config):
        works = "bitsandbytes.optim:PagedLion"


@OPTIMIZERS.register("paged_lion_8bit")
class PagedLion8bitOptimizer(Optimizer):
    """Lion with states of 8 bits in paged memory: `bitsandbytes.optim.PagedLion8bit`.

    Use it where memory is as short as can be: it keeps one byte a weight.

    Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675; Dettmers et al. 2022,
    arXiv:2110.02861; Dettmers et al. 2023, arXiv:2305.14314.

    ```yaml
    trainer:
      learning_rate: 0.0001
      optimizer:
        type: paged_lion_8bit
        weight_decay: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LionOptions, Optimizer.Config):
        works = "bitsandbytes.optim:PagedLion8bit"


@OPTIMIZERS.register("lamb")
class LambOptimizer(Optimizer):
    """LAMB, which is Adam with a learning rate for each layer, in proportion to its weights: `bitsandbytes.optim.LAMB`.

    Use it for very large batches, of thousands of rows, at which Adam diverges. It keeps two numbers a weight.

    Source: You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes",
    arXiv:1904.00962.

    ```yaml
    trainer:
      learning_rate: 0.002
      optimizer:
        type: lamb
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LambOptions, Optimizer.Config):
        works = "bitsandbytes.optim:LAMB"


@OPTIMIZERS.register("lamb_8bit")
class Lamb8bitOptimizer(Optimizer):
    """LAMB with states of 8 bits: `bitsandbytes.optim.LAMB8bit`.

    Use it in place of `lamb` where memory is short: it keeps two bytes a weight.

    Source: You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes",
    arXiv:1904.00962; Dettmers et al. 2022, arXiv:2110.02861.

    ```yaml
    trainer:
      learning_rate: 0.002
      optimizer:
        type: lamb_8bit
        weight_decay: 0.01
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LambOptions, Optimizer.Config):
        works = "bitsandbytes.optim:LAMB8bit"


@OPTIMIZERS.register("lars")
class LarsOptimizer(Optimizer):
    """LARS, which is SGD with a learning rate for each layer, in proportion to its weights: `bitsandbytes.optim.LARS`.

    Use it for very large batches of images, of thousands of rows. It keeps one number a weight.

    Source: You et al. 2017, "Large Batch Training of Convolutional Networks", arXiv:1708.03888.

    ```yaml
    trainer:
      learning_rate: 0.5
      optimizer:
        type: lars
        momentum: 0.9
        max_unorm: 0.02
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LarsOptions, Optimizer.Config):
        works = "bitsandbytes.optim:LARS"


@OPTIMIZERS.register("lars_8bit")
class Lars8bitOptimizer(Optimizer):
    """LARS with states of 8 bits: `bitsandbytes.optim.LARS8bit`.

    Use it in place of `lars` where memory is short: it keeps one byte a weight.

    Source: You et al. 2017, "Large Batch Training of Convolutional Networks", arXiv:1708.03888; Dettmers et al. 2022,
    arXiv:2110.02861.

    ```yaml
    trainer:
      learning_rate: 0.5
      optimizer:
        type: lars_8bit
        max_unorm: 0.02
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LarsOptions, Optimizer.Config):
        works = "bitsandbytes.optim:LARS8bit"


@OPTIMIZERS.register("sgd_8bit")
class Sgd8bitOptimizer(Optimizer):
    """Stochastic gradient descent with momentum, whose states have 8 bits: `bitsandbytes.optim.SGD8bit`.

    Use it in place of `sgd` where memory is short: it keeps one byte a weight.

    Source: Sutskever et al. 2013, "On the Importance of Initialization and Momentum in Deep Learning"; Dettmers et al.
    2022, arXiv:2110.02861.

    ```yaml
    trainer:
      learning_rate: 0.05
      optimizer:
        type: sgd_8bit
        momentum: 0.9
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SgdOptions, Optimizer.Config):
        works = "bitsandbytes.optim:SGD8bit"


@OPTIMIZERS.register("adagrad_8bit")
class Adagrad8bitOptimizer(Optimizer):
    """Adagrad with states of 8 bits: `bitsandbytes.optim.Adagrad8bit`.

    Use it in place of `adagrad` for large embeddings: it keeps one byte a weight.

    Source: Duchi, Hazan & Singer 2011, "Adaptive Subgradient Methods"; Dettmers et al. 2022, arXiv:2110.02861.

    ```yaml
    trainer:
      learning_rate: 0.01
      optimizer: adagrad_8bit
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(AdagradOptions, Optimizer.Config):
        works = "bitsandbytes.optim:Adagrad8bit"


@OPTIMIZERS.register("rmsprop_8bit")
class Rmsprop8bitOptimizer(Optimizer):
    """RMSprop with states of 8 bits: `bitsandbytes.optim.RMSprop8bit`.

    Use it in place of `rmsprop` where memory is short: it keeps one byte a weight.

    Source: Tieleman & Hinton 2012, "Lecture 6.5: RMSprop"; Dettmers et al. 2022, arXiv:2110.02861.

    ```yaml
    trainer:
      optimizer:
        type: rmsprop_8bit
        alpha: 0.95
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RmspropOptions, Optimizer.Config):
        works = "bitsandbytes.optim:RMSprop8bit"
