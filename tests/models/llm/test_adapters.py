import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.error import ArtifactError, ConfigValidationError
from ludwig.models.manifest import seal
from ludwig.pretrained import ADAPTERS

NAMES = ADAPTERS.names()
SMALL = {  # what fits the widths of the tiny model
    "vera": {"r": 4},
    "fourierft": {"n_frequency": 16},
    "oft": {"oft_block_size": 4},
    "vblora": {"vector_length": 8, "num_vectors": 8},
    "c3a": {"block_size": 16},
    "ia3": {"feedforward_modules": ["down_proj"], "target_modules": ["k_proj", "v_proj", "down_proj"]},
}
OURS = {"lora": {"lora_alpha": 16, "lora_dropout": 0.05}}  # what differs from peft's


def tuned(declared, table, adapter, **changes):
    trainer = {"type": "finetune", "train_steps": 3, "batch_size": 8, "learning_rate": 0.01}
    model = LudwigModel(declared(adapter=adapter, trainer=trainer, **changes))
    model.train(table, output_directory=None)
    return model


@pytest.mark.filterwarnings("ignore:Unsupported layer type")
@pytest.mark.parametrize("name", NAMES)
def test_every_adapter_trains_and_comes_back_from_its_folder(declared, table, tmp_path, name):
    model = tuned(declared, table, {"type": name, **SMALL.get(name, {})})
    fresh = LudwigModel.create_model(model.config_obj, random_seed=42)
    weights = model.model.weights()
    assert any(not torch.equal(weights[key], start) for key, start in fresh.weights().items())
    model.save(str(tmp_path))
    again = LudwigModel.load(str(tmp_path))
    expected, *_ = model.evaluate(table)
    found, *_ = again.evaluate(table)
    assert found["a"] == pytest.approx(expected["a"], rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_our_defaults_are_those_of_peft(name):
    import peft

    adapter = ADAPTERS.get(name).Config().build()
    theirs = getattr(peft, adapter.peft_class)()
    ours = adapter.options()
    assert {key: ours[key] for key in ours if getattr(theirs, key) != ours[key]} == OURS.get(name, {})


def test_alpha_is_twice_the_rank_by_default():
    lora = ADAPTERS.get("lora")
    assert lora.Config(r=6).build().options()["lora_alpha"] == 12
    assert lora.Config(r=6, alpha=3).build().options()["lora_alpha"] == 3


@pytest.mark.parametrize("begin", ["gaussian", "orthogonal"])
def test_other_beginnings_of_lora_change_nothing_at_first(declared, table, begin):
    config = declared(adapter={"type": "lora", "init_lora_weights": begin, "dropout": 0.0})
    adapted = LudwigModel.create_model(config)
    plain = LudwigModel.create_model(declared(adapter=None))
    ids = torch.arange(10).unsqueeze(0)
    difference = adapted.network.pretrained(ids).logits - plain.network.pretrained(ids).logits
    assert float(difference.detach().abs().max()) < 1e-5


def test_a_saved_adapter_is_used_without_training(declared, table, tmp_path):
    first = tuned(declared, table, "lora")
    first.save(str(tmp_path))
    adapter = {"type": "lora", "pretrained_adapter_weights": str(tmp_path / "model_weights")}
    second = LudwigModel(declared(adapter=adapter, trainer={"type": "none"}))
    second.train(table, output_directory=None)
    pd.testing.assert_frame_equal(second.predict(table)[0], first.predict(table)[0])


def test_a_saved_adapter_that_is_not_there_is_reported(declared, table, tmp_path):
    adapter = {"type": "lora", "pretrained_adapter_weights": str(tmp_path / "nothing")}
    with pytest.raises(ConfigValidationError, match=r"adapter\.pretrained_adapter_weights"):
        tuned(declared, table, adapter)


@pytest.mark.parametrize("options", [{"r": 4}, {"target_modules": ["q_proj", "down_proj"]}])
def test_an_adapter_that_does_not_fit_is_reported(declared, table, tmp_path, options):
    import json
    import shutil

    first = LudwigModel(declared(adapter={"type": "lora", **options}))
    first.train(table, output_directory=None)
    first.save(str(tmp_path / "one"))
    saved = tmp_path / "one" / "model_weights"
    second = LudwigModel(declared(adapter={"type": "lora", "r": 8, "target_modules": ["q_proj", "v_proj"]}))
    second.train(table, output_directory=None)
    second.save(str(tmp_path / "two"))
    other = tmp_path / "two" / "model_weights"
    shutil.copy(saved / "adapter_model.safetensors", other / "adapter_model.safetensors")
    assert json.loads((other / "adapter_config.json").read_text())["r"] == 8
    seal(tmp_path / "two")
    with pytest.raises(ArtifactError, match="The saved adapter does not fit the model"):
        LudwigModel.load(str(tmp_path / "two"))
    adapter = {"type": "lora", "pretrained_adapter_weights": str(other)}
    with pytest.raises(ConfigValidationError, match=r"adapter\.pretrained_adapter_weights: 'lora' does not fit"):
        tuned(declared, table, adapter)
