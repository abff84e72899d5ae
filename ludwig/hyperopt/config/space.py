"""What values a search may try for one parameter: the contract, and options that several kinds of spaces have.

A space gives Optuna a distribution of plain numbers or words (the raw value), and makes the value of the config of it.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ludwig.schema import Component, Registry, param

Faults = list[tuple[str, str]]


class Space(Component, ABC):
    """The values of one parameter."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        is_grid: ClassVar[bool] = False  # whether every value is tried

        def faults(self) -> Faults:
            """(option, message) of options that do not go together."""
            return []

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def distribution(self) -> Any:
        """What raw values are drawn from: a distribution of Optuna."""

    def value(self, raw: Any) -> Any:
        """The value of the config that a raw value stands for."""
        return raw

    def raw(self, value: Any) -> Any:
        """The raw value of a value of the config, such as one that the user wants to be tried first."""
        return value

    def takes(self, value: Any) -> bool:
        """Whether a value of the config is one of the space."""
        least, most = self.extremes()
        return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most

    @abstractmethod
    def extremes(self) -> list[Any]:
        """The values of the config that bound the space, or all where they are few."""


SPACES: Registry[Space] = Registry("space")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """Values are rounded."""

    q: float = param(above=0, help="Step: values are rounded to multiples of it.")

    def steps(self, lower: float, upper: float) -> tuple[int, int]:
        """How many steps the least and the greatest multiple between two numbers are."""
        return math.ceil(round(lower / self.q, 9)), math.floor(round(upper / self.q, 9))

    def multiple(self, steps: int) -> float:
        """So many steps, without the digits that floating point adds."""
        return float(f"{steps * self.q:.12g}")

    def step_faults(self, lower: float, upper: float) -> Faults:
        least, most = self.steps(lower, upper)
        return [] if least <= most else [("q", f"No multiple of {self.q:g} lies between {lower:g} and {upper:g}.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Between:
    """Numbers between two bounds."""

    lower: float = param(help="Lower bound.")
    upper: float = param(help="Upper bound, exclusive.")

    def order_faults(self) -> Faults:
        if self.lower < self.upper:
            return []
        return [("upper", f"Must be more than lower. Received: {self.lower:g} and {self.upper:g}.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WholeBetween:
    """Whole numbers between two bounds."""

    lower: int = param(help="Lower bound, a whole number.")
    upper: int = param(help="Upper bound, a whole number, exclusive.")

    def order_faults(self) -> Faults:
        if self.lower < self.upper:
            return []
        return [("upper", f"Must be more than lower. Received: {self.lower} and {self.upper}.")]


def log_faults(lower: float) -> Faults:
    """A number without a logarithm."""
    return [] if lower > 0 else [("lower", f"Must be more than 0. Received: {lower:g}.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WholeStep:
    """Whole numbers are rounded."""

    q: int = param(min=1, help="Step: values are rounded to multiples of it.")

    def steps(self, lower: int, upper: int) -> tuple[int, int]:
        """How many steps the least and the greatest multiple between two numbers are."""
        return -(-lower // self.q), upper // self.q

    def step_faults(self, lower: int, upper: int) -> Faults:
        least, most = self.steps(lower, upper)
        return [] if least <= most else [("q", f"No multiple of {self.q} lies between {lower} and {upper}.")]
