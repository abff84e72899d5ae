"""The trainer of pretrained language models."""

from __future__ import annotations

import dataclasses

from ludwig.schema import param
from ludwig.training.base import TRAINERS
from ludwig.training.loop import Loop
from ludwig.training.options import Auto


@TRAINERS.register("finetune", kinds=("llm",))
class FineTuning(Loop):
    """Fine-tuning of a pretrained language model on the target texts (supervised fine-tuning).

    Use it with an `adapter` to train few weights (PEFT), or without one for full fine-tuning. It is the training loop
    with small batches by default; accumulate gradients for larger effective ones.

    ```yaml
    trainer:
      type: finetune
      epochs: 3
      learning_rate: 0.0001
      gradient_accumulation_steps: 16
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Loop.Config):
        epochs: int | Auto = param(
            100,
            min=1,
            help="Maximum number of epochs: passes over the training split; auto follows from the rows.",
        )
        batch_size: int | Auto = param(
            1,
            min=1,
            help="Batch size in rows, for each worker; auto is small for large models. Raise "
            "gradient_accumulation_steps where memory is short.",
        )
        eval_batch_size: int | Auto | None = param(
            2, min=1, help="Batch size of evaluation and prediction; auto measures the fastest."
        )
        eval_generation_rows: int = param(
            0,
            min=0,
            help="Number of rows of each evaluated split for which text is generated greedily at every evaluation, for "
            "exact_match, BLEU, ROUGE and error rates (extra text-metrics); 0 for none, which is much faster.",
        )

        @property
        def rows_of_texts(self) -> int:
            return self.eval_generation_rows
