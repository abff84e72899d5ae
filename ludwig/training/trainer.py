"""The trainer of encoder-combiner-decoder models."""

from __future__ import annotations

import dataclasses

from ludwig.training.base import TRAINERS
from ludwig.training.loop import Loop


@TRAINERS.register("trainer", kinds=("ecd",))
class Trainer(Loop):
    """The training loop as it is."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loop.Config):
        pass
