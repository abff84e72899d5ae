"""Tiny pretrained networks in folders, for components that start from such ones."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

SMALL: dict[str, dict[str, Any]] = {
    "bert": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 40,
    },
    "llama": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 40,
    },
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 40},
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 1, "num_heads": 2},
    "modernbert": {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 40,
    },
}
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def write_tokenizer(folder: Path, texts: Iterable[str]) -> int:
    """The tokenizer of words that these texts have, with the class token before a text and a separator behind it.

    Returns:
        How many ids it has.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=list(SPECIAL.values())))
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def write_model(folder: Path, family: str, texts: Iterable[str]) -> None:
    """A tiny untrained network of a family, with its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModel

    ids = write_tokenizer(folder, texts)
    tokens = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    structure = AutoConfig.for_model(family, vocab_size=ids, **tokens, **SMALL[family])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(structure).save_pretrained(folder)


@functools.cache
def folder_of(family: str, texts: tuple[str, ...]) -> str:
    """The folder of such a network, for as long as the process runs."""
    folder = tempfile.mkdtemp(prefix="tiny_")
    atexit.register(shutil.rmtree, folder, True)
    write_model(Path(folder), family, texts)
    return folder
