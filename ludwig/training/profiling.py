"""Where the time of a few steps goes: traces of the profiler of torch, which TensorBoard and Perfetto show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate
from torch import profiler

from ludwig.callbacks import Callback
from ludwig.globals import LOGS_DIR_NAME
from ludwig.runtime.console import logger_of
from ludwig.schema import param

logger = logger_of(__name__)

FOLDER = "profiling"  # in the folder of the logs
SHOWN = 10  # operators in the table at the end
NAMES = {"ProfilerStep*": "(between operators)"}  # torch's name of what a step spends in Python


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfilerOptions:
    """The section `trainer.profiler`: which steps are traced, again and again."""

    wait: int = param(1, min=0, help="Steps that are skipped at the beginning of each profiling cycle.")
    warmup: int = param(1, min=0, help="Warm-up steps after them, which are traced and discarded.")
    active: int = param(3, min=0, help="Active steps after them, which are traced and saved.")
    repeat: int = param(5, min=0, help="Number of profiling cycles; 0 for as many as the run has room for.")
    skip_first: int = param(0, min=0, max=100, help="Steps that are skipped once, before the first cycle.")


@dataclasses.dataclass(frozen=True)
class Cost:
    """What an operator took for itself, without the operators that it called."""

    calls: int = 0
    cpu: float = 0.0  # microseconds
    gpu: float = 0.0  # microseconds


class Profiling(Callback):
    """Writes a trace for each profiling cycle, and logs the most expensive operators at the end."""

    def __init__(self, options: ProfilerOptions) -> None:
        self.options = options
        self.profiler: Any = None
        self.writes: Callable[[Any], None] | None = None
        self.costs: dict[str, Cost] = {}

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        if not is_coordinator:
            return
        if self.options.active == 0:  # torch refuses it
            logger.warning(
                "enable_profiling: no step is profiled, since trainer.profiler.active is 0. Set it to 1 or more."
            )
            return
        if save_path is None:
            logger.warning("enable_profiling: the run is not saved, so no traces are kept; the table at the end is.")
        else:
            self.writes = profiler.tensorboard_trace_handler(str(Path(save_path) / LOGS_DIR_NAME / FOLDER))
        schedule = profiler.schedule(**dataclasses.asdict(self.options))
        self.profiler = profiler.profile(schedule=schedule, on_trace_ready=self._take)
        self.profiler.start()

    def on_batch_end(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, sync_step: bool = True, **kwargs: Any
    ) -> None:
        if self.profiler is not None:
            self.profiler.step()

    def on_trainer_train_teardown(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any
    ) -> None:
        if self.profiler is None:
            return
        self.profiler.stop()
        if self.costs:
            logger.info("The most expensive operators of the profiled steps:\n%s", costs_table(self.costs))
        else:
            options = self.options
            before = options.skip_first + options.wait + options.warmup
            text = "enable_profiling: training ended before a step was profiled: the first is step %d. Lower "
            logger.warning(text + "trainer.profiler.skip_first, wait or warmup, or train for longer.", before + 1)
        self.profiler, self.writes, self.costs = None, None, {}

    def _take(self, traced: Any) -> None:
        """Keeps what was traced this time, as sums: all events of a long run would fill the memory."""
        self._write(traced)
        for operator in traced.key_averages():
            if operator.device_type.name == "CPU":  # the kernels of a GPU count for the operators that called them
                before = self.costs.get(operator.key, Cost())
                self.costs[operator.key] = Cost(
                    before.calls + operator.count,
                    before.cpu + operator.self_cpu_time_total,
                    before.gpu + operator.self_device_time_total,
                )
        traced.profiler = None  # the next time begins with none; else torch warns that it forgets this one

    def _write(self, traced: Any) -> None:
        """Writes the trace; a disk that is full ends the writing and not the training.

        Nothing may be raised here: torch dies when it is stopped after an error between two traces.
        """
        if self.writes is None:
            return
        try:
            self.writes(traced)
        except (OSError, RuntimeError) as error:  # torch raises either
            logger.warning("enable_profiling: a trace cannot be written, so no more are: %s", error)
            self.writes = None


def costs_table(costs: Mapping[str, Cost]) -> str:
    """The operators that took the most time for themselves: on the GPU where one was used, else on the CPU."""
    on_gpu = any(cost.gpu > 0 for cost in costs.values())
    taken = {name: cost.gpu if on_gpu else cost.cpu for name, cost in costs.items()}
    total = sum(taken.values()) or 1.0
    rows = [
        [NAMES.get(name, name), cost.calls, cost.cpu / 1e3, *([cost.gpu / 1e3] if on_gpu else []), taken[name] / total]
        for name, cost in sorted(costs.items(), key=lambda item: -taken[item[0]])[:SHOWN]
    ]
    headers = ["operator", "calls", "CPU ms", *(["GPU ms"] if on_gpu else []), "share"]
    formats = ("", "", *([".2f"] * (len(headers) - 3)), ".1%")
    return tabulate(rows, headers=headers, floatfmt=formats)
