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

OPTIMIZER = Chosen(OPTIMIZERS, "adamw")
Auto = Literal["auto"]
Fault = tuple[str, str]  # parameter, message


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientClipping:
    """Bounds on gradients; null does not bound."""

    clipglobalnorm: float | None = param(
        1.0,
        above=0,
        help="Gradient clipping by global norm: upper bound on the norm of all gradients together; null for "
        "none. Lower it where the loss spikes.",
    )
    clipnorm: float | None = param(
        None,
        above=0,
        help="Gradient clipping by norm: upper bound on the norm of each weight's gradient; null for none.",
    )
    clipvalue: float | None = param(
        None,
        above=0,
        help="Gradient clipping by value: upper bound on the absolute value of each entry of a gradient; null "
        "for none.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """When a model is evaluated, and by which metric it is selected."""

    validation_field: str | None = param(
        None,
        help="Output feature whose validation metric selects the best model, for early stopping too; combined for "
        "the loss of all outputs, which null takes where there are several.",
    )
    validation_metric: str | None = param(
        None, help="Validation metric that selects the best model; null for the loss, which is the least noisy."
    )
    skip_all_evaluation: bool = param(
        False,
        help="Whether to skip evaluation altogether; the weights of the last step are kept and early stopping is off.",
    )
    evaluate_training_set: bool = param(
        False,
        help="Whether training metrics come from an evaluation pass of their own, in place of the batches of "
        "training; costs time.",
    )
    evaluate_test_set: bool = param(
        False,
        help="Whether the test split is evaluated at every evaluation too, for its learning curve; nothing is "
        "selected by it. By default it is evaluated once, with the selected weights.",
    )
    steps_per_checkpoint: int | Auto = param(
        "auto",
        min=0,
        help="Evaluation interval in training steps, which may be longer than an epoch; 0 for once an epoch, auto for "
        "one step for each hundred rows, or once an epoch where epochs are set.",
    )
    checkpoints_per_epoch: int = param(
        0,
        min=0,
        help="Number of evaluations in an epoch; 0 leaves it to steps_per_checkpoint. Raise it for long epochs.",
    )
    eval_steps: int | None = param(
        None,
        min=1,
        help="Maximum number of batches of a split that are evaluated; null for all. Lower it for faster, "
        "noisier evaluations.",
    )
    eval_batch_size: int | Auto | None = param(
        None,
        min=1,
        help="Batch size of evaluation and prediction; null takes what fits a fixed amount of memory, auto "
        "measures the fastest.",
    )

    @property
    def rows_of_texts(self) -> int:
        """For how many rows of a split text is generated at each evaluation."""
        return 0

    def faults_of_rounds(self) -> list[Fault]:
        """Faults of options that do not go together."""
        if self.steps_per_checkpoint not in (0, "auto") and self.checkpoints_per_epoch:
            return [("checkpoints_per_epoch", "Cannot go together with steps_per_checkpoint. Set one of them to 0.")]
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """How long training goes on."""

    epochs: int | Auto = param(
        "auto",
        min=1,
        help="Maximum number of epochs: passes over the training split; auto follows from the rows.",
    )
    train_steps: int | Auto | None = param(
        "auto",
        min=1,
        help="Maximum number of training steps, one a batch; a number overrides epochs. auto and null count epochs.",
    )
    time_limit_s: float | None = param(
        None,
        above=0,
        help="Time limit in seconds after which training ends and the best weights are kept; null for none.",
    )
    early_stop: int | Auto = param(
        "auto",
        min=-1,
        help="Early stopping patience: number of evaluations without improvement after which training ends; 0 for "
        "none. auto follows from the rows, and is off where the learning rate decays over the run.",
    )
    refit: bool = param(
        False,
        help="Whether the model is trained once more, on the rows of training and validation together, with the steps "
        "that were found best. Reported validation metrics stay those of the first training.",
    )
    max_skipped_steps: int = param(
        20,
        min=1,
        help="Maximum number of consecutive optimizer steps that are skipped because gradients are not finite "
        "(NaN or infinity); then training ends.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Batches: their size, order and growth."""

    batch_size: int | Auto = param(
        "auto",
        min=1,
        help="Batch size in rows, for each worker; auto is 512, or 128 where epochs are set, and less for large rows "
        "or models. Raise it for speed, lower it to save memory.",
    )
    max_batch_size: int | None = param(
        1099511627776, min=1, help="Maximum batch size that auto takes or that batches grow to."
    )
    effective_batch_size: int | Auto = param(
        "auto",
        min=1,
        help="Effective batch size: rows of one optimizer step over all accumulated batches and workers; auto "
        "is their product. A number holds on any number of workers: as many batches are accumulated as it takes.",
    )
    gradient_accumulation_steps: int | Auto = param(
        "auto",
        min=1,
        help="Gradient accumulation: number of batches whose gradients are added up for one optimizer step. "
        "Raise it for a larger effective batch in the same memory.",
    )
    should_shuffle: bool = param(True, help="Whether the training rows are shuffled before each epoch.")
    bucketing_field: str | None = param(
        None,
        help="Bucketing by length: input feature whose sequences of similar length share a batch, which saves "
        "padding; null for none.",
    )
    increase_batch_size_on_plateau: int = param(
        0,
        min=0,
        help="Maximum number of times the batch size grows when a metric plateaus (arXiv:1711.00489); 0 for never.",
    )
    increase_batch_size_on_plateau_patience: int = param(
        5, min=0, help="Patience: number of evaluations without improvement before the batch size grows."
    )
    increase_batch_size_on_plateau_rate: float = param(
        2.0, min=0, help="Factor by which the batch size grows on a plateau."
    )
    increase_batch_size_eval_metric: str = param(
        "loss", help="Metric of the validation field that is monitored for a plateau of the batch size."
    )
    increase_batch_size_eval_split: Literal["training", "validation"] = param(
        "training", help="Split on which that metric is monitored."
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
                faults.append(
                    ("effective_batch_size", f"Must be a multiple of {name} {part}, or auto. Received: {whole}.")
                )
        if "auto" not in (size, steps, whole) and int(whole) % (int(size) * int(steps)):
            product = int(size) * int(steps)
            text = (
                f"Must be batch_size x gradient_accumulation_steps, {product}, x workers, or auto. Received: {whole}."
            )
            faults.append(("effective_batch_size", text))
        if self.max_batch_size and whole != "auto" and whole > self.max_batch_size:
            faults.append(("max_batch_size", f"Must be at least effective_batch_size {whole}."))
        return faults


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepOptions:
    """Optimization: learning rate, optimizer, regularization."""

    learning_rate: float | Auto = param(
        "auto",
        min=0,
        max=1,
        help="Learning rate, the step size of the optimizer; auto grows with the rows, and is small for pretrained "
        "encoders. Lower it where the loss jumps or becomes NaN.",
    )
    learning_rate_scaling: Literal["constant", "sqrt", "linear"] = param(
        "linear", help="Scaling of the learning rate with the number of distributed workers."
    )
    learning_rate_scheduler: LearningRateScheduler = param(
        LearningRateScheduler, help="Learning rate schedule: warm-up, decay and reduction on plateaus."
    )
    optimizer: Annotated[Optimizer.Config, OPTIMIZER] = param(
        OPTIMIZER.make, help="Optimizer, which updates the weights by their gradients."
    )
    no_weight_decay: list[Exempt] = param(
        list, help="Parameter groups that are exempt from the weight decay of the optimizer: biases, norms, embeddings."
    )
    gradient_clipping: GradientClipping | None = param(
        GradientClipping,
        help="Gradient clipping, against exploding gradients; null for none. lbfgs needs the gradients as they are and "
        "takes no part.",
    )
    regularization_type: Literal["l1", "l2", "l1_l2"] | None = param(
        "l2",
        help="Regularization penalty: norm of the weights that is added to the loss, scaled by regularization_lambda.",
    )
    regularization_lambda: float = param(
        0.0,
        min=0,
        max=1,
        help="Regularization strength: factor of the penalty in the loss; 0 for none. Raise it against overfitting.",
    )
    layers_to_freeze_regex: str | None = param(
        None,
        help="Regular expression of weights to freeze, matched with names such as "
        "input_features.<name>.encoder, combiner and output_features.<name>.decoder.",
    )
    modality_dropout: float = param(
        0.0,
        min=0,
        max=1,
        help="Modality dropout rate: share of a row's input features that training leaves out. Raise it where "
        "inputs may be missing at prediction.",
    )

    def faults_of_steps(self) -> list[Fault]:
        """Faults of options that do not go together."""
        faults = [(f"optimizer.{name}", text) for name, text in self.optimizer.faults()]
        if self.optimizer.is_averaged and self.learning_rate_scheduler.decay not in (None, "auto"):
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
    """Weight averaging: which weights are evaluated and saved."""

    ema_decay: float | None = param(
        None,
        above=0,
        below=1,
        help="Decay of the exponential moving average (EMA) of the weights, which is then evaluated and saved; "
        "null for none. Raise it for a longer average.",
    )
    model_soup: Literal["uniform", "greedy"] | None = param(
        None,
        help="Model soup: average of the weights of the best evaluations (greedy: of those that help), kept where "
        "it is no worse on the validation split.",
    )
    model_soup_top_k: int = param(5, min=1, help="Number of best evaluations whose weights go into the model soup.")

    def faults_of_averages(self, optimizer: Optimizer.Config) -> list[Fault]:
        """Faults of options that do not go together."""
        if self.ema_decay is not None and optimizer.is_averaged:
            return [
                (
                    "ema_decay",
                    f"'{optimizer.type}' averages the weights itself. Remove ema_decay, or choose another optimizer.",
                )
            ]
        return []


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """Hardware and precision."""

    use_mixed_precision: bool | Literal["bfloat16", "float16"] = param(
        False,
        help="Mixed precision: forward passes in 16 bits, bfloat16 where the device supports it, else float16. "
        "Faster and smaller on recent GPUs.",
    )
    compile: bool = param(
        False, help="Whether the network is compiled with torch.compile: slower first steps, faster later ones."
    )
    enable_gradient_checkpointing: bool = param(
        False,
        help="Activation checkpointing (gradient checkpointing): activations are recomputed in the backward "
        "pass, which saves memory and costs time.",
    )
    deterministic: bool = param(
        False, help="Whether only deterministic algorithms are used, for bitwise reproducible results on a GPU; slower."
    )
    parallel: Literal["ddp", "fsdp"] = param(
        "ddp",
        help="Data parallelism of several processes (torchrun): ddp gives each the whole model, fsdp (FSDP2) a shard "
        "of weights, gradients and optimizer state, where a model does not fit into one device's memory.",
    )
