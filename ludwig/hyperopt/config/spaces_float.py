"""Spaces of numbers."""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Any

from ludwig.hyperopt.config.space import SPACES, Between, Faults, Space, Step, log_faults
from ludwig.schema import param

LEAST_SHARE = 1e-9  # of a normal distribution that is cut off at either end


@SPACES.register("uniform")
class Uniform(Space):
    """A number between two bounds, each as likely.

    Use it for shares such as dropout.

    ```yaml
    hyperopt:
      parameters:
        combiner.dropout: {space: uniform, lower: 0.0, upper: 0.5}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Between, Space.Config):
        def faults(self) -> Faults:
            return self.order_faults()

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.config.lower, self.config.upper)

    def value(self, raw: Any) -> Any:
        return min(raw, math.nextafter(self.config.upper, self.config.lower))

    def extremes(self) -> list[Any]:
        return [self.config.lower, math.nextafter(self.config.upper, self.config.lower)]


@SPACES.register("quniform")
class SteppedUniform(Space):
    """A multiple of a step between two bounds, both included, each as likely.

    ```yaml
    hyperopt:
      parameters:
        combiner.dropout: {space: quniform, lower: 0.0, upper: 0.5, q: 0.1}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Step, Between, Space.Config):
        def faults(self) -> Faults:
            return [*self.order_faults(), *self.step_faults(self.lower, self.upper)]

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import IntDistribution

        return IntDistribution(*self.config.steps(self.config.lower, self.config.upper))

    def value(self, raw: Any) -> Any:
        return self.config.multiple(raw)

    def raw(self, value: Any) -> Any:
        return round(value / self.config.q)

    def extremes(self) -> list[Any]:
        return [self.value(each) for each in self.config.steps(self.config.lower, self.config.upper)]


@SPACES.register("loguniform")
class LogUniform(Space):
    """A number whose logarithm is uniform between those of two bounds.

    Use it for learning rates and weight decay, whose order of magnitude matters.

    ```yaml
    hyperopt:
      parameters:
        trainer.learning_rate: {space: loguniform, lower: 0.0001, upper: 0.1}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Between, Space.Config):
        def faults(self) -> Faults:
            return [*self.order_faults(), *log_faults(self.lower)]

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.config.lower, self.config.upper, log=True)

    def extremes(self) -> list[Any]:
        return [self.config.lower, self.config.upper]


@SPACES.register("qloguniform")
class SteppedLogUniform(Space):
    """A multiple of a step, near a number whose logarithm is uniform.

    ```yaml
    hyperopt:
      parameters:
        trainer.learning_rate: {space: qloguniform, lower: 0.001, upper: 0.1, q: 0.0005}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Step, Between, Space.Config):
        def faults(self) -> Faults:
            faults = [*self.order_faults(), *log_faults(self.lower)]
            return faults or self.step_faults(self.lower, self.upper)

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.config.lower, self.config.upper, log=True)

    def value(self, raw: Any) -> Any:
        least, most = self.config.steps(self.config.lower, self.config.upper)
        return self.config.multiple(min(max(round(raw / self.config.q), least), most))

    def extremes(self) -> list[Any]:
        return [self.value(self.config.lower), self.value(self.config.upper)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moments:
    """A normal distribution."""

    mean: float = param(0.0, help="Mean.")
    sd: float = param(1.0, above=0, help="Standard deviation.")

    @property
    def normal(self) -> statistics.NormalDist:
        return statistics.NormalDist(self.mean, self.sd)


@SPACES.register("randn")
class Normal(Space):
    """A number from a normal distribution; the study has its quantile, between 0 and 1.

    ```yaml
    hyperopt:
      parameters:
        trainer.gradient_clipping.clipglobalnorm: {space: randn, mean: 5.0, sd: 0.5}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Moments, Space.Config):
        pass

    config: Config

    def distribution(self) -> Any:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(LEAST_SHARE, 1 - LEAST_SHARE)

    def value(self, raw: Any) -> Any:
        return self.config.normal.inv_cdf(raw)

    def raw(self, value: Any) -> Any:
        return min(max(self.config.normal.cdf(value), LEAST_SHARE), 1 - LEAST_SHARE)

    def takes(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)  # it has no bounds

    def extremes(self) -> list[Any]:
        return [self.value(0.1), self.value(0.9)]


@SPACES.register("qrandn")
class SteppedNormal(Normal):
    """A multiple of a step, near a number from a normal distribution.

    ```yaml
    hyperopt:
      parameters:
        trainer.gradient_clipping.clipglobalnorm: {space: qrandn, mean: 5.0, sd: 0.5, q: 0.1}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Step, Normal.Config):
        pass

    config: Config

    def value(self, raw: Any) -> Any:
        return self.config.multiple(round(super().value(raw) / self.config.q))
