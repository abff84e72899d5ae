"""Word vectors from a text file: a word and its numbers on each line, parted by spaces (the GloVe format)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ludwig.error import ConfigValidationError


def load_word_vectors(path: str, ids: Mapping[str, int], table: Tensor) -> None:
    """Writes the vectors of known words into the rows of the table [words, H]; other rows stay as they are.

    Raises:
        ConfigValidationError: The file is not there, or its vectors are of another size.
    """
    if not Path(path).is_file():
        raise ConfigValidationError(f"encoder.pretrained_embeddings: there is no file '{path}'.")
    with Path(path).open(encoding="utf-8") as lines, torch.no_grad():
        for number, line in enumerate(lines, start=1):
            word, _, numbers = line.rstrip().partition(" ")
            if word not in ids:
                continue
            values = [float(value) for value in numbers.split()]
            if len(values) != table.shape[1]:
                raise ConfigValidationError(
                    f"encoder.pretrained_embeddings: line {number} of '{path}' has {len(values)} numbers, and "
                    f"embedding_size is {table.shape[1]}."
                )
            table[ids[word]] = torch.tensor(values)
