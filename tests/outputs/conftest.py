from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.nn.signal import Shape
from ludwig.outputs import OUTPUTS, Output
from ludwig.schema import load


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def built() -> Callable[..., tuple[Output, torch.Tensor]]:
    """built("number", [1.0, 2.0], Shape("vector", 4), clip=[0, 1]): the output and its encoded target."""

    def make(
        kind: str, column: list[Any] | np.ndarray, shape: Shape, hidden: dict[str, Shape] | None = None, **options: Any
    ) -> tuple[Output, torch.Tensor]:
        config = load(OUTPUTS.get(kind, "ecd").Config, {"name": "y", "dependencies": list(hidden or {}), **options})
        feature = config.feature(config.preprocessing, "y", target=True)
        cells = feature.parse(pd.Series(list(column)))
        facts = feature.finish(feature.tally(cells))
        return config.build(shape, hidden or {}, facts), feature.encode(cells, facts).column.values

    return make
