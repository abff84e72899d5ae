"""Where trials run, and how many."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from ludwig.hyperopt.config.schedulers import SCHEDULERS, Scheduler
from ludwig.schema import Chosen, Component, Registry, param

SCHEDULER = Chosen(SCHEDULERS, "fifo")


class Executor(Component):
    """Runs the trials of a search."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        num_samples: int | None = param(
            None,
            min=1,
            help="Number of trials, or of runs through the grid where there is one; null for 10 trials, or 1 run.",
        )
        time_budget_s: int | None = param(
            3600, min=1, help="Time budget of the search in seconds: then running trials end; null for none."
        )
        max_concurrent_trials: int | Literal["auto"] | None = param(
            "auto",
            min=1,
            help="Maximum number of trials that run at once, each in a process of its own where it is above 1; auto "
            "and null for one after the other in this process.",
        )
        cpu_resources_per_trial: int = param(1, min=1, help="CPUs that a trial needs, where several run at once.")
        gpu_resources_per_trial: int = param(
            0, min=0, help="GPUs that a trial gets for itself, where several run at once; 0 for sharing all."
        )
        scheduler: Annotated[Scheduler.Config, SCHEDULER] = param(
            SCHEDULER.make, help="Scheduler: which trials are stopped early."
        )

        storage: str | None = param(
            None,
            help="Where the study is kept: the path of a journal, or a URL such as sqlite:///study.db; null for a "
            "journal in the folder of the search.",
        )
        study_name: str | None = param(None, help="Name of the study; null takes the name of the experiment.")

    def __init__(self, config: Config) -> None:
        self.config = config


EXECUTORS: Registry[Executor] = Registry("executor")


@EXECUTORS.register("optuna")
class OptunaExecutor(Executor):
    """Trials run on this machine, and an Optuna study chooses them and keeps their history.

    ```yaml
    hyperopt:
      executor:
        type: optuna
        num_samples: 20
        max_concurrent_trials: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Executor.Config):
        pass
