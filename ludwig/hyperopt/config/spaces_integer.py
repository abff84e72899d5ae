"""Spaces of whole numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

from ludwig.hyperopt.config.space import SPACES, Faults, Space, WholeBetween, WholeStep, log_faults


@SPACES.register("randint")
class Integer(Space):
    """A whole number, each as likely; the upper bound is left out.

    ```yaml
    hyperopt:
      parameters:
        combiner.num_fc_layers: {space: randint, lower: 1, upper: 4}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(WholeBetween, Space.Config):
        def faults(self) -> Faults:
            return self.order_faults()

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.config.lower, self.config.upper - 1)

    def extremes(self) -> list[Any]:
        return [self.config.lower, self.config.upper - 1]


@SPACES.register("qrandint")
class SteppedInteger(Space):
    """A multiple of a whole number between two bounds, both included, each as likely.

    Use it for sizes.

    ```yaml
    hyperopt:
      parameters:
        combiner.output_size: {space: qrandint, lower: 32, upper: 256, q: 32}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(WholeStep, WholeBetween, Space.Config):
        def faults(self) -> Faults:
            return [*self.order_faults(), *self.step_faults(self.lower, self.upper)]

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import IntDistribution

        return IntDistribution(*self.config.steps(self.config.lower, self.config.upper))

    def value(self, raw: Any) -> Any:
        return raw * self.config.q

    def raw(self, value: Any) -> Any:
        return round(value / self.config.q)

    def extremes(self) -> list[Any]:
        return [self.value(each) for each in self.config.steps(self.config.lower, self.config.upper)]


@SPACES.register("lograndint")
class LogInteger(Space):
    """A whole number whose logarithm is about uniform; the upper bound is left out.

    ```yaml
    hyperopt:
      parameters:
        combiner.output_size: {space: lograndint, lower: 16, upper: 513}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(WholeBetween, Space.Config):
        def faults(self) -> Faults:
            return [*self.order_faults(), *log_faults(self.lower)]

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.config.lower, self.config.upper - 1, log=True)

    def extremes(self) -> list[Any]:
        return [self.config.lower, self.config.upper - 1]


@SPACES.register("qlograndint")
class SteppedLogInteger(Space):
    """A multiple of a whole number, near a number whose logarithm is uniform.

    ```yaml
    hyperopt:
      parameters:
        combiner.output_size: {space: qlograndint, lower: 16, upper: 512, q: 16}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(WholeStep, WholeBetween, Space.Config):
        def faults(self) -> Faults:
            faults = [*self.order_faults(), *log_faults(self.lower)]
            return faults or self.step_faults(self.lower, self.upper)

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.config.lower, self.config.upper, log=True)

    def value(self, raw: Any) -> Any:
        least, most = self.config.steps(self.config.lower, self.config.upper)
        return min(max(round(raw / self.config.q), least), most) * self.config.q

    def extremes(self) -> list[Any]:
        return [self.value(self.config.lower), self.value(self.config.upper)]
