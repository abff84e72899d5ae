"""The section `trainer` and the registry of trainers."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any, ClassVar, Literal

from ludwig.schema import Chosen, Component, Registry, param
from ludwig.training.optimizers import OPTIMIZERS, Optimizer
from ludwig.training.schedules import LearningRateScheduler

OPTIMIZER = Chosen(OPTIMIZERS, "adam")
Auto = Literal["auto"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientClipping:
    """Bounds on gradients; null does not bound."""

    clipglobalnorm: float | None = param(0.5, above=0, help="Bound on the norm of all gradients together.")
    clipnorm: float | None = param(None, above=0, help="Bound on the norm of each weight's gradient.")
    clipvalue: float | None = param(None, above=0, help="Bound on each number of a gradient.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationKnobs:
    """When a model is evaluated, and by what it is judged."""

    validation_field: str | None = param(None, help="The output that decides which model is best; null for the first.")
    validation_metric: str | None = param(None, help="The metric that decides; null for the output's default.")
    skip_all_evaluation: bool = param(False, help="Whether nothing is evaluated and the last weights are kept.")
    evaluate_training_set: bool = param(
        False, help="Whether training metrics come from a clean pass, not from the batches as they were learned."
    )
    steps_per_checkpoint: int = param(0, min=0, help="Steps between rounds of evaluation; 0 for an epoch.")
    checkpoints_per_epoch: int = param(0, min=0, help="Rounds of evaluation in an epoch; 0 for one.")
    eval_steps: int | None = param(None, min=1, help="The most batches of a split that are evaluated; null for all.")
    train_steps: int | None = param(None, min=1, help="How many batches are trained on; wins over epochs.")
    should_shuffle: bool = param(True, help="Whether the rows are shuffled in each epoch.")

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of knobs that do not go together."""
        if self.steps_per_checkpoint and self.checkpoints_per_epoch:
            return [("checkpoints_per_epoch", "Cannot go together with steps_per_checkpoint. Set one of them to 0.")]
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingKnobs(EvaluationKnobs):
    """How weights are learned."""

    epochs: int = param(100, min=1, help="How many times the training split is gone through.")
    batch_size: int | Auto = param(128, min=1, help="Rows of a batch; auto takes it from the number of rows.")
    eval_batch_size: int | Auto | None = param(
        None, min=1, help="Rows of a batch in evaluation; null or auto takes what fits a fixed amount of memory."
    )
    max_batch_size: int | None = param(1099511627776, min=1, help="Bound on automatic batch sizes.")
    effective_batch_size: int | Auto = param("auto", min=1, help="Rows of an optimizer step, over accumulated batches.")
    gradient_accumulation_steps: int | Auto = param("auto", min=1, help="Batches of an optimizer step.")
    learning_rate: float | Auto = param(0.001, min=0, max=1, help="Length of the steps; auto takes it from the inputs.")
    learning_rate_scaling: Literal["constant", "sqrt", "linear"] = param(
        "linear", help="How the learning rate grows with the number of workers."
    )
    learning_rate_scheduler: LearningRateScheduler = param(LearningRateScheduler, help="How the rate changes.")
    optimizer: Annotated[Optimizer.Config, OPTIMIZER] = param(OPTIMIZER.make, help="What turns gradients into steps.")
    gradient_clipping: GradientClipping | None = param(GradientClipping, help="Bounds on gradients.")
    regularization_type: Literal["l1", "l2", "l1_l2"] | None = param(
        "l2", help="Which norm of the weights is penalised."
    )
    regularization_lambda: float = param(0.0, min=0, max=1, help="How much that norm counts in the loss.")
    early_stop: int = param(5, min=-1, help="Rounds without improvement after which training stops; -1 or 0 for never.")
    use_mixed_precision: bool = param(False, help="Whether a GPU computes in bfloat16 where that is safe.")
    layers_to_freeze_regex: str | None = param(None, help="Weights whose name matches this are not learned.")

    def faults(self) -> list[tuple[str, str]]:
        faults = super().faults()
        try:
            re.compile(self.layers_to_freeze_regex or "")
        except re.error as error:
            faults.append(("layers_to_freeze_regex", f"Must be a regular expression: {error}."))
        for name in ("batch_size", "gradient_accumulation_steps"):
            part, whole = getattr(self, name), self.effective_batch_size
            if "auto" not in (part, whole) and int(whole) % int(part):
                faults.append(("effective_batch_size", f"Must be a multiple of {name} {part}. Received: {whole}."))
        if "auto" not in (self.batch_size, self.gradient_accumulation_steps, self.effective_batch_size):
            product = int(self.batch_size) * int(self.gradient_accumulation_steps)
            if product != self.effective_batch_size:
                text = f"Must be batch_size x gradient_accumulation_steps, {product}. Received: "
                faults.append(("effective_batch_size", f"{text}{self.effective_batch_size}."))
        if (
            self.max_batch_size
            and self.effective_batch_size != "auto"
            and self.effective_batch_size > self.max_batch_size
        ):
            faults.append(("max_batch_size", f"Must be at least effective_batch_size {self.effective_batch_size}."))
        return faults


class TrainerBase(Component):
    """Whatever turns data into a trained model."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        learns: ClassVar[bool] = True  # False where the model stays as it is

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of knobs that do not go together."""
            return []


TRAINERS: Registry[Any] = Registry("trainer")
