"""Where the time of a few steps goes: traces of the profiler of torch, which TensorBoard and Perfetto show."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from torch import profiler

from ludwig.callbacks import Callback
from ludwig.globals import LOGS_DIR_NAME
from ludwig.schema import param

logger = logging.getLogger(__name__)

FOLDER = "profiling"  # in the folder of the logs
SHOWN = 10  # operators in the table at the end


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfilerKnobs:
    """The section `trainer.profiler`: which steps are traced, again and again."""

    wait: int = param(1, min=0, help="Steps that are not watched, at the beginning of each time.")
    warmup: int = param(1, min=0, help="Steps after them that are watched and not kept.")
    active: int = param(3, min=0, help="Steps after them that are kept.")
    repeat: int = param(5, min=0, help="How many times; 0 for as long as training goes on.")
    skip_first: int = param(0, min=0, max=100, help="Steps before all of this.")


class Profiling(Callback):
    """Writes a trace for each time that the knobs ask for."""

    def __init__(self, knobs: ProfilerKnobs) -> None:
        self.knobs = knobs
        self.profiler: Any = None

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        if not is_coordinator:
            return
        if save_path is None:
            logger.warning("enable_profiling: the run is not saved, so no traces are kept; the table at the end is.")
        folder = None if save_path is None else Path(save_path) / LOGS_DIR_NAME / FOLDER
        self.profiler = profiler.profile(
            schedule=profiler.schedule(**dataclasses.asdict(self.knobs)),
            on_trace_ready=None if folder is None else profiler.tensorboard_trace_handler(str(folder)),
            acc_events=True,
        )
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
        on_gpu = trainer.engine.device.type == "cuda"
        table = self.profiler.key_averages().table("self_cuda_time_total" if on_gpu else "self_cpu_time_total", SHOWN)
        logger.info("The costliest operators of the profiled steps:\n%s", table)
        self.profiler = None
