"""Spaces of values one by one."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from typing import Any, ClassVar

from ludwig.hyperopt.config.space import SPACES, Faults, Space
from ludwig.schema import param

Plain = str | int | float | bool | None


class Listed(Space):
    """Values one by one. Lists and sections are kept as JSON text in the study, for it takes plain values only."""

    @abstractmethod
    def values(self) -> list[Any]:
        """All values."""

    @property
    def _words(self) -> list[Any]:
        values = self.values()
        plain = all(isinstance(value, Plain) for value in values) and len(set(values)) == len(values)
        return values if plain else [json.dumps(value, sort_keys=True) for value in values]

    def distribution(self) -> Any:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._words)

    def value(self, raw: Any) -> Any:
        return self.values()[self._words.index(raw)]

    def raw(self, value: Any) -> Any:
        return self._words[self.values().index(value)]

    def takes(self, value: Any) -> bool:
        return any(type(each) is type(value) and each == value for each in self.values())

    def extremes(self) -> list[Any]:
        return self.values()


def _list_faults(option: str, values: list[Any]) -> Faults:
    texts = [json.dumps(value, sort_keys=True, default=str) for value in values]
    if not values:
        return [(option, "Must not be empty.")]
    twice = sorted({text for text in texts if texts.count(text) > 1})
    return [(option, f"Every value must stand once. {', '.join(twice)} stands more often.")] if twice else []


@SPACES.register("choice")
class Choice(Listed):
    """One of several values.

    Use it for names, flags, lists and whole sections.

    ```yaml
    hyperopt:
      parameters:
        combiner.type:
          space: choice
          categories: [concat, tabm]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Listed.Config):
        categories: list[Any] = param(help="Values, one of which is drawn.")

        def faults(self) -> Faults:
            return _list_faults("categories", self.categories)

    config: Config

    def values(self) -> list[Any]:
        return self.config.categories


@SPACES.register("grid_search")
class Grid(Listed):
    """Every value is tried, with every value of the other grids.

    Use it where few values matter and none may be left out: num_samples then counts how often the grid is run through,
    1 by default.

    ```yaml
    hyperopt:
      parameters:
        trainer.learning_rate:
          space: grid_search
          values: [0.001, 0.01]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Listed.Config):
        is_grid: ClassVar[bool] = True

        values: list[Any] = param(help="Values, all of which are tried.")

        def faults(self) -> Faults:
            return _list_faults("values", self.values)

    config: Config

    def values(self) -> list[Any]:
        return self.config.values
