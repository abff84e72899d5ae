"""The components of CONTRIBUTING.md: each is added as it stands there, trained, and removed again."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import max_error

from ludwig.api import LudwigModel
from ludwig.combiners import COMBINERS
from ludwig.decoders import DECODERS
from ludwig.encoders import ENCODERS
from ludwig.losses import LOSSES
from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction
from ludwig.schema import dump, load
from tests.contracts.registries import components
from tests.contracts.test_docstring_examples import example
from tests.golden.golden import as_read, schemas, written

PAGE = Path(__file__).parents[2] / ".github" / "CONTRIBUTING.md"
ADDED = [
    (ENCODERS, "signed_log", "number"),
    (COMBINERS, "max_projection", "*"),
    (DECODERS, "gated_regressor", "number"),
    (LOSSES, "log_cosh", "number"),
    (METRICS, "max_error", "number"),
]
PARTS = ("encoder", "combiner", "decoder", "loss")


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for registry, _, _ in ADDED:
        monkeypatch.setattr(registry, "_table", dict(registry._table))
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == len(ADDED)
    for at, block in enumerate(blocks):
        module = ModuleType(f"added_{at}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(block, str(PAGE), "exec"), vars(module))
    yield


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=400) * 50, rng.choice(["a", "b"], 400)
    return pd.DataFrame({"x": x, "c": c, "y": np.sign(x) * np.log1p(np.abs(x)) + 2 * (c == "a")})


CONFIG = {
    "input_features": [
        {"name": "x", "type": "number", "encoder": {"type": "signed_log"}},
        {"name": "c", "type": "category"},
    ],
    "combiner": {"type": "max_projection", "output_size": 16},
    "output_features": [
        {
            "name": "y",
            "type": "number",
            "decoder": {"type": "gated_regressor", "num_fc_layers": 1},
            "loss": {"type": "log_cosh"},
        }
    ],
    "trainer": {"epochs": 30, "batch_size": 32, "learning_rate": 0.02, "validation_field": "y"},
}


def test_they_train_together_and_a_reload_predicts_the_same(added, tmp_path):
    model = LudwigModel({**CONFIG, "trainer": {**CONFIG["trainer"], "validation_metric": "max_error"}})
    stats = model.train(dataset=table(), output_directory=None).train_stats
    losses = stats["training"]["y"]["loss"]
    assert losses[-1] < 0.3 * losses[0]
    model.save(str(tmp_path))
    predicted, _ = model.predict(table())
    again, _ = LudwigModel.load(str(tmp_path)).predict(table())
    assert again.y_predictions.tolist() == predicted.y_predictions.tolist()
    largest = stats["validation"]["y"]["max_error"]  # it selects the weights, so it is among the metrics
    assert min(largest) < largest[0]


def test_the_metric_is_that_of_scikit_learn_over_all_batches(added):
    predicted, target = torch.randn(2, 40)
    halves = [METRICS.get("max_error", "number")(Setting()) for _ in range(2)]
    for metric, at in zip(halves, (slice(0, 25), slice(25, 40)), strict=True):
        metric.update(Prediction(logits=None, hidden=target, predictions=predicted[at]), target[at])
    halves[0].merge(halves[1])
    assert halves[0].compute() == pytest.approx(max_error(target, predicted))


def test_the_loss_is_the_logarithm_of_the_hyperbolic_cosine(added):
    loss = LOSSES.get("log_cosh", "number").Config().build()
    errors = torch.tensor([-3.0, 0.0, 0.5, 200.0])
    expected = [np.log(np.cosh(-3.0)), 0.0, np.log(np.cosh(0.5)), 200 - np.log(2)]
    assert loss.rows(errors, torch.zeros(4), errors).numpy() == pytest.approx(expected, abs=1e-5)


def test_their_options_and_examples_load(added):
    for registry, name, kind in ADDED[:4]:
        config = registry.get(name, kind).Config
        assert load(config, dump(config())) == config()
        found = example(registry.get(name, kind))
        section = next(part for at in PARTS if (part := found.get(at)))
        assert section.pop("type") == name
        load(config, section)


def test_each_has_a_golden_file_of_its_own_and_changes_no_other(added):
    now, before = schemas(components()), written()
    own = {f"{room}/number.{name}" for room, name in [("encoders", "signed_log"), ("decoders", "gated_regressor")]}
    own |= {"combiners/max_projection", "losses/number.log_cosh", "metrics/number.max_error"}
    assert now.keys() - before.keys() == {f"schema/{name}.json" for name in own}
    assert [name for name in now.keys() & before.keys() if as_read(now[name]) != before[name]] == []


def test_afterwards_they_are_gone():
    for registry, name, kind in ADDED:
        with pytest.raises(LookupError, match=name):
            registry.get(name, kind)
