"""The options of the training loop, put together from those of its parts."""

from __future__ import annotations

import dataclasses

from ludwig.runtime.placement import Parallel
from ludwig.schema import param
from ludwig.training.learner import Learner
from ludwig.training.options import BatchOptions, EvaluationOptions, Fault, LengthOptions, MachineOptions
from ludwig.training.profiling import ProfilerOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopOptions(EvaluationOptions, LengthOptions, BatchOptions, Learner.Config, MachineOptions):
    """The options of a trainer that goes through the data batch by batch."""

    sample_weight: str | None = param(
        None,
        help="Sample weights: column of numbers of at least 0 by which rows count in the loss, in metrics and in "
        "calibration; null counts all rows alike.",
    )
    enable_profiling: bool = param(
        False, help="Whether a few training steps are profiled with the PyTorch profiler; see `profiler`."
    )
    profiler: ProfilerOptions = param(ProfilerOptions, help="Schedule of the profiler: which steps are traced.")

    @property
    def precision(self) -> bool | str:
        return self.use_mixed_precision

    @property
    def placement(self) -> Parallel:
        return self.parallel

    @property
    def sample_weight_column(self) -> str | None:
        return self.sample_weight

    @property
    def refits(self) -> bool:
        return self.refit

    @property
    def evaluation_rows(self) -> int | None:
        return self.eval_batch_size if isinstance(self.eval_batch_size, int) else None

    @property
    def preference_of_outputs(self) -> list[float] | None:
        return self.loss_balancing_preference_vector

    def watched_metrics(self) -> dict[str, str]:
        schedule = self.learning_rate_scheduler
        watched = {}
        if schedule.reduce_on_plateau:
            watched["learning_rate_scheduler.reduce_eval_metric"] = schedule.reduce_eval_metric
        if self.increase_batch_size_on_plateau:
            watched["increase_batch_size_eval_metric"] = self.increase_batch_size_eval_metric
        return watched

    def faults(self) -> list[Fault]:
        faults = [*self.faults_of_rounds(), *self.faults_of_batches(), *self.faults_of_steps()]
        faults += self.faults_of_averages(self.optimizer)
        if self.use_mixed_precision and self.optimizer.needs_closure:
            text = f"The line search of '{self.optimizer.type}' needs exact losses. Set it to false."
            faults.append(("use_mixed_precision", text))
        if self.refit and self.skip_all_evaluation:
            faults.append(("refit", "Needs evaluations, which find the steps. Set skip_all_evaluation to false."))
        return faults + (self._faults_of_shards() if self.parallel == "fsdp" else [])

    def _faults_of_shards(self) -> list[Fault]:
        """What cannot be computed where each process holds a shard of the weights only."""
        needs = "trainer.parallel 'fsdp'"
        sizes = (("batch_size", self.batch_size), ("eval_batch_size", self.eval_batch_size))
        tried = f"Must be a number with {needs}: processes cannot try batches each at its own pace."
        faults = [(name, tried) for name, size in sizes if size == "auto"]
        if not self.optimizer.is_elementwise:
            text = f"'{self.optimizer.type}' needs whole weights, which {needs} shards. Choose adamw, adam or sgd."
            faults.append(("optimizer.type", text))
        if self.regularization_lambda:
            faults.append(("regularization_lambda", f"Must be 0 with {needs}. Use weight_decay of the optimizer."))
        if self.loss_balancing in ("gradnorm", "nash_mtl"):
            text = f"'{self.loss_balancing}' compares gradients of whole weights, which {needs} shards. Choose another."
            faults.append(("loss_balancing", text))
        if self.refit:
            faults.append(("refit", f"Must be false with {needs}."))
        if self.use_mixed_precision == "float16":
            faults.append(("use_mixed_precision", f"Must be bfloat16 with {needs}."))
        if self.compile:
            faults.append(("compile", f"Must be false with {needs}."))
        return faults
