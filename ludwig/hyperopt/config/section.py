"""The section `hyperopt` of a config."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any, Literal

from ludwig.error import nearest
from ludwig.hyperopt.config.algorithm import ALGORITHMS, SearchAlgorithm
from ludwig.hyperopt.config.executors import EXECUTORS, Executor
from ludwig.hyperopt.config.space import SPACES, Space
from ludwig.schema import Chosen, param

ALGORITHM, EXECUTOR = Chosen(ALGORITHMS, "variant_generator"), Chosen(EXECUTORS, "optuna")
SPACE = Chosen(SPACES, key="space")
Split = Literal["training", "train", "validation", "test"]
DEFAULT_SAMPLES = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """A metric that is minimized or maximized."""

    output_feature: str | None = param(
        None, help="Output whose metric counts; null for the one that has the metric, or combined for the loss of all."
    )
    metric: str = param("loss", help="Metric that is optimized.")
    goal: Literal["minimize", "maximize"] | None = param(
        None, help="Whether less or more of the metric is better; null takes what is better for the metric."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchConfig(Objective):
    """Hyperparameter search."""

    split: Split = param("validation", help="Split on which trials are compared.")
    eval_split: Split = param("validation", help="Split on which all metrics of each trial are reported.")
    search_alg: Annotated[SearchAlgorithm.Config, ALGORITHM] = param(
        ALGORITHM.make, help="Search algorithm: how the parameters of trials are chosen."
    )
    executor: Annotated[Executor.Config, EXECUTOR] = param(
        EXECUTOR.make, help="Executor: where trials run, how many and how long."
    )
    parameters: dict[str, Annotated[Space.Config, SPACE]] = param(
        help="Spaces of the parameters, by their paths such as trainer.learning_rate or title.encoder.type."
    )
    objectives: list[Objective] | None = param(
        None, help="Several metrics at once, in place of output_feature, metric and goal: gives a Pareto front."
    )

    @property
    def wanted(self) -> list[Objective]:
        """The objectives, one or several."""
        if self.objectives:
            return self.objectives
        return [Objective(output_feature=self.output_feature, metric=self.metric, goal=self.goal)]

    @property
    def spaces(self) -> dict[str, Space]:
        """The spaces by the names of their parameters."""
        return {name: config.build() for name, config in self.parameters.items()}

    @property
    def grid(self) -> dict[str, list[Any]]:
        """The parameters whose values are all tried."""
        return {name: config.build().values() for name, config in self.parameters.items() if config.is_grid}

    @property
    def trials(self) -> int:
        """How many trials there are in all."""
        points = math.prod(len(values) for values in self.grid.values())
        return (self.executor.num_samples or (1 if self.grid else DEFAULT_SAMPLES)) * points

    def faults(self) -> list[tuple[str, str]]:
        """(path below the section, message) of what does not go together."""
        faults = [] if self.parameters else [("parameters", "Must not be empty: name a parameter and its space.")]
        for name, space in self.parameters.items():
            faults += [(f"parameters.{name}.{option}", text) for option, text in space.faults()]
        if self.objectives is not None and len(self.objectives) < 2:
            faults.append(("objectives", "Must be at least two; one stands in output_feature, metric and goal."))
        faults += self._objective_faults() if self.objectives else []
        faults += [(f"search_alg.{option}", text) for option, text in self.search_alg.faults()]
        for place, point in enumerate(self.search_alg.points_to_evaluate or ()):
            for name, value in point.items():
                path = f"search_alg.points_to_evaluate[{place}].{name}"
                faults += [(path, text) for text in self._point_faults(name, value)]
        return faults

    def _objective_faults(self) -> list[tuple[str, str]]:
        """(path, message) of what does not work for several objectives."""
        faults = []
        if self.executor.scheduler.stops:
            text = "Trials with several objectives cannot be stopped early. Remove the scheduler."
            faults.append(("executor.scheduler", text))
        if not self.search_alg.takes_objectives:
            text = f"'{self.search_alg.type}' takes one objective. Choose nsgaii, tpe or another one for several."
            faults.append(("search_alg.type", text))
        if self.search_alg.rewards:
            faults.append(("search_alg.evaluated_rewards", "Are known for one objective only. Remove them."))
        return faults

    def _point_faults(self, name: str, value: Any) -> list[str]:
        if name not in self.parameters:
            return [f"There is no such parameter.{nearest(name, self.parameters)}"]
        if not self.parameters[name].faults() and not self.spaces[name].takes(value):
            return [f"Is no value of its space. Received: {value!r:.100}."]
        return []
