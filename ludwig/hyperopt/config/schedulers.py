"""Which trials are stopped early, by how they do beside others at the same time of their training."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

from ludwig.schema import Component, Registry, param

TimeAttr = Literal["training_iteration", "time_total_s", "timesteps_total"]
TIME_HELP = "What time is: training_iteration (evaluations), time_total_s (seconds) or timesteps_total (steps)."


class Scheduler(Component):
    """Compares a trial with others after each evaluation of its training."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        stops: ClassVar[bool] = True  # whether it stops trials at all

        @property
        def time(self) -> TimeAttr:
            """What the time of a trial is."""
            return "training_iteration"

        @property
        def most(self) -> int | None:
            """The time at which a trial ends; None for when its training does."""
            return None

    def __init__(self, config: Config) -> None:
        self.config = config

    def pruner(self) -> Any:
        """The pruner of Optuna."""
        from optuna.pruners import NopPruner

        return NopPruner()


SCHEDULERS: Registry[Scheduler] = Registry("scheduler")
for _name in ("pbt", "pbt_replay", "pb2", "resource_changing"):
    SCHEDULERS.refuse(
        _name,
        f"The scheduler '{_name}' changes trials while they run, which only Ray Tune does. Choose one of: fifo, "
        "async_hyperband, hyperband, hb_bohb, median_stopping_rule.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limited:
    """Trials end at a time."""

    time_attr: TimeAttr = param("training_iteration", help=TIME_HELP)
    max_t: int = param(81, min=1, help="Maximum time of a trial.")
    stop_last_trials: bool = param(True, help="Whether trials that reach max_t are ended there.")

    @property
    def time(self) -> TimeAttr:
        return self.time_attr

    @property
    def most(self) -> int | None:
        return self.max_t if self.stop_last_trials else None


@SCHEDULERS.register("fifo")
class Fifo(Scheduler):
    """Every trial runs to its end.

    ```yaml
    hyperopt:
      executor:
        scheduler: {type: fifo}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Scheduler.Config):
        stops: ClassVar[bool] = False


@SCHEDULERS.register("async_hyperband", aliases=("asynchyperband", "asha"))
class AsyncHyperband(Scheduler):
    """Asynchronous successive halving, ASHA (Li et al. 2020): at growing times only the best share goes on.

    Use it by default where trials take long: most bad ones end after `grace_period`.

    ```yaml
    hyperopt:
      executor:
        scheduler: {type: async_hyperband, grace_period: 2, reduction_factor: 3}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Limited, Scheduler.Config):
        max_t: int = param(100, min=1, help="Maximum time of a trial.")
        grace_period: int = param(1, min=1, help="Minimum time of a trial.")
        reduction_factor: int = param(4, min=2, help="One of so many trials goes on at each rung.")
        brackets: int = param(1, min=1, help="Number of brackets, each with a longer grace period than the last.")

    config: Config

    def pruner(self) -> Any:
        from optuna.pruners import HyperbandPruner, SuccessiveHalvingPruner

        config = self.config
        if config.brackets == 1:
            return SuccessiveHalvingPruner(config.grace_period, config.reduction_factor)
        longest = config.grace_period * config.reduction_factor ** (config.brackets - 1)
        return HyperbandPruner(config.grace_period, longest, config.reduction_factor)


class Brackets(Scheduler):
    """Hyperband over Optuna's brackets."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Limited, Scheduler.Config):
        reduction_factor: int = param(3, min=2, help="One of so many trials goes on at each rung.")

    config: Config

    def pruner(self) -> Any:
        from optuna.pruners import HyperbandPruner

        return HyperbandPruner(1, self.config.max_t, self.config.reduction_factor)


@SCHEDULERS.register("hyperband")
class Hyperband(Brackets):
    """Hyperband (Li et al. 2018): successive halving with several grace periods, so that slow starters get a chance.

    ```yaml
    hyperopt:
      executor:
        scheduler: {type: hyperband, max_t: 27}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Brackets.Config):
        pass


@SCHEDULERS.register("hb_bohb")
class BohbBrackets(Brackets):
    """Hyperband as BOHB uses it (Falkner et al. 2018), beside the search algorithm `bohb`.

    ```yaml
    hyperopt:
      search_alg: {type: bohb}
      executor:
        scheduler: {type: hb_bohb, max_t: 27}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Brackets.Config):
        pass


@SCHEDULERS.register("median_stopping_rule", aliases=("medianstoppingrule",))
class MedianStopping(Scheduler):
    """A trial ends when its best is worse than the median of the others at that time (Golovin et al. 2017).

    ```yaml
    hyperopt:
      executor:
        scheduler: {type: median_stopping_rule, time_attr: training_iteration, grace_period: 5}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Scheduler.Config):
        time_attr: TimeAttr = param("time_total_s", help=TIME_HELP)
        grace_period: float = param(60.0, min=0, help="Minimum time of a trial.")
        min_samples_required: int = param(3, min=1, help="Minimum number of other trials at that time.")
        min_time_slice: int = param(0, min=0, help="Time between two comparisons of a trial.")

        @property
        def time(self) -> TimeAttr:
            return self.time_attr

    config: Config

    def pruner(self) -> Any:
        from optuna.pruners import MedianPruner

        fewest, grace = self.config.min_samples_required, int(self.config.grace_period)
        return MedianPruner(
            n_startup_trials=fewest,
            n_warmup_steps=grace,
            interval_steps=max(self.config.min_time_slice, 1),
            n_min_trials=fewest,
        )
