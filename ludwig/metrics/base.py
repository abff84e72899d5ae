"""The contract of a metric: it counts on the device, batch by batch, and is exact over the whole split.

B = rows of the batch
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from torch import Tensor

from ludwig.nn.prediction import Prediction
from ludwig.schema import Registry

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Setting:
    """What the running program knows of the output that a metric evaluates."""

    classes: int = 0  # number of classes; 0 without classes
    top_k: int = 3
    threshold: float = 0.5
    levels: tuple[float, ...] = ()  # of predicted quantiles


class Metric(ABC):
    """How good predictions are, as a number. `update` must not wait for the device: no `.item()` there."""

    direction: ClassVar[Direction]

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    @classmethod
    def applies(cls, setting: Setting) -> bool:
        """False where the metric is undefined or always the same, as hits at 3 of two classes."""
        return True

    @abstractmethod
    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        """Counts a batch; `weights` [B] are how much each row counts, None that all count alike."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Takes over what another of the same metric has counted."""

    @abstractmethod
    def compute(self) -> float | None:
        """The metric of all rows so far; None when it cannot be computed."""

    def state(self) -> dict[str, Any]:
        """What has been counted, as tensors, numbers and lists of them."""
        own = {name: value for name, value in vars(self).items() if name != "setting"}
        return {name: value.state() if isinstance(value, Metric) else value for name, value in own.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what another of the same metric had counted."""
        for name, value in state.items():
            part = getattr(self, name)
            if isinstance(part, Metric):
                part.load_state(value)
            else:
                setattr(self, name, value)


METRICS: Registry[Metric] = Registry("metric")
