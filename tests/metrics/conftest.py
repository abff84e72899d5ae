from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction

BATCHES = (1, 7, 64, 1000)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def prediction(**tensors: Tensor) -> Prediction:
    """What the metric reads; the rest is empty."""
    return Prediction(**{"logits": torch.zeros(0), "hidden": torch.zeros(0), **tensors})


@pytest.fixture
def score() -> Callable[..., float | None]:
    """score("r2", "number", target, predictions=...): the metric, which must be the same for any batches and merges."""

    def of(name: str, kind: str, target: Tensor, setting: Setting = Setting(), **tensors: Tensor) -> float | None:  # noqa: B008
        def counted(start: int, stop: int, size: int) -> object:
            metric = METRICS.get(name, kind)(setting)
            for first in range(start, stop, size):
                rows = slice(first, min(first + size, stop))
                metric.update(prediction(**{key: value[rows] for key, value in tensors.items()}), target[rows])
            return metric

        count = len(target)
        value = counted(0, count, max(count, 1)).compute()
        same = None if value is None else pytest.approx(value, rel=1e-9, nan_ok=True)
        for size in BATCHES:
            assert counted(0, count, size).compute() == same
        merged = counted(0, count // 3, 7)
        merged.merge(counted(count // 3, count, 5))
        assert merged.compute() == same
        return value

    return of
