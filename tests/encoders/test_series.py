"""Encoders of series beside `lags`: what they read, and forecasts of a sine against the mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.encoders.series_window import last_steps
from ludwig.features.timeseries import SeriesFacts

FACTS = SeriesFacts(0.0, 1.0, 20)
LENGTHS = [20, 1, 0, 7, 30]


def build(name: str, **options: object):
    torch.manual_seed(0)
    return ENCODERS.get(name, "timeseries").Config(**options).build([FACTS]).eval()


def series(steps: int = 32) -> Padded:
    values = torch.randn(len(LENGTHS), steps, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(steps) < torch.tensor(LENGTHS).unsqueeze(1)
    return Padded(values.where(mask, 99.0), mask)


def test_the_last_steps_stand_at_the_end_of_the_window():
    nan = float("nan")
    values = torch.tensor([[1.0, nan, 3.0, 9.0], [9.0, 9.0, 9.0, 9.0]])
    mask = torch.tensor([[True, True, True, False], [False] * 4])
    found, there = last_steps(Padded(values, mask), 5)
    np.testing.assert_array_equal(found, [[0, 0, 1, 0, 3], [0] * 5])
    np.testing.assert_array_equal(there, [[False, False, True, True, True], [False] * 5])


CASES = [
    ("dense", {"num_layers": 2, "output_size": 5}),
    ("nbeats", {"layer_size": 6, "output_size": 5}),
    ("patchtst", {"patch_size": 4, "patch_stride": 3, "d_model": 8, "num_heads": 2}),
    ("patchtst", {"patch_size": 50, "d_model": 8, "num_heads": 2, "reduce_output": "last"}),
    ("patchtst", {"patch_size": 4, "patch_stride": 6, "d_model": 8, "num_heads": 2, "reduce_output": "first"}),
    ("stacked_cnn", {"num_filters": 4}),
    ("stacked_parallel_cnn", {"num_filters": 4}),
    ("cnnrnn", {"num_filters": 4, "state_size": 4}),
    ("transformer", {"hidden_size": 8, "num_heads": 2}),
    ("mamba", {"d_model": 8, "n_layers": 2}),
    ("mamba2", {"d_model": 8, "num_heads": 2, "n_layers": 2}),
    ("jamba", {"d_model": 8, "num_heads": 2, "n_layers": 2, "attention_every_k": 2}),
    ("passthrough", {"reduce_output": "mean"}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_series_gives_the_same_alone_as_among_longer_ones(name, options):
    encoder, column = build(name, **options), series()
    together = encoder(column).values
    assert together.shape == (len(LENGTHS), encoder.shape.size)
    assert together.isfinite().all()
    for row, length in enumerate(LENGTHS):
        few = max(length, 1)
        alone = encoder(Padded(column.values[row : row + 1, :few], column.mask[row : row + 1, :few])).values
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["stacked_cnn", "stacked_parallel_cnn", "cnnrnn", "transformer", "mamba2", "jamba"])
def test_steps_may_be_vectors(name):
    facts = type("Facts", (), {"longest": 20, "channels": 3})()
    encoder = ENCODERS.get(name, "timeseries").Config().build([facts])
    values = encoder(Padded(torch.randn(2, 24, 3), torch.ones(2, 24, dtype=torch.bool))).values
    assert values.shape == (2, encoder.shape.size)


def test_the_first_patch_is_that_of_the_first_step():
    options = {"patch_size": 5, "patch_stride": 5, "d_model": 8, "num_heads": 2, "num_layers": 1}
    encoder = build("patchtst", reduce_output="first", **options)
    values = torch.randn(1, 20, requires_grad=True)
    window = torch.nn.functional.pad(values, (0, 0))
    patches = encoder.enter(window.unfold(1, 5, 5)) + encoder.positions.weight
    read = encoder.layers(patches, torch.ones(1, 4, dtype=torch.bool))
    expected = encoder.leave(read[:, 0])
    torch.testing.assert_close(encoder(Padded(values, torch.ones(1, 20, dtype=torch.bool))).values, expected)


def test_blocks_of_nbeats_subtract_what_they_explain():
    encoder = build("nbeats", num_stacks=1, num_blocks=2, num_layers=1, layer_size=6, output_size=3)
    first, second = encoder.blocks
    values = torch.randn(4, 20)
    hidden = first.stack(values)
    expected = first.forecast(hidden) + second.forecast(second.stack(values - first.backcast(hidden)))
    found = encoder(Padded(values, torch.ones(4, 20, dtype=torch.bool))).values
    torch.testing.assert_close(found, expected)


def test_passthrough_keeps_the_steps():
    encoder, column = build("passthrough"), series()
    signal = encoder(column)
    assert signal.form == encoder.config.form() == "sequence"
    torch.testing.assert_close(signal.values.squeeze(-1), column.values)
    assert encoder.config.faults() == []
    assert ENCODERS.get("passthrough", "timeseries").Config(encoding_size=3).faults()


SMALL = {"output_size": 16, "d_model": 16, "num_heads": 2, "layer_size": 32, "patch_size": 8, "patch_stride": 4}
SMALL |= {"num_blocks": 2, "num_layers": 2, "ffn_dim": 32, "dropout": 0.0}


@pytest.mark.filterwarnings("ignore:The rows are not split in order of time")
@pytest.mark.filterwarnings("ignore:.* rows dropped")  # the last ones, which have no next steps
@pytest.mark.parametrize("name", ["dense", "nbeats", "patchtst"])
def test_a_forecast_of_a_sine_beats_the_mean(name, tmp_path):
    """Two sines whose periods do not fit into each other, with noise a tenth of their size."""
    steps = np.arange(1500)
    load = np.sin(steps * 2 * np.pi / 17) + np.sin(steps * 2 * np.pi / 5.3)
    load += 0.1 * np.random.default_rng(0).normal(size=len(steps))
    table = pd.DataFrame({"load": load})
    config = ENCODERS.get(name, "timeseries").Config
    options = {key: value for key, value in SMALL.items() if key in config.__dataclass_fields__}
    past = {"name": "past", "column": "load", "type": "timeseries", "preprocessing": {"window_size": 24}}
    future = {"name": "next", "column": "load", "type": "timeseries", "preprocessing": {"horizon": 2}}
    model = LudwigModel(
        {
            "input_features": [{**past, "encoder": {"type": name, **options}}],
            "output_features": [future],
            "trainer": {"train_steps": 200, "batch_size": 64, "learning_rate": 0.005},
        }
    )
    results = model.train(table.iloc[:1100], output_directory=str(tmp_path))
    test = table.iloc[1100:].reset_index(drop=True)
    predicted = model.predict(test)[0]
    rows = range(24, len(test) - 2)
    off = [np.array(predicted.next_predictions[row]) - test.load[row + 1 : row + 3] for row in rows]
    assert np.sqrt(np.mean(np.square(off))) < 0.3 * load.std()  # the mean: 1.0 of it
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(test)[0], predicted)
