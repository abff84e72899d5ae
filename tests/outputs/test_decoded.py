"""Decoders that take more than a vector: sequences, skips, and in training the target."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from ludwig.config import load_config
from ludwig.data.preprocess import Tables, preprocess
from ludwig.decoders.base import DECODERS, Decoder
from ludwig.error import ConfigValidationError
from ludwig.losses import LOSSES
from ludwig.models.assets import Assets
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.outputs import OUTPUTS
from ludwig.schema import load

ROWS = 12
TABLE = pd.DataFrame(
    {
        "t": np.array(["one two three", "two", "three one"])[np.arange(ROWS) % 3],
        "v": [[float(row), 1.0, row / 2] for row in range(ROWS)],
        "z": np.arange(ROWS, dtype=float),
    }
)


class StepsDecoder(Decoder):
    """Reads the steps of a sequence; in training it is given the target, and it reads the skips of the signal."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Decoder.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"sequence"})

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        self.linear = nn.Linear(self.hidden_shape.size, size)
        self.seen: list[Tensor | None] = []

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        self.seen.append(target)
        hidden = self.fc_stack(signal.values)  # [B, T, H]
        assert signal.mask is not None
        sums = hidden.masked_fill(~signal.mask.unsqueeze(-1), 0.0).sum(1)  # [B, H]
        return Prediction(self.linear(sums), hidden, mask=signal.mask)


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.setattr(DECODERS, "_table", dict(DECODERS._table))
    DECODERS.register("steps", kinds=("vector",))(StepsDecoder)


def built(**vector):
    config = load_config(
        {
            "input_features": [{"name": "t", "type": "text", "encoder": {"type": "embed", "reduce_output": None}}],
            "output_features": [
                {"name": "v", "type": "vector", "decoder": "steps", "reduce_input": None, **vector},
                {"name": "z", "type": "number", "dependencies": ["v"], "reduce_dependencies": "max"},
            ],
        }
    )
    specs = [spec for side in config.resolve(Assets()) for spec in side]
    data = preprocess(Tables(training=TABLE), specs, config.preprocessing, 0)
    torch.manual_seed(0)
    return config.build(data.facts, Assets()), data.training


def test_a_decoder_of_sequences_gets_the_steps_and_in_training_the_target(steps):
    model, batch = built()
    model.training_loss(batch)
    model.eval().predict(batch)
    target, nothing = model.outputs["v"].decoder.seen
    assert torch.equal(target, batch.column("v"))
    assert nothing is None
    assert model.outputs["v"].hidden_shape.form == "sequence"


def test_a_dependent_output_reads_its_hidden_steps_reduced(steps):
    model, batch = built()
    model.eval()
    found = model(batch).predictions
    combined = model.combined(batch)
    steps_of_v = [row[there] for row, there in zip(found["v"].hidden, found["v"].mask, strict=True)]
    own = torch.stack([row[there].sum(0) for row, there in zip(combined.values, combined.mask, strict=True)])
    read = torch.cat([own, torch.stack([row.amax(0) for row in steps_of_v])], dim=1)
    head = model.outputs["z"].decoder.linear
    torch.testing.assert_close(found["z"].logits, head(read).squeeze(1))


def test_every_weight_of_it_is_trained(steps):
    model, batch = built()
    step = model.training_loss(batch)
    (step.parts["v"] + step.parts["z"]).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_a_signal_that_a_decoder_cannot_take_is_a_fault_of_the_config(steps):
    with pytest.raises(ConfigValidationError, match=r"output_features\[0\]\.decoder\.type: .* needs a sequence"):
        built(reduce_input="sum")


def test_skips_and_auxiliary_losses_of_inputs_reach_the_outputs(monkeypatch):
    config = load_config(
        {"input_features": [{"name": "z", "type": "number"}], "output_features": [{"name": "v", "type": "vector"}]}
    )
    specs = [spec for side in config.resolve(Assets()) for spec in side]
    data = preprocess(Tables(training=TABLE), specs, config.preprocessing, 0)
    model = config.build(data.facts, Assets())
    encode, skip = model.inputs.encoders[0].forward, torch.randn(ROWS, 4, 2, 2)
    with_more = lambda numbers: dataclasses.replace(  # noqa: E731
        encode(numbers), skips=(skip,), auxiliary_loss=torch.tensor(0.75)
    )
    monkeypatch.setattr(model.inputs.encoders[0], "forward", with_more)
    combined = model.combined(data.training)
    assert combined.skips == (skip,)
    assert model.training_loss(data.training).auxiliary == 0.75


@pytest.mark.parametrize("kind", ["number", "binary", "category", "vector", "timeseries"])
def test_the_loss_of_half_precision_is_computed_in_single(kind):
    columns = {
        "number": [1.0, 2.0, 4.0],
        "binary": [True, False, True],
        "category": ["a", "b", "a"],
        "vector": [[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]],
        "timeseries": [[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]],
    }
    for loss in LOSSES.names(kind):
        config = load(OUTPUTS.get(kind, "ecd").Config, {"name": "y", "loss": loss})
        feature = config.feature(config.preprocessing, "y", target=True)
        cells = feature.parse(pd.Series(columns[kind]))
        facts = feature.finish(feature.tally(cells))
        output = config.build(Shape("vector", 4), {}, facts)
        target = feature.encode(cells, facts).column.values
        with torch.autocast("cpu", torch.bfloat16):
            prediction = output(Signal.vector(torch.randn(3, 4)), {})
            found = output.loss_of(prediction, target)
        exact = output.loss_of(dataclasses.replace(prediction, logits=prediction.logits.double()), target)
        assert found.item() == pytest.approx(exact.item(), rel=1e-5), loss


@pytest.mark.parametrize(("loss", "places"), [("corn", 1), ("sparsemax", 1), ("entmax15", 1), ("focal", 0)])
def test_probabilities_that_are_no_softmax_are_not_averaged_as_if_they_were(loss, places):
    section = {"name": "y", "loss": loss, "decoder": {"type": "classifier", "mc_dropout_samples": 3}}
    config = load(OUTPUTS.get("category", "ecd").Config, section)
    assert [where for where, _ in config.faults()] == ["decoder.mc_dropout_samples"] * places
