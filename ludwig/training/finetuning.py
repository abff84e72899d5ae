"""The trainer of pretrained language models."""

from __future__ import annotations

import dataclasses
from typing import cast

from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.models.base import Model, Step
from ludwig.models.llm.model import Llm
from ludwig.schema import param
from ludwig.training.base import TRAINERS
from ludwig.training.loop import Loop
from ludwig.training.objective import Objective
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

        completion_only_loss: bool = param(
            True,
            help="Whether the loss is that of the target's tokens alone; false trains on the tokens of prompts too, as "
            "in continued pretraining.",
        )
        packing: bool = param(
            False,
            help="Sequence packing: rows of a batch stand one behind the other instead of being padded. They do not "
            "see each other, and batch_size counts rows as before. Faster where lengths differ.",
        )

        @property
        def rows_of_texts(self) -> int:
            return self.eval_generation_rows

        def objective(self) -> Objective:
            return FineTuningObjective(of_prompts=not self.completion_only_loss, packs=self.packing)


class FineTuningObjective(Objective):
    """The cross entropy of tokens."""

    def __init__(self, *, of_prompts: bool, packs: bool) -> None:
        """Whether tokens of prompts count too, and whether rows are packed."""
        self.of_prompts, self.packs = of_prompts, packs

    def begin(self, model: Model) -> None:
        if self.packs:
            cast(Llm, model).network.refuse_leaks()

    def loss(self, model: Model, batch: Frame) -> Step:
        return cast(Llm, model).loss_of_tokens(batch, of_prompts=self.of_prompts, packs=self.packs)

    def weights_of(self, model: Model, batch: Frame) -> dict[str, Tensor]:
        return cast(Llm, model).weights_of_tokens(batch, of_prompts=self.of_prompts)
