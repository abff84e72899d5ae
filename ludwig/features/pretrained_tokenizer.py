"""The tokenizer that comes with a pretrained model.

U = texts
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ludwig.error import ConfigValidationError


class PretrainedTokenizer:
    """Texts to the token ids of a pretrained model and back."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.end_id: int | None = tokenizer.eos_token_id
        self.special_ids = frozenset(tokenizer.all_special_ids)
        self.longest: int = tokenizer.model_max_length  # tokens that the model was made for; very large where unknown

    def prompts(self, texts: Sequence[str], most: int) -> list[NDArray[np.int32]]:
        """The ids of texts that a model is to go on from, [U] rows; of a longer one the last `most` are kept."""
        rows = self.tokenizer(list(texts))["input_ids"] if texts else []
        return [np.array(ids[-most:] or [self._begin_id()], np.int32) for ids in rows]

    def answers(self, texts: Sequence[str], most: int) -> list[NDArray[np.int32]]:
        """The ids of texts that a model is to write, [U] rows, each with the token that ends it; at most `most`."""
        rows = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
        end = [] if self.end_id is None else [self.end_id]
        return [np.array([*ids, *end][:most], np.int32) for ids in rows]

    def _begin_id(self) -> int:
        """What an empty prompt consists of."""
        candidates = (self.tokenizer.bos_token_id, self.end_id, self.tokenizer.pad_token_id)
        return next((int(token) for token in candidates if token is not None), 0)

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The words of the vocabulary, special ones aside."""
        kept = [token for token in ids if token not in self.special_ids]
        words: list[str] = self.tokenizer.convert_ids_to_tokens(kept)
        return words

    def text(self, ids: Sequence[int]) -> str:
        """The text that the ids stand for, without special tokens and without white space around it."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.strip()


@functools.lru_cache(maxsize=8)
def load_tokenizer(name: str, trust_remote_code: bool = False) -> PretrainedTokenizer:
    """The tokenizer of a model in a folder or on the hub.

    Raises:
        ConfigValidationError: There is no such model, or it has no tokenizer.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise ConfigValidationError(
            f"base_model: The tokenizer of '{name}' cannot be loaded. Give a folder with a saved model, an id of the "
            f"hub, or a preset. {first_line(error)}"
        ) from None
    return PretrainedTokenizer(tokenizer)


def first_line(error: Exception) -> str:
    """What an error of a library says first; the rest is about its own workings."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
