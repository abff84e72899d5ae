"""The options of training in groups, each of one subject; a trainer's section inherits those that it takes."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Literal

from ludwig.schema import Chosen, param
from ludwig.training.optim import OPTIMIZERS, Optimizer
from ludwig.training.optim.parameter_groups import Exempt
from ludwig.training.optim.plateau import PlateauRule
from ludwig.training.optim.schedules import LearningRateScheduler

OPTIMIZER = Chosen(OPTIMIZERS, "adam")
Auto = Literal["auto"]
Fault = tuple[str, str]  # parameter, message


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientClipping:
    """Bounds on gradients; null does not bound."""

    clipglobalnorm: float | None = param(0.5, above=0, help="Bound on the norm of all gradients together.")
    clipnorm: float | None = param(None, above=0, help="Bound on the norm of each weight's gradient.")
    clipvalue: float | None = param(None, above=0, help="Bound on each number of a gradient.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
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
    eval_batch_size: int | Auto | None = param(
        None, min=1, help="Rows of a batch in evaluation; null takes what fits a fixed amount of memory, auto measures."
    )

    def faults_of_rounds(self) -> list[Fault]:
        """Faults of options that do not go together."""
        if self.steps_per_checkpoint and self.checkpoints_per_epoch:
            return [("checkpoints_per_epoch", "Cannot go together with steps_per_checkpoint. Set one of them to 0.")]
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """How long training goes on."""

    epochs: int = param(100, min=1, help="How many times the training split is gone through.")
    train_steps: int | None = param(None, min=1, help="How many batches are trained on; wins over epochs.")
    time_limit_s: float | None = param(None, above=0, help="Seconds after which training ends; null for no limit.")
    early_stop: int = param(5, min=-1, help="Rounds without improvement after which training stops; -1 or 0 for never.")
    max_skipped_steps: int = param(
        20, min=1, help="How many steps in a row may be left out because their gradients are no numbers."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Which rows are learned from at once."""

    batch_size: int | Auto = param(128, min=1, help="Rows of a batch; auto measures which size is fastest.")
    max_batch_size: int | None = param(1099511627776, min=1, help="Bound on batch sizes that are found or grow.")
    effective_batch_size: int | Auto = param(
        "auto", min=1, help="Rows of an optimizer step, over accumulated batches and workers."
    )
    gradient_accumulation_steps: int | Auto = param("auto", min=1, help="Batches of an optimizer step.")
    should_shuffle: bool = param(True, help="Whether the rows are shuffled in each epoch.")
    bucketing_field: str | None = param(
        None, help="An input of sequences: rows of like length come into one batch, which saves padding."
    )
    increase_batch_size_on_plateau: int = param(
        0, min=0, help="How many times at most batches grow when a metric stands still (arXiv:1711.00489)."
    )
    increase_batch_size_on_plateau_patience: int = param(5, min=0, help="Rounds without a new best before they grow.")
    increase_batch_size_on_plateau_rate: float = param(2.0, min=0, help="Factor by which they grow.")
    increase_batch_size_eval_metric: str = param("loss", help="The metric of the validation field that is watched.")
    increase_batch_size_eval_split: Literal["training", "validation"] = param(
        "training", help="The split on which it is watched."
    )

    @property
    def plateau(self) -> PlateauRule:
        """When batches grow."""
        return PlateauRule(
            self.increase_batch_size_eval_split,
            self.increase_batch_size_eval_metric,
            self.increase_batch_size_on_plateau_patience,
            self.increase_batch_size_on_plateau,
        )

    def faults_of_batches(self) -> list[Fault]:
        """Faults of options that do not go together."""
        faults = []
        size, steps, whole = self.batch_size, self.gradient_accumulation_steps, self.effective_batch_size
        for name, part in (("batch_size", size), ("gradient_accumulation_steps", steps)):
            if "auto" not in (part, whole) and int(whole) % int(part):
                faults.append(("effective_batch_size", f"Must be a multiple of {name} {part}. Received: {whole}."))
        if "auto" not in (size, steps, whole) and int(whole) % (int(size) * int(steps)):
            product = int(size) * int(steps)
            text = f"Must be batch_size x gradient_accumulation_steps, {product}, x workers. Received: {whole}."
            faults.append(("effective_batch_size", text))
        if self.max_batch_size and whole != "auto" and whole > self.max_batch_size:
            faults.append(("max_batch_size", f"Must be at least effective_batch_size {whole}."))
        return faults


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepOptions:
    """How gradients become better weights."""

    learning_rate: float | Auto = param(0.001, min=0, max=1, help="Length of the steps; auto takes it from the inputs.")
    learning_rate_scaling: Literal["constant", "sqrt", "linear"] = param(
        "linear", help="How the learning rate grows with the number of workers."
    )
    learning_rate_scheduler: LearningRateScheduler = param(LearningRateScheduler, help="How the rate changes.")
    optimizer: Annotated[Optimizer.Config, OPTIMIZER] = param(OPTIMIZER.make, help="What turns gradients into steps.")
    no_weight_decay: list[Exempt] = param(list, help="Weights that weight_decay of the optimizer leaves as they are.")
    gradient_clipping: GradientClipping | None = param(GradientClipping, help="Bounds on gradients.")
    regularization_type: Literal["l1", "l2", "l1_l2"] | None = param(
        "l2", help="Which norm of the weights is penalised."
    )
    regularization_lambda: float = param(0.0, min=0, max=1, help="How much that norm counts in the loss.")
    layers_to_freeze_regex: str | None = param(None, help="Weights whose name matches this are not learned.")
    modality_dropout: float = param(0.0, min=0, max=1, help="Share of the inputs of a row that training leaves out.")

    def faults_of_steps(self) -> list[Fault]:
        """Faults of options that do not go together."""
        faults = [(f"optimizer.{name}", text) for name, text in self.optimizer.faults()]
        if self.optimizer.is_averaged and self.learning_rate_scheduler.decay is not None:
            text = f"'{self.optimizer.type}' needs no decay, and averages wrongly with one. Set it to null."
            faults.append(("learning_rate_scheduler.decay", text))
        if self.no_weight_decay and not self.optimizer.shrinks_weights:
            text = f"Has no effect: the optimizer '{self.optimizer.type}' has no weight_decay above 0."
            faults.append(("no_weight_decay", text))
        try:
            re.compile(self.layers_to_freeze_regex or "")
        except re.error as error:
            faults.append(("layers_to_freeze_regex", f"Must be a regular expression: {error}."))
        return faults


@dataclasses.dataclass(frozen=True, kw_only=True)
class AveragingOptions:
    """Which weights are judged and kept: those of a moment, or means of several."""

    ema_decay: float | None = param(
        None, above=0, below=1, help="Decay of a running mean of the weights, which is judged in their place."
    )
    model_soup: Literal["uniform", "greedy"] | None = param(
        None,
        help="Whether the weights of the best rounds are averaged, where that is no worse on the validation split.",
    )
    model_soup_top_k: int = param(5, min=1, help="How many of the best rounds are averaged.")

    def faults_of_averages(self, optimizer: Optimizer.Config) -> list[Fault]:
        """Faults of options that do not go together."""
        if self.ema_decay is not None and optimizer.is_averaged:
            return [("ema_decay", f"'{optimizer.type}' averages the weights itself. Take one of the two out.")]
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """How the machine is used."""

    use_mixed_precision: bool | Literal["bfloat16", "float16"] = param(
        False, help="Whether forward passes are computed in 16 bits: bfloat16 where the device has it, else float16."
    )
    compile: bool = param(False, help="Whether the network is translated by torch.compile.")
    enable_gradient_checkpointing: bool = param(
        False, help="Whether activations are computed again in the backward pass, which saves memory and costs time."
    )
    deterministic: bool = param(False, help="Whether a GPU gives the same bits in every run, which costs time.")
    parallel: Literal["ddp", "fsdp"] = param(
        "ddp",
        help="How several processes (torchrun) train one model. With 'ddp' (distributed data parallel) each holds the "
        "whole model; with 'fsdp' (fully sharded data parallel, FSDP2) each holds a shard of weights, gradients and "
        "optimizer state, for models that do not fit into one device's memory. One process ignores it.",
    )
