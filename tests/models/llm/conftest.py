import os

import pandas as pd
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

WORDS = ["zero", "one", "two", "three", "four", "five", "six"]


@pytest.fixture(scope="session")
def base_model(tmp_path_factory):
    """The folder of a tiny untrained llama with its own tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base_model")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<pad>", "<s>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f"Question: {word}\nAnswer: {word}" for word in WORDS] * 3, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="left",
        model_max_length=128,
    )
    config = AutoConfig.for_model(
        "llama",
        vocab_size=len(wrapped),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def table():
    """Questions and their answers."""
    return pd.DataFrame({"q": WORDS[:4] * 4, "a": WORDS[1:5] * 4, "level": [1, 2, None, 4] * 4})


@pytest.fixture
def declared(base_model):
    """A config of a text output that is fine-tuned, with changes by key."""

    def declare(**changes):
        config = {
            "model_type": "llm",
            "base_model": base_model,
            "input_features": [{"name": "q", "type": "text"}],
            "output_features": [{"name": "a", "type": "text"}],
            "prompt": {"template": "Question: {q}\nAnswer:"},
            "adapter": {"type": "lora"},
            "trainer": {"type": "finetune", "epochs": 3, "batch_size": 4, "learning_rate": 0.01},
            "generation": {"max_new_tokens": 4, "do_sample": False},
            **changes,
        }
        return {key: value for key, value in config.items() if value is not None}

    return declare
