"""The trainer of pretrained language models."""

from __future__ import annotations

import dataclasses

from ludwig.schema import param
from ludwig.training.base import TRAINERS
from ludwig.training.loop import Loop
from ludwig.training.options import Auto


@TRAINERS.register("finetune", kinds=("llm",))
class FineTuning(Loop):
    """The training loop, in batches that fit beside a large model."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loop.Config):
        batch_size: int | Auto = param(
            1,
            min=1,
            help="Batch size in rows, for each worker; auto measures the fastest. Raise gradient_accumulation_steps "
            "where memory is short.",
        )
        eval_batch_size: int | Auto | None = param(
            2, min=1, help="Batch size of evaluation and prediction; auto measures the fastest."
        )
