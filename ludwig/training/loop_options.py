"""The options of the training loop, put together from those of its parts."""

from __future__ import annotations

import dataclasses

from ludwig.schema import param
from ludwig.training.learner import Learner
from ludwig.training.options import BatchOptions, EvaluationOptions, Fault, LengthOptions, MachineOptions
from ludwig.training.profiling import ProfilerOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopOptions(EvaluationOptions, LengthOptions, BatchOptions, Learner.Config, MachineOptions):
    """The options of a trainer that goes through the data batch by batch."""

    enable_profiling: bool = param(
        False, help="Whether a few training steps are profiled with the PyTorch profiler; see `profiler`."
    )
    profiler: ProfilerOptions = param(ProfilerOptions, help="Schedule of the profiler: which steps are traced.")

    @property
    def precision(self) -> bool | str:
        return self.use_mixed_precision

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
        return faults
