"""How the parameters of the next trial are chosen: the contract, and options that several algorithms have."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from ludwig.schema import Component, Registry, param

Faults = list[tuple[str, str]]


class SearchAlgorithm(Component, ABC):
    """Chooses the parameters of trials, by those of earlier ones or not."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        stands_in: ClassVar[str | None] = None  # what runs in place of an algorithm that another library has
        takes_objectives: ClassVar[bool] = True  # whether it searches for several objectives at once

        points_to_evaluate: list[dict[str, Any]] | None = param(
            None, help="Parameters of the first trials: a list of sections from a parameter's name to its value."
        )

        @property
        def random_seed(self) -> int | None:
            """The seed that the user set; None takes that of the search."""
            return None

        @property
        def most_concurrent(self) -> int | None:
            """How many trials may run at once; None for no limit."""
            return None

        @property
        def rewards(self) -> Sequence[float]:
            """The known scores of the first points, which are then not run."""
            return ()

        def repeats(self) -> bool:
            """Whether every point of a grid gets the same values of the other parameters."""
            return False

        def faults(self) -> Faults:
            """(option, message) of options that do not go together."""
            if len(self.rewards) > len(self.points_to_evaluate or ()):
                return [("evaluated_rewards", "Must not be more than points_to_evaluate.")]
            return []

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def sampler(self, seed: int) -> Any:
        """The sampler of Optuna."""


ALGORITHMS: Registry[SearchAlgorithm] = Registry("search algorithm")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seeded:
    """A seed of its own."""

    seed: int | None = param(None, min=0, help="Random seed of the algorithm; null takes that of the search.")

    @property
    def random_seed(self) -> int | None:
        return self.seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomState:
    """A seed under its older name."""

    random_state: int | None = param(None, min=0, help="Random seed of the algorithm; null takes that of the search.")

    @property
    def random_seed(self) -> int | None:
        return self.random_state


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomStateSeed:
    """A seed under another of its names."""

    random_state_seed: int | None = param(
        None, min=0, help="Random seed of the algorithm; null takes that of the search."
    )

    @property
    def random_seed(self) -> int | None:
        return self.random_state_seed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rewarded:
    """Points whose score is known."""

    evaluated_rewards: list[float] | None = param(
        None, help="Known scores of the first of points_to_evaluate, which are then not run."
    )

    @property
    def rewards(self) -> Sequence[float]:
        return self.evaluated_rewards or ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concurrent:
    """A limit of trials at once."""

    max_concurrent: int = param(0, min=0, help="Maximum number of trials that run at once; 0 for no limit.")

    @property
    def most_concurrent(self) -> int | None:
        return self.max_concurrent or None
