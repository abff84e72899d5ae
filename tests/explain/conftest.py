"""Models of data whose true importances are known: y = 3 * x1 + 0 * x2 + an effect of c, and two classes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel

EFFECTS = {"a": 0.0, "b": 1.0, "c": -2.0}
NUMBER = {"preprocessing": {"normalization": "zscore"}, "encoder": {"type": "passthrough"}}
TRAINER = {"epochs": 20, "batch_size": 32, "learning_rate": 0.05, "early_stop": -1}


def table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x1, x2, c = draw.normal(size=rows), draw.normal(2, 3, size=rows), draw.choice(list(EFFECTS), rows)
    y = 3 * x1 + pd.Series(c).map(EFFECTS).to_numpy() + 0.1 * draw.normal(size=rows)
    return pd.DataFrame({"x1": x1, "x2": x2, "c": c, "y": y, "high": np.where(y > 0, "yes", "no")})


def linear(output: str, kind: str) -> LudwigModel:
    """A model without any hidden layer, trained."""
    model = LudwigModel(
        {
            "input_features": [
                {"name": "x1", "type": "number", **NUMBER},
                {"name": "x2", "type": "number", **NUMBER},
                {"name": "c", "type": "category", "encoder": {"type": "onehot"}},
            ],
            "output_features": [{"name": output, "type": kind}],
            "combiner": {"type": "concat"},
            "trainer": TRAINER,
        }
    )
    model.train(table(), output_directory=None)
    return model


@pytest.fixture(scope="session")
def line() -> LudwigModel:
    return linear("y", "number")


@pytest.fixture(scope="session")
def logistic() -> LudwigModel:
    return linear("high", "binary")
