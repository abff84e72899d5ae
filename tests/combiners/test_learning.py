"""Each combiner learns what inputs mean together, where a linear model is no better than the most frequent class."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from ludwig.api import LudwigModel

ROWS, HELD = 600, 300
SMALL = {"hidden_size": 16, "num_heads": 2, "dropout": 0.0}
FORMER = {**SMALL, "transformer_output_size": 32}
COMBINERS = {
    "transformer": {**FORMER, "num_layers": 2},
    "ft_transformer": {**FORMER, "num_layers": 2},
    "perceiver": {"latent_dim": 16, "num_heads": 2, "num_latents": 4, "dropout": 0.0, "num_fc_layers": 1},
    "cross_attention": {**SMALL, "num_fc_layers": 1, "output_size": 32},
    "gated_fusion": {"hidden_size": 16, "dropout": 0.0, "num_fc_layers": 2, "output_size": 32},
    "hypernetwork": {"hidden_size": 16, "hyper_hidden_size": 16, "output_size": 32, "num_fc_layers": 1, "dropout": 0.0},
    "comparator": {"entity_1": ["x"], "entity_2": ["z", "c"], "output_size": 16, "num_fc_layers": 2},
    "project_aggregate": {"projection_size": 32, "output_size": 32},
    "tabnet": {"size": 8, "output_size": 16, "dropout": 0.0},
    "tabm-mini": {"type": "tabm", "arch": "tabm-mini", "num_members": 4, "output_size": 32, "deal_rows": False},
    "tabm-packed": {"type": "tabm", "arch": "tabm-packed", "num_members": 4, "output_size": 32, "deal_rows": False},
}
TRAINER = {"epochs": 40, "batch_size": 64, "learning_rate": 0.01, "early_stop": -1}
OUTPUT = [{"name": "y", "type": "binary"}]


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, z, flips = rng.normal(size=ROWS), rng.normal(size=ROWS), rng.random(ROWS) < 0.5
    return pd.DataFrame({"c": np.where(flips, "a", "b"), "x": x, "z": z, "y": (x * z > 0) ^ flips})


def accuracy(config: dict, data: pd.DataFrame, folder) -> float:
    """On rows that were held out; a reload predicts the same."""
    known, held = data[:-HELD], data[-HELD:]
    model = LudwigModel({"output_features": OUTPUT, "trainer": TRAINER, **config})
    model.train(training_set=known, validation_set=held, test_set=held, output_directory=None, random_seed=0)
    predicted, _ = model.predict(held)
    model.save(str(folder))
    pd.testing.assert_frame_equal(LudwigModel.load(str(folder)).predict(held)[0], predicted)
    return float((predicted["y_predictions"].to_numpy() == held["y"].to_numpy()).mean())


def test_a_linear_model_learns_hardly_anything_here():
    data = table()
    columns = data[["x", "z"]].assign(c=data["c"] == "a")
    linear = LogisticRegression().fit(columns[:-HELD], data["y"][:-HELD])
    assert linear.score(columns[-HELD:], data["y"][-HELD:]) < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", COMBINERS)
def test_it_learns_an_interaction_of_three_columns(name, tmp_path):
    inputs = [{"name": "c", "type": "category"}, *({"name": x, "type": "number"} for x in ("x", "z"))]
    config = {"input_features": inputs, "combiner": {"type": name, **COMBINERS[name]}}
    assert accuracy(config, table(), tmp_path / "saved") > 0.85


@pytest.mark.slow
def test_tabtransformer_learns_an_interaction_of_categories(tmp_path):
    rng = np.random.default_rng(0)
    words = rng.integers(0, 4, (ROWS, 2))
    data = pd.DataFrame({"a": words[:, 0], "b": words[:, 1], "x": rng.normal(size=ROWS)})
    data = data.assign(y=words[:, 0] == words[:, 1])[["a", "b", "x", "y"]].astype({"a": str, "b": str})
    inputs = [*({"name": name, "type": "category"} for name in "ab"), {"name": "x", "type": "number"}]
    combiner = {"type": "tabtransformer", **FORMER, "num_fc_layers": 1, "output_size": 32}
    assert max(data["y"].mean(), 1 - data["y"].mean()) < 0.8
    assert accuracy({"input_features": inputs, "combiner": combiner}, data, tmp_path / "saved") > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sequence", "sequence_concat"])
def test_a_number_decides_how_a_series_is_read(name, tmp_path):
    rng = np.random.default_rng(0)
    series, sign = rng.normal(size=(ROWS, 6)), rng.choice([-1.0, 1.0], ROWS)
    data = pd.DataFrame({"s": [" ".join(map(str, row)) for row in series], "x": sign})
    data["y"] = (series[:, :3].sum(1) - series[:, 3:].sum(1)) * sign > 0
    steps = {"type": "rnn", "cell_type": "gru", "state_size": 16, "reduce_output": None}
    inputs = [{"name": "s", "type": "timeseries", "encoder": steps}, {"name": "x", "type": "number"}]
    own = {"encoder": {"type": "rnn", "cell_type": "gru", "state_size": 16, "num_fc_layers": 1, "output_size": 16}}
    combiner = {"type": name, **(own if name == "sequence" else {"reduce_output": "mean"})}
    config = {"input_features": inputs, "combiner": combiner}
    if name == "sequence_concat":
        config["output_features"] = [{**OUTPUT[0], "decoder": {"num_fc_layers": 2, "fc_output_size": 32}}]
    assert accuracy(config, data, tmp_path / "saved") > 0.85
