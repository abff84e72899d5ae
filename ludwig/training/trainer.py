"""The trainer of encoder-combiner-decoder models."""

from __future__ import annotations

import dataclasses

from ludwig.training.base import TRAINERS
from ludwig.training.loop import Loop


@TRAINERS.register("trainer", kinds=("ecd",))
class Trainer(Loop):
    """Supervised training of encoder-combiner-decoder models from scratch: mini-batch gradient descent with early
    stopping.

    ```yaml
    trainer:
      type: trainer
      epochs: 50
      batch_size: 256
      learning_rate: 0.001
      early_stop: 5
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loop.Config):
        pass
