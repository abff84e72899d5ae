"""The tokenizer that comes with a pretrained model.

U = texts
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ludwig.error import ConfigValidationError, InputDataError, first_line
from ludwig.features.conversations import is_conversation, messages_of
from ludwig.features.tokenizer_base import OF_ANSWERS, TOKENIZERS, Tokenizer, Tokens, Use


@TOKENIZERS.register("hf_tokenizer")
class PretrainedTokenizer(Tokenizer):
    """Texts to the token ids of a pretrained model and back, by the tokenizer of its folder or of its hub id."""

    has_vocabulary = True
    needs_source = True

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        end = tokenizer.eos_token_id  # tokenizers of encoders, such as BERT's, have a separator instead
        self.end_id: int | None = tokenizer.sep_token_id if end is None else end
        self.special_ids = frozenset(tokenizer.all_special_ids)
        self.size = 1 + max(tokenizer.get_vocab().values(), default=0)  # ids may have gaps
        self.longest = int(tokenizer.model_max_length)  # very large where it is not known

    @classmethod
    def of(cls, source: str, trust_remote_code: bool) -> Self:
        return load_tokenizer(source, trust_remote_code)  # type: ignore[return-value]

    def tokens(self, texts: Sequence[str], use: Use = "sequence") -> Tokens:
        rows = self._rows_by_use(list(texts), use) if texts else []
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        flat: NDArray[np.int64] = np.fromiter((token for row in rows for token in row), np.int64, int(lengths.sum()))
        return Tokens(flat, np.empty(0, object), lengths)

    def shortened(self, tokens: Tokens, most: int | None, use: Use) -> Tokens:
        """A text that is read keeps its last token where that is a special one, such as a separator: models need it."""
        cut = super().shortened(tokens, most, use)
        is_cut = np.flatnonzero(cut.lengths < tokens.lengths)
        if use != "sequence" or most is None or most < 2 or not len(is_cut):
            return cut
        last = tokens.places[tokens.lengths.cumsum()[is_cut] - 1]
        ends = np.isin(last, list(self.special_ids))
        places = cut.places.copy()
        places[cut.lengths.cumsum()[is_cut[ends]] - 1] = last[ends]
        return Tokens(places, cut.words, cut.lengths)

    def _rows_by_use(self, texts: list[str], use: Use) -> list[list[int]]:
        if use in OF_ANSWERS:
            end = [] if self.end_id is None else [self.end_id]
            return [[*ids, *end] for ids in self.answers(texts, use)]
        if self.is_chat(use):
            chats = [messages_of(text) for text in texts]
            turns = self.tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
            found: list[list[int]] = self.tokenizer(turns, add_special_tokens=False)["input_ids"]
            return found
        if any(map(is_conversation, texts)):
            raise InputDataError(
                "A cell holds a list of messages, which only a chat template makes a prompt of. Set prompt.chat to "
                "auto, choose a base model whose tokenizer has a chat template, or give texts."
            )
        return [ids or [self._begin_id()] for ids in self.tokenizer(texts)["input_ids"]]

    def is_chat(self, use: Use) -> bool:
        """Whether a text is put into the chat template, which brings the special tokens that belong there.

        Raises:
            ConfigValidationError: It is to be, and there is no template.
        """
        has_template = self.tokenizer.chat_template is not None
        if use == "chat" and not has_template:
            raise ConfigValidationError(
                "prompt.chat: The tokenizer of the base model has no chat template. Set it to auto or false, or choose "
                "an instruction-tuned base model."
            )
        return has_template and use in ("chat", "chat or prompt")

    def answers(self, texts: Sequence[str], use: Use) -> list[list[int]]:
        """The tokens of texts that stand behind a prompt, a space between where the use asks for one.

        Byte pair encodings have tokens of words with the space before them, such as " Paris", and that is what stands
        behind "Answer:" in the texts that models are trained on.
        """
        goes_on = use == "continuation" or (use == "answer or continuation" and self.tokenizer.chat_template is None)
        space = " " if goes_on and self._has_words_with_spaces else ""
        found: list[list[int]] = self.tokenizer([space + text for text in texts], add_special_tokens=False)["input_ids"]
        return found

    @functools.cached_property
    def _has_words_with_spaces(self) -> bool:
        """Whether a word within a text is another token than the word alone, that with its space."""
        first, both, alone = self.tokenizer(["a", "a b", "b"], add_special_tokens=False)["input_ids"]
        return bool(both[: len(first)] == first and both[len(first) :] != alone)

    def _begin_id(self) -> int:
        """What an empty text consists of."""
        candidates = (self.tokenizer.bos_token_id, self.end_id, self.tokenizer.pad_token_id)
        return next((int(token) for token in candidates if token is not None), 0)

    def words(self, ids: Sequence[int], vocabulary: Sequence[str] = ()) -> list[str]:
        kept = [token for token in ids if token not in self.special_ids]
        words: list[str] = self.tokenizer.convert_ids_to_tokens(kept)
        return words

    def text(self, ids: Sequence[int], vocabulary: Sequence[str] = ()) -> str:
        """The text without special tokens and without white space around it."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.strip()

    def save(self, folder: Path) -> None:
        """Writes the files that `load_tokenizer` reads."""
        self.tokenizer.save_pretrained(str(folder))


@TOKENIZERS.register("bert")
class BertTokenizer(PretrainedTokenizer):
    """WordPiece, as of BERT: without pretrained_model_name_or_path that of bert-base-uncased."""

    usual_source = "bert-base-uncased"


@TOKENIZERS.register("gpt2bpe")
class Gpt2Tokenizer(PretrainedTokenizer):
    """Byte-level byte pair encoding: without pretrained_model_name_or_path that of gpt2."""

    usual_source = "gpt2"


@TOKENIZERS.register("clip")
class ClipTokenizer(PretrainedTokenizer):
    """Byte pair encoding of lowercased texts: without pretrained_model_name_or_path that of CLIP."""

    usual_source = "openai/clip-vit-base-patch32"


@TOKENIZERS.register("sentencepiece")
class SentencePieceTokenizer(PretrainedTokenizer):
    """SentencePiece: without pretrained_model_name_or_path that of xlm-roberta-base, for 100 languages."""

    usual_source = "xlm-roberta-base"


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
            f"The tokenizer of '{name}' cannot be loaded (base_model, or pretrained_model_name_or_path). Give a folder "
            f"with a saved model, an id of the hub, or a preset. {first_line(error)}"
        ) from None
    return PretrainedTokenizer(tokenizer)
