"""The contract of a tokenizer: texts become tokens, all texts at once.

U = texts
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ludwig.schema import Registry

END = "\x1e"  # stands between texts; the ASCII record separator, which is white space to a pattern
# A text that is read; that a model goes on from, as it is, as a turn of a chat, or so where there is a chat template;
# that a model is to generate, as it is, with a space before it, or so where there is no chat template.
Use = Literal["sequence", "prompt", "chat", "chat or prompt", "answer", "continuation", "answer or continuation"]
OF_PROMPTS: frozenset[Use] = frozenset({"prompt", "chat", "chat or prompt"})
OF_ANSWERS: frozenset[Use] = frozenset({"answer", "continuation", "answer or continuation"})


@dataclass(frozen=True)
class Tokens:
    """The tokens of all texts end to end."""

    places: NDArray[np.int64]  # [tokens], place in `words`, or the token's id where the tokenizer has a vocabulary
    words: NDArray[np.object_]  # the distinct tokens; none where the tokenizer has a vocabulary
    lengths: NDArray[np.int64]  # [U], how many tokens each text has

    def cut(self, most: int | None, *, keeps_end: bool = False) -> Tokens:
        """At most so many tokens of each text: its first, or its last."""
        if most is None or not len(self.lengths) or self.lengths.max() <= most:
            return self
        begins = np.cumsum(self.lengths) - self.lengths
        within = np.arange(len(self.places)) - np.repeat(begins, self.lengths)
        low = np.repeat(np.maximum(self.lengths - most, 0) if keeps_end else np.zeros_like(self.lengths), self.lengths)
        kept = (within >= low) & (within < low + most)
        return Tokens(self.places[kept], self.words, np.minimum(self.lengths, most))


class Tokenizer(ABC):
    """Cuts texts into tokens."""

    has_vocabulary: ClassVar[bool] = False  # its own, so that none is fitted on the data
    needs_source: ClassVar[bool] = False  # it is read from the files of a pretrained model
    usual_source: ClassVar[str | None] = None  # the pretrained model whose files it takes where none is named
    package: ClassVar[str | None] = None  # the optional package that it needs
    size: int = 0  # how many ids it has, where it has a vocabulary
    longest: int | None = None  # tokens that the model behind it takes
    end_id: int | None = 0  # behind the last token of a text that is to be generated
    special_ids: frozenset[int] = frozenset({0})  # that stand for no text, such as padding

    @classmethod
    def of(cls, source: str, trust_remote_code: bool) -> Self:
        """The tokenizer; `source`: the files of a pretrained model, for one that comes with it."""
        return cls()

    def of_size(self, ngram_size: int) -> Tokenizer:
        """The tokenizer for n-grams of so many words, where it cuts n-grams; else itself."""
        return self

    @abstractmethod
    def tokens(self, texts: Sequence[str], use: Use = "sequence") -> Tokens:
        """The tokens of the texts."""

    def shortened(self, tokens: Tokens, most: int | None, use: Use) -> Tokens:
        """At most so many tokens of each text: the first, of a prompt the last, where the question stands."""
        return tokens.cut(most, keeps_end=use in OF_PROMPTS)

    def joined(self, tokens: Sequence[str]) -> str:
        """A text of these tokens, as far as it can be made."""
        return " ".join(tokens)

    def words(self, ids: Sequence[int], vocabulary: Sequence[str]) -> list[str]:
        """The tokens of these ids."""
        return [vocabulary[place] for place in ids]

    def save(self, folder: Path) -> None:
        """Writes the files that `of` reads.

        Raises:
            TypeError: It is not read from files.
        """
        raise TypeError(f"{type(self).__name__} is not read from files.")

    @abstractmethod
    def text(self, ids: Sequence[int], vocabulary: Sequence[str] = ()) -> str:
        """The text that the ids stand for, as well as token boundaries allow."""


TOKENIZERS: Registry[Tokenizer] = Registry("tokenizer")
