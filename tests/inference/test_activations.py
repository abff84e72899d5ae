"""Activations are what the network's own modules give: in order, for all rows, however many are computed at once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.error import ArgumentError, InputDataError, LudwigWarning, NotTrainedError, StorageError
from ludwig.inference import activations

ROWS = 40
DRAW = np.random.default_rng(0)
WORDS = np.array(["one", "two", "three", "four"])
TABLE = pd.DataFrame(
    {
        "x": DRAW.normal(size=ROWS),
        "u": DRAW.normal(size=ROWS),
        "c": DRAW.choice(list("abc"), ROWS),
        "t": [" ".join(DRAW.choice(WORDS, count)) for count in DRAW.integers(1, 30, ROWS)],
        "y": DRAW.choice(["p", "q", "r"], ROWS),
        "z": DRAW.normal(size=ROWS),
    },
    index=np.arange(ROWS) * 3 + 5,
)
RNN = {"type": "rnn", "embedding_size": 4, "state_size": 4}
NUMBERS = [{"name": "x", "type": "number", "preprocessing": {"missing_value_strategy": "drop_row"}}]


def trained(**changes: object) -> LudwigModel:
    config = {
        "input_features": [
            {"name": "x", "type": "number"},
            {"name": "c", "type": "category"},
            {"name": "u", "type": "number"},
            {"name": "t", "type": "text", "encoder": RNN},
        ],
        "output_features": [{"name": "y", "type": "category"}, {"name": "z", "type": "number"}],
        "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 5},
        "trainer": {"train_steps": 2, "batch_size": 16},
    }
    model = LudwigModel({**config, **changes})
    model.train(TABLE, output_directory=None)
    return model


@pytest.fixture(scope="module")
def model() -> LudwigModel:
    return trained()


@pytest.fixture(scope="module")
def numbers() -> LudwigModel:
    return trained(input_features=NUMBERS, output_features=[{"name": "y", "type": "category"}])


def of(model: LudwigModel, *names: str, **options: object) -> list[torch.Tensor]:
    return [tensor for _, tensor in model.collect_activations(list(names), TABLE, **options)]


def names_with_activations(model: LudwigModel) -> list[str]:
    """Every layer of which a call returns a tensor of rows."""
    found = []
    for name, _ in model.model.named_modules():
        try:
            of(model, name)
        except ArgumentError:
            continue
        found.append(name)
    return found


class TestValues:
    def test_are_those_of_the_modules_run_by_hand(self, model):
        network = model.model
        combined, y_hidden, logits, z = of(model, "combiner", "y::last_hidden", "y::logits", "z::logits")
        pieces = of(model, "x::encoded", "u::encoded", "c::encoded", "t::encoded")
        places = dict(zip("xuct", pieces, strict=True))
        order = [name for source in network.inputs.sources for name in source.features]
        by_hand = network.combiner.stack(torch.cat([places[name] for name in order], dim=1))
        torch.testing.assert_close(combined, by_hand.detach())
        torch.testing.assert_close(y_hidden, combined)  # without layers of its own the decoder reads that
        torch.testing.assert_close(logits, network.outputs["y"].decoder.linear(combined).detach())
        torch.testing.assert_close(z, network.outputs["z"].decoder.linear(combined).detach().squeeze(1))

    def test_of_logits_become_the_predicted_probabilities(self, model):
        (logits,) = of(model, "y::logits")
        predictions, _ = model.predict(TABLE)
        np.testing.assert_allclose(logits.softmax(1), np.stack(predictions["y_probabilities"]), atol=1e-6)

    def test_of_members_become_the_mean_of_their_probabilities(self):
        one = trained(combiner={"type": "tabm", "num_members": 3, "output_size": 8}, ensemble_size=2)
        logits, encoded = of(one, "y::logits", "x::encoded")
        assert logits.shape == (ROWS, 2 * 3, 3)
        assert encoded.shape[:2] == (ROWS, 2)  # of each network
        predictions, _ = one.predict(TABLE)
        np.testing.assert_allclose(logits.softmax(2).mean(1), np.stack(predictions["y_probabilities"]), atol=1e-6)

    def test_of_one_input_are_its_part_of_a_shared_encoder(self, model):
        both, x, u = of(model, "inputs.encoders.0", "x::encoded", "u::encoded")
        assert torch.equal(both[:, 0], x)
        assert torch.equal(both[:, 1], u)
        assert not torch.equal(x, u)

    def test_do_not_depend_on_the_batch_size(self, model):
        names = names_with_activations(model)
        assert len(names) > 15
        whole = of(model, *names, batch_size=1000)
        for size in (1, 7):
            for name, one, other in zip(names, whole, of(model, *names, batch_size=size), strict=True):
                torch.testing.assert_close(one, other, msg=lambda text, name=name: f"{name}: {text}")

    def test_come_in_the_order_of_the_names_and_as_often(self, model):
        names = ["combiner", "x::encoded", "combiner"]
        found = model.collect_activations(names, TABLE)
        assert [name for name, _ in found] == names
        assert torch.equal(found[0][1], found[2][1])

    def test_are_ordinary_tensors(self, model):
        (found,) = of(model, "combiner")
        assert not found.is_inference()
        assert not found.requires_grad
        found += 1

    def test_of_a_split_are_those_of_its_rows(self, model):
        (test,) = of(model, "combiner", split="test")
        rows = model.predict(TABLE, split="test")[0].index
        (whole,) = of(model, "combiner")
        torch.testing.assert_close(test, whole[[TABLE.index.get_loc(row) for row in rows]])

    def test_need_no_targets(self, model):
        found = model.collect_activations(["combiner"], TABLE.drop(columns=["y", "z"]))
        assert torch.equal(found[0][1], of(model, "combiner")[0])

    def test_of_preprocessed_data_are_the_same(self, model):
        data = model.preprocess(TABLE.assign(split=0))
        found = model.collect_activations(["combiner"], data.training_set)
        torch.testing.assert_close(found[0][1], of(model, "combiner")[0])


class TestRows:
    @pytest.mark.parametrize("size", [1, 3, 1000])
    def test_that_cannot_be_used_are_nan(self, numbers, size):
        gone = [0, 1, 17, ROWS - 1]
        holes = TABLE.assign(x=TABLE.x.mask(np.isin(np.arange(ROWS), gone)))
        with pytest.warns(LudwigWarning, match="4 of 40 rows"):
            ((_, found),) = numbers.collect_activations(["combiner"], holes, batch_size=size)
        ((_, expected),) = numbers.collect_activations(["combiner"], TABLE)
        assert found.isnan().all(dim=1).nonzero().flatten().tolist() == gone
        kept = ~found.isnan().any(dim=1)
        torch.testing.assert_close(found[kept], expected[kept])

    def test_may_be_none_at_all(self, numbers):
        ((_, found),) = numbers.collect_activations(["combiner"], TABLE.iloc[:0])
        assert found.shape == (0, 5)
        with pytest.warns(LudwigWarning):
            ((_, found),) = numbers.collect_activations(["combiner"], TABLE.iloc[:2].assign(x=np.nan))
        assert found.shape == (2, 5)
        assert found.isnan().all()


class TestNames:
    @pytest.mark.parametrize("name", ["combiner.stak", "y::logit", "combiner.stack.layers.7", "", 7, None])
    def test_that_are_unknown_are_reported_before_data_is_read(self, model, name):
        with pytest.raises(ArgumentError, match="There is no layer"):
            model.collect_activations([name], "no_such_file.csv")

    @pytest.mark.parametrize(("name", "meant"), [("combiner.stak", "combiner.stack"), ("y::logit", "y::logits")])
    def test_that_are_nearly_right_get_the_right_one(self, model, name, meant):
        with pytest.raises(ArgumentError, match=f"Did you mean '{meant}'"):
            model.collect_activations([name], TABLE)

    @pytest.mark.parametrize("names", ["combiner", [], None, 3, {"combiner"}])
    def test_come_as_a_list(self, model, names):
        with pytest.raises(ArgumentError, match="layer_names must be a list"):
            model.collect_activations(names, TABLE)

    def test_of_several_tensors_say_which(self, model):
        with pytest.raises(ArgumentError, match=r"Choose one of: decoders\.0::logits, decoders\.0::hidden"):
            of(model, "decoders.0")
        part, logits = of(model, "decoders.0::logits", "y::logits")
        assert torch.equal(part, logits)
        with pytest.raises(ArgumentError, match="Did you mean 'decoders.0::logits'"):
            of(model, "decoders.0::logit")

    @pytest.mark.parametrize("name", ["decoders", "decoders.0.loss", "modality_dropout"])
    def test_of_layers_that_are_not_called_are_refused(self, model, name):
        with pytest.raises(ArgumentError, match="is not called in a forward pass"):
            of(model, name)

    def test_of_shared_layers_are_refused(self):
        inputs = [{"name": "c", "type": "category"}, {"name": "y2", "type": "category", "tied": "c"}]
        config = {"input_features": inputs, "output_features": [{"name": "z", "type": "number"}]}
        one = LudwigModel({**config, "trainer": {"train_steps": 1}})
        table = TABLE.assign(y2=TABLE.c)
        one.train(table, output_directory=None)
        with pytest.raises(ArgumentError, match="is called 2 times"):
            one.collect_activations(["inputs.encoders.0"], table)
        (_, c), (_, y2) = one.collect_activations(["c::encoded", "y2::encoded"], table)
        assert torch.equal(c, y2)


class TestNothingIsLeft:
    def test_no_hook(self, model):
        of(model, *names_with_activations(model))
        with pytest.raises(ArgumentError):
            of(model, "combiner", "decoders")
        parts = [*model.model.modules()]
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in parts)

    def test_the_predictions_are_the_same(self, model):
        before, _ = model.predict(TABLE)
        of(model, "combiner")
        pd.testing.assert_frame_equal(model.predict(TABLE)[0], before)


class TestManyRows:
    @pytest.fixture
    def small(self, monkeypatch, tmp_path):
        """What is kept in memory is very little, and temporary files go to a folder of the test."""
        monkeypatch.setattr(activations, "IN_MEMORY_BYTES", 100)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        return tmp_path

    def test_are_mapped_from_files_that_nobody_sees(self, model, small, monkeypatch):
        names = names_with_activations(model)
        mapped = of(model, *names, batch_size=7)
        assert list(small.iterdir()) == []
        monkeypatch.setattr(activations, "IN_MEMORY_BYTES", 2**30)
        for name, one, other in zip(names, mapped, of(model, *names, batch_size=7), strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other), name

    def test_may_be_written_to(self, model, small):
        (found,) = of(model, "combiner", batch_size=7)
        before = found.clone()
        found += 1
        torch.testing.assert_close(found, before + 1)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
    def test_that_do_not_fit_on_the_disk_are_a_plain_error(self, model, small, monkeypatch):
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: Path("/dev/full").open("wb"))  # noqa: SIM115
        with pytest.raises(StorageError, match="do not fit"):
            of(model, "combiner", batch_size=7)


class TestCalls:
    def test_need_a_network(self):
        with pytest.raises(NotTrainedError):
            LudwigModel(
                {"input_features": NUMBERS, "output_features": [{"name": "y", "type": "category"}]}
            ).collect_activations(["combiner"], TABLE)

    def test_are_checked(self, model):
        with pytest.raises(ArgumentError, match="batch_size"):
            of(model, "combiner", batch_size=0)
        with pytest.raises(ArgumentError, match="no split 'tset'"):
            of(model, "combiner", split="tset")
        with pytest.raises(ArgumentError, match="no parameter 'layers'"):
            of(model, "combiner", layers=[])
        with pytest.raises(InputDataError, match="no column 'x'"):
            model.collect_activations(["combiner"], TABLE.drop(columns="x"))


class TestWeights:
    def test_come_in_the_order_of_the_names(self, model):
        names = [name for name, _ in model.collect_weights()]
        assert [name for name, _ in model.collect_weights(names[::-1])] == names[::-1]
        assert [name for name, _ in model.collect_weights(iter(names[:2]))] == names[:2]
        assert model.collect_weights([]) == []

    @pytest.mark.parametrize("name", [7, ["a"], None, "combiner.stack.layers.0.weigh"])
    def test_of_unknown_names_are_refused(self, model, name):
        with pytest.raises(ArgumentError, match="There is no tensor"):
            model.collect_weights([name])
